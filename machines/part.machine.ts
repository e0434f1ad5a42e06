/**
 * One more connection of a try: it brings stretches of the file beside the operation’s own connection, one after the other.
 * Spawned by the operation’s chart while that exchanges, and stopped with it. Nothing of it is stored: what it brought stands in
 * the operation’s evidence, and after a crash the operation begins with one connection again.
 *
 * moving          connecting (connectTimeout) → awaitingResponse (responseTimeout) → transferring (stallTimeout; a checkpoint is
 *                 asked for each checkpointInterval), moved by the actor `movePart`.
 * counting        the operation counts the failure: parts and the operation itself have one budget of retries.
 * weighing        the retry table decides.
 * waitingToRetry  until retryDelay is over. Others may take its stretch meanwhile.
 *
 * A part that is refused before its body, or does not even get there, is not tried again: the origin has connections enough.
 */

import {assign, fromCallback, fromPromise, sendParent, sendTo, setup} from 'xstate'
import type {ErrorCode} from '../src/domain/error-codes.ts'
import {type SerializedError, TransferError} from '../src/domain/errors.ts'
import {lazily} from '../src/domain/lazily.ts'
import type {OperationId} from '../src/domain/operation-id.ts'
import type {
  PartCommand,
  PartCounted,
  PartDecision,
  PartId,
  PartInput,
  PartReport,
  WeighPartInput,
} from '../src/domain/part.ts'
import type {AttemptCounts} from '../src/domain/record.ts'
import {notProvided} from './not-provided.ts'

export interface PartContext extends PartInput {
  /** Why the last connection failed. */
  readonly failure?: SerializedError
  /** The operation’s counts, with that failure. */
  readonly counts?: AttemptCounts
  readonly retryAfterMs: number
}

export type PartMachineEvent = PartReport | PartCounted

function failureOf(code: ErrorCode, message: string): SerializedError {
  return new TransferError(code, message).toSerialized()
}

const UNKNOWN_COUNTS: AttemptCounts = {total: 0, failures: 0, highWater: 0, continued: false}

const setUp = setup({
  types: {
    context: {} as PartContext,
    input: {} as PartInput,
    events: {} as PartMachineEvent,
    tags: {} as 'moving' | 'resting' | 'ended',
    children: {} as {mover: 'movePart'; weighing: 'weighPart'},
  },
  actors: {
    movePart: fromCallback<PartCommand, {readonly operation: OperationId; readonly part: PartId}>(
      notProvided('movePart'),
    ),
    weighPart: fromPromise<PartDecision, WeighPartInput>(notProvided('weighPart')),
  },
  delays: {
    connectTimeout: ({context}) => context.settings.connectTimeoutMs,
    responseTimeout: ({context}) => context.settings.responseTimeoutMs,
    stallTimeout: ({context}) => context.settings.stallTimeoutMs,
    checkpointInterval: ({context}) => context.settings.checkpointIntervalMs,
    retryDelay: ({context}) => context.retryAfterMs,
  },
  guards: {
    isRetried: (_, params: {decision: PartDecision}) => params.decision.kind === 'retry',
  },
  actions: {
    noteFailure: assign({failure: (_, params: {error: SerializedError}) => params.error}),
    noteStall: assign({failure: () => failureOf('STALLED', 'the body stopped moving')}),
    noteCounts: assign({counts: (_, params: {counts: AttemptCounts}) => params.counts}),
    noteDelay: assign({
      retryAfterMs: (_, params: {decision: PartDecision}) =>
        params.decision.kind === 'retry' ? params.decision.afterMs : 0,
    }),
    tellFailure: sendParent(({context}) => ({type: 'part.failed' as const, part: context.part})),
    tellEnd: sendParent(({context}) => ({type: 'part.ended' as const, part: context.part})),
    askForCheckpoint: sendTo('mover', {type: 'checkpoint.due'}),
  },
})

export const partMachine = lazily(() =>
  setUp.createMachine({
    id: 'part',
    description: 'One more connection that brings bytes of the same file',
    context: ({input}) => ({...input, retryAfterMs: 0}),
    initial: 'moving',
    states: {
      moving: {
        description: 'Brings one stretch after the other',
        tags: ['moving'],
        initial: 'connecting',
        invoke: {
          id: 'mover',
          src: 'movePart',
          input: ({context}) => ({operation: context.operation, part: context.part}),
          onError: 'ended',
        },
        on: {'part.continuing': '.connecting', 'part.finished': 'ended'},
        states: {
          connecting: {
            description: 'A connection is being made, or an idle one taken',
            on: {'part.connected': 'awaitingResponse', 'part.broken': '#part.refused'},
            after: {connectTimeout: '#part.refused'},
          },
          awaitingResponse: {
            description: 'The request is out; the head of its answer is not here yet',
            on: {
              'part.redirected': 'connecting',
              'part.challenged': 'connecting',
              'part.responded': 'transferring',
              'part.broken': '#part.refused',
            },
            after: {responseTimeout: '#part.refused'},
          },
          transferring: {
            description: 'Its bytes flow into the part file that all share',
            type: 'parallel',
            on: {
              'part.broken': {
                target: '#part.counting',
                actions: {type: 'noteFailure', params: ({event}) => ({error: event.error})},
              },
            },
            states: {
              flow: {
                description: 'Each byte that comes starts the count anew',
                initial: 'counting',
                on: {'part.progressed': '.counting'},
                states: {
                  counting: {
                    description: 'Counts as stalled when no byte came for stallTimeout',
                    after: {stallTimeout: {target: '#part.counting', actions: 'noteStall'}},
                  },
                },
              },
              pulse: {
                description: 'Asks for a checkpoint again and again',
                initial: 'resting',
                states: {
                  resting: {
                    description: 'Until the next checkpointInterval is over',
                    after: {
                      checkpointInterval: {target: 'resting', reenter: true, actions: 'askForCheckpoint'},
                    },
                  },
                },
              },
            },
          },
        },
      },
      counting: {
        description: 'The operation counts the failure against its budget',
        tags: ['resting'],
        entry: 'tellFailure',
        on: {
          'part.counted': {
            target: 'weighing',
            actions: {type: 'noteCounts', params: ({event}) => ({counts: event.counts})},
          },
        },
      },
      weighing: {
        description: 'The retry table decides what the failure means',
        tags: ['resting'],
        invoke: {
          id: 'weighing',
          src: 'weighPart',
          input: ({context}) => ({
            error: context.failure ?? failureOf('INTERNAL', 'no failure to weigh'),
            counts: context.counts ?? UNKNOWN_COUNTS,
            settings: context.settings,
            recoverable: context.recoverable,
          }),
          onDone: [
            {
              guard: {type: 'isRetried', params: ({event}) => ({decision: event.output})},
              target: 'waitingToRetry',
              actions: {type: 'noteDelay', params: ({event}) => ({decision: event.output})},
            },
            {target: 'ended'},
          ],
          onError: 'ended',
        },
      },
      waitingToRetry: {
        description: 'Waits for its next request; its stretch is free for others',
        tags: ['resting'],
        after: {retryDelay: 'moving'},
      },
      refused: {
        description: 'No body came of it: the operation counts the failure, and the part is not tried again',
        tags: ['resting'],
        entry: 'tellFailure',
        on: {'part.counted': 'ended'},
      },
      ended: {
        description: 'The operation’s other connections go on without it',
        tags: ['ended'],
        type: 'final',
        entry: 'tellEnd',
      },
    },
  }),
)
