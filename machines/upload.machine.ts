/**
 * One upload's life: BackgroundTransferStatus as a statechart, beside that of a download and in its words, so that groups, the
 * journal and the inspector treat both alike. An upload is never paused by the application and never mended by it.
 *
 * restoring   routes a record to the state it names. What another session had on the wire, and nobody may send twice, is
 *             terminated (spec U15); everything else that ran when the process died queues again.
 * queued      waits for `operation.admit` from its group.
 * running
 *   preparing     the files to send are looked at: they must be as they were when they were first sent (U18).
 *   recording     that the request goes out, and that it is a sending anew, is durable before its first byte.
 *   exchanging    one try, moved by the actor `sendContent`:
 *     active        connecting (connectTimeout) → sending (stallTimeout) → awaitingResponse (responseTimeout) →
 *                   receivingResponse (stallTimeout). A server may answer while it is being sent to.
 *   weighing      the retry table decides what a failure means.
 *   waitingToRetry, returning   as in the chart of a download.
 * paused      one state per reason of the system; each keeps the member's place in its group.
 * canceling   removes the private files; then canceled.
 *
 * Whatever interrupts a try voids the bytes that were sent: there is nothing to make durable first, and the next try begins at
 * the first byte.
 */

import {assign, fromCallback, fromPromise, sendTo, setup} from 'xstate'
import type {AttemptCommand, AttemptInput, WeighFailureInput} from '../src/domain/attempt.ts'
import type {Blockage, Conditions} from '../src/domain/conditions.ts'
import {type SerializedError, TransferError} from '../src/domain/errors.ts'
import type {
  AnswerFacts,
  Evidence,
  OperationFacts,
  OperationRecord,
  ResponseFacts,
  TransferPolicy,
} from '../src/domain/record.ts'
import type {ContentFacts} from '../src/domain/request-content.ts'
import {countAttempt, countContinuation, countFailure, type RetryDecision} from '../src/domain/retry.ts'
import type {LifeState} from '../src/domain/status.ts'
import {mayBeSentAgain} from '../src/domain/upload.ts'
import {
  notProvided,
  type OperationContext,
  type OperationEvent,
  type OperationInput,
  reason,
  serialize,
  timedOut,
  withEvidence,
  without,
} from './operation.machine.ts'

export interface UploadInput extends OperationInput {
  /** Names the session of the engine: who sent a request last is in its record. */
  readonly session: string
}

export interface UploadContext extends OperationContext {
  readonly session: string
}

const setUp = setup({
  types: {
    context: {} as UploadContext,
    input: {} as UploadInput,
    events: {} as OperationEvent,
    tags: {} as LifeState | 'passive' | 'moving' | 'holding',
    children: {} as {
      preparation: 'prepareContent'
      sendingCommit: 'commitRecord'
      attempt: 'sendContent'
      weighing: 'weighFailure'
      removal: 'discardUpload'
    },
  },
  actors: {
    prepareContent: fromPromise<ContentFacts, {facts: OperationFacts}>(notProvided('prepareContent')),
    commitRecord: fromPromise<void, {record: OperationRecord}>(notProvided('commitRecord')),
    sendContent: fromCallback<AttemptCommand, AttemptInput>(notProvided('sendContent')),
    weighFailure: fromPromise<RetryDecision, WeighFailureInput>(notProvided('weighFailure')),
    discardUpload: fromPromise<void, {facts: OperationFacts}>(notProvided('discardUpload')),
  },
  delays: {
    connectTimeout: ({context}) => context.settings.connectTimeoutMs,
    responseTimeout: ({context}) => context.settings.responseTimeoutMs,
    stallTimeout: ({context}) => context.settings.stallTimeoutMs,
    checkpointInterval: ({context}) => context.settings.checkpointIntervalMs,
  },
  guards: {
    wasIn: ({context}, params: {state: LifeState}) => context.restoredFrom === params.state,
    /** Another session sent it, and what it asks for could be done twice. */
    isStranded: ({context}) => !mayBeSentAgain(context.facts, context.session),
    isBlockedBy: ({context}, params: {reason: Blockage}) => reason(context) === params.reason,
    isFree: ({context}) => reason(context) === undefined,
    decidedTo: (_, params: {decision: RetryDecision; kind: RetryDecision['kind']}) =>
      params.decision.kind === params.kind,
  },
  actions: {
    noteConditions: assign({conditions: (_, params: {conditions: Conditions}) => params.conditions}),
    notePolicy: assign({facts: ({context}, params: {policy: TransferPolicy}) => ({...context.facts, ...params})}),
    notePlace: assign({facts: ({context}, params: {sequence: number}) => ({...context.facts, ...params})}),
    noteHeaders: assign({
      facts: ({context}, params: {request: OperationFacts['request']}) => ({...context.facts, ...params}),
    }),
    noteContent: assign({
      facts: ({context}, params: {content: ContentFacts}) => ({
        ...context.facts,
        sending: {...context.facts.sending, content: params.content},
        evidence: {...context.facts.evidence, total: params.content.length},
      }),
    }),
    /** Each sending but the first is a new generation: whoever follows it hears of the restart (spec 3.3). */
    noteSending: assign({
      facts: ({context: {facts, session}}) => ({
        ...facts,
        sending: {...(facts.sending?.content === undefined ? {} : {content: facts.sending.content}), session},
        evidence: {
          ...facts.evidence,
          ranges: [],
          generation: facts.evidence.generation + (facts.sending?.session === undefined ? 0 : 1),
        },
      }),
    }),
    countTry: assign({
      facts: ({context}) => ({...context.facts, attempts: countAttempt(context.facts.attempts)}),
    }),
    noteResponse: assign({
      facts: ({context}, params: {response: ResponseFacts; evidence: Evidence}) =>
        without({...context.facts, ...params}, 'error'),
    }),
    noteSent: assign({
      facts: ({context}, params: {evidence: Evidence; answer: AnswerFacts | undefined}) =>
        without(withEvidence(withAnswer(context.facts, params.answer), params.evidence), 'error'),
    }),
    noteFailure: assign({
      failure: (_, params: {error: SerializedError; response?: ResponseFacts; answer: AnswerFacts | undefined}) =>
        params.error,
      facts: (
        {context},
        params: {error: SerializedError; response?: ResponseFacts; answer: AnswerFacts | undefined},
      ) => ({
        ...withAnswer(context.facts, params.answer),
        ...(params.response === undefined ? {} : {response: params.response}),
        attempts: countFailure(context.facts.attempts),
      }),
    }),
    noteThrown: assign({
      failure: (_, params: {error: unknown}) => serialize(params.error),
      facts: ({context}) => ({...context.facts, attempts: countFailure(context.facts.attempts)}),
    }),
    noteConnectTimeout: assign({
      failure: ({context}) => timedOut('CONNECT_TIMEOUT', 'no connection in time', context.facts),
      facts: ({context}) => ({...context.facts, attempts: countFailure(context.facts.attempts)}),
    }),
    noteResponseTimeout: assign({
      failure: ({context}) => timedOut('RESPONSE_TIMEOUT', 'no answer in time', context.facts),
      facts: ({context}) => ({...context.facts, attempts: countFailure(context.facts.attempts)}),
    }),
    noteStall: assign({
      failure: ({context}) => timedOut('STALLED', 'the body stopped moving', context.facts),
      facts: ({context}) => ({...context.facts, attempts: countFailure(context.facts.attempts)}),
    }),
    noteContinuation: assign({
      facts: ({context}) => ({...context.facts, attempts: countContinuation(context.facts.attempts)}),
    }),
    noteDeadline: assign({
      facts: ({context}, params: {decision: RetryDecision}) => ({
        ...context.facts,
        ...('at' in params.decision ? {retryAt: params.decision.at} : {}),
        ...(context.failure === undefined ? {} : {error: context.failure}),
      }),
    }),
    clearDeadline: assign({facts: ({context}) => without(context.facts, 'retryAt')}),
    noteFinalError: assign({
      facts: ({context}, params: {decision: RetryDecision}) => ({
        ...without(context.facts, 'retryAt'),
        ...('error' in params.decision ? {error: params.decision.error} : {}),
      }),
    }),
    noteThrownFinal: assign({
      facts: ({context}, params: {error: unknown}) => ({...context.facts, error: serialize(params.error)}),
    }),
    noteTermination: assign({
      facts: ({context}) => ({
        ...without(context.facts, 'retryAt'),
        error: new TransferError('UPLOAD_TERMINATED', 'its session ended while it was being sent', {
          where: context.facts.id,
        }).toSerialized(),
      }),
    }),
    askForProgress: sendTo('attempt', {type: 'checkpoint.due'}),
  },
})

function withAnswer(facts: OperationFacts, answer: AnswerFacts | undefined): OperationFacts {
  return answer === undefined ? facts : {...facts, sending: {...facts.sending, answer}}
}

/** Where an admitted upload goes: straight into the pause that applies, else on its way to the wire (8.4). */
const onAdmission = [
  {guard: {type: 'isBlockedBy', params: {reason: 'noNetwork'}}, target: '#upload.paused.noNetwork'},
  {guard: {type: 'isBlockedBy', params: {reason: 'costedNetwork'}}, target: '#upload.paused.costedNetwork'},
  {guard: {type: 'isBlockedBy', params: {reason: 'systemPolicy'}}, target: '#upload.paused.systemPolicy'},
  {target: '#upload.running.preparing'},
] as const

/** What voids a try, or ends the wait between two. */
const onInterruption = {
  'operation.displace': '#upload.queued',
  'operation.suspend': '#upload.queued',
  'operation.cancel': '#upload.canceling',
} as const

const onConditions = [
  {guard: {type: 'isBlockedBy', params: {reason: 'noNetwork'}}, target: '#upload.paused.noNetwork'},
  {guard: {type: 'isBlockedBy', params: {reason: 'costedNetwork'}}, target: '#upload.paused.costedNetwork'},
  {guard: {type: 'isBlockedBy', params: {reason: 'systemPolicy'}}, target: '#upload.paused.systemPolicy'},
] as const

/** Leaves a pause of the system: for the other pause that applies now, or back towards the wire. */
function onConditionsIn(pause: Blockage) {
  return [
    ...onConditions.filter(({guard}) => guard.params.reason !== pause),
    {guard: 'isFree' as const, target: '#upload.running.returning' as const},
  ]
}

/** The two regions of a state in which bytes move: a count that each byte begins anew, and a question whether any came. */
const moving = {
  flow: {
    description: 'Each byte begins the count anew',
    initial: 'counting',
    // The target is a child: re-entering a region itself would start the other region's delay anew too.
    on: {'attempt.progressed': '.counting'},
    states: {
      counting: {
        description: 'Counts as stalled when no byte moved for stallTimeout',
        after: {stallTimeout: {target: '#upload.running.weighing', actions: 'noteStall'}},
      },
    },
  },
  pulse: {
    description: 'Asks again and again whether bytes moved',
    initial: 'resting',
    states: {
      resting: {
        description: 'Until the next checkpointInterval is over',
        after: {checkpointInterval: {target: 'resting', reenter: true, actions: 'askForProgress'}},
      },
    },
  },
} as const

const receivingResponse = {
  target: '#upload.running.exchanging.active.receivingResponse',
  actions: {
    type: 'noteResponse' as const,
    params: ({event}: {event: {response: ResponseFacts; evidence: Evidence}}) => ({
      response: event.response,
      evidence: event.evidence,
    }),
  },
} as const

export const uploadMachine = setUp.createMachine({
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
      states: {
        preparing: {
          description: 'The files to send are looked at: there, and as they were when they were first sent',
          tags: ['running', 'moving'],
          invoke: {
            id: 'preparation',
            src: 'prepareContent',
            input: ({context}) => ({facts: context.facts}),
            onDone: {
              target: 'recording',
              actions: {type: 'noteContent', params: ({event}) => ({content: event.output})},
            },
            onError: {
              target: 'weighing',
              actions: {type: 'noteThrown', params: ({event}) => ({error: event.error})},
            },
          },
          on: onInterruption,
        },

        recording: {
          description: 'That it is sent, or sent anew, is made durable before its first byte',
          tags: ['running', 'moving'],
          entry: 'noteSending',
          invoke: {
            id: 'sendingCommit',
            src: 'commitRecord',
            input: ({context}) => ({record: {...context.facts, state: 'running'}}),
            onDone: 'exchanging',
            onError: {
              target: 'weighing',
              actions: {type: 'noteThrown', params: ({event}) => ({error: event.error})},
            },
          },
          on: onInterruption,
        },

        exchanging: {
          description: 'One try: a request with its body, and its answer',
          tags: ['running', 'moving'],
          initial: 'active',
          entry: 'countTry',
          invoke: {
            id: 'attempt',
            src: 'sendContent',
            input: ({context}) => ({facts: context.facts}),
            onError: {
              target: 'weighing',
              actions: {type: 'noteThrown', params: ({event}) => ({error: event.error})},
            },
          },
          on: {
            ...onInterruption,
            'attempt.failed': {
              target: 'weighing',
              actions: {
                type: 'noteFailure',
                params: ({event}) => ({
                  error: event.error,
                  answer: event.answer,
                  ...(event.response === undefined ? {} : {response: event.response}),
                }),
              },
            },
          },
          states: {
            active: {
              description: 'The try goes on as long as nothing asks it to stop',
              initial: 'connecting',
              always: onConditions,
              states: {
                connecting: {
                  description: 'A connection is being made, or an idle one taken',
                  on: {'attempt.connected': 'sending'},
                  after: {
                    connectTimeout: {target: '#upload.running.weighing', actions: 'noteConnectTimeout'},
                  },
                },
                sending: {
                  description: 'Body bytes flow to the connection; the server may answer before the last one',
                  type: 'parallel',
                  on: {
                    'attempt.sent': 'awaitingResponse',
                    'attempt.redirected': 'connecting',
                    'attempt.challenged': 'connecting',
                    'attempt.responded': receivingResponse,
                  },
                  states: moving,
                },
                awaitingResponse: {
                  description: 'Every byte was taken; the head of the answer is not here yet',
                  on: {
                    'attempt.redirected': 'connecting',
                    'attempt.challenged': 'connecting',
                    'attempt.responded': receivingResponse,
                  },
                  after: {
                    responseTimeout: {target: '#upload.running.weighing', actions: 'noteResponseTimeout'},
                  },
                },
                receivingResponse: {
                  description: 'The answer’s body is being kept',
                  type: 'parallel',
                  on: {
                    'attempt.finished': {
                      target: '#upload.completed',
                      actions: {
                        type: 'noteSent',
                        params: ({event}) => ({evidence: event.evidence, answer: event.answer}),
                      },
                    },
                  },
                  states: moving,
                },
              },
            },
          },
        },

        weighing: {
          description: 'The retry table decides what the failure means',
          tags: ['running', 'moving'],
          invoke: {
            id: 'weighing',
            src: 'weighFailure',
            input: ({context}) => ({
              facts: context.facts,
              error: context.failure ?? serialize(new Error('no failure to weigh')),
              retry: context.settings.retry,
            }),
            onDone: [
              {
                guard: {type: 'decidedTo', params: ({event}) => ({decision: event.output, kind: 'atOnce'})},
                target: 'preparing',
                actions: 'noteContinuation',
              },
              {
                guard: {type: 'decidedTo', params: ({event}) => ({decision: event.output, kind: 'waitUntil'})},
                target: 'waitingToRetry',
                actions: {type: 'noteDeadline', params: ({event}) => ({decision: event.output})},
              },
              {
                guard: {type: 'decidedTo', params: ({event}) => ({decision: event.output, kind: 'pauseForStorage'})},
                target: '#upload.paused.forStorage',
                actions: {type: 'noteDeadline', params: ({event}) => ({decision: event.output})},
              },
              {
                target: '#upload.failed',
                actions: {type: 'noteFinalError', params: ({event}) => ({decision: event.output})},
              },
            ],
            onError: {
              target: '#upload.failed',
              actions: {type: 'noteThrownFinal', params: ({event}) => ({error: event.error})},
            },
          },
          on: onInterruption,
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
          on: {'operation.admit': onAdmission, ...onInterruption},
        },
      },
    },

    paused: {
      description: 'No traffic; one state per reason of the system',
      initial: 'noNetwork',
      on: {'operation.cancel': 'canceling', 'operation.displace': 'queued'},
      states: {
        noNetwork: {
          description: 'PausedNoNetwork (4): no attempt is made and no retry spent; keeps its place',
          tags: ['pausedNoNetwork', 'holding'],
          always: onConditionsIn('noNetwork'),
        },
        costedNetwork: {
          description: 'PausedCostedNetwork (3): the cost policy forbids this network; keeps its place',
          tags: ['pausedCostedNetwork', 'holding'],
          always: onConditionsIn('costedNetwork'),
        },
        systemPolicy: {
          description: 'PausedSystemPolicy (32): the system saves power; keeps its place',
          tags: ['pausedSystemPolicy', 'holding'],
          always: onConditionsIn('systemPolicy'),
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
      description: 'Its private files are being removed',
      tags: ['canceling'],
      invoke: {
        id: 'removal',
        src: 'discardUpload',
        input: ({context}) => ({facts: context.facts}),
        onDone: 'canceled',
        onError: 'canceled',
      },
      on: {'operation.cancel': {description: 'Already on its way'}},
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
})
