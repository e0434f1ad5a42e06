/**
 * A completion group (spec 2.2): collects operations, and once it is enabled and all of them have ended, runs its background
 * task. It fires once ever: the store makes it due in the batch that writes the last end, and it stays due until the task has
 * said that it is through. Members are counted here and named in the store alone.
 *
 * restoring   routes a group to where its tally stands; what was never started when the process died is gone.
 * collecting  takes operations. Without `group.enable` nothing ever fires.
 * enabling    membership is closed; that is on its way to the disk.
 * held        enabled, while operations that were created and never started hold it.
 * releasing   the last of those was started; that is on its way to the disk.
 * consulting  asks the tally where the group stands: how many have not ended, or what is owed.
 * waiting     not every member has ended. Ends are counted, and an end may be counted twice, never missed: the count says when to
 *             ask again, and the tally what is so.
 * dropping    every member has ended, and nobody registered a task; that is on its way to the disk.
 * firing      every member has ended, and the task is owed. A turn is asked for, and held as long as this lasts:
 *   queued      as many tasks run as may at once.
 *   beginning   the try is counted on the disk before it begins, so that a task that takes the process down ends some day.
 *   running     the task: working for at most runTimeout, then canceling for at most cancelGrace, then stopped. Losing these
 *               waits is fine: the try was counted, and another one follows.
 *   succeeding  the task is through; that is on its way to the disk, and the debt with it.
 *   weighing    a try failed: another one at a deadline that stands in the tally, or the end.
 * backingOff  waits for that deadline; the engine's alarm sends `retry.due`.
 * fired       the task ran. dropped: nobody had registered one (O14). failed: it failed as often as it may. interrupted: the
 *             engine was closed first; the tally says the rest.
 */

import {type ActorRefFrom, type AnyEventObject, assign, fromCallback, fromPromise, sendTo, setup} from 'xstate'
import {asTransferError, type SerializedError, TransferError} from '../src/domain/errors.ts'
import {lazily} from '../src/domain/lazily.ts'
import type {Tally, TallyChange, TallyId, TallyOutcome} from '../src/domain/tally.ts'

export interface CompletionGroupContext {
  readonly id: TallyId
  /** What the tally said when the group was restored; read by restoring alone. */
  readonly restoredFrom: Tally['state']
  readonly wasHeld: boolean
  readonly hadTask: boolean
  /** Members that were started. */
  readonly members: number
  /** Those that have not ended; below 0 while ends are told before their starts. Never above the truth while waiting. */
  readonly unfinished: number
  /** Operations that were created for it and not started yet. */
  readonly unstarted: number
  /** Tries of its task that began. */
  readonly runs: number
  readonly runTimeoutMs: number
  readonly cancelGraceMs: number
  /** Epoch ms of the next try, while backingOff. */
  readonly retryAt?: number | undefined
  readonly outcome?: TallyOutcome | undefined
  /** Why the last try failed. */
  readonly failure?: SerializedError | undefined
}

export type CompletionGroupEvent =
  /** An operation was created for it. */
  | {readonly type: 'member.created'}
  /** Its record is durable. */
  | {readonly type: 'member.started'}
  /** It will never be started. */
  | {readonly type: 'member.withdrawn'}
  /** Its end is durable. */
  | {readonly type: 'member.ended'}
  | {readonly type: 'group.enable'}
  /** A registration came or went; that is on its way to the disk. */
  | {readonly type: 'task.changed'}
  | {readonly type: 'retry.due'}
  /** Fewer tasks run than may: this one's turn has come. */
  | {readonly type: 'turn.come'}
  /** The task is through, or failed. */
  | {readonly type: 'task.through'}
  | {readonly type: 'task.failed'; readonly error: SerializedError}
  /** The engine closes: told again after each step, until the group rests. */
  | {readonly type: 'engine.draining'}

/** The task is told that it has to end. */
export type TaskCommand = {readonly type: 'task.cancel'}

export interface CompletionGroupInput {
  readonly tally: Tally
  /** ms that a task has, if its registration does not say. */
  readonly runTimeoutMs: number
  /** ms that a task has from being canceled to being stopped. */
  readonly cancelGraceMs: number
}

export interface CommitInput {
  readonly id: TallyId
  readonly change: TallyChange
}

export interface WeighRunInput {
  readonly id: TallyId
  readonly runs: number
  readonly failure: SerializedError
}

/** The engine's own close is not the task's failure: this try does not count. */
const INTERRUPTED = new TransferError('CLOSED', 'the engine was closed while the background task ran').toSerialized()

const notProvided = (name: string) => (): never => {
  throw new TransferError('INTERNAL', `${name} was not provided`)
}

const setUp = setup({
  types: {
    context: {} as CompletionGroupContext,
    input: {} as CompletionGroupInput,
    events: {} as CompletionGroupEvent,
    tags: {} as 'collecting' | 'enabled' | 'firing' | 'running' | 'over',
    children: {} as {
      enabling: 'commitChange'
      releasing: 'commitChange'
      consultation: 'readTally'
      dropping: 'commitChange'
      turn: 'holdTurn'
      beginning: 'commitChange'
      task: 'runTask'
      success: 'commitChange'
      weighing: 'weighRun'
    },
  },
  actors: {
    commitChange: fromPromise<void, CommitInput>(notProvided('commitChange')),
    /** Asks until the store answers, behind registrations on their way there; rejects when the engine closes first, and when the tally does not verify. */
    readTally: fromPromise<Tally | undefined, {readonly id: TallyId}>(notProvided('readTally')),
    /** Sends `turn.come` once it may run; stopping it gives the turn to the next, when nothing of the task runs any more. */
    holdTurn: fromCallback<AnyEventObject, {readonly id: TallyId}>(notProvided('holdTurn')),
    /** Sends `task.through` or `task.failed`; stopping it stops the task. */
    runTask: fromCallback<TaskCommand, {readonly id: TallyId; readonly run: number}>(notProvided('runTask')),
    /** Makes the failure durable; resolves with the deadline of the next try, or without one. */
    weighRun: fromPromise<{readonly retryAt?: number}, WeighRunInput>(notProvided('weighRun')),
  },
  delays: {
    runTimeout: ({context}) => context.runTimeoutMs,
    cancelGrace: ({context}) => context.cancelGraceMs,
  },
  guards: {
    wasDue: ({context}) => context.restoredFrom === 'due' && context.hadTask,
    /** Also what nothing holds: the store settles it when it is released. */
    wasHeld: ({context}) => context.restoredFrom === 'closed' && (context.wasHeld || context.unfinished === 0),
    wasEnabled: ({context}) => context.restoredFrom === 'closed' || context.restoredFrom === 'due',
    wasOver: ({context}) => context.restoredFrom === 'done',
    wasWaiting: ({context}) => context.restoredFrom === 'due' && context.retryAt !== undefined,
    isReleased: ({context}) => context.unstarted === 0,
    haveAllEnded: ({context}) => context.unfinished <= 0,
    owesTask: (_, params: {tally: Tally | undefined}) =>
      params.tally?.state === 'due' && params.tally.task !== undefined,
    owesNobody: (_, params: {tally: Tally | undefined}) => params.tally?.state === 'due',
    owesNothing: (_, params: {tally: Tally | undefined}) => params.tally === undefined || params.tally.state === 'done',
    wasInterrupted: ({context}) => context.failure?.code === 'CLOSED',
    hasUnfinished: (_, params: {tally: Tally | undefined}) => (params.tally?.unfinished ?? 0) > 0,
    hasNextTry: (_, params: {retryAt?: number}) => params.retryAt !== undefined,
  },
  actions: {
    countCreated: assign({unstarted: ({context}) => context.unstarted + 1}),
    countWithdrawn: assign({unstarted: ({context}) => Math.max(0, context.unstarted - 1)}),
    countStarted: assign({
      unstarted: ({context}) => Math.max(0, context.unstarted - 1),
      members: ({context}) => context.members + 1,
      unfinished: ({context}) => context.unfinished + 1,
    }),
    countEnded: assign({unfinished: ({context}) => context.unfinished - 1}),
    noteTally: assign({
      members: ({context}, params: {tally: Tally | undefined}) => params.tally?.members ?? context.members,
      unfinished: ({context}, params: {tally: Tally | undefined}) => params.tally?.unfinished ?? context.unfinished,
      runs: ({context}, params: {tally: Tally | undefined}) => params.tally?.runs ?? context.runs,
      runTimeoutMs: ({context}, params: {tally: Tally | undefined}) =>
        params.tally?.task?.timeoutMs ?? context.runTimeoutMs,
    }),
    countRun: assign({runs: ({context}) => context.runs + 1, retryAt: undefined}),
    noteFailure: assign({failure: (_, params: {error: SerializedError}) => params.error}),
    noteError: assign({failure: (_, params: {error: unknown}) => asTransferError(params.error).toSerialized()}),
    noteTimeout: assign({
      failure: ({context}) =>
        new TransferError('TASK_TIMED_OUT', `the background task was not through after ${context.runTimeoutMs} ms`, {
          where: context.id,
        }).toSerialized(),
    }),
    noteRetry: assign({retryAt: (_, params: {retryAt?: number}) => params.retryAt}),
    noteOutcome: assign({outcome: (_, params: {outcome: TallyOutcome}) => params.outcome}),
    forgetFailure: assign({failure: undefined}),
    cancelTask: sendTo('task', {type: 'task.cancel'}),
  },
})

export const completionGroupMachine = lazily(() =>
  setUp.createMachine({
    id: 'completionGroup',
    description: 'A set of operations that runs one background task when all of them have ended',
    context: ({input: {tally, runTimeoutMs, cancelGraceMs}}) => ({
      id: tally.id,
      restoredFrom: tally.state,
      wasHeld: tally.held === true,
      hadTask: tally.task !== undefined,
      members: tally.members,
      unfinished: tally.unfinished,
      unstarted: 0,
      runs: tally.runs ?? 0,
      runTimeoutMs: tally.task?.timeoutMs ?? runTimeoutMs,
      cancelGraceMs,
      retryAt: tally.retryAt,
      failure: tally.error,
    }),
    initial: 'restoring',
    on: {
      'member.created': {actions: 'countCreated'},
      'member.withdrawn': {actions: 'countWithdrawn'},
      'member.started': {actions: 'countStarted'},
      'member.ended': {actions: 'countEnded'},
    },
    states: {
      restoring: {
        description: 'Goes where the tally stands',
        tags: ['collecting'],
        always: [
          {guard: 'wasWaiting', target: 'backingOff'},
          {guard: 'wasDue', target: 'firing'},
          {guard: 'wasHeld', target: 'releasing'},
          {guard: 'wasEnabled', target: 'consulting'},
          {guard: 'wasOver', target: 'fired'},
          {target: 'collecting'},
        ],
      },
      collecting: {
        description: 'Takes operations',
        tags: ['collecting'],
        on: {'group.enable': 'enabling'},
      },
      enabling: {
        description: 'Membership is closed; that is being made durable',
        tags: ['enabled'],
        invoke: {
          id: 'enabling',
          src: 'commitChange',
          input: ({context}) => ({id: context.id, change: {kind: 'close', held: context.unstarted > 0}}),
          onDone: 'held',
          onError: {target: 'interrupted', actions: {type: 'noteError', params: ({event}) => ({error: event.error})}},
        },
      },
      held: {
        description: 'Operations that were created and never started hold it',
        tags: ['enabled'],
        always: {guard: 'isReleased', target: 'releasing'},
      },
      releasing: {
        description: 'Nothing holds it any more; that is being made durable',
        tags: ['enabled'],
        invoke: {
          id: 'releasing',
          src: 'commitChange',
          input: ({context}) => ({id: context.id, change: {kind: 'release'}}),
          onDone: 'consulting',
          onError: {target: 'interrupted', actions: {type: 'noteError', params: ({event}) => ({error: event.error})}},
        },
      },
      consulting: {
        description: 'Asks the tally where the group stands',
        tags: ['enabled'],
        on: {
          'member.ended': {
            description: 'What is being read may be older than this end',
            target: 'consulting',
            reenter: true,
          },
          'task.changed': {
            description: 'What is being read may be older than this registration',
            target: 'consulting',
            reenter: true,
          },
          'engine.draining': 'interrupted',
        },
        invoke: {
          id: 'consultation',
          src: 'readTally',
          input: ({context}) => ({id: context.id}),
          onDone: [
            {
              guard: {type: 'owesTask', params: ({event}) => ({tally: event.output})},
              target: 'firing',
              actions: {type: 'noteTally', params: ({event}) => ({tally: event.output})},
            },
            {
              guard: {type: 'owesNobody', params: ({event}) => ({tally: event.output})},
              target: 'dropping',
              actions: {type: 'noteTally', params: ({event}) => ({tally: event.output})},
            },
            {
              guard: {type: 'owesNothing', params: ({event}) => ({tally: event.output})},
              target: 'dropped',
              actions: {type: 'noteOutcome', params: {outcome: 'dropped'}},
            },
            {
              guard: {type: 'hasUnfinished', params: ({event}) => ({tally: event.output})},
              target: 'waiting',
              actions: {type: 'noteTally', params: ({event}) => ({tally: event.output})},
            },
            {target: 'interrupted'},
          ],
          onError: {target: 'interrupted', actions: {type: 'noteError', params: ({event}) => ({error: event.error})}},
        },
      },
      dropping: {
        description: 'Nobody registered a task; that is being made durable',
        tags: ['enabled', 'firing'],
        invoke: {
          id: 'dropping',
          src: 'commitChange',
          input: ({context}) => ({id: context.id, change: {kind: 'drop'}}),
          onDone: 'consulting',
          onError: {target: 'interrupted', actions: {type: 'noteError', params: ({event}) => ({error: event.error})}},
        },
      },
      waiting: {
        description: 'Not every member has ended',
        tags: ['enabled'],
        always: {guard: 'haveAllEnded', target: 'consulting'},
      },
      firing: {
        description: 'Every member has ended, and the task is owed',
        tags: ['enabled', 'firing'],
        initial: 'queued',
        invoke: {
          id: 'turn',
          src: 'holdTurn',
          input: ({context}) => ({id: context.id}),
          onError: {target: 'interrupted', actions: {type: 'noteError', params: ({event}) => ({error: event.error})}},
        },
        states: {
          queued: {
            description: 'As many tasks run as may at once',
            on: {'turn.come': 'beginning', 'engine.draining': '#completionGroup.interrupted'},
          },
          beginning: {
            description: 'Counts the try before it begins',
            on: {
              'engine.draining': {
                description: 'What is being counted is taken back behind it',
                target: 'weighing',
                actions: {type: 'noteFailure', params: {error: INTERRUPTED}},
              },
            },
            invoke: {
              id: 'beginning',
              src: 'commitChange',
              input: ({context}) => ({id: context.id, change: {kind: 'begin'}}),
              onDone: {target: 'running', actions: 'countRun'},
              onError: {
                target: '#completionGroup.interrupted',
                actions: {type: 'noteError', params: ({event}) => ({error: event.error})},
              },
            },
          },
          running: {
            description: 'The task runs, apart from the engine',
            tags: ['running'],
            initial: 'working',
            invoke: {
              id: 'task',
              src: 'runTask',
              input: ({context}) => ({id: context.id, run: context.runs}),
              onError: {target: 'weighing', actions: {type: 'noteError', params: ({event}) => ({error: event.error})}},
            },
            on: {
              'task.through': 'succeeding',
              'task.failed': {
                target: 'weighing',
                actions: {type: 'noteFailure', params: ({event}) => ({error: event.error})},
              },
            },
            states: {
              working: {
                description: 'Within the time that it has',
                on: {
                  'engine.draining': {
                    target: 'canceling',
                    actions: {type: 'noteFailure', params: {error: INTERRUPTED}},
                  },
                },
                after: {runTimeout: {target: 'canceling', actions: 'noteTimeout'}},
              },
              canceling: {
                description: 'Was told to end, and has a grace to do so',
                entry: 'cancelTask',
                on: {'task.failed': '#completionGroup.firing.weighing'},
                after: {cancelGrace: '#completionGroup.firing.weighing'},
              },
            },
          },
          succeeding: {
            description: 'The task is through; that is being made durable',
            invoke: {
              id: 'success',
              src: 'commitChange',
              input: ({context}) => ({id: context.id, change: {kind: 'finish'}}),
              onDone: {
                target: '#completionGroup.fired',
                actions: ['forgetFailure', {type: 'noteOutcome', params: {outcome: 'ran'}}],
              },
              onError: {
                target: '#completionGroup.interrupted',
                actions: {type: 'noteError', params: ({event}) => ({error: event.error})},
              },
            },
          },
          weighing: {
            description: 'A try failed: another one, or the end',
            invoke: {
              id: 'weighing',
              src: 'weighRun',
              input: ({context}) => ({
                id: context.id,
                runs: context.runs,
                failure: context.failure ?? {code: 'INTERNAL', message: 'a background task failed without saying why'},
              }),
              onDone: [
                {
                  guard: 'wasInterrupted',
                  target: '#completionGroup.interrupted',
                  actions: {type: 'noteRetry', params: ({event}) => event.output},
                },
                {
                  guard: {type: 'hasNextTry', params: ({event}) => event.output},
                  target: '#completionGroup.backingOff',
                  actions: {type: 'noteRetry', params: ({event}) => event.output},
                },
                {target: '#completionGroup.failed', actions: {type: 'noteOutcome', params: {outcome: 'failed'}}},
              ],
              onError: {
                target: '#completionGroup.interrupted',
                actions: {type: 'noteError', params: ({event}) => ({error: event.error})},
              },
            },
          },
        },
      },
      backingOff: {
        description: 'Waits for the deadline of the next try',
        tags: ['enabled', 'firing'],
        on: {'retry.due': {target: 'firing', actions: {type: 'noteRetry', params: {}}}},
      },
      fired: {description: 'The task ran', tags: ['enabled', 'over'], type: 'final'},
      dropped: {description: 'Nobody had registered a task', tags: ['enabled', 'over'], type: 'final'},
      failed: {description: 'The task failed as often as it may', tags: ['enabled', 'over'], type: 'final'},
      interrupted: {
        description: 'The engine closes, or the tally is damaged: the next session goes on from it',
        tags: ['enabled', 'over'],
        type: 'final',
      },
    },
  }),
)

export type CompletionGroupActor = ActorRefFrom<ReturnType<typeof completionGroupMachine>>
