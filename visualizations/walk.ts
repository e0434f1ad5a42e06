/**
 * Walks a machine from its root. It reads the nodes themselves, `always` included, which XState's own graph export omits.
 */

import type {AnyStateMachine, AnyStateNode, AnyTransitionDefinition} from 'xstate'
import {readParams} from './params.ts'
import {
  type Invocation,
  type Named,
  type State,
  type Statechart,
  type Transition,
  type Trigger,
  transitionId,
} from './statechart.ts'

/** XState books a timer on entry and cancels it on exit; the `after` transition already says so. */
const TIMER_ACTIONS = new Set(['xstate.raise', 'xstate.cancel'])

function typeOf(thing: unknown): string {
  if (typeof thing === 'string') return thing
  const named = thing as {readonly type?: string; readonly name?: string; readonly resolve?: unknown}
  return named.type ?? (named.name || 'inline')
}

function toNamed(thing: unknown): Named {
  const {params} = typeof thing === 'object' && thing !== null ? (thing as {params?: unknown}) : {}
  const read = readParams(params)
  return {type: typeOf(thing), ...(read === undefined ? {} : {params: read})}
}

function withoutTimers(actions: readonly unknown[]): Named[] {
  return actions.filter((action) => typeof action !== 'function' || !TIMER_ACTIONS.has(typeOf(action))).map(toNamed)
}

function toInvocation(invoke: AnyStateNode['invoke'][number]): Invocation {
  const input = readParams(invoke.input)
  const src = typeof invoke.src === 'string' ? invoke.src : 'inline'
  return {id: invoke.id, src, ...(input === undefined ? {} : {input})}
}

function toState(node: AnyStateNode): State {
  const initial = node.type === 'compound' ? node.initial.target[0]?.id : undefined
  return {
    id: node.id,
    key: node.key,
    ...(node.parent === undefined ? {} : {parent: node.parent.id}),
    type: node.type,
    ...(node.description === undefined ? {} : {description: node.description}),
    tags: node.tags,
    ...(initial === undefined ? {} : {initial}),
    entry: withoutTimers(node.entry),
    exit: withoutTimers(node.exit),
    invokes: node.invoke.map(toInvocation),
  }
}

function toTrigger(event: string, source: string): Trigger {
  const [, kind = '', actor = ''] =
    /^xstate\.(after|done\.actor|error\.actor|snapshot|done\.state)\.(.*)$/.exec(event) ?? []
  switch (kind) {
    case 'after':
      return {kind: 'after', delay: actor.endsWith(`.${source}`) ? actor.slice(0, -source.length - 1) : actor}
    case 'done.actor':
      return {kind: 'done', actor}
    case 'error.actor':
      return {kind: 'error', actor}
    case 'snapshot':
      return {kind: 'snapshot', actor}
    case 'done.state':
      return {kind: 'stateDone'}
    default:
      return event === '' ? {kind: 'always'} : {kind: 'event', event}
  }
}

function toTransition(definition: AnyTransitionDefinition, event: string, index: number): Transition {
  const source = definition.source.id
  return {
    id: transitionId(source, event, index),
    source,
    targets: (definition.target ?? []).map((target) => target.id),
    event,
    trigger: toTrigger(event, source),
    ...(definition.guard === undefined ? {} : {guard: toNamed(definition.guard)}),
    actions: definition.actions.map(toNamed),
    reenter: definition.reenter,
    ...(definition.description === undefined ? {} : {description: definition.description}),
  }
}

function transitionsOf(node: AnyStateNode): Transition[] {
  return [...node.transitions, ['', node.always ?? []] as const].flatMap(([event, definitions]) =>
    definitions.map((definition, index) => toTransition(definition, event, index)),
  )
}

function withDescendants(node: AnyStateNode): AnyStateNode[] {
  return [node, ...Object.values(node.states).flatMap(withDescendants)]
}

export function walk(machine: AnyStateMachine): Statechart {
  const nodes = withDescendants(machine.root)
  return {
    machine: machine.id,
    ...(machine.root.description === undefined ? {} : {description: machine.root.description}),
    states: nodes.map(toState),
    transitions: nodes.flatMap(transitionsOf),
  }
}
