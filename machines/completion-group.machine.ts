/**
 * A completion group (spec 2.2): collects operations, and once it is enabled and all of them have ended, runs its background
 * task. It fires once ever: the store makes it due in the batch that writes the last end, and it stays due until the task has
 * said that it is through. Members are counted here and named in the store alone.
 *
 * restoring   routes a group to where its tally stands; what was never started when the process died is gone.
 * collecting  takes operations. Without `group.enable` nothing ever fires.
 * unused      nobody has it any more, and it never had an operation: there is nothing of it to be enabled.
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

import type {ActorRefFrom} from 'xstate'
import {lazily} from '../src/domain/lazily.ts'
import {firing} from './completion-group.firing.ts'
import {setUp} from './completion-group.setup.ts'

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
        on: {'group.enable': 'enabling', 'group.letGo': {guard: 'isEmpty', target: 'unused'}},
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
      firing: firing(),
      backingOff: {
        description: 'Waits for the deadline of the next try',
        tags: ['enabled', 'firing'],
        on: {'retry.due': {target: 'firing', actions: {type: 'noteRetry', params: {}}}},
      },
      unused: {description: 'It never had an operation, and nobody has it', tags: ['enabled', 'over'], type: 'final'},
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
