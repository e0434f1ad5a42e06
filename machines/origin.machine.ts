/**
 * One origin, as all operations of the engine see it: how many connections it may have, and whether it asked for quiet.
 * Fifty operations that hear 503 with Retry-After wait together, and one of them asks again.
 *
 * open      takes operations up to its limit of connections.
 * full      every connection is in use; opens when one ends.
 * cooling   the origin asked for quiet (Retry-After): nobody starts until coolingDelay is over. Losing this wait in a crash
 *           is fine: each operation's own deadline stands in its record.
 * probing   the quiet is over: one operation may start, and its answer decides for all.
 * forgotten nobody had a connection to it, or asked for one, for forgettingDelay: it is met anew when somebody does. Losing that wait
 *           in a crash is fine, as the quiet is lost with it.
 */

import {type ActorRefFrom, assign, setup} from 'xstate'
import {lazily} from '../src/domain/lazily.ts'
import type {OperationId} from '../src/domain/operation-id.ts'

/** An operation, or `id/n` for the nth connection more of one. */
export type ConnectionUser = OperationId | `${OperationId}/${number}`

/** Whoever waited for the quiet to end, with a random while upon that, has asked by then, unless something else keeps him waiting. */
export const FORGOTTEN_AFTER_MS = 10 * 60_000

interface OriginContext {
  readonly origin: string
  /** Connections at once; Infinity is no limit. */
  readonly limit: number
  /** Operations that are admitted to this origin, and the further connections that some have. */
  readonly users: readonly ConnectionUser[]
  /** How long the present quiet lasts, in ms. */
  readonly quietMs: number
  /** The operation whose answer is awaited while probing. */
  readonly probe?: ConnectionUser | undefined
}

export type OriginEvent =
  | {readonly type: 'connection.taken'; readonly id: ConnectionUser}
  | {readonly type: 'connection.given'; readonly id: ConnectionUser}
  /** The origin answered 429 or 503 with Retry-After. */
  | {readonly type: 'origin.overloaded'; readonly id: OperationId; readonly quietMs: number}
  /** The origin answered an operation with what it asked for. */
  | {readonly type: 'origin.answered'; readonly id: OperationId}

const setUp = setup({
  types: {
    context: {} as OriginContext,
    input: {} as {readonly origin: string; readonly limit: number},
    events: {} as OriginEvent,
    tags: {} as 'admitting' | 'closed',
  },
  delays: {coolingDelay: ({context}) => context.quietMs, forgettingDelay: FORGOTTEN_AFTER_MS},
  guards: {
    isFull: ({context}) => context.users.length >= context.limit,
    isUnused: ({context}) => context.users.length === 0,
    isFree: ({context}) => context.users.length < context.limit,
    isProbe: ({context}, params: {id: ConnectionUser}) => context.probe === params.id,
  },
  actions: {
    addUser: assign({
      users: ({context}, params: {id: ConnectionUser}) =>
        context.users.includes(params.id) ? context.users : [...context.users, params.id],
    }),
    removeUser: assign({
      users: ({context}, params: {id: ConnectionUser}) => context.users.filter((id) => id !== params.id),
    }),
    noteQuiet: assign({quietMs: (_, params: {quietMs: number}) => params.quietMs}),
    noteProbe: assign({probe: (_, params: {id: ConnectionUser}) => params.id}),
    dropProbe: assign({probe: undefined}),
  },
})

export const originMachine = lazily(() =>
  setUp.createMachine({
    id: 'origin',
    description: 'One origin: its limit of connections, and the quiet that it asked for',
    context: ({input}) => ({origin: input.origin, limit: input.limit, users: [], quietMs: 0}),
    initial: 'open',
    on: {
      'connection.taken': {actions: {type: 'addUser', params: ({event}) => ({id: event.id})}},
      'connection.given': {actions: {type: 'removeUser', params: ({event}) => ({id: event.id})}},
      'origin.overloaded': {
        target: '.cooling',
        reenter: true,
        actions: ['dropProbe', {type: 'noteQuiet', params: ({event}) => ({quietMs: event.quietMs})}],
      },
    },
    states: {
      open: {
        description: 'Takes operations',
        tags: ['admitting'],
        always: {guard: 'isFull', target: 'full'},
      },
      full: {
        description: 'Every connection is in use',
        tags: ['closed'],
        always: {guard: 'isFree', target: 'open'},
      },
      cooling: {
        description: 'Asked for quiet: nobody starts',
        tags: ['closed'],
        after: {coolingDelay: 'probing'},
      },
      probing: {
        description: 'One operation asks again; its answer decides for all',
        initial: 'choosing',
        on: {'origin.answered': 'open'},
        states: {
          choosing: {
            description: 'The next operation to start is the probe',
            tags: ['admitting'],
            after: {
              forgettingDelay: [
                {guard: 'isUnused', target: '#origin.forgotten'},
                {target: 'choosing', reenter: true},
              ],
            },
            on: {
              'connection.taken': {
                target: 'awaiting',
                actions: [
                  {type: 'addUser', params: ({event}) => ({id: event.id})},
                  {type: 'noteProbe', params: ({event}) => ({id: event.id})},
                ],
              },
            },
          },
          awaiting: {
            description: 'The probe is on its way; everybody else waits',
            tags: ['closed'],
            on: {
              'connection.given': [
                {
                  guard: {type: 'isProbe', params: ({event}) => ({id: event.id})},
                  target: 'choosing',
                  actions: ['dropProbe', {type: 'removeUser', params: ({event}) => ({id: event.id})}],
                },
                {actions: {type: 'removeUser', params: ({event}) => ({id: event.id})}},
              ],
            },
          },
        },
      },
      forgotten: {
        description: 'Nobody asks it for anything any more',
        type: 'final',
        tags: ['admitting'],
      },
    },
  }),
)

export type OriginActor = ActorRefFrom<ReturnType<typeof originMachine>>
