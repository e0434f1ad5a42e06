/**
 * A batch of operations that somebody is notified of when all of them have ended (spec 11.5): those that one downloader or
 * uploader made for one transfer group. It lives while operations that were created for it wait to be started, and around each
 * end; in between its tally is enough. The store makes the tally due in the batch that writes the last end, and a notice is
 * counted out of it before it is shown: after a crash it is never shown again, and seldom not at all.
 *
 * restoring   routes a batch to where its tally stands.
 * collecting  operations were created for it and not started yet: whatever has ended, it is not over.
 * consulting  asks the tally whether anything is owed. What is being read may be older than an end that is told meanwhile.
 * beginning   these ends are counted out, durably, before anybody sees them.
 * showing     the notice is on its way to the person, for at most showTimeout. Losing this wait is fine: it was shown, or was not.
 * finishing   nothing is owed any more; that is on its way to the disk.
 * skipping    there is nothing to show for these ends; they are counted out.
 * asleep      nothing is owed. interrupted: the engine closes, or the tally is damaged; the next session goes on from it.
 */

import {type ActorRefFrom, assign, fromPromise, setup} from 'xstate'
import {asTransferError, type SerializedError, TransferError} from '../src/domain/errors.ts'
import {lazily} from '../src/domain/lazily.ts'
import {type BatchEnds, endsOf, type Notice, noticeOf} from '../src/domain/notice.ts'
import type {TallyId} from '../src/domain/operation-id.ts'
import type {Tally, TallyChange} from '../src/domain/tally.ts'

export interface NotificationBatchContext {
  readonly id: TallyId
  /** A notice was on its way when the process died. */
  readonly wasShowing: boolean
  /** Operations that were created for it and not started yet. */
  readonly unstarted: number
  /** The ends that are owed a notice, or nothing, as the tally said last. */
  readonly ends: BatchEnds
  readonly notice?: Notice | undefined
  /** Whether anybody could see the last notice. */
  readonly shown: boolean
  /** Why the next session has to go on from here. */
  readonly failure?: SerializedError | undefined
  readonly showTimeoutMs: number
}

export type NotificationBatchEvent =
  /** An operation was created for it. */
  | {readonly type: 'member.created'}
  /** Its record is durable. */
  | {readonly type: 'member.started'}
  /** It will never be started. */
  | {readonly type: 'member.withdrawn'}
  /** Its end is durable. */
  | {readonly type: 'member.ended'}
  /** The engine closes: told again after each step. */
  | {readonly type: 'engine.draining'}

export interface NotificationBatchInput {
  readonly id: TallyId
  /** As an earlier session left it; undefined in the session that began it. */
  readonly tally?: Tally
  /** ms that the machine has to show a notice. */
  readonly showTimeoutMs: number
}

export interface NotificationCommitInput {
  readonly id: TallyId
  readonly change: TallyChange
}

const NO_ENDS: BatchEnds = {completed: 0, failed: 0, canceled: 0}

const notProvided = (name: string) => (): never => {
  throw new TransferError('INTERNAL', `${name} was not provided`)
}

const setUp = setup({
  types: {
    context: {} as NotificationBatchContext,
    input: {} as NotificationBatchInput,
    events: {} as NotificationBatchEvent,
    tags: {} as 'resting' | 'asking' | 'showing' | 'over',
    children: {} as {
      consultation: 'readTally'
      beginning: 'commitChange'
      notice: 'showNotice'
      finishing: 'commitChange'
      skipping: 'commitChange'
    },
  },
  actors: {
    commitChange: fromPromise<void, NotificationCommitInput>(notProvided('commitChange')),
    /** Asks until the store answers; rejects when the engine closes first, and when the tally does not verify. */
    readTally: fromPromise<Tally | undefined, {readonly id: TallyId}>(notProvided('readTally')),
    /** Resolves with whether anybody could see it; what fails is nothing that could be seen. */
    showNotice: fromPromise<boolean, {readonly notice: Notice | undefined}>(notProvided('showNotice')),
  },
  delays: {
    showTimeout: ({context}) => context.showTimeoutMs,
  },
  guards: {
    wasShowing: ({context}) => context.wasShowing,
    isHeld: ({context}) => context.unstarted > 0,
    isReleased: ({context}) => context.unstarted === 0,
    owesNotice: (_, params: {tally: Tally | undefined}) =>
      params.tally?.state === 'due' && noticeOf(params.tally) !== undefined,
    owesNothingToSee: (_, params: {tally: Tally | undefined}) => params.tally?.state === 'due',
  },
  actions: {
    countCreated: assign({unstarted: ({context}) => context.unstarted + 1}),
    countGone: assign({unstarted: ({context}) => Math.max(0, context.unstarted - 1)}),
    noteTally: assign({
      ends: (_, params: {tally: Tally | undefined}) => (params.tally === undefined ? NO_ENDS : endsOf(params.tally)),
      notice: (_, params: {tally: Tally | undefined}) =>
        params.tally === undefined ? undefined : noticeOf(params.tally),
    }),
    noteShown: assign({shown: (_, params: {shown: boolean}) => params.shown}),
    noteError: assign({failure: (_, params: {error: unknown}) => asTransferError(params.error).toSerialized()}),
  },
})

export const notificationBatchMachine = lazily(() =>
  setUp.createMachine({
    id: 'notificationBatch',
    description: 'A set of operations that somebody is notified of once when all of them have ended',
    context: ({input: {id, tally, showTimeoutMs}}) => ({
      id,
      wasShowing: tally?.runs !== undefined,
      unstarted: 0,
      ends: NO_ENDS,
      shown: false,
      showTimeoutMs,
    }),
    initial: 'restoring',
    on: {
      'member.created': {actions: 'countCreated'},
      'member.started': {actions: 'countGone'},
      'member.withdrawn': {actions: 'countGone'},
    },
    states: {
      restoring: {
        description: 'Goes where the tally stands',
        tags: ['asking'],
        always: [{guard: 'wasShowing', target: 'finishing'}, {target: 'consulting'}],
      },
      collecting: {
        description: 'Operations that were created and never started hold it',
        tags: ['resting'],
        always: {guard: 'isReleased', target: 'consulting'},
      },
      consulting: {
        description: 'Asks the tally whether anything is owed',
        tags: ['asking'],
        always: {guard: 'isHeld', target: 'collecting'},
        on: {
          'member.ended': {
            description: 'What is being read may be older than this end',
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
              guard: {type: 'owesNotice', params: ({event}) => ({tally: event.output})},
              target: 'beginning',
              actions: {type: 'noteTally', params: ({event}) => ({tally: event.output})},
            },
            {
              guard: {type: 'owesNothingToSee', params: ({event}) => ({tally: event.output})},
              target: 'skipping',
              actions: {type: 'noteTally', params: ({event}) => ({tally: event.output})},
            },
            {target: 'asleep'},
          ],
          onError: {target: 'interrupted', actions: {type: 'noteError', params: ({event}) => ({error: event.error})}},
        },
      },
      beginning: {
        description: 'Counts these ends out before anybody sees them',
        tags: ['showing'],
        invoke: {
          id: 'beginning',
          src: 'commitChange',
          input: ({context}) => ({id: context.id, change: {kind: 'show', ends: context.ends}}),
          onDone: 'showing',
          onError: {target: 'interrupted', actions: {type: 'noteError', params: ({event}) => ({error: event.error})}},
        },
      },
      showing: {
        description: 'The notice is on its way to the person',
        tags: ['showing'],
        invoke: {
          id: 'notice',
          src: 'showNotice',
          input: ({context}) => ({notice: context.notice}),
          onDone: {target: 'finishing', actions: {type: 'noteShown', params: ({event}) => ({shown: event.output})}},
          onError: {target: 'finishing', actions: {type: 'noteShown', params: {shown: false}}},
        },
        after: {showTimeout: {target: 'finishing', actions: {type: 'noteShown', params: {shown: false}}}},
      },
      finishing: {
        description: 'Nothing is owed any more; that is being made durable',
        tags: ['showing'],
        invoke: {
          id: 'finishing',
          src: 'commitChange',
          input: ({context}) => ({id: context.id, change: {kind: 'finish'}}),
          onDone: 'consulting',
          onError: {target: 'interrupted', actions: {type: 'noteError', params: ({event}) => ({error: event.error})}},
        },
      },
      skipping: {
        description: 'There is nothing to show for these ends; they are counted out',
        tags: ['showing'],
        invoke: {
          id: 'skipping',
          src: 'commitChange',
          input: ({context}) => ({id: context.id, change: {kind: 'skip', ends: context.ends}}),
          onDone: 'consulting',
          onError: {target: 'interrupted', actions: {type: 'noteError', params: ({event}) => ({error: event.error})}},
        },
      },
      asleep: {description: 'Nothing is owed; the next end wakes it', tags: ['over'], type: 'final'},
      interrupted: {
        description: 'The engine closes, or the tally is damaged: the next session goes on from it',
        tags: ['over'],
        type: 'final',
      },
    },
  }),
)

export type NotificationBatchActor = ActorRefFrom<ReturnType<typeof notificationBatchMachine>>
