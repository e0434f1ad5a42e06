/** What the charts of a download and of an upload write alike: where conditions lead, and what a word takes from its event. */

import type {WeighFailureInput} from '../src/domain/attempt.ts'
import type {Blockage} from '../src/domain/conditions.ts'
import type {RetryDecision} from '../src/domain/retry.ts'
import {serialize} from './transfer.setup.ts'
import type {OperationContext} from './transfer.vocabulary.ts'

type Chart = 'operation' | 'upload'

/** The pause that applies, if one does. */
export const pausesOfTheSystem = (chart: Chart) =>
  [
    {guard: {type: 'isBlockedBy', params: {reason: 'noNetwork'}}, target: `#${chart}.paused.noNetwork`},
    {guard: {type: 'isBlockedBy', params: {reason: 'costedNetwork'}}, target: `#${chart}.paused.costedNetwork`},
    {guard: {type: 'isBlockedBy', params: {reason: 'systemPolicy'}}, target: `#${chart}.paused.systemPolicy`},
  ] as const

/** Leaves a pause of the system: for the other pause that applies now, or back towards the wire. */
export const leavingPause = (chart: Chart, pause: Blockage) =>
  [
    ...pausesOfTheSystem(chart).filter(({guard}) => guard.params.reason !== pause),
    {guard: 'isFree', target: `#${chart}.running.returning`},
  ] as const

export const noteThrown = {
  type: 'noteThrown',
  params: ({event}: {event: {error: unknown}}) => ({error: event.error}),
} as const

interface Weighed {
  readonly event: {readonly output: RetryDecision}
}

export const toWeigh = ({context}: {readonly context: OperationContext}): WeighFailureInput => ({
  facts: context.facts,
  error: context.failure ?? serialize(new Error('no failure to weigh')),
  retry: context.settings.retry,
})

export const decidedTo = (kind: RetryDecision['kind']) =>
  ({type: 'decidedTo', params: ({event}: Weighed) => ({decision: event.output, kind})}) as const

export const noteDecision = <Action extends 'noteDeadline' | 'noteElsewhere' | 'noteFinalError'>(type: Action) => ({
  type,
  params: ({event}: Weighed) => ({decision: event.output}),
})

export const noteThrownFinal = {
  type: 'noteThrownFinal',
  params: ({event}: {event: {error: unknown}}) => ({error: event.error}),
} as const
