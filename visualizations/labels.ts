/** Turns transitions, guards and actions into the few words that a picture has room for. */

import type {EdgeKind, Span, TextRole} from './chart.ts'
import {isReference, type Named, type State, type Transition, type Trigger} from './statechart.ts'

/** Only params that the machine spells out help a reader: `isBlockedBy noNetwork`. Computed ones stay in the JSON. */
export function nameWithParams({type, params}: Named): string {
  if (params === undefined || isReference(params)) return type
  const literal = Object.values(params).filter((value) => typeof value !== 'object')
  return [type, ...literal].join(' ')
}

export function triggerRole({kind}: Trigger): Exclude<EdgeKind, 'mixed'> {
  if (kind === 'stateDone') return 'done'
  return kind === 'snapshot' ? 'event' : kind
}

/** The end of an actor is told with its name only where the state runs more than one. */
export function triggerText(trigger: Trigger, source: State | undefined): string {
  switch (trigger.kind) {
    case 'event':
      return trigger.event
    case 'always':
      return 'always'
    case 'after':
      return `after ${trigger.delay}`
    case 'stateDone':
      return 'done'
    default:
      return (source?.invokes.length ?? 0) > 1 ? `${trigger.kind} of ${trigger.actor}` : trigger.kind
  }
}

export function span(role: TextRole, text: string): Span {
  return {role, text}
}

export function triggerSpans({trigger}: Transition, source: State | undefined): Span[] {
  return [span(triggerRole(trigger), triggerText(trigger, source))]
}

export function guardSpans({guard}: Transition): Span[] {
  return guard === undefined ? [] : [span('guard', `[${nameWithParams(guard)}]`)]
}

export function actionSpans({actions}: Pick<Transition, 'actions'>): Span[] {
  return actions.length === 0 ? [] : [span('action', `/ ${actions.map(nameWithParams).join(', ')}`)]
}

/** On an edge: where it leads is seen, what it does is left to the tooltip. */
export function labelSpans(transition: Transition, source: State | undefined): Span[] {
  return [...triggerSpans(transition, source), ...guardSpans(transition)]
}

/** In full, for a tooltip. */
export function describeTransition(transition: Transition, source: State | undefined): string {
  const words = [...labelSpans(transition, source), ...actionSpans(transition)].map(({text}) => text)
  const to = transition.targets.length === 0 ? [] : [`→ ${transition.targets.join(', ')}`]
  const why = transition.description === undefined ? [] : [`(${transition.description})`]
  return [...words, ...to, ...why].join(' ')
}
