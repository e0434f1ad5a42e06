/**
 * The engine's own life, as one list: open the store, recover what the records say, serve, drain, close.
 *
 * opening     takes the lock and reads the summary.
 * recovering  the fixed list: groups, then everything live, then the line. Nothing moves before it is done.
 * serving     commands are taken; conditions are watched, the one alarm for deadlines is kept, progress is told. What is connected from an
 *             address that this machine has no more is broken.
 * draining    running operations make their bytes durable and queue again; bounded by drainTimeout.
 * closing     flushes the store and gives the lock back.
 * closed      nothing is left open; `output.error` says why, when the engine never served.
 */

import {type ActorRefFrom, type AnyEventObject, assign, fromCallback, fromPromise, setup} from 'xstate'
import type {Conditions} from '../src/domain/conditions.ts'
import {TransferError} from '../src/domain/errors.ts'
import {lazily} from '../src/domain/lazily.ts'

interface EngineContext {
  readonly conditions: Conditions
  readonly drainTimeoutMs: number
  readonly error?: unknown
}

type EngineEvent =
  | {readonly type: 'engine.close'}
  | {readonly type: 'conditions.changed'; readonly conditions: Conditions}
  /** This machine has these no more. */
  | {readonly type: 'addresses.gone'; readonly addresses: readonly string[]}

const notProvided = (name: string) => (): never => {
  throw new TransferError('INTERNAL', `${name} was not provided`)
}

const setUp = setup({
  types: {
    context: {} as EngineContext,
    input: {} as {readonly conditions: Conditions; readonly drainTimeoutMs: number},
    events: {} as EngineEvent,
    output: {} as {readonly error?: unknown},
    tags: {} as 'opening' | 'serving' | 'draining' | 'closed',
    children: {} as {
      store: 'openStore'
      recovery: 'recover'
      conditions: 'watchConditions'
      alarm: 'keepAlarm'
      ticker: 'tellProgress'
      drain: 'drain'
      closing: 'closeStore'
    },
  },
  actors: {
    openStore: fromPromise<void>(notProvided('openStore')),
    recover: fromPromise<void>(notProvided('recover')),
    watchConditions: fromCallback<AnyEventObject>(notProvided('watchConditions')),
    keepAlarm: fromCallback<AnyEventObject>(notProvided('keepAlarm')),
    tellProgress: fromCallback<AnyEventObject>(notProvided('tellProgress')),
    drain: fromPromise<void>(notProvided('drain')),
    closeStore: fromPromise<void>(notProvided('closeStore')),
  },
  delays: {drainTimeout: ({context}) => context.drainTimeoutMs},
  actions: {
    noteConditions: assign({conditions: (_, params: {conditions: Conditions}) => params.conditions}),
    noteError: assign({error: (_, params: {error: unknown}) => params.error}),
    /** Tells every operation that has an actor. */
    spreadConditions: (_, params: {conditions: Conditions}) =>
      notProvided(`spreadConditions ${params.conditions.connectivity}`)(),
    /** What is connected from there fails, and is tried again from where this machine is now. */
    breakConnections: (_, params: {addresses: readonly string[]}) =>
      notProvided(`breakConnections ${params.addresses.length}`)(),
  },
})

export const engineMachine = lazily(() =>
  setUp.createMachine({
    id: 'engine',
    description: 'The engine’s own life: open, recover, serve, drain, close',
    context: ({input}) => ({conditions: input.conditions, drainTimeoutMs: input.drainTimeoutMs}),
    initial: 'opening',
    output: ({context}) => (context.error === undefined ? {} : {error: context.error}),
    states: {
      opening: {
        description: 'Takes the lock and reads the summary',
        tags: ['opening'],
        invoke: {
          id: 'store',
          src: 'openStore',
          onDone: 'recovering',
          onError: {target: 'closing', actions: {type: 'noteError', params: ({event}) => ({error: event.error})}},
        },
        on: {'engine.close': 'closing'},
      },
      recovering: {
        description: 'Reads what the records say; nothing moves yet',
        tags: ['opening'],
        invoke: {
          id: 'recovery',
          src: 'recover',
          onDone: 'serving',
          onError: {target: 'closing', actions: {type: 'noteError', params: ({event}) => ({error: event.error})}},
        },
        on: {'engine.close': 'closing'},
      },
      serving: {
        description: 'Takes commands and moves bytes',
        tags: ['serving'],
        invoke: [
          {id: 'conditions', src: 'watchConditions', onError: 'draining'},
          {id: 'alarm', src: 'keepAlarm', onError: 'draining'},
          {id: 'ticker', src: 'tellProgress', onError: 'draining'},
        ],
        on: {
          'conditions.changed': {
            actions: [
              {type: 'noteConditions', params: ({event}) => ({conditions: event.conditions})},
              {type: 'spreadConditions', params: ({event}) => ({conditions: event.conditions})},
            ],
          },
          'addresses.gone': {
            actions: {type: 'breakConnections', params: ({event}) => ({addresses: event.addresses})},
          },
          'engine.close': 'draining',
        },
      },
      draining: {
        description: 'Running operations make their bytes durable and queue again',
        tags: ['draining'],
        invoke: {id: 'drain', src: 'drain', onDone: 'closing', onError: 'closing'},
        after: {drainTimeout: 'closing'},
        on: {'engine.close': {description: 'Already on its way'}},
      },
      closing: {
        description: 'Flushes the store and gives the lock back',
        tags: ['draining'],
        invoke: {
          id: 'closing',
          src: 'closeStore',
          onDone: 'closed',
          onError: {target: 'closed', actions: {type: 'noteError', params: ({event}) => ({error: event.error})}},
        },
        on: {'engine.close': {description: 'Already on its way'}},
      },
      closed: {description: 'Nothing is left open', tags: ['closed'], type: 'final'},
    },
  }),
)

export type EngineActor = ActorRefFrom<ReturnType<typeof engineMachine>>
