/**
 * One upload's life: BackgroundTransferStatus as a statechart, beside that of a download and in its words, so that groups, the
 * journal and the inspector treat both alike. An upload is never paused by the application and never mended by it.
 *
 * restoring   routes a record to the state it names. What another session had on the wire, and nobody may send twice, is
 *             terminated (spec U15); everything else that ran when the process died queues again.
 * queued      waits for `operation.admit` from its group.
 * running
 *   preparing     the files to send are looked at: they must be as they were when they were first sent (U18).
 *   refreshing    the application's provider gives what the next request needs (providerTimeout); only where there is one. Before
 *                 recording: while it is asked nothing was sent, and a crash may not make it look so.
 *   recording     that the request goes out, and that it is a sending anew, is durable before its first byte; and taken back where the
 *                 try ends before there is a connection.
 *   exchanging    one try, moved by the actor `sendContent`:
 *     active        connecting (connectTimeout) → sending (stallTimeout) → awaitingResponse (responseTimeout) →
 *                   receivingResponse (stallTimeout). A server may answer while it is being sent to. concludingEarly and
 *                   concluding (yieldTimeout at most) go on by a redirect, or a question who we are, whose body does not end.
 *     leaving       a redirect to GET took the upload: from here on nothing of it is sent again, in this session or another. Once it
 *                   has ended, or has not for a moment (partingTimeout), follows preparing, recording and exchanging for its answer
 *                   alone, with tries and waits as for any other; where it cannot be had, the upload fails with an error that says
 *                   that the server has it.
 *     concluding    the server fell silent within its answer, or accepted and the try has to end: what came of it is kept, and its
 *                   status decides.
 *   stepping      the same for an upload that can go on where it was cut: one request of its protocol, moved by the actor
 *                 `performStep`; then preparing again, so that the source is looked at, and recording, so that what the server
 *                 confirmed is durable, before the next.
 *     discovering, creating, askingOffset, appending, completing; concluding as above, for a refusal: of a success the protocol
 *                   has to read what there is to read.
 *   weighing      the retry table decides what a failure means.
 *   abandoning    it failed for good: the server is told to forget a resumable upload.
 *   waitingToRetry, returning   as in the chart of a download.
 * paused      one state per reason of the system; each keeps the member's place in its group.
 * canceling   terminates a resumable upload at its server, and removes the private files; then canceled. To terminate is a request,
 *             too: a provider is asked for what it needs, and where it gives nothing the request goes out without.
 *
 * Three states have files of their own, upload.exchanging.ts, upload.stepping.ts and upload.terminating.ts; what the words of the
 * chart mean stands in upload.setup.ts.
 *
 * Whatever interrupts a try voids the bytes that were sent: there is nothing to make durable first, and the next try begins at
 * the first byte; or, where a protocol can ask, at the first that the server does not have.
 */

import {lazily} from '../src/domain/lazily.ts'
import {
  decidedTo,
  leavingPause,
  noteDecision,
  noteThrown,
  noteThrownFinal,
  pausesOfTheSystem,
  toWeigh,
} from './transfer.transitions.ts'
import {exchanging} from './upload.exchanging.ts'
import {setUp} from './upload.setup.ts'
import {stepping} from './upload.stepping.ts'
import {terminatingBy} from './upload.terminating.ts'
import {interruptions} from './upload.transitions.ts'

/** Where an admitted upload goes: straight into the pause that applies, else on its way to the wire (8.4). */
const onAdmission = [...pausesOfTheSystem('upload'), {target: '#upload.running.preparing'}] as const

export const uploadMachine = lazily(() =>
  setUp.createMachine({
    id: 'upload',
    description: 'One upload: BackgroundTransferStatus and what stands between its values',
    context: ({input}) => {
      const {state, ...facts} = input.record
      return {
        facts,
        restoredFrom: state,
        conditions: input.conditions,
        settings: input.settings,
        session: input.session,
      }
    },
    initial: 'restoring',
    on: {
      'conditions.changed': {
        actions: {type: 'noteConditions', params: ({event}) => ({conditions: event.conditions})},
      },
      'policy.changed': {actions: {type: 'notePolicy', params: ({event}) => ({policy: event.policy})}},
      'headers.changed': {actions: {type: 'noteHeaders', params: ({event}) => ({request: event.request})}},
    },
    states: {
      restoring: {
        description: 'Routes the record to the state that it names; never rests here',
        tags: ['queued'],
        on: {'operation.cancel': 'canceling'},
        always: [
          {guard: {type: 'wasIn', params: {state: 'completed'}}, target: 'completed'},
          {guard: {type: 'wasIn', params: {state: 'canceled'}}, target: 'canceled'},
          {guard: {type: 'wasIn', params: {state: 'failed'}}, target: 'failed'},
          {guard: {type: 'wasIn', params: {state: 'canceling'}}, target: 'canceling'},
          {guard: 'isStranded', target: 'canceling', actions: 'noteTermination'},
          {guard: {type: 'wasIn', params: {state: 'waitingToRetry'}}, target: 'running.waitingToRetry'},
          {guard: {type: 'wasIn', params: {state: 'pausedNoNetwork'}}, target: 'paused.noNetwork'},
          {guard: {type: 'wasIn', params: {state: 'pausedCostedNetwork'}}, target: 'paused.costedNetwork'},
          {guard: {type: 'wasIn', params: {state: 'pausedSystemPolicy'}}, target: 'paused.systemPolicy'},
          {guard: {type: 'wasIn', params: {state: 'pausedForStorage'}}, target: 'paused.forStorage'},
          {target: 'queued'},
        ],
      },

      queued: {
        description: 'Idle (0): waits in its group’s line until the group admits it',
        tags: ['queued', 'passive'],
        entry: 'forgetStep',
        on: {
          'operation.admit': onAdmission,
          'operation.reprioritize': {
            actions: [
              {type: 'notePolicy', params: ({event}) => ({policy: event.policy})},
              {type: 'notePlace', params: ({event}) => ({sequence: event.sequence})},
            ],
          },
          'operation.cancel': 'canceling',
        },
      },

      running: {
        description: 'Running (1): the transfer is in progress, a wait between two tries included',
        initial: 'preparing',
        exit: 'noteUnsent',
        states: {
          preparing: {
            description: 'The files to send are looked at: there, and as they were when they were first sent',
            tags: ['running', 'moving'],
            // Nothing of them is sent any more.
            always: [
              {guard: 'isTakenAndRefreshed', target: 'refreshing'},
              {guard: 'isTaken', target: 'recording'},
            ],
            invoke: {
              id: 'preparation',
              src: 'prepareContent',
              input: ({context}) => ({facts: context.facts}),
              onDone: [
                {
                  guard: 'hasProvider',
                  target: 'refreshing',
                  actions: {type: 'notePreparation', params: ({event}) => event.output},
                },
                {
                  target: 'recording',
                  actions: {type: 'notePreparation', params: ({event}) => event.output},
                },
              ],
              onError: {target: 'weighing', actions: noteThrown},
            },
            on: interruptions,
          },

          refreshing: {
            description: 'The application’s provider gives what does not last: a token, a signed address',
            tags: ['running', 'moving'],
            always: pausesOfTheSystem('upload'),
            invoke: {
              id: 'refreshment',
              src: 'refreshRequest',
              input: ({context}) => ({facts: context.facts}),
              onDone: 'recording',
              onError: {target: 'weighing', actions: noteThrown},
            },
            after: {providerTimeout: {target: 'weighing', actions: 'noteProviderTimeout'}},
            on: interruptions,
          },

          recording: {
            description: 'That it is sent, or sent anew, or taken, is made durable before the next byte goes out',
            tags: ['running', 'moving'],
            entry: 'noteSending',
            invoke: {
              id: 'sendingCommit',
              src: 'commitRecord',
              input: ({context}) => ({record: {...context.facts, state: 'running'}}),
              onDone: [
                {guard: {type: 'goesOnWith', params: {step: 'discover'}}, target: 'stepping.discovering'},
                {guard: {type: 'goesOnWith', params: {step: 'create'}}, target: 'stepping.creating'},
                {guard: {type: 'goesOnWith', params: {step: 'ask'}}, target: 'stepping.askingOffset'},
                {guard: {type: 'goesOnWith', params: {step: 'append'}}, target: 'stepping.appending'},
                {guard: {type: 'goesOnWith', params: {step: 'complete'}}, target: 'stepping.completing'},
                {target: 'exchanging'},
              ],
              onError: {target: 'weighing', actions: noteThrown},
            },
            on: interruptions,
          },

          exchanging: exchanging(),

          stepping: stepping(),

          weighing: {
            description: 'The retry table decides what the failure means',
            tags: ['running', 'moving'],
            entry: ['forgetStep', 'noteUnsent'],
            invoke: {
              id: 'weighing',
              src: 'weighFailure',
              input: toWeigh,
              onDone: [
                {guard: decidedTo('atOnce'), target: 'preparing', actions: 'noteContinuation'},
                {guard: decidedTo('waitUntil'), target: 'waitingToRetry', actions: noteDecision('noteDeadline')},
                {
                  guard: decidedTo('pauseForStorage'),
                  target: '#upload.paused.forStorage',
                  actions: noteDecision('noteDeadline'),
                },
                {target: 'abandoning', actions: noteDecision('noteFinalError')},
              ],
              onError: {target: 'abandoning', actions: noteThrownFinal},
            },
            on: interruptions,
          },

          abandoning: {
            description: 'It failed for good; what the server has of it is given up',
            tags: ['running', 'moving'],
            initial: 'choosing',
            on: {
              'operation.displace': '#upload.failed',
              'operation.suspend': '#upload.failed',
              'operation.cancel': '#upload.canceling',
            },
            states: {
              choosing: {
                description: 'Whether there is anything to give up',
                always: [{guard: 'isToTerminate', target: 'terminating'}, {target: '#upload.failed'}],
              },
              terminating: terminatingBy({
                ids: ['abandonmentRefreshment', 'abandonment'],
                here: '#upload.running.abandoning.terminating',
                target: '#upload.failed',
              }),
            },
          },

          waitingToRetry: {
            description: 'Waits for the deadline in its record; keeps its place, gives back its capacity',
            tags: ['waitingToRetry', 'holding', 'passive'],
            exit: 'clearDeadline',
            on: {
              'retry.due': 'returning',
              'operation.retry': {description: 'Somebody does not want to wait', target: 'returning'},
              'operation.displace': '#upload.queued',
              'operation.cancel': '#upload.canceling',
            },
          },

          returning: {
            description: 'A wait is over: wants capacity again, before anything in the line',
            tags: ['returning', 'holding'],
            on: {'operation.admit': onAdmission, ...interruptions},
          },
        },
      },

      paused: {
        description: 'No traffic; one state per reason of the system',
        initial: 'noNetwork',
        entry: 'forgetStep',
        on: {'operation.cancel': 'canceling', 'operation.displace': 'queued'},
        states: {
          noNetwork: {
            description: 'PausedNoNetwork (4): no attempt is made and no retry spent; keeps its place',
            tags: ['pausedNoNetwork', 'holding'],
            always: leavingPause('upload', 'noNetwork'),
          },
          costedNetwork: {
            description: 'PausedCostedNetwork (3): the cost policy forbids this network; keeps its place',
            tags: ['pausedCostedNetwork', 'holding'],
            always: leavingPause('upload', 'costedNetwork'),
          },
          systemPolicy: {
            description: 'PausedSystemPolicy (32): the system saves power; keeps its place',
            tags: ['pausedSystemPolicy', 'holding'],
            always: leavingPause('upload', 'systemPolicy'),
          },
          forStorage: {
            description: 'PausedSystemPolicy (32): there is no room for the answer; room is looked for at the deadline',
            tags: ['pausedForStorage', 'holding', 'passive'],
            exit: 'clearDeadline',
            on: {'retry.due': '#upload.running.returning', 'operation.retry': '#upload.running.returning'},
          },
        },
      },

      canceling: {
        description: 'What there is of it is being removed',
        tags: ['canceling'],
        initial: 'choosing',
        on: {'operation.cancel': {description: 'Already on its way'}},
        states: {
          choosing: {
            description: 'Whether the server may hold a part of it',
            always: [{guard: 'isToTerminate', target: 'terminating'}, {target: 'removing'}],
          },
          terminating: terminatingBy({
            ids: ['terminationRefreshment', 'termination'],
            here: '#upload.canceling.terminating',
            target: '#upload.canceling.removing',
          }),
          removing: {
            description: 'Its private files are being removed',
            invoke: {
              id: 'removal',
              src: 'discardUpload',
              input: ({context}) => ({facts: context.facts}),
              onDone: '#upload.canceled',
              onError: '#upload.canceled',
            },
          },
        },
      },

      completed: {
        description: 'Completed (5): the server has it and said so',
        tags: ['completed', 'passive'],
        type: 'final',
      },
      canceled: {description: 'Canceled (6)', tags: ['canceled', 'passive'], type: 'final'},
      failed: {
        description: 'Error (7): the answer, if there was one, stays readable',
        tags: ['failed', 'passive'],
        type: 'final',
      },
    },
  }),
)
