/**
 * One application of a host, as all its operations see it: how many of them may have traffic, and whether its bytes of this day
 * are spent.
 *
 * open    takes operations up to its limit.
 * full    as many have traffic as may; opens when one of them ends.
 * spent   its bytes of this day are used up: its downloads go back into their lines, and nobody starts until nextDay. What was
 *         used stands in the store directory, so that losing this wait in a crash does no harm.
 */

import {type ActorRefFrom, assign, setup} from 'xstate'
import {TransferError} from '../src/domain/errors.ts'
import {lazily} from '../src/domain/lazily.ts'
import type {OperationId} from '../src/domain/operation-id.ts'

interface ApplicationContext {
  readonly gate: string
  /** Operations with traffic at once; Infinity is no limit. */
  readonly limit: number
  /** Operations that have traffic. */
  readonly users: readonly OperationId[]
  /** How long the bytes of this day are spent for, in ms. */
  readonly restMs: number
}

export type ApplicationEvent =
  | {readonly type: 'slot.taken'; readonly id: OperationId}
  | {readonly type: 'slot.given'; readonly id: OperationId}
  | {readonly type: 'budget.spent'; readonly restMs: number}

const setUp = setup({
  types: {
    context: {} as ApplicationContext,
    input: {} as {readonly gate: string; readonly limit: number},
    events: {} as ApplicationEvent,
    tags: {} as 'admitting' | 'closed',
  },
  delays: {nextDay: ({context}) => context.restMs},
  guards: {
    isFull: ({context}) => context.users.length >= context.limit,
    isFree: ({context}) => context.users.length < context.limit,
  },
  actions: {
    addUser: assign({
      users: ({context}, params: {id: OperationId}) =>
        context.users.includes(params.id) ? context.users : [...context.users, params.id],
    }),
    removeUser: assign({
      users: ({context}, params: {id: OperationId}) => context.users.filter((id) => id !== params.id),
    }),
    noteRest: assign({restMs: (_, params: {restMs: number}) => params.restMs}),
    /** The engine sends these back into their lines. */
    displace: (_, params: {ids: readonly OperationId[]}) => {
      throw new TransferError('INTERNAL', `the action displace ${params.ids.join()} was not provided`)
    },
  },
})

export const applicationMachine = lazily(() =>
  setUp.createMachine({
    id: 'application',
    description: 'One application of a host: how many of its operations have traffic, and its bytes of this day',
    context: ({input}) => ({gate: input.gate, limit: input.limit, users: [], restMs: 0}),
    initial: 'open',
    on: {
      'slot.taken': {actions: {type: 'addUser', params: ({event}) => ({id: event.id})}},
      'slot.given': {actions: {type: 'removeUser', params: ({event}) => ({id: event.id})}},
      'budget.spent': {
        target: '.spent',
        reenter: true,
        actions: {type: 'noteRest', params: ({event}) => ({restMs: event.restMs})},
      },
    },
    states: {
      open: {
        description: 'Takes operations',
        tags: ['admitting'],
        always: {guard: 'isFull', target: 'full'},
      },
      full: {
        description: 'As many have traffic as may',
        tags: ['closed'],
        always: {guard: 'isFree', target: 'open'},
      },
      spent: {
        description: 'Its bytes of this day are used up',
        tags: ['closed'],
        entry: {type: 'displace', params: ({context}) => ({ids: context.users})},
        after: {nextDay: 'open'},
      },
    },
  }),
)

export type ApplicationActor = ActorRefFrom<ReturnType<typeof applicationMachine>>
