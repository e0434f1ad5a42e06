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
 *   recording     that the request goes out, and that it is a sending anew, is durable before its first byte.
 *   exchanging    one try, moved by the actor `sendContent`:
 *     active        connecting (connectTimeout) → sending (stallTimeout) → awaitingResponse (responseTimeout) →
 *                   receivingResponse (stallTimeout). A server may answer while it is being sent to.
 *   stepping      the same for an upload that can go on where it was cut: one request of its protocol, moved by the actor
 *                 `performStep`; then preparing again, so that the source is looked at, and recording, so that what the server
 *                 confirmed is durable, before the next.
 *     discovering, creating, askingOffset, appending, completing
 *   weighing      the retry table decides what a failure means.
 *   abandoning    it failed for good: the server is told to forget a resumable upload.
 *   waitingToRetry, returning   as in the chart of a download.
 * paused      one state per reason of the system; each keeps the member's place in its group.
 * canceling   terminates a resumable upload at its server, and removes the private files; then canceled. To terminate is a request,
 *             too: a provider is asked for what it needs, and where it gives nothing the request goes out without.
 *
 * Whatever interrupts a try voids the bytes that were sent: there is nothing to make durable first, and the next try begins at
 * the first byte; or, where a protocol can ask, at the first that the server does not have.
 */

import {assign, fromCallback, fromPromise, sendTo, setup} from 'xstate'
import type {AttemptCommand, AttemptInput, WeighFailureInput} from '../src/domain/attempt.ts'
import type {Blockage, Conditions} from '../src/domain/conditions.ts'
import {type SerializedError, TransferError} from '../src/domain/errors.ts'
import {lazily} from '../src/domain/lazily.ts'
import {withEvidence, without} from '../src/domain/life-facts.ts'
import type {
  AnswerFacts,
  Evidence,
  OperationFacts,
  OperationRecord,
  ResponseFacts,
  TransferPolicy,
} from '../src/domain/record.ts'
import {countAttempt, countContinuation, countFailure, type RetryDecision} from '../src/domain/retry.ts'
import type {LifeState} from '../src/domain/status.ts'
import {mayBeSentAgain} from '../src/domain/upload.ts'
import type {Preparation, ResumableFacts, StepInput, UploadStep} from '../src/domain/upload-steps.ts'
import {notProvided} from './not-provided.ts'
import {providerTimedOut, reason, serialize, timedOut} from './transfer.setup.ts'
import type {OperationContext, OperationEvent, OperationInput} from './transfer.vocabulary.ts'

/** ms. */
const MAX_TERMINATION_MS = 10_000

export interface UploadInput extends OperationInput {
  /** Names the session of the engine: who sent a request last is in its record. */
  readonly session: string
}

export interface UploadContext extends OperationContext {
  readonly session: string
  /** Of a resumable upload: what follows the last step; absent where its protocol has to say what to begin with. */
  readonly step?: UploadStep | undefined
}

const setUp = setup({
  types: {
    context: {} as UploadContext,
    input: {} as UploadInput,
    events: {} as OperationEvent,
    tags: {} as LifeState | 'passive' | 'moving' | 'holding',
    children: {} as {
      preparation: 'prepareContent'
      refreshment: 'refreshRequest'
      terminationRefreshment: 'refreshRequest'
      abandonmentRefreshment: 'refreshRequest'
      sendingCommit: 'commitRecord'
      attempt: 'sendContent'
      step: 'performStep'
      termination: 'performStep'
      abandonment: 'performStep'
      weighing: 'weighFailure'
      removal: 'discardUpload'
    },
  },
  actors: {
    prepareContent: fromPromise<Preparation, {facts: OperationFacts}>(notProvided('prepareContent')),
    refreshRequest: fromPromise<void, {facts: OperationFacts}>(notProvided('refreshRequest')),
    commitRecord: fromPromise<void, {record: OperationRecord}>(notProvided('commitRecord')),
    sendContent: fromCallback<AttemptCommand, AttemptInput>(notProvided('sendContent')),
    performStep: fromCallback<AttemptCommand, StepInput>(notProvided('performStep')),
    weighFailure: fromPromise<RetryDecision, WeighFailureInput>(notProvided('weighFailure')),
    discardUpload: fromPromise<void, {facts: OperationFacts}>(notProvided('discardUpload')),
  },
  delays: {
    connectTimeout: ({context}) => context.settings.connectTimeoutMs,
    responseTimeout: ({context}) => context.settings.responseTimeoutMs,
    stallTimeout: ({context}) => context.settings.stallTimeoutMs,
    providerTimeout: ({context}) => context.settings.beforeAttemptTimeoutMs,
    checkpointInterval: ({context}) => context.settings.checkpointIntervalMs,
    /** A server is told that an upload is not wanted; nobody waits for it longer. */
    terminationTimeout: ({context}) => Math.min(context.settings.responseTimeoutMs, MAX_TERMINATION_MS),
  },
  guards: {
    wasIn: ({context}, params: {state: LifeState}) => context.restoredFrom === params.state,
    /** Another session sent it, and what it asks for could be done twice. */
    isStranded: ({context}) => !mayBeSentAgain(context.facts, context.session),
    isBlockedBy: ({context}, params: {reason: Blockage}) => reason(context) === params.reason,
    isFree: ({context}) => reason(context) === undefined,
    hasProvider: ({context}) => context.facts.request.provider !== undefined,
    goesOnWith: ({context}, params: {step: UploadStep}) => context.step === params.step,
    /** The server may hold a part of it, and can be reached. */
    isToTerminate: ({context}) => context.facts.sending?.resumable !== undefined && reason(context) !== 'noNetwork',
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
    /** A step that its protocol begins with begins a try, too. */
    notePreparation: assign(({context: {facts, step}}, params: Preparation) => {
      const begins = step === undefined && params.step !== undefined
      return {
        ...(params.step === undefined ? {} : {step: step ?? params.step}),
        facts: {
          ...facts,
          ...(begins ? {attempts: countAttempt(facts.attempts)} : {}),
          sending: {...facts.sending, content: params.content},
          evidence: {...facts.evidence, total: params.content.length},
        },
      }
    }),
    /** The protocol has to look anew at what there is. */
    forgetStep: assign({step: undefined}),
    noteStep: assign(
      ({context: {facts}}, params: {next: UploadStep; resumable: ResumableFacts; evidence: Evidence}) => ({
        step: params.next,
        facts: without(
          withEvidence({...facts, sending: {...facts.sending, resumable: params.resumable}}, params.evidence),
          'error',
        ),
      }),
    ),
    /** Nothing of it is at the server any more: another generation begins. */
    noteLost: assign(({context: {facts}}, params: {error: SerializedError}) => {
      const {resumable: _, ...sending} = facts.sending ?? {}
      return {
        failure: params.error,
        facts: {
          ...facts,
          sending,
          evidence: {...facts.evidence, ranges: [], generation: facts.evidence.generation + 1},
          attempts: countFailure(facts.attempts),
        },
      }
    }),
    /** Each sending but the first is a new generation: whoever follows it hears of the restart (spec 3.3). */
    noteSending: assign({
      facts: ({context: {facts, session}}) =>
        facts.request.way === undefined ? sentAnew(facts, session) : {...facts, sending: {...facts.sending, session}},
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
    noteProviderTimeout: assign({
      failure: ({context}) => providerTimedOut(context.facts),
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
    askStepForProgress: sendTo('step', {type: 'checkpoint.due'}),
  },
})

/** All of it goes out, from the first byte. */
function sentAnew(facts: OperationFacts, session: string): OperationFacts {
  const {content, session: before} = facts.sending ?? {}
  return {
    ...facts,
    sending: {...(content === undefined ? {} : {content}), session},
    evidence: {
      ...facts.evidence,
      ranges: [],
      generation: facts.evidence.generation + (before === undefined ? 0 : 1),
    },
  }
}

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
const movingBy = <Ask extends 'askForProgress' | 'askStepForProgress'>(ask: Ask) =>
  ({
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
          after: {checkpointInterval: {target: 'resting', reenter: true, actions: ask}},
        },
      },
    },
  }) as const

const keepResponse = {
  type: 'noteResponse' as const,
  params: ({event}: {event: {response: ResponseFacts; evidence: Evidence}}) => ({
    response: event.response,
    evidence: event.evidence,
  }),
}

const receivingResponse = {
  target: '#upload.running.exchanging.active.receivingResponse',
  actions: keepResponse,
} as const

const keepFailure = {
  type: 'noteFailure' as const,
  params: ({event}: {event: {error: SerializedError; response?: ResponseFacts; answer?: AnswerFacts}}) => ({
    error: event.error,
    answer: event.answer,
    ...(event.response === undefined ? {} : {response: event.response}),
  }),
}

const factsOf = ({context}: {readonly context: UploadContext}) => ({facts: context.facts})
const toTerminate = ({context}: {readonly context: UploadContext}): StepInput => ({
  facts: context.facts,
  step: 'terminate',
})

/** However a termination ends, and whatever its provider says: whoever waits for it waits no longer. */
const terminatingBy = <Refreshment extends string, Telling extends string, Here extends string, Target extends string>({
  ids: [refreshment, telling],
  here,
  target,
}: {
  readonly ids: readonly [Refreshment, Telling]
  readonly here: Here
  readonly target: Target
}) =>
  ({
    description: 'The server is told that it is not wanted any more',
    initial: 'beginning',
    on: {
      'attempt.finished': target,
      'attempt.stepped': target,
      'attempt.lost': target,
      'attempt.failed': target,
    },
    after: {terminationTimeout: target},
    states: {
      beginning: {
        description: 'Whether a provider is asked first',
        always: [{guard: 'hasProvider', target: `${here}.refreshing`}, {target: `${here}.telling`}],
      },
      refreshing: {
        description: 'The application’s provider gives what the request needs; without it, it goes out all the same',
        invoke: {
          id: refreshment,
          src: 'refreshRequest',
          input: factsOf,
          onDone: `${here}.telling`,
          onError: `${here}.telling`,
        },
      },
      telling: {
        description: 'The request goes out',
        invoke: {id: telling, src: 'performStep', input: toTerminate, onError: target},
      },
    },
  }) as const

/** A step whose request carries nothing of the content. */
const shortStep = (description: string) =>
  ({
    description,
    initial: 'connecting',
    on: {'attempt.redirected': '.connecting', 'attempt.challenged': '.connecting'},
    states: {
      connecting: {
        description: 'A connection is being made, or an idle one taken',
        on: {'attempt.connected': 'awaitingResponse'},
        after: {connectTimeout: {target: '#upload.running.weighing', actions: 'noteConnectTimeout'}},
      },
      awaitingResponse: {
        description: 'The answer is not here yet',
        after: {responseTimeout: {target: '#upload.running.weighing', actions: 'noteResponseTimeout'}},
      },
    },
  }) as const

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
        states: {
          preparing: {
            description: 'The files to send are looked at: there, and as they were when they were first sent',
            tags: ['running', 'moving'],
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
              onError: {
                target: 'weighing',
                actions: {type: 'noteThrown', params: ({event}) => ({error: event.error})},
              },
            },
            on: onInterruption,
          },

          refreshing: {
            description: 'The application’s provider gives what does not last: a token, a signed address',
            tags: ['running', 'moving'],
            always: onConditions,
            invoke: {
              id: 'refreshment',
              src: 'refreshRequest',
              input: ({context}) => ({facts: context.facts}),
              onDone: 'recording',
              onError: {
                target: 'weighing',
                actions: {type: 'noteThrown', params: ({event}) => ({error: event.error})},
              },
            },
            after: {providerTimeout: {target: 'weighing', actions: 'noteProviderTimeout'}},
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
              onDone: [
                {guard: {type: 'goesOnWith', params: {step: 'discover'}}, target: 'stepping.discovering'},
                {guard: {type: 'goesOnWith', params: {step: 'create'}}, target: 'stepping.creating'},
                {guard: {type: 'goesOnWith', params: {step: 'ask'}}, target: 'stepping.askingOffset'},
                {guard: {type: 'goesOnWith', params: {step: 'append'}}, target: 'stepping.appending'},
                {guard: {type: 'goesOnWith', params: {step: 'complete'}}, target: 'stepping.completing'},
                {target: 'exchanging'},
              ],
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
              'attempt.failed': {target: 'weighing', actions: keepFailure},
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
                    states: movingBy('askForProgress'),
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
                    states: movingBy('askForProgress'),
                  },
                },
              },
            },
          },

          stepping: {
            description:
              'One step of a protocol that can go on where it was cut; what it brings is durable before the next',
            tags: ['running', 'moving'],
            initial: 'discovering',
            always: onConditions,
            invoke: {
              id: 'step',
              src: 'performStep',
              input: ({context}) => ({facts: context.facts, step: context.step ?? 'discover'}),
              onError: {
                target: 'weighing',
                actions: {type: 'noteThrown', params: ({event}) => ({error: event.error})},
              },
            },
            on: {
              ...onInterruption,
              'attempt.stepped': {
                target: 'preparing',
                actions: {
                  type: 'noteStep',
                  params: ({event}) => ({next: event.next, resumable: event.resumable, evidence: event.evidence}),
                },
              },
              'attempt.finished': {
                target: '#upload.completed',
                actions: {
                  type: 'noteSent',
                  params: ({event}) => ({evidence: event.evidence, answer: event.answer}),
                },
              },
              'attempt.lost': {
                target: 'weighing',
                actions: {type: 'noteLost', params: ({event}) => ({error: event.error})},
              },
              'attempt.failed': {target: 'weighing', actions: keepFailure},
            },
            states: {
              discovering: shortStep('The server is asked what it offers'),
              creating: shortStep('A place for the upload is asked for'),
              askingOffset: shortStep('The server is asked how much of it is there'),
              appending: {
                description: 'The next bytes go out',
                initial: 'connecting',
                on: {'attempt.redirected': '.connecting', 'attempt.challenged': '.connecting'},
                states: {
                  connecting: {
                    description: 'A connection is being made, or an idle one taken',
                    on: {'attempt.connected': 'sending'},
                    after: {connectTimeout: {target: '#upload.running.weighing', actions: 'noteConnectTimeout'}},
                  },
                  sending: {
                    description: 'Body bytes flow to the connection; the server may answer before the last one',
                    type: 'parallel',
                    on: {
                      'attempt.sent': 'awaitingResponse',
                      'attempt.responded': {target: 'receivingResponse', actions: keepResponse},
                    },
                    states: movingBy('askStepForProgress'),
                  },
                  awaitingResponse: {
                    description: 'Every byte was taken; the head of the answer is not here yet',
                    on: {'attempt.responded': {target: 'receivingResponse', actions: keepResponse}},
                    after: {responseTimeout: {target: '#upload.running.weighing', actions: 'noteResponseTimeout'}},
                  },
                  receivingResponse: {
                    description: 'The answer’s body is being kept',
                    type: 'parallel',
                    states: movingBy('askStepForProgress'),
                  },
                },
              },
              completing: {
                description: 'All of it is there; the server is told so',
                initial: 'connecting',
                on: {'attempt.redirected': '.connecting', 'attempt.challenged': '.connecting'},
                states: {
                  connecting: {
                    description: 'A connection is being made, or an idle one taken',
                    on: {'attempt.connected': 'awaitingResponse'},
                    after: {connectTimeout: {target: '#upload.running.weighing', actions: 'noteConnectTimeout'}},
                  },
                  awaitingResponse: {
                    description: 'The head of the answer is not here yet',
                    on: {'attempt.responded': {target: 'receivingResponse', actions: keepResponse}},
                    after: {responseTimeout: {target: '#upload.running.weighing', actions: 'noteResponseTimeout'}},
                  },
                  receivingResponse: {
                    description: 'The answer’s body is being kept',
                    type: 'parallel',
                    states: movingBy('askStepForProgress'),
                  },
                },
              },
            },
          },

          weighing: {
            description: 'The retry table decides what the failure means',
            tags: ['running', 'moving'],
            entry: 'forgetStep',
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
                  target: 'abandoning',
                  actions: {type: 'noteFinalError', params: ({event}) => ({decision: event.output})},
                },
              ],
              onError: {
                target: 'abandoning',
                actions: {type: 'noteThrownFinal', params: ({event}) => ({error: event.error})},
              },
            },
            on: onInterruption,
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
            on: {'operation.admit': onAdmission, ...onInterruption},
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
