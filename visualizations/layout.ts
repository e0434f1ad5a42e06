/** From what a machine says to a chart with a picture: arranges, composes, and turns everything into absolute positions. */

import {arrange, type EdgePlan} from './arrange.ts'
import {makeCard} from './card.ts'
import {
  type Box,
  CHART_FORMAT,
  type Chart,
  type Edge,
  type EdgeKind,
  type EdgeLabel,
  type InitialMarker,
  type PlacedState,
  type Point,
} from './chart.ts'
import {type Composition, compose} from './compose.ts'
import {plus, straighten, tenths} from './geometry.ts'
import {labelSpans, triggerRole} from './labels.ts'
import {cut} from './levels.ts'
import {BAND, LABEL, LABEL_PADDING, LABEL_STEP, MARGIN, spansWidth} from './metrics.ts'
import type {State, Statechart, Transition} from './statechart.ts'

function kindOf(transitions: readonly Transition[]): EdgeKind {
  const [first, ...others] = new Set(transitions.map(({trigger}) => triggerRole(trigger)))
  return first === undefined || others.length > 0 ? 'mixed' : first
}

interface Placed {
  readonly at: Point
  readonly composition: Composition
}

function place(composition: Composition, at: Point, placed: Map<string, Placed>): Map<string, Placed> {
  placed.set(composition.id, {at, composition})
  for (const child of composition.children) {
    place(child, plus(at, composition.inside?.children.get(child.id) ?? {x: 0, y: 0}), placed)
  }
  return placed
}

export async function layOut(statechart: Statechart): Promise<Chart> {
  const arrangement = arrange(statechart)
  const {hierarchy} = arrangement
  const [root] = statechart.states
  if (root === undefined) throw new RangeError('a machine without states has no picture')
  const cards = new Map(
    statechart.states.map((state) => [state.id, makeCard(state, arrangement.rows.get(state.id) ?? [], hierarchy)]),
  )
  const states = new Map(statechart.states.map((state) => [state.id, state]))
  const spansOf = (transition: Transition) => labelSpans(transition, states.get(transition.source))
  const labelWidth = (transition: Transition) => Math.ceil(spansWidth(spansOf(transition), LABEL)) + 2 * LABEL_PADDING

  const composition = await compose(root, {
    arrangement,
    cards,
    labelSize: ({plan}) => ({
      width: Math.max(...plan.transitions.map(labelWidth)),
      height: plan.transitions.length * LABEL_STEP,
    }),
  })
  const placed = place(composition, {x: MARGIN, y: MARGIN}, new Map())
  const levelOf = (id: string): Placed => {
    const level = placed.get(id)
    if (level === undefined) throw new RangeError(`no place for ${id}`)
    return level
  }

  const placeState = (state: State): PlacedState => {
    const {at, composition} = levelOf(state.id)
    const {head, rows} = cards.get(state.id) ?? {head: BAND, rows: []}
    return {
      ...state,
      ...at,
      width: tenths(composition.width),
      height: tenths(composition.height),
      band: BAND,
      head,
      rows: rows.map((row) => ({...row, ...plus(at, row)})),
    }
  }
  const placeLabels = (plan: EdgePlan, box: Box): EdgeLabel[] =>
    plan.transitions.map((transition, index) => {
      const width = labelWidth(transition)
      const at = plus(box, {x: (box.width - width) / 2, y: index * LABEL_STEP})
      return {transition: transition.id, spans: spansOf(transition), ...at, width, height: LABEL_STEP}
    })
  const placeEdge = (plan: EdgePlan): Edge => {
    const pieces = cut(plan, hierarchy).map((piece) => ({piece, ...levelOf(piece.level)}))
    const points = pieces.flatMap(({at, composition}) =>
      (composition.inside?.routes.get(plan.id) ?? []).map((point) => plus(at, point)),
    )
    const labels = pieces.flatMap(({piece, at, composition}) => {
      const box = piece.labelled ? composition.inside?.labels.get(plan.id) : undefined
      return box === undefined ? [] : placeLabels(plan, {...box, ...plus(at, box)})
    })
    return {
      id: plan.id,
      source: plan.source,
      target: plan.target,
      transitions: plan.transitions.map(({id}) => id),
      kind: kindOf(plan.transitions),
      points: straighten(points),
      labels,
    }
  }
  const initials = statechart.states.flatMap(({id, initial}): InitialMarker[] => {
    const {at, composition} = levelOf(id)
    const dot = composition.inside?.dot
    if (initial === undefined || dot === undefined) return []
    const points = straighten(dot.route.map((point) => plus(at, point)))
    return [{state: id, target: initial, dot: plus(at, dot.at), points}]
  })

  return {
    format: CHART_FORMAT,
    machine: statechart.machine,
    ...(statechart.description === undefined ? {} : {description: statechart.description}),
    width: Math.ceil(composition.width) + 2 * MARGIN,
    height: Math.ceil(composition.height) + 2 * MARGIN,
    states: statechart.states.map(placeState),
    transitions: statechart.transitions,
    edges: arrangement.edges.map(placeEdge),
    initials,
  }
}
