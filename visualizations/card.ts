/** The text on a state's card, and how much room it takes. */

import type {Row, Span} from './chart.ts'
import type {Hierarchy} from './hierarchy.ts'
import {actionSpans, guardSpans, nameWithParams, span, triggerSpans} from './labels.ts'
import {
  BAND,
  CARD_PADDING,
  COMPOUND_TEXT,
  FIRST_ROW,
  LEAF_TEXT,
  MIN_CARD,
  NAME,
  NAME_BASELINE,
  ROW,
  ROW_STEP,
  spansWidth,
  TAG,
} from './metrics.ts'
import type {State, Transition} from './statechart.ts'
import {textWidth, wrap} from './text-width.ts'

/** Positions are relative to the card's corner; layout moves them. */
export interface Card {
  readonly width: number
  readonly head: number
  readonly rows: readonly Row[]
}

type Line = Omit<Row, 'x' | 'y'> & {readonly indent?: number}

const INDENT = 10
const TAG_GAP = 8

function targetSpans({source, targets, reenter}: Transition, hierarchy: Hierarchy): Span[] {
  if (targets.length === 0) return []
  if (targets.length === 1 && targets[0] === source) return [span('target', reenter ? '↻' : '→ itself')]
  return [span('target', `→ ${targets.map((target) => hierarchy.nameFrom(source, target)).join(', ')}`)]
}

/** A transition on the card: what it leads to, or, if it stays, what it does or why it is there. */
function outcome(transition: Transition, hierarchy: Hierarchy): Span[] {
  if (transition.targets.length > 0) return targetSpans(transition, hierarchy)
  if (transition.actions.length > 0) return actionSpans(transition)
  return [span('text', `– ${transition.description ?? 'taken, without effect'}`)]
}

/** Transitions with one trigger stand together: on one line if there is one and it fits, else under a line of its own. */
function transitionLines(
  transitions: readonly Transition[],
  state: State,
  hierarchy: Hierarchy,
  maxWidth: number,
): Line[] {
  const [first] = transitions
  if (first === undefined) return []
  const inOne = [...triggerSpans(first, state), ...guardSpans(first), ...outcome(first, hierarchy)]
  if (transitions.length === 1 && spansWidth(inOne, ROW) <= maxWidth) {
    return [{kind: 'transition', transition: first.id, spans: inOne}]
  }
  const branches = transitions.map((transition): Line => {
    const spans = [...guardSpans(transition), ...outcome(transition, hierarchy)]
    return {kind: 'transition', transition: transition.id, spans, indent: INDENT}
  })
  return [{kind: 'trigger', spans: triggerSpans(first, state)}, ...branches]
}

function byTrigger(transitions: readonly Transition[]): Transition[][] {
  const groups = new Map<string, Transition[]>()
  for (const transition of transitions) {
    groups.set(transition.event, [...(groups.get(transition.event) ?? []), transition])
  }
  return [...groups.values()]
}

function linesOf(state: State, transitions: readonly Transition[], hierarchy: Hierarchy, maxWidth: number): Line[] {
  const description = state.description === undefined ? [] : wrap(state.description, maxWidth, ROW)
  return [
    ...description.map((text): Line => ({kind: 'description', spans: [span('text', text)]})),
    ...state.invokes.map(({src}): Line => ({kind: 'invoke', spans: [span('text', 'runs'), span('name', src)]})),
    ...state.entry.map(
      (action): Line => ({kind: 'entry', spans: [span('action', `entry / ${nameWithParams(action)}`)]}),
    ),
    ...state.exit.map((action): Line => ({kind: 'exit', spans: [span('action', `exit / ${nameWithParams(action)}`)]})),
    ...byTrigger(transitions).flatMap((group) => transitionLines(group, state, hierarchy, maxWidth)),
  ]
}

export function makeCard(state: State, transitions: readonly Transition[], hierarchy: Hierarchy): Card {
  const maxWidth = hierarchy.children(state.id).length === 0 ? LEAF_TEXT : COMPOUND_TEXT
  const lines = linesOf(state, transitions, hierarchy, maxWidth)
  const name = textWidth(state.key, NAME)
  const text = Math.max(name, ...lines.map(({spans, indent = 0}) => indent + spansWidth(spans, ROW)))

  // Tags stand beside the name; where the card would grow wide for them, they take a row of their own.
  const tags: Line[] = state.tags.length === 0 ? [] : [{kind: 'tags', spans: [span('tag', state.tags.join(' · '))]}]
  const named = name + tags.reduce((width, {spans}) => width + TAG_GAP + spansWidth(spans, TAG), 0)
  const fits = named <= Math.max(maxWidth, text)
  const beside = tags.map((row): Row => ({...row, x: CARD_PADDING + Math.round(name) + TAG_GAP, y: NAME_BASELINE}))
  const below = (fits ? lines : [...tags, ...lines]).map(({indent = 0, ...line}, index): Row => {
    return {...line, x: CARD_PADDING + indent, y: BAND + FIRST_ROW + index * ROW_STEP}
  })
  return {
    width: Math.max(MIN_CARD, Math.ceil(fits ? Math.max(named, text) : text) + 2 * CARD_PADDING),
    head: BAND + (below.length === 0 ? 0 : below.length * ROW_STEP + 11),
    rows: fits ? [...beside, ...below] : below,
  }
}
