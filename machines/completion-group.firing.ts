/**
 * The state `firing` of a completion group: the tries of its background task. Each is counted on the disk before it begins, and
 * what came of it is there before anything follows.
 */

import {TransferError} from '../src/domain/errors.ts'
import {setUp} from './completion-group.setup.ts'

/** The engine's own close is not the task's failure: this try does not count. */
const INTERRUPTED = new TransferError('CLOSED', 'the engine was closed while the background task ran').toSerialized()

export const firing = () =>
  setUp.createStateConfig({
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
  })
