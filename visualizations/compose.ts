/**
 * Lays out a whole chart from the inside out. Each compound state is tried in both directions, and the one whose picture
 * fits best into a page is kept: a tree of chains drawn all downwards, or all rightwards, would be a ribbon.
 */

import type {Arrangement} from './arrange.ts'
import type {Card} from './card.ts'
import type {Point} from './chart.ts'
import type {Direction, Level} from './level-graph.ts'
import {type LevelLayout, layOutLevel} from './level-layout.ts'
import {cut, type Piece} from './levels.ts'
import type {State} from './statechart.ts'

export interface Composition {
  readonly id: string
  readonly width: number
  readonly height: number
  /** Missing for a state without children. */
  readonly inside?: LevelLayout
  readonly children: readonly Composition[]
}

interface Composer {
  readonly arrangement: Arrangement
  readonly cards: ReadonlyMap<string, Card>
  readonly labelSize: Level['labelSize']
}

/** A page is a little taller than wide. */
const HEIGHT_PER_WIDTH = 1.25

function misfit({width, height}: Composition): number {
  return Math.max(width, height / HEIGHT_PER_WIDTH) + (width + height) / 10
}

/** So many shapes of one state are handed to its parent. */
const MAX_SHAPES = 4

/** The shapes that no other one beats in both width and height, best first. */
function worthTrying(shapes: readonly Composition[]): Composition[] {
  const beaten = (shape: Composition) =>
    shapes.some(
      (other) =>
        other.width <= shape.width &&
        other.height <= shape.height &&
        (other.width < shape.width || other.height < shape.height),
    )
  return shapes
    .filter((shape) => !beaten(shape))
    .sort((one, other) => misfit(one) - misfit(other))
    .slice(0, MAX_SHAPES)
}

function combinations<T>(choices: readonly (readonly T[])[]): T[][] {
  return choices.reduce<T[][]>((all, options) => all.flatMap((some) => options.map((one) => [...some, one])), [[]])
}

const NO_CARD: Card = {width: 0, head: 0, rows: []}
const NO_PORTS: ReadonlyMap<string, Point> = new Map()

export async function compose(root: State, {arrangement, cards, labelSize}: Composer): Promise<Composition> {
  const pieces = arrangement.edges.flatMap((plan) => cut(plan, arrangement.hierarchy))

  const known = new Map<string, Promise<Composition[]>>()

  const shapesOf = (state: State, around: Direction): Promise<Composition[]> => {
    const key = `${state.id} in ${around}`
    const shapes = known.get(key) ?? findShapes(state, around)
    known.set(key, shapes)
    return shapes
  }

  const findShapes = async (state: State, around: Direction): Promise<Composition[]> => {
    const card = cards.get(state.id) ?? NO_CARD
    const states = arrangement.hierarchy.children(state.id)
    if (states.length === 0) return [{id: state.id, width: card.width, height: card.head, children: []}]
    const own: readonly Piece[] = pieces.filter(({level}) => level === state.id)
    const shapes: Composition[] = []
    for (const direction of ['DOWN', 'RIGHT'] as const) {
      const choices = await Promise.all(states.map((child) => shapesOf(child, direction)))
      for (const children of combinations(choices)) {
        const inside = await layOutLevel(
          {
            id: state.id,
            card,
            ...(state.initial === undefined ? {} : {initial: state.initial}),
            children: children.map((child) => ({...child, ports: child.inside?.ports ?? NO_PORTS})),
            pieces: own,
            labelSize,
          },
          direction,
          around,
        )
        shapes.push({id: state.id, width: inside.width, height: inside.height, inside, children})
      }
    }
    return worthTrying(shapes)
  }

  const [best] = await shapesOf(root, 'DOWN')
  if (best === undefined) throw new RangeError('no shape for the machine')
  return best
}
