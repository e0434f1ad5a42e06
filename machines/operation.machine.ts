/**
 * One transfer's life: BackgroundTransferStatus as a statechart. Born from a record, never from a snapshot.
 *
 * restoring   routes a record to the state it names; what ran when the process died queues again.
 * leavingBatch  something happened to one of many small files that a batch carried (small-files.machine.ts): it goes on by itself.
 * queued      waits for `operation.admit` from its group. Idle to the public, as is a transfer that was never started.
 * running     the only state with traffic:
 *   refreshing    the application's provider gives what the next try needs (providerTimeout); only where there is one.
 *   exchanging    one try, moved by the actor `transferBytes`:
 *     active        connecting (connectTimeout) → awaitingResponse (responseTimeout) → transferring (stallTimeout; a
 *                   checkpoint is asked for each checkpointInterval). recordingRestart holds the body back until the record
 *                   of the new generation is durable. concluding (yieldTimeout at most) goes on by a redirect or a refusal whose
 *                   body does not end.
 *     part-N        while it pays, further connections bring other stretches: charts of their own (part.machine.ts).
 *     yielding…     the bytes so far are being made durable (at most yieldTimeout) before a pause, a return to the line, or
 *                   a pause of the system.
 *   weighing      the retry table decides what a failure means.
 *   startingOver  a new generation is recorded before its first byte.
 *   waitingToRetry  until the deadline in the record; the engine's alarm sends `retry.due`. Holds no capacity.
 *   returning     wants capacity again, before anything in the line.
 *   finishing     verifying → committing (the intent to publish is durable) → publishing (the file takes its name).
 * paused      one state per reason. Reasons of the system keep the member's place in its group; the application's own pause
 *             and a recoverable error give it up and go back to the end of the line.
 * canceling   removes the part files; then canceled.
 *
 * Two states have files of their own, operation.exchanging.ts and operation.finishing.ts; what the words of the chart mean stands in
 * operation.setup.ts.
 *
 * Short guards (connect, response, stall, yield) are delays of this chart: losing one in a crash is fine, because a restored
 * operation queues and starts a new try. Waits that must last stand in the record as absolute deadlines.
 */
import type {ActorRefFrom, SnapshotFrom} from 'xstate'
import {lazily} from '../src/domain/lazily.ts'
import type {Evidence, OperationFacts} from '../src/domain/record.ts'
import {exchanging} from './operation.exchanging.ts'
import {finishing} from './operation.finishing.ts'
import {setUp} from './operation.setup.ts'
import {
  decidedTo,
  leavingPause,
  noteDecision,
  noteThrown,
  noteThrownFinal,
  pausesOfTheSystem,
  toWeigh,
} from './transfer.transitions.ts'

/** The next try, once everything for it is there. */
const toTheWire = [
  {guard: 'hasProvider', target: '#operation.running.refreshing'},
  {target: '#operation.running.exchanging'},
] as const

/**
 * Where an admitted operation goes: to publish what is verified, for which nothing has to be fetched; else straight into the
 * pause that applies, else on the wire (8.4).
 */
const onAdmission = [
  {guard: 'isVerified', target: '#operation.running.finishing.publishing'},
  ...pausesOfTheSystem('operation'),
  ...toTheWire,
] as const

/** Between two tries nothing has to be made durable first. The capacity is kept, lest two operations use one slot. */
const betweenTries = {
  'operation.pause': {guard: 'canBePaused', target: '#operation.paused.byApplication'},
  'operation.displace': '#operation.queued',
  'operation.suspend': '#operation.queued',
  'operation.cancel': '#operation.canceling',
} as const

/** In a pause of the system. */
const whileTheConditionHolds = {
  'operation.resume': {description: 'Accepted, no effect while the condition holds (D41)'},
  'operation.displace': '#operation.queued',
} as const

/** In a pause that is the application's to end: it may mend the request before. */
const untilTheApplicationResumes = {
  'operation.resume': {
    target: '#operation.queued',
    actions: [
      'beginAnew',
      {type: 'notePlace', params: ({event}: {event: {sequence: number}}) => ({sequence: event.sequence})},
    ],
  },
  'request.changed': {
    actions: {
      type: 'noteRequest',
      params: ({event}: {event: {request: OperationFacts['request']; evidence: Evidence}}) => ({
        request: event.request,
        evidence: event.evidence,
      }),
    },
  },
} as const

export const operationMachine = lazily(() =>
  setUp.createMachine({
    id: 'operation',
    description: 'One transfer: BackgroundTransferStatus and what stands between its values',
    context: ({input}) => {
      const {state, ...facts} = input.record
      const {conditions, settings, wanted, carried} = input
      const context = {facts, restoredFrom: state, wasCarried: carried !== undefined, conditions, settings, wanted}
      return carried?.failure === undefined ? context : {...context, failure: carried.failure}
    },
    initial: 'restoring',
    on: {
      'conditions.changed': {
        actions: {type: 'noteConditions', params: ({event}) => ({conditions: event.conditions})},
      },
      'policy.changed': {actions: {type: 'notePolicy', params: ({event}) => ({policy: event.policy})}},
      'range.wanted': {actions: {type: 'noteWanted', params: ({event}) => ({position: event.position})}},
      'headers.changed': {actions: {type: 'noteHeaders', params: ({event}) => ({request: event.request})}},
    },
    states: {
      restoring: {
        description: 'Routes the record to the state that it names; never rests here',
        tags: ['queued'],
        on: {'operation.cancel': 'canceling'},
        always: [
          {guard: 'wasCarried', target: 'leavingBatch'},
          // Early, because nearly all are born to run.
          {guard: {type: 'wasIn', params: {state: 'queued'}}, target: 'queued'},
          {guard: {type: 'wasIn', params: {state: 'completed'}}, target: 'completed'},
          {guard: {type: 'wasIn', params: {state: 'canceled'}}, target: 'canceled'},
          {guard: {type: 'wasIn', params: {state: 'failed'}}, target: 'failed'},
          {guard: {type: 'wasIn', params: {state: 'canceling'}}, target: 'canceling'},
          {guard: {type: 'wasIn', params: {state: 'publishing'}}, target: 'running.finishing.publishing'},
          {guard: {type: 'wasIn', params: {state: 'waitingToRetry'}}, target: 'running.waitingToRetry'},
          {guard: {type: 'wasIn', params: {state: 'pausedByApplication'}}, target: 'paused.byApplication'},
          {guard: {type: 'wasIn', params: {state: 'pausedNoNetwork'}}, target: 'paused.noNetwork'},
          {guard: {type: 'wasIn', params: {state: 'pausedCostedNetwork'}}, target: 'paused.costedNetwork'},
          {guard: {type: 'wasIn', params: {state: 'pausedSystemPolicy'}}, target: 'paused.systemPolicy'},
          {guard: {type: 'wasIn', params: {state: 'pausedForStorage'}}, target: 'paused.forStorage'},
          {
            guard: {type: 'wasIn', params: {state: 'pausedRecoverableWebErrorStatus'}},
            target: 'paused.recoverableWebErrorStatus',
          },
          {target: 'queued'},
        ],
      },

      leavingBatch: {
        description: 'Its batch of small files let go of it: goes on by itself at once; never rests here',
        tags: ['running', 'moving'],
        on: {'operation.cancel': 'canceling'},
        always: [{guard: 'hasFailed', target: 'running.weighing'}, ...onAdmission],
      },

      queued: {
        description: 'Idle (0): waits in its group’s line until the group admits it',
        tags: ['queued', 'passive'],
        on: {
          'operation.admit': onAdmission,
          'operation.pause': 'paused.byApplication',
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
        initial: 'exchanging',
        states: {
          refreshing: {
            description: 'The application’s provider gives what does not last: a token, a signed address',
            tags: ['running', 'moving'],
            always: pausesOfTheSystem('operation'),
            invoke: {
              id: 'refreshment',
              src: 'refreshRequest',
              input: ({context}) => ({facts: context.facts}),
              onDone: 'exchanging',
              onError: {target: 'weighing', actions: noteThrown},
            },
            after: {providerTimeout: {target: 'weighing', actions: 'noteProviderTimeout'}},
            on: betweenTries,
          },

          exchanging: exchanging(),

          weighing: {
            description: 'The retry table decides what the failure means',
            tags: ['running', 'moving'],
            invoke: {
              id: 'weighing',
              src: 'weighFailure',
              input: toWeigh,
              onDone: [
                {
                  guard: {type: 'goesOnAtOnce', params: ({event}) => ({decision: event.output, asksFirst: true})},
                  target: 'refreshing',
                  actions: 'noteContinuation',
                },
                {
                  guard: {type: 'goesOnAtOnce', params: ({event}) => ({decision: event.output, asksFirst: false})},
                  target: 'exchanging',
                  actions: 'noteContinuation',
                },
                {guard: decidedTo('elsewhere'), target: 'goingElsewhere', actions: noteDecision('noteElsewhere')},
                {guard: decidedTo('anewElsewhere'), target: 'startingOver', actions: noteDecision('noteElsewhere')},
                {guard: decidedTo('waitUntil'), target: 'waitingToRetry', actions: noteDecision('noteDeadline')},
                {
                  guard: decidedTo('pauseForStorage'),
                  target: '#operation.paused.forStorage',
                  actions: noteDecision('noteDeadline'),
                },
                {
                  guard: decidedTo('pauseRecoverable'),
                  target: '#operation.paused.recoverableWebErrorStatus',
                  actions: 'noteStandingError',
                },
                {target: '#operation.failed', actions: noteDecision('noteFinalError')},
              ],
              onError: {target: '#operation.failed', actions: noteThrownFinal},
            },
            on: betweenTries,
          },

          goingElsewhere: {
            description: 'Another address of the file is asked next',
            tags: ['running', 'moving'],
            always: toTheWire,
            on: betweenTries,
          },

          startingOver: {
            description: 'The bytes on disk are of no use: a new generation is recorded before its first byte',
            tags: ['running', 'moving'],
            entry: 'startNextGeneration',
            invoke: {
              id: 'startOverCommit',
              src: 'commitRecord',
              input: ({context}) => ({record: {...context.facts, state: 'running'}}),
              onDone: toTheWire,
              onError: {target: 'weighing', actions: noteThrown},
            },
            on: betweenTries,
          },

          waitingToRetry: {
            description: 'Waits for the deadline in its record; keeps its place, gives back its capacity',
            tags: ['waitingToRetry', 'holding', 'passive'],
            exit: 'clearDeadline',
            on: {
              'retry.due': 'returning',
              'operation.retry': {description: 'Somebody does not want to wait', target: 'returning'},
              'operation.pause': {guard: 'canBePaused', target: '#operation.paused.byApplication'},
              'operation.displace': '#operation.queued',
              'operation.cancel': '#operation.canceling',
            },
          },

          returning: {
            description: 'A wait is over: wants capacity again, before anything in the line',
            tags: ['returning', 'holding'],
            on: {
              'operation.admit': onAdmission,
              'operation.pause': {guard: 'canBePaused', target: '#operation.paused.byApplication'},
              'operation.displace': '#operation.queued',
              'operation.suspend': '#operation.queued',
              'operation.cancel': '#operation.canceling',
            },
          },

          finishing: finishing(),
        },
      },

      paused: {
        description: 'No traffic; one state per reason',
        initial: 'byApplication',
        on: {'operation.cancel': 'canceling'},
        states: {
          byApplication: {
            description: 'PausedByApplication (2): wins over every other reason; leaves the line',
            tags: ['pausedByApplication', 'passive'],
            on: untilTheApplicationResumes,
          },
          noNetwork: {
            description: 'PausedNoNetwork (4): no attempt is made and no retry spent; keeps its place',
            tags: ['pausedNoNetwork', 'holding'],
            always: leavingPause('operation', 'noNetwork'),
            on: whileTheConditionHolds,
          },
          costedNetwork: {
            description: 'PausedCostedNetwork (3): the cost policy forbids this network; keeps its place',
            tags: ['pausedCostedNetwork', 'holding'],
            always: leavingPause('operation', 'costedNetwork'),
            on: whileTheConditionHolds,
          },
          systemPolicy: {
            description: 'PausedSystemPolicy (32): the system saves power; keeps its place',
            tags: ['pausedSystemPolicy', 'holding'],
            always: leavingPause('operation', 'systemPolicy'),
            on: whileTheConditionHolds,
          },
          forStorage: {
            description:
              'PausedSystemPolicy (32): the disk is full; the bytes are kept and room is looked for at the deadline',
            tags: ['pausedForStorage', 'holding', 'passive'],
            exit: 'clearDeadline',
            on: {
              'retry.due': '#operation.running.returning',
              'operation.retry': '#operation.running.returning',
              'operation.resume': '#operation.running.returning',
              'operation.displace': '#operation.queued',
            },
          },
          recoverableWebErrorStatus: {
            description:
              'PausedRecoverableWebErrorStatus (8): an error that the application wants to mend; leaves the line',
            tags: ['pausedRecoverableWebErrorStatus', 'passive'],
            on: untilTheApplicationResumes,
          },
        },
      },

      canceling: {
        description: 'The part files are being removed',
        tags: ['canceling'],
        invoke: {
          id: 'removal',
          src: 'discardParts',
          input: ({context}) => ({facts: context.facts}),
          onDone: 'canceled',
          onError: 'canceled',
        },
        on: {'operation.cancel': {description: 'Already on its way'}},
      },

      completed: {
        description: 'Completed (5): the file is whole, and durable under its name',
        tags: ['completed', 'passive'],
        type: 'final',
      },
      canceled: {description: 'Canceled (6)', tags: ['canceled', 'passive'], type: 'final'},
      failed: {
        description: 'Error (7): the part file and its evidence stay for a later try',
        tags: ['failed', 'passive'],
        type: 'final',
      },
    },
  }),
)

export type OperationActor = ActorRefFrom<ReturnType<typeof operationMachine>>
export type OperationSnapshot = SnapshotFrom<ReturnType<typeof operationMachine>>
