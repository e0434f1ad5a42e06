/**
 * What a completion group's chart knows and hears, and what its words mean: its actors, delays, guards and actions. None of them has
 * side effects; the actors are placeholders until src/engine/chores/provide-tasks.ts puts real ones in their place.
 */

import {type AnyEventObject, assign, fromCallback, fromPromise, sendTo, setup} from 'xstate'
import {asTransferError, type SerializedError, TransferError} from '../src/domain/errors.ts'
import type {TallyId} from '../src/domain/operation-id.ts'
import type {Tally, TallyChange, TallyOutcome} from '../src/domain/tally.ts'

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
  /** An operation was created for it, or several (`count`). */
  | {readonly type: 'member.created'; readonly count?: number}
  /** Its record is durable. */
  | {readonly type: 'member.started'}
  /** It will never be started, or they. */
  | {readonly type: 'member.withdrawn'; readonly count?: number}
  /** Its end is durable. */
  | {readonly type: 'member.ended'}
  | {readonly type: 'group.enable'}
  /** Nobody has a handle of it any more. */
  | {readonly type: 'group.letGo'}
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

const notProvided = (name: string) => (): never => {
  throw new TransferError('INTERNAL', `${name} was not provided`)
}

/** Members that an event speaks of. */
function countOf(event: CompletionGroupEvent): number {
  return 'count' in event ? (event.count ?? 1) : 1
}

export const setUp = setup({
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
    isEmpty: ({context}) => context.members === 0 && context.unstarted === 0,
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
    countCreated: assign({unstarted: ({context, event}) => context.unstarted + countOf(event)}),
    countWithdrawn: assign({unstarted: ({context, event}) => Math.max(0, context.unstarted - countOf(event))}),
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
