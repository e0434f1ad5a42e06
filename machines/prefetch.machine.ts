/**
 * What an application wants to have at hand before it asks for it (spec 2.9): when that is fetched, and what holds it up.
 * Nobody waits for it, so that everything else comes first. When is documented in docs/guides/prefetching.md.
 *
 * choosing    goes where the list and the last run say.
 * idle        nothing is listed.
 * scheduled   the last run was good; the next one is due at a time that stands in the record. The engine's alarm sends
 *             `prefetch.due`. What is listed anew is due at once.
 * backingOff  the same, after a run in which something failed that may pass.
 * hindered    a run is due, and something is in its way: each obstacle is a state, the first of them the one that is told.
 * settling    nothing is in its way; that must be so for idleDelay. Losing this wait in a crash is fine.
 * running     one run: the index first, then one address after the other, each for at most fetchTimeout. An operation that wants
 *             the wire, or another network, breaks it off; what was stored until then is fresh in the next run.
 *   recording   what came of it, and when the next one is due, are on their way to the disk.
 * closed      the engine closes.
 *
 * `prefetch.demand` begins a run whatever is in its way.
 */

import {type ActorRefFrom, assign, fromPromise, setup} from 'xstate'
import type {Conditions} from '../src/domain/conditions.ts'
import {asTransferError, TransferError} from '../src/domain/errors.ts'
import {lazily} from '../src/domain/lazily.ts'
import {
  count,
  hasNews,
  isEmptyWish,
  NO_COUNTS,
  type PrefetchCounts,
  type PrefetchObstacle,
  type PrefetchOutcome,
  type PrefetchRecord,
  type PrefetchSettings,
  type PrefetchWish,
  planOf,
  prefetchObstacle,
} from '../src/domain/prefetch.ts'

export interface PrefetchContext {
  readonly record: PrefetchRecord
  readonly conditions: Conditions
  /** Operations with traffic. */
  readonly running: number
  readonly settings: PrefetchSettings
  /** Somebody asked for the present run: nothing is in its way. */
  readonly isDemanded: boolean
  /** Of the present or last run: what it was asked for, what is left of it, and what came of it. */
  readonly ranFor: PrefetchWish
  readonly left: readonly string[]
  readonly counts: PrefetchCounts
  /** Runs that came to their end in this session. */
  readonly runs: number
}

export type PrefetchEvent =
  | {readonly type: 'wish.changed'; readonly wish: PrefetchWish}
  | {readonly type: 'conditions.changed'; readonly conditions: Conditions}
  /** So many operations have traffic. */
  | {readonly type: 'load.changed'; readonly running: number}
  /** The time of the next run has come. */
  | {readonly type: 'prefetch.due'}
  | {readonly type: 'prefetch.demand'}
  | {readonly type: 'engine.draining'}

export interface PrefetchInput {
  readonly record: PrefetchRecord
  readonly conditions: Conditions
  readonly running: number
  readonly settings: PrefetchSettings
}

/** What a run was asked for, and what came of it. */
export interface RecordRunInput {
  readonly ranFor: PrefetchWish
  readonly counts: PrefetchCounts
}

const TOO_SLOW: PrefetchOutcome = {kind: 'failed', reason: 'it took too long'}

const notProvided = (name: string) => (): never => {
  throw new TransferError('INTERNAL', `${name} was not provided`)
}

function failed(error: unknown): PrefetchOutcome {
  return {kind: 'failed', reason: asTransferError(error).message}
}

const setUp = setup({
  types: {
    context: {} as PrefetchContext,
    input: {} as PrefetchInput,
    events: {} as PrefetchEvent,
    tags: {} as 'resting' | 'hindered' | 'running' | 'closed',
    children: {} as {index: 'fetchIndex'; fetching: 'fetchResource'; recording: 'recordRun'},
  },
  actors: {
    /** The addresses that the index names; none where it cannot be used. */
    fetchIndex: fromPromise<readonly string[], {readonly url: string}>(notProvided('fetchIndex')),
    fetchResource: fromPromise<PrefetchOutcome, {readonly url: string}>(notProvided('fetchResource')),
    /** Resolves with the record once it is durable. */
    recordRun: fromPromise<PrefetchRecord, RecordRunInput>(notProvided('recordRun')),
  },
  delays: {
    idleDelay: ({context}) => context.settings.idleMs,
    fetchTimeout: ({context}) => context.settings.fetchTimeoutMs,
  },
  guards: {
    isIdle: ({context}) => isEmptyWish(context.record.wish),
    isDue: ({context}) => context.record.dueAt === undefined || hasNews(context.record),
    hasFailed: ({context}) => (context.record.failures ?? 0) > 0,
    isHinderedBy: ({context}, params: {readonly obstacle: PrefetchObstacle}) => obstacleOf(context) === params.obstacle,
    isHindered: ({context}) => obstacleOf(context) !== undefined,
    hasNoIndex: ({context}) => context.ranFor.indirect === undefined,
    isThrough: ({context}) => context.left.length === 0,
  },
  actions: {
    noteWish: assign({
      record: ({context}, params: {readonly wish: PrefetchWish}) => ({...context.record, wish: params.wish}),
    }),
    noteConditions: assign({conditions: (_, params: {readonly conditions: Conditions}) => params.conditions}),
    noteLoad: assign({running: (_, params: {readonly running: number}) => params.running}),
    noteDemand: assign({isDemanded: true}),
    beginRun: assign({
      ranFor: ({context}) => context.record.wish,
      left: ({context}) => planOf(context.record.wish),
      counts: NO_COUNTS,
    }),
    endRun: assign({isDemanded: false}),
    noteIndex: assign({
      left: ({context}, params: {readonly indirect: readonly string[]}) => planOf(context.ranFor, params.indirect),
    }),
    /** Without it the direct addresses are fetched all the same. */
    noteIndexFailure: assign({
      counts: ({context}, params: {readonly outcome: PrefetchOutcome}) => count(context.counts, params.outcome),
    }),
    noteOutcome: assign({
      left: ({context}) => context.left.slice(1),
      counts: ({context}, params: {readonly outcome: PrefetchOutcome}) => count(context.counts, params.outcome),
    }),
    /** The list may have changed while the record was written. */
    noteRecord: assign({
      record: ({context}, params: {readonly record: PrefetchRecord}) => ({
        ...params.record,
        wish: context.record.wish,
      }),
      runs: ({context}) => context.runs + 1,
    }),
    /** For people. */
    tellOutcome: (_, params: {readonly url: string | undefined; readonly outcome: PrefetchOutcome}) => {
      void params
    },
    tellStart: () => {},
  },
})

/** Nothing is in the way of what somebody asked for. */
function obstacleOf({record, conditions, running, isDemanded}: PrefetchContext): PrefetchObstacle | undefined {
  return isDemanded ? undefined : prefetchObstacle(record.wish, conditions, running)
}

export const prefetchMachine = lazily(() =>
  setUp.createMachine({
    id: 'prefetch',
    description: 'What is fetched ahead of need, when, and what holds it up',
    context: ({input}) => ({
      ...input,
      isDemanded: false,
      ranFor: {uris: []},
      left: [],
      counts: NO_COUNTS,
      runs: 0,
    }),
    initial: 'choosing',
    on: {
      'wish.changed': {target: '.choosing', actions: {type: 'noteWish', params: ({event}) => ({wish: event.wish})}},
      'conditions.changed': {
        actions: {type: 'noteConditions', params: ({event}) => ({conditions: event.conditions})},
      },
      'load.changed': {actions: {type: 'noteLoad', params: ({event}) => ({running: event.running})}},
      'prefetch.demand': {target: '.running', actions: 'noteDemand'},
      'engine.draining': '.closed',
    },
    states: {
      choosing: {
        description: 'Goes where the list and the last run say',
        tags: ['resting'],
        always: [
          {guard: 'isIdle', target: 'idle'},
          {guard: 'isDue', target: 'hindered'},
          {guard: 'hasFailed', target: 'backingOff'},
          {target: 'scheduled'},
        ],
      },
      idle: {description: 'Nothing is listed', tags: ['resting']},
      scheduled: {
        description: 'The next run is due at a time that stands in the record',
        tags: ['resting'],
        on: {'prefetch.due': 'hindered'},
      },
      backingOff: {
        description: 'Something failed that may pass; the next run is due at a time that stands in the record',
        tags: ['resting'],
        on: {'prefetch.due': 'hindered'},
      },
      hindered: {
        description: 'A run is due; what is in its way is looked for anew with each change',
        initial: 'looking',
        on: {
          'conditions.changed': {
            target: '.looking',
            actions: {type: 'noteConditions', params: ({event}) => ({conditions: event.conditions})},
          },
          'load.changed': {
            target: '.looking',
            actions: {type: 'noteLoad', params: ({event}) => ({running: event.running})},
          },
        },
        states: {
          looking: {
            description: 'Looks for what is in the way',
            tags: ['hindered'],
            always: [
              {guard: {type: 'isHinderedBy', params: {obstacle: 'noNetwork'}}, target: 'noNetwork'},
              {guard: {type: 'isHinderedBy', params: {obstacle: 'costedNetwork'}}, target: 'costedNetwork'},
              {guard: {type: 'isHinderedBy', params: {obstacle: 'onBattery'}}, target: 'onBattery'},
              {guard: {type: 'isHinderedBy', params: {obstacle: 'busy'}}, target: 'busy'},
              {target: '#prefetch.settling'},
            ],
          },
          noNetwork: {description: 'No network that is known to lead anywhere', tags: ['hindered']},
          costedNetwork: {description: 'The network is metered, roaming or near its limit', tags: ['hindered']},
          onBattery: {description: 'The machine is on battery, or saves power', tags: ['hindered']},
          busy: {description: 'Operations have traffic', tags: ['hindered']},
        },
      },
      settling: {
        description: 'Nothing is in the way; that must be so for a while',
        tags: ['resting'],
        after: {idleDelay: 'running'},
        on: {
          'conditions.changed': {
            target: 'hindered',
            actions: {type: 'noteConditions', params: ({event}) => ({conditions: event.conditions})},
          },
          'load.changed': {
            target: 'hindered',
            actions: {type: 'noteLoad', params: ({event}) => ({running: event.running})},
          },
        },
      },
      running: {
        description: 'One run: the index, then one address after the other',
        initial: 'beginning',
        entry: ['beginRun', 'tellStart'],
        exit: 'endRun',
        on: {
          'wish.changed': {
            description: 'What is new is for the next run',
            actions: {type: 'noteWish', params: ({event}) => ({wish: event.wish})},
          },
          'prefetch.demand': {description: 'The present run is the one', actions: 'noteDemand'},
        },
        states: {
          beginning: {
            description: 'Looks for an index',
            tags: ['running'],
            always: [{guard: 'hasNoIndex', target: 'next'}, {target: 'indexing'}],
          },
          indexing: {
            description: 'The document that lists more addresses is fetched',
            tags: ['running'],
            always: {guard: 'isHindered', target: '#prefetch.hindered'},
            invoke: {
              id: 'index',
              src: 'fetchIndex',
              input: ({context}) => ({url: context.ranFor.indirect ?? ''}),
              onDone: {target: 'next', actions: {type: 'noteIndex', params: ({event}) => ({indirect: event.output})}},
              onError: {
                target: 'next',
                actions: {type: 'noteIndexFailure', params: ({event}) => ({outcome: failed(event.error)})},
              },
            },
            after: {
              fetchTimeout: {target: 'next', actions: {type: 'noteIndexFailure', params: {outcome: TOO_SLOW}}},
            },
          },
          next: {
            description: 'Takes the next address',
            tags: ['running'],
            always: [{guard: 'isThrough', target: 'recording'}, {target: 'fetching'}],
          },
          fetching: {
            description: 'One address: asked for, unless what the cache has is fresh',
            tags: ['running'],
            always: {guard: 'isHindered', target: '#prefetch.hindered'},
            invoke: {
              id: 'fetching',
              src: 'fetchResource',
              input: ({context}) => ({url: context.left[0] ?? ''}),
              onDone: {
                target: 'next',
                actions: [
                  {
                    type: 'tellOutcome',
                    params: ({context, event}) => ({url: context.left[0], outcome: event.output}),
                  },
                  {type: 'noteOutcome', params: ({event}) => ({outcome: event.output})},
                ],
              },
              onError: {
                target: 'next',
                actions: [
                  {
                    type: 'tellOutcome',
                    params: ({context, event}) => ({url: context.left[0], outcome: failed(event.error)}),
                  },
                  {type: 'noteOutcome', params: ({event}) => ({outcome: failed(event.error)})},
                ],
              },
            },
            after: {
              fetchTimeout: {
                target: 'next',
                actions: [
                  {type: 'tellOutcome', params: ({context}) => ({url: context.left[0], outcome: TOO_SLOW})},
                  {type: 'noteOutcome', params: {outcome: TOO_SLOW}},
                ],
              },
            },
          },
          recording: {
            description: 'What came of it is being made durable',
            tags: ['running'],
            invoke: {
              id: 'recording',
              src: 'recordRun',
              input: ({context}) => ({ranFor: context.ranFor, counts: context.counts}),
              onDone: {
                target: '#prefetch.choosing',
                actions: {type: 'noteRecord', params: ({event}) => ({record: event.output})},
              },
              onError: '#prefetch.closed',
            },
          },
        },
      },
      closed: {description: 'The engine closes', tags: ['closed'], type: 'final'},
    },
  }),
)

export type PrefetchActor = ActorRefFrom<ReturnType<typeof prefetchMachine>>
