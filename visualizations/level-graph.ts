/** One level as a graph for ELK: its children as boxes, the pieces of edges among them, ports where edges cross a border. */

import type {ElkExtendedEdge, ElkNode, ElkPort, LayoutOptions} from 'elkjs'
import type {Card} from './card.ts'
import type {Point} from './chart.ts'
import type {End, Piece} from './levels.ts'
import {DOT} from './metrics.ts'

export type Direction = 'DOWN' | 'RIGHT'

export interface Level {
  readonly id: string
  readonly card: Card
  readonly initial?: string
  readonly children: readonly Child[]
  readonly pieces: readonly Piece[]
  readonly labelSize: (piece: Piece) => {readonly width: number; readonly height: number}
}

/** A child with its size. Ports are there where edges go on inside it. */
export interface Child {
  readonly id: string
  readonly width: number
  readonly height: number
  readonly ports: ReadonlyMap<string, Point>
}

/** The id of the initial dot, and of its arrow. */
export const DOT_ID = 'initial'

/** Between the border of a level and what stands in it. */
const PADDING = 16

/** The initial state, and what edges join to it, comes before other parts. */
const LEADS: LayoutOptions = {'elk.priority': '10'}
/** It also comes before all that leads back to it; unless an edge from outside of the level leads to it as well. */
const BEGINS: LayoutOptions = {...LEADS, 'elk.layered.layering.layerConstraint': 'FIRST'}

function isAt(end: End, state: string): boolean {
  return end.state === state && end.port === undefined
}

/** The ids of ports where edges of the state itself meet it, if it also lets edges through: ELK then wants all ports named. */
function ownPortId(child: Child, {plan}: Piece, entering: boolean): string {
  return `${child.id}${entering ? '<' : '>'}${plan.id}`
}

/** Spread over the side they come to. */
function ownPorts(child: Child, pieces: readonly Piece[], direction: Direction): ElkPort[] {
  return [true, false].flatMap((entering) => {
    const meeting = pieces.filter(({from, to}) => isAt(entering ? to : from, child.id))
    return meeting.map((piece, index): ElkPort => {
      const part = (index + 1) / (meeting.length + 1)
      const down = {x: child.width * part, y: entering ? 0 : child.height}
      const right = {x: entering ? 0 : child.width, y: child.height * part}
      return {id: ownPortId(child, piece, entering), ...(direction === 'DOWN' ? down : right)}
    })
  })
}

function sideAt({x = 0, y = 0}: ElkPort, {width, height}: Child): string {
  if (x <= 0) return 'WEST'
  if (x >= width) return 'EAST'
  return y >= height ? 'SOUTH' : 'NORTH'
}

function port(at: ElkPort, side: string): ElkPort {
  return {...at, width: 0, height: 0, layoutOptions: {'elk.port.side': side}}
}

function childNode(child: Child, {id: level, initial, pieces}: Level, direction: Direction): ElkNode {
  const {id, width, height} = child
  const entered = pieces.some(({from, to}) => from.state === level && to.state === id)
  const options = id !== initial ? {} : entered ? LEADS : BEGINS
  if (child.ports.size === 0) return {id, width, height, layoutOptions: options}
  const through = [...child.ports].map(([id, at]): ElkPort => ({id, ...at}))
  const ports = [...through, ...ownPorts(child, pieces, direction)].map((at) => port(at, sideAt(at, child)))
  return {id, width, height, ports, layoutOptions: {...options, 'elk.portConstraints': 'FIXED_POS'}}
}

/** Lines enter at the side, below the name; they leave where the parent's flow goes on. */
function borderPorts({id, pieces}: Level, around: Direction): ElkPort[] {
  return pieces.flatMap(({from, to}): ElkPort[] => {
    const entering = from.state === id
    const end = entering ? from : to
    if (end.state !== id || end.port === undefined) return []
    return [port({id: end.port}, entering ? 'WEST' : around === 'DOWN' ? 'SOUTH' : 'EAST')]
  })
}

function pieceEdge(piece: Piece, level: Level): ElkExtendedEdge {
  const anchor = (end: End, entering: boolean): string => {
    const child = level.children.find(({id}) => id === end.state)
    const named = child !== undefined && child.ports.size > 0
    return end.port ?? (named ? ownPortId(child, piece, entering) : end.state)
  }
  const label = {text: ' ', ...level.labelSize(piece), layoutOptions: {'elk.edgeLabels.inline': 'true'}}
  return {
    id: piece.plan.id,
    sources: [anchor(piece.from, false)],
    targets: [anchor(piece.to, true)],
    ...(piece.labelled ? {labels: [label]} : {}),
  }
}

export function levelNode(level: Level, direction: Direction, around: Direction): ElkNode {
  const {id, card, initial} = level
  const first = {'elk.layered.layering.layerConstraint': 'FIRST_SEPARATE'}
  const straight = {'elk.layered.priority.straightness': '10', 'elk.layered.priority.shortness': '10'}
  const dot = {id: DOT_ID, width: 2 * DOT, height: 2 * DOT, layoutOptions: first}
  return {
    id,
    layoutOptions: {
      'elk.direction': direction,
      'elk.padding': `[top=${card.head + PADDING},left=${PADDING},bottom=${PADDING},right=${PADDING}]`,
      'elk.nodeSize.constraints': 'MINIMUM_SIZE',
      'elk.nodeSize.minimum': `(${card.width},${card.head})`,
      'elk.portConstraints': 'FIXED_SIDE',
    },
    ports: borderPorts(level, around),
    children: [
      ...(initial === undefined ? [] : [dot]),
      ...level.children.map((child) => childNode(child, level, direction)),
    ],
    edges: [
      ...(initial === undefined ? [] : [{id: DOT_ID, sources: [DOT_ID], targets: [initial], layoutOptions: straight}]),
      ...level.pieces.map((piece) => pieceEdge(piece, level)),
    ],
  }
}
