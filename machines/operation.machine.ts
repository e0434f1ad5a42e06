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
 *                   of the new generation is durable.
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
 * Short guards (connect, response, stall, yield) are delays of this chart: losing one in a crash is fine, because a restored
 * operation queues and starts a new try. Waits that must last stand in the record as absolute deadlines.
 */

import {
  type ActorRefFrom,
  assign,
  enqueueActions,
  fromCallback,
  fromPromise,
  type SnapshotFrom,
  sendTo,
  setup,
  stopChild,
} from 'xstate'
import type {
  AttemptCommand,
  AttemptEvent,
  AttemptInput,
  OperationSettings,
  WeighFailureInput,
} from '../src/domain/attempt.ts'
import {type Blockage, blockageOf, type Conditions} from '../src/domain/conditions.ts'
import {type SerializedError, TransferError} from '../src/domain/errors.ts'
import {lazily} from '../src/domain/lazily.ts'
import {
  withEvidence,
  withFailure,
  without,
  withPublished,
  withResponse,
  withTry,
  withVerified,
} from '../src/domain/life-facts.ts'
import {addressOf, fromItsOwnAddress, withDropped, withSource} from '../src/domain/mirrors.ts'
import type {PartCounted, PartEvent, PartId} from '../src/domain/part.ts'
import {sizeOf} from '../src/domain/range-set.ts'
import {
  type DroppedSource,
  type Evidence,
  NO_ATTEMPTS,
  type OperationFacts,
  type OperationRecord,
  type PublishedFile,
  type ResponseFacts,
  type TransferPolicy,
  withoutBytes,
} from '../src/domain/record.ts'
import {countContinuation, countFailure, mayStartOver, type RetryDecision} from '../src/domain/retry.ts'
import type {LifeState} from '../src/domain/status.ts'
import {notProvided} from './not-provided.ts'
import {partMachine} from './part.machine.ts'

/** What became of an operation while a batch carried it. */
export interface Carried {
  /** Why its try failed, where it did; its record counts that already. */
  readonly failure?: SerializedError | undefined
}

export interface OperationInput {
  readonly record: OperationRecord
  readonly conditions: Conditions
  readonly settings: OperationSettings
  /** Position from which bytes are wanted first (random access). */
  readonly wanted?: number | undefined
  /** A batch of small files carried it until now: it goes on at once. */
  readonly carried?: Carried | undefined
}

export interface OperationContext {
  readonly facts: OperationFacts
  /** The life state that the record named; read by restoring alone. */
  readonly restoredFrom: LifeState
  /** Read by restoring alone. */
  readonly wasCarried?: boolean
  readonly conditions: Conditions
  readonly settings: OperationSettings
  /** Position from which bytes are wanted first (random access); a wish of this process, not kept. */
  readonly wanted?: number | undefined
  /** Why the present try failed; read by weighing alone. */
  readonly failure?: SerializedError
}

export type OperationEvent =
  | AttemptEvent
  | PartEvent
  | {readonly type: 'operation.admit'}
  | {readonly type: 'operation.displace'}
  | {readonly type: 'operation.suspend'}
  | {readonly type: 'operation.pause'}
  /** `sequence` is the new place at the end of its class. */
  | {readonly type: 'operation.resume'; readonly sequence: number}
  | {readonly type: 'operation.cancel'}
  | {readonly type: 'operation.reprioritize'; readonly policy: TransferPolicy; readonly sequence: number}
  | {readonly type: 'policy.changed'; readonly policy: TransferPolicy}
  /** The same address, other headers. */
  | {readonly type: 'headers.changed'; readonly request: OperationFacts['request']}
  | {readonly type: 'request.changed'; readonly request: OperationFacts['request']; readonly evidence: Evidence}
  | {readonly type: 'conditions.changed'; readonly conditions: Conditions}
  | {readonly type: 'retry.due'}
  /** Somebody does not want to wait for the deadline. */
  | {readonly type: 'operation.retry'}
  /** Random access: bytes from there on are wanted before all others. */
  | {readonly type: 'range.wanted'; readonly position: number}

export function reason({facts, conditions}: OperationContext): Blockage | undefined {
  return blockageOf(facts, conditions)
}

export function timedOut(
  code: 'CONNECT_TIMEOUT' | 'RESPONSE_TIMEOUT' | 'STALLED',
  message: string,
  facts: OperationFacts,
) {
  return new TransferError(code, message, {where: new URL(addressOf(facts)).origin}).toSerialized()
}

export function providerTimedOut({request}: OperationFacts): SerializedError {
  return new TransferError('PROVIDER_TIMEOUT', 'the provider gave nothing in time', {
    where: request.provider ?? '',
  }).toSerialized()
}

function nextGeneration(facts: OperationFacts): OperationFacts {
  return {...facts, evidence: withoutBytes(facts.evidence, facts.evidence.generation + 1)}
}

/** The answer, or what came again, says that the bytes on disk are of another version. */
function provedUseless({details}: SerializedError): boolean {
  return details?.startOver === true
}

/** Other bytes may do where these did not: they were pieced together, or the server itself does not stand by them. */
function isOfTheBytes({code, details}: TransferError, {attempts, evidence, request}: OperationFacts): boolean {
  const isAdopted = evidence.partOwner !== undefined
  if (code === 'CONTENT_UNEXPECTED') return isAdopted
  if (code !== 'CHECKSUM_MISMATCH' && code !== 'LENGTH_MISMATCH') return false
  return isAdopted || attempts.total > 1 || request.mirrors !== undefined || details.from === 'server'
}

/** How long a body has come before anything is concluded from how fast it comes. */
const FIRST_LOOK_MS = 50

const setUp = setup({
  types: {
    context: {} as OperationContext,
    input: {} as OperationInput,
    events: {} as OperationEvent,
    tags: {} as LifeState | 'passive' | 'moving' | 'holding',
    children: {} as {
      refreshment: 'refreshRequest'
      attempt: 'transferBytes'
      weighing: 'weighFailure'
      restartCommit: 'commitRecord'
      startOverCommit: 'commitRecord'
      verification: 'verifyFile'
      publishCommit: 'commitRecord'
      publication: 'publishFile'
      removal: 'discardParts'
      [part: PartId]: 'part'
    },
  },
  actors: {
    transferBytes: fromCallback<AttemptCommand, AttemptInput>(notProvided('transferBytes')),
    refreshRequest: fromPromise<void, {facts: OperationFacts}>(notProvided('refreshRequest')),
    weighFailure: fromPromise<RetryDecision, WeighFailureInput>(notProvided('weighFailure')),
    commitRecord: fromPromise<void, {record: OperationRecord}>(notProvided('commitRecord')),
    verifyFile: fromPromise<PublishedFile, {facts: OperationFacts}>(notProvided('verifyFile')),
    publishFile: fromPromise<string, {facts: OperationFacts}>(notProvided('publishFile')),
    discardParts: fromPromise<void, {facts: OperationFacts}>(notProvided('discardParts')),
    part: partMachine(),
  },
  delays: {
    firstLook: ({context}) => Math.min(FIRST_LOOK_MS, context.settings.checkpointIntervalMs),
    connectTimeout: ({context}) => context.settings.connectTimeoutMs,
    responseTimeout: ({context}) => context.settings.responseTimeoutMs,
    stallTimeout: ({context}) => context.settings.stallTimeoutMs,
    providerTimeout: ({context}) => context.settings.beforeAttemptTimeoutMs,
    yieldTimeout: ({context}) => context.settings.yieldTimeoutMs,
    checkpointInterval: ({context}) => context.settings.checkpointIntervalMs,
  },
  guards: {
    wasCarried: ({context}) => context.wasCarried === true,
    hasFailed: ({context}) => context.failure !== undefined,
    wasIn: ({context}, params: {state: LifeState}) => context.restoredFrom === params.state,
    isBlocked: ({context}) => reason(context) !== undefined,
    isBlockedBy: ({context}, params: {reason: Blockage}) => reason(context) === params.reason,
    /** The whole part stands beside its name, and only the name was not to be had. */
    isVerified: ({context}) => context.facts.publishing !== undefined,
    isFree: ({context}) => reason(context) === undefined,
    hasProvider: ({context}) => context.facts.request.provider !== undefined,
    /** POST downloads cannot be paused (spec D16). */
    canBePaused: ({context}) => context.facts.request.method.toUpperCase() !== 'POST',
    decidedTo: (_, params: {decision: RetryDecision; kind: RetryDecision['kind']}) =>
      params.decision.kind === params.kind,
    /** `asksFirst`: by way of its provider. */
    goesOnAtOnce: ({context}, params: {decision: RetryDecision; asksFirst: boolean}) =>
      params.decision.kind === 'atOnce' && params.asksFirst === (context.facts.request.provider !== undefined),
    hasOneConnection: ({context}) => (context.facts.policy.connections ?? 1) <= 1,
    /** Parts and tries have one budget: when that is used up, the operation's own connection goes on alone. */
    mayAddPart: ({context: {facts, settings}}) =>
      facts.attempts.failures <= settings.retry.retries && facts.attempts.total < settings.retry.maxAttempts,
    /** The answer proved the bytes on disk useless: the next try begins at zero. */
    mustStartOver: ({context}, params: {error: SerializedError}) =>
      provedUseless(params.error) && mayStartOver(context.facts.attempts, context.settings.retry),
    provedUseless: (_, params: {error: SerializedError}) => provedUseless(params.error),
    /**
     * Bytes of more than one try make up the file, or some of another operation, or they are not what the server itself says of
     * them; and it was not yet fetched afresh in one go.
     */
    deservesCleanRestart: ({context}, params: {error: unknown}) =>
      params.error instanceof TransferError &&
      isOfTheBytes(params.error, context.facts) &&
      context.facts.cleanRestart !== true,
    /** Somebody removed the finished part before it was published. */
    lostItsPart: ({context}, params: {error: unknown}) =>
      params.error instanceof TransferError &&
      params.error.code === 'PART_LOST' &&
      context.facts.attempts.total < context.settings.retry.maxAttempts,
  },
  actions: {
    noteConditions: assign({conditions: (_, params: {conditions: Conditions}) => params.conditions}),
    notePolicy: assign({facts: ({context}, params: {policy: TransferPolicy}) => ({...context.facts, ...params})}),
    notePlace: assign({facts: ({context}, params: {sequence: number}) => ({...context.facts, ...params})}),
    noteWanted: assign({wanted: (_, params: {position: number}) => params.position}),
    tellWanted: sendTo('attempt', (_, params: {position: number}) => ({type: 'range.wanted' as const, ...params})),
    noteRequest: assign({
      facts: ({context}, params: {request: OperationFacts['request']; evidence: Evidence}) => ({
        ...fromItsOwnAddress(without(context.facts, 'publishing')),
        ...params,
      }),
    }),
    noteHeaders: assign({
      facts: ({context}, params: {request: OperationFacts['request']}) => ({...context.facts, ...params}),
    }),
    countTry: assign({facts: ({context}) => withTry(context.facts)}),
    beginAnew: assign({
      facts: ({context}) => ({
        ...without(context.facts, 'error', 'retryAt'),
        attempts: {...NO_ATTEMPTS, highWater: sizeOf(context.facts.evidence.ranges)},
      }),
    }),
    noteResponse: assign({
      facts: ({context}, params: {response: ResponseFacts; evidence: Evidence}) =>
        withResponse(context.facts, params.response, params.evidence),
    }),
    noteEvidence: assign({
      facts: ({context}, params: {evidence: Evidence}) => withEvidence(context.facts, params.evidence),
    }),
    noteFailure: assign({
      failure: (_, params: {error: SerializedError; evidence?: Evidence; response?: ResponseFacts}) => params.error,
      facts: ({context}, params: {error: SerializedError; evidence?: Evidence; response?: ResponseFacts}) => {
        const facts = params.evidence === undefined ? context.facts : withEvidence(context.facts, params.evidence)
        return withFailure(facts, params.response)
      },
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
    noteDropped: assign({
      facts: ({context}, params: {dropped: DroppedSource}) => withDropped(context.facts, params.dropped),
    }),
    noteElsewhere: assign({
      facts: ({context}, {decision}: {decision: RetryDecision}) => {
        if (decision.kind !== 'elsewhere' && decision.kind !== 'anewElsewhere') return context.facts
        const facts = withSource(context.facts, decision.source)
        return decision.dropped === undefined ? facts : withDropped(facts, decision.dropped)
      },
    }),
    noteContinuation: assign({
      facts: ({context}) => ({...context.facts, attempts: countContinuation(context.facts.attempts)}),
    }),
    noteDeadline: assign({
      facts: ({context}, params: {decision: RetryDecision}) => ({
        ...context.facts,
        ...('at' in params.decision ? {retryAt: params.decision.at} : {}),
        ...('source' in params.decision ? {source: params.decision.source} : {}),
        ...(context.failure === undefined ? {} : {error: context.failure}),
      }),
    }),
    clearDeadline: assign({facts: ({context}) => without(context.facts, 'retryAt')}),
    noteStandingError: assign({
      facts: ({context}) => ({...context.facts, ...(context.failure === undefined ? {} : {error: context.failure})}),
    }),
    noteFinalError: assign({
      facts: ({context}, params: {decision: RetryDecision}) => ({
        ...without(context.facts, 'retryAt'),
        ...('error' in params.decision ? {error: params.decision.error} : {}),
      }),
    }),
    noteThrownFinal: assign({
      facts: ({context}, params: {error: unknown}) => ({...context.facts, error: serialize(params.error)}),
    }),
    startNextGeneration: assign({facts: ({context}) => nextGeneration(without(context.facts, 'publishing'))}),
    noteCleanRestart: assign({facts: ({context}) => ({...context.facts, cleanRestart: true})}),
    noteVerified: assign({
      facts: ({context}, params: {file: PublishedFile}) => withVerified(context.facts, params.file),
    }),
    notePublished: assign({
      facts: ({context}, params: {file: string}) => withPublished(context.facts, params.file),
    }),
    askForCheckpoint: sendTo('attempt', {type: 'checkpoint.due'}),
    askForWidth: sendTo('attempt', {type: 'width.due'}),
    askToYield: sendTo('attempt', {type: 'attempt.yield'}),
    releaseBody: sendTo('attempt', {type: 'restart.recorded'}),
    addPart: enqueueActions(({context, enqueue}, params: {part: PartId}) => {
      const {facts, settings} = context
      const input = {operation: facts.id, part: params.part, settings, recoverable: facts.policy.recoverable ?? []}
      enqueue.spawnChild('part', {id: params.part, input})
    }),
    countPart: assign({
      facts: ({context}) => ({...context.facts, attempts: countFailure(context.facts.attempts)}),
    }),
    tellCounts: sendTo(
      (_, params: {part: PartId}) => params.part,
      ({context}): PartCounted => ({type: 'part.counted', counts: context.facts.attempts}),
    ),
    dropPart: stopChild((_, params: {part: PartId}) => params.part),
    dropParts: enqueueActions(({enqueue, self}) => {
      for (const id of Object.keys(self.getSnapshot().children)) if (id.startsWith('part-')) enqueue.stopChild(id)
    }),
  },
})

export function serialize(thrown: unknown): SerializedError {
  if (thrown instanceof TransferError) return thrown.toSerialized()
  const message = thrown instanceof Error ? thrown.message : String(thrown)
  return new TransferError('INTERNAL', `unexpected failure: ${message}`).toSerialized()
}

/** The next try, once everything for it is there. */
const toTheWire = [
  {guard: 'hasProvider', target: '#operation.running.refreshing'},
  {target: '#operation.running.exchanging'},
] as const

/** The pause that applies, if one does. */
const pausesOfTheSystem = [
  {guard: {type: 'isBlockedBy', params: {reason: 'noNetwork'}}, target: '#operation.paused.noNetwork'},
  {guard: {type: 'isBlockedBy', params: {reason: 'costedNetwork'}}, target: '#operation.paused.costedNetwork'},
  {guard: {type: 'isBlockedBy', params: {reason: 'systemPolicy'}}, target: '#operation.paused.systemPolicy'},
] as const

/** The bytes come: on one connection there is nothing to look at first. */
const toTheBody = [{guard: 'hasOneConnection', target: 'transferring.pulse.resting'}, {target: 'transferring'}] as const

/** Where an admitted operation goes: to publish what is verified, for which nothing has to be fetched; else straight into the pause that applies, else on the wire (8.4). */
const onAdmission = [
  {guard: 'isVerified', target: '#operation.running.finishing.publishing'},
  ...pausesOfTheSystem,
  ...toTheWire,
] as const

/** The same, for an operation whose pause of the system is over, or not, after its bytes were made durable. */
const afterYieldingToConditions = [...pausesOfTheSystem, {target: '#operation.running.returning'}] as const

/** Between two tries nothing has to be made durable first. The capacity is kept, lest two operations use one slot. */
const betweenTries = {
  'operation.pause': {guard: 'canBePaused', target: '#operation.paused.byApplication'},
  'operation.displace': '#operation.queued',
  'operation.suspend': '#operation.queued',
  'operation.cancel': '#operation.canceling',
} as const

/** Leaves a pause of the system: for the other pause that applies now, or back towards the wire. */
function onConditionsIn(pause: Blockage) {
  const others = (['noNetwork', 'costedNetwork', 'systemPolicy'] as const).filter((other) => other !== pause)
  return [
    ...others.map((other) => ({
      guard: {type: 'isBlockedBy' as const, params: {reason: other}},
      target: `#operation.paused.${other}` as const,
    })),
    {guard: 'isFree' as const, target: '#operation.running.returning' as const},
  ]
}

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
            always: pausesOfTheSystem,
            invoke: {
              id: 'refreshment',
              src: 'refreshRequest',
              input: ({context}) => ({facts: context.facts}),
              onDone: 'exchanging',
              onError: {
                target: 'weighing',
                actions: {type: 'noteThrown', params: ({event}) => ({error: event.error})},
              },
            },
            after: {providerTimeout: {target: 'weighing', actions: 'noteProviderTimeout'}},
            on: betweenTries,
          },

          exchanging: {
            description: 'One try: a request, its answer, its bytes',
            tags: ['running', 'moving'],
            initial: 'active',
            entry: 'countTry',
            exit: 'dropParts',
            invoke: {
              id: 'attempt',
              src: 'transferBytes',
              input: ({context}) => ({facts: context.facts, wanted: context.wanted}),
              onError: {
                target: 'weighing',
                actions: {type: 'noteThrown', params: ({event}) => ({error: event.error})},
              },
            },
            on: {
              'attempt.checkpointed': {
                actions: {type: 'noteEvidence', params: ({event}) => ({evidence: event.evidence})},
              },
              'attempt.finished': {
                target: 'finishing',
                actions: {type: 'noteEvidence', params: ({event}) => ({evidence: event.evidence})},
              },
              'attempt.failed': [
                {
                  guard: {type: 'mustStartOver', params: ({event}) => ({error: event.error})},
                  target: 'startingOver',
                  actions: {
                    type: 'noteFailure',
                    params: ({event}) => ({error: event.error, evidence: event.evidence}),
                  },
                },
                {
                  description: 'Once too often: nobody is to go on from these bytes, now or later',
                  guard: {type: 'provedUseless', params: ({event}) => ({error: event.error})},
                  target: 'weighing',
                  actions: [
                    {
                      type: 'noteFailure',
                      params: ({event}) => ({error: event.error, evidence: event.evidence}),
                    },
                    'startNextGeneration',
                  ],
                },
                {
                  target: 'weighing',
                  actions: {
                    type: 'noteFailure',
                    params: ({event}) => ({
                      error: event.error,
                      evidence: event.evidence,
                      ...(event.response === undefined ? {} : {response: event.response}),
                    }),
                  },
                },
              ],
              'range.wanted': {
                actions: [
                  {type: 'noteWanted', params: ({event}) => ({position: event.position})},
                  {type: 'tellWanted', params: ({event}) => ({position: event.position})},
                ],
              },
              'source.dropped': {
                actions: {type: 'noteDropped', params: ({event}) => ({dropped: event.dropped})},
              },
              'part.wanted': {
                guard: 'mayAddPart',
                actions: {type: 'addPart', params: ({event}) => ({part: event.part})},
              },
              'part.failed': {
                actions: ['countPart', {type: 'tellCounts', params: ({event}) => ({part: event.part})}],
              },
              'part.ended': {actions: {type: 'dropPart', params: ({event}) => ({part: event.part})}},
              'operation.cancel': '#operation.canceling',
            },
            states: {
              active: {
                description: 'The try goes on as long as nothing asks it to stop',
                initial: 'connecting',
                always: {guard: 'isBlocked', target: 'yieldingToConditions'},
                on: {
                  'attempt.continuing': '.connecting',
                  'attempt.attending': '.transferring.flow.attending',
                  'operation.pause': {guard: 'canBePaused', target: 'yieldingToPause'},
                  'operation.displace': 'yieldingToLine',
                  'operation.suspend': 'yieldingToLine',
                },
                states: {
                  connecting: {
                    description: 'A connection is being made, or an idle one taken',
                    on: {'attempt.connected': 'awaitingResponse'},
                    after: {
                      connectTimeout: {target: '#operation.running.weighing', actions: 'noteConnectTimeout'},
                    },
                  },
                  awaitingResponse: {
                    description: 'The request is out; the head of its answer is not here yet',
                    on: {
                      'attempt.redirected': 'connecting',
                      'attempt.challenged': 'connecting',
                      'attempt.responded': toTheBody.map((branch) => ({
                        ...branch,
                        actions: {
                          type: 'noteResponse' as const,
                          params: ({event}: {event: {response: ResponseFacts; evidence: Evidence}}) => ({
                            response: event.response,
                            evidence: event.evidence,
                          }),
                        },
                      })),
                      'attempt.restarted': {
                        target: 'recordingRestart',
                        actions: {
                          type: 'noteResponse',
                          params: ({event}) => ({response: event.response, evidence: event.evidence}),
                        },
                      },
                    },
                    after: {
                      responseTimeout: {target: '#operation.running.weighing', actions: 'noteResponseTimeout'},
                    },
                  },
                  recordingRestart: {
                    description: 'The body waits until the record of its new generation is durable',
                    invoke: {
                      id: 'restartCommit',
                      src: 'commitRecord',
                      input: ({context}) => ({record: {...context.facts, state: 'running'}}),
                      onDone: toTheBody.map((branch) => ({...branch, actions: 'releaseBody' as const})),
                      onError: {
                        target: '#operation.running.weighing',
                        actions: {type: 'noteThrown', params: ({event}) => ({error: event.error})},
                      },
                    },
                  },
                  transferring: {
                    description: 'Body bytes flow from the connection to the part file',
                    type: 'parallel',
                    states: {
                      flow: {
                        description: 'Each byte that comes starts the count anew',
                        initial: 'counting',
                        // The target is a child: re-entering a region itself would start the other region's delay anew too.
                        on: {'attempt.progressed': '.counting', 'attempt.attending': '.attending'},
                        states: {
                          counting: {
                            description: 'Counts as stalled when no byte came for stallTimeout',
                            after: {
                              stallTimeout: {target: '#operation.running.weighing', actions: 'noteStall'},
                            },
                          },
                          attending: {
                            description: 'Parts bring the rest, each with timeouts of its own',
                          },
                        },
                      },
                      pulse: {
                        description: 'Asks for a checkpoint again and again',
                        initial: 'beginning',
                        states: {
                          beginning: {
                            description: 'Soon asks whether more connections would be of use, where there may be more',
                            after: {firstLook: {target: 'resting', actions: 'askForWidth'}},
                          },
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
              yieldingToPause: {
                description: 'The application paused: the bytes so far are being made durable',
                entry: 'askToYield',
                on: {
                  'operation.resume': {
                    description: 'Taken back before it held: to the end of its class, as after any pause',
                    target: 'yieldingToLine',
                    actions: {type: 'notePlace', params: ({event}) => ({sequence: event.sequence})},
                  },
                  'attempt.yielded': {
                    target: '#operation.paused.byApplication',
                    actions: {type: 'noteEvidence', params: ({event}) => ({evidence: event.evidence})},
                  },
                  'attempt.finished': {
                    description: 'Every byte came meanwhile: its file is not published before it goes on',
                    target: '#operation.paused.byApplication',
                    actions: {type: 'noteEvidence', params: ({event}) => ({evidence: event.evidence})},
                  },
                  'attempt.failed': '#operation.paused.byApplication',
                },
                after: {yieldTimeout: '#operation.paused.byApplication'},
              },
              yieldingToLine: {
                description: 'Another member goes first, or the engine closes: the bytes so far are being made durable',
                entry: 'askToYield',
                on: {
                  'operation.pause': {guard: 'canBePaused', target: 'yieldingToPause'},
                  'attempt.yielded': {
                    target: '#operation.queued',
                    actions: {type: 'noteEvidence', params: ({event}) => ({evidence: event.evidence})},
                  },
                  'attempt.failed': '#operation.queued',
                },
                after: {yieldTimeout: '#operation.queued'},
              },
              yieldingToConditions: {
                description: 'Network, cost or system policy forbid to go on: the bytes so far are being made durable',
                entry: 'askToYield',
                on: {
                  'operation.pause': {guard: 'canBePaused', target: 'yieldingToPause'},
                  'attempt.yielded': afterYieldingToConditions.map((branch) => ({
                    ...branch,
                    actions: {
                      type: 'noteEvidence' as const,
                      params: ({event}: {event: {evidence: Evidence}}) => ({evidence: event.evidence}),
                    },
                  })),
                  'attempt.failed': afterYieldingToConditions,
                },
                after: {yieldTimeout: afterYieldingToConditions},
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
                  guard: {type: 'goesOnAtOnce', params: ({event}) => ({decision: event.output, asksFirst: true})},
                  target: 'refreshing',
                  actions: 'noteContinuation',
                },
                {
                  guard: {type: 'goesOnAtOnce', params: ({event}) => ({decision: event.output, asksFirst: false})},
                  target: 'exchanging',
                  actions: 'noteContinuation',
                },
                {
                  guard: {type: 'decidedTo', params: ({event}) => ({decision: event.output, kind: 'elsewhere'})},
                  target: 'goingElsewhere',
                  actions: {type: 'noteElsewhere', params: ({event}) => ({decision: event.output})},
                },
                {
                  guard: {type: 'decidedTo', params: ({event}) => ({decision: event.output, kind: 'anewElsewhere'})},
                  target: 'startingOver',
                  actions: {type: 'noteElsewhere', params: ({event}) => ({decision: event.output})},
                },
                {
                  guard: {type: 'decidedTo', params: ({event}) => ({decision: event.output, kind: 'waitUntil'})},
                  target: 'waitingToRetry',
                  actions: {type: 'noteDeadline', params: ({event}) => ({decision: event.output})},
                },
                {
                  guard: {type: 'decidedTo', params: ({event}) => ({decision: event.output, kind: 'pauseForStorage'})},
                  target: '#operation.paused.forStorage',
                  actions: {type: 'noteDeadline', params: ({event}) => ({decision: event.output})},
                },
                {
                  guard: {type: 'decidedTo', params: ({event}) => ({decision: event.output, kind: 'pauseRecoverable'})},
                  target: '#operation.paused.recoverableWebErrorStatus',
                  actions: 'noteStandingError',
                },
                {
                  target: '#operation.failed',
                  actions: {type: 'noteFinalError', params: ({event}) => ({decision: event.output})},
                },
              ],
              onError: {
                target: '#operation.failed',
                actions: {type: 'noteThrownFinal', params: ({event}) => ({error: event.error})},
              },
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
              onError: {
                target: 'weighing',
                actions: {type: 'noteThrown', params: ({event}) => ({error: event.error})},
              },
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

          finishing: {
            description: 'All bytes are here: from part file to file',
            tags: ['moving'],
            initial: 'verifying',
            states: {
              verifying: {
                description: 'Length and checksum are compared, and the bytes made durable',
                tags: ['running'],
                invoke: {
                  id: 'verification',
                  src: 'verifyFile',
                  input: ({context}) => ({facts: context.facts}),
                  onDone: {
                    target: 'committing',
                    actions: {type: 'noteVerified', params: ({event}) => ({file: event.output})},
                  },
                  onError: [
                    {
                      guard: {type: 'deservesCleanRestart', params: ({event}) => ({error: event.error})},
                      target: '#operation.running.startingOver',
                      actions: 'noteCleanRestart',
                    },
                    {
                      guard: {type: 'lostItsPart', params: ({event}) => ({error: event.error})},
                      target: '#operation.running.startingOver',
                    },
                    {
                      target: '#operation.running.weighing',
                      actions: {type: 'noteThrown', params: ({event}) => ({error: event.error})},
                    },
                  ],
                },
                on: {
                  'operation.pause': {guard: 'canBePaused', target: '#operation.paused.byApplication'},
                  'operation.displace': '#operation.queued',
                  'operation.cancel': '#operation.canceling',
                },
              },
              committing: {
                description: 'The intent to publish, with the identity of the part, is being made durable',
                tags: ['publishing'],
                invoke: {
                  id: 'publishCommit',
                  src: 'commitRecord',
                  input: ({context}) => ({record: {...context.facts, state: 'publishing'}}),
                  onDone: 'publishing',
                  onError: {
                    target: '#operation.running.weighing',
                    actions: {type: 'noteThrown', params: ({event}) => ({error: event.error})},
                  },
                },
                on: {'operation.cancel': '#operation.canceling'},
              },
              publishing: {
                description: 'The part takes the file’s name; too late to cancel',
                tags: ['publishing'],
                invoke: {
                  id: 'publication',
                  src: 'publishFile',
                  input: ({context}) => ({facts: context.facts}),
                  onDone: {
                    target: '#operation.completed',
                    actions: {type: 'notePublished', params: ({event}) => ({file: event.output})},
                  },
                  onError: [
                    {
                      guard: {type: 'lostItsPart', params: ({event}) => ({error: event.error})},
                      target: '#operation.running.startingOver',
                    },
                    {
                      target: '#operation.running.weighing',
                      actions: {type: 'noteThrown', params: ({event}) => ({error: event.error})},
                    },
                  ],
                },
                on: {'operation.cancel': {description: 'Too late: nothing can be taken back'}},
              },
            },
          },
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
            on: {
              'operation.resume': {
                target: '#operation.queued',
                actions: ['beginAnew', {type: 'notePlace', params: ({event}) => ({sequence: event.sequence})}],
              },
              'request.changed': {
                actions: {
                  type: 'noteRequest',
                  params: ({event}) => ({request: event.request, evidence: event.evidence}),
                },
              },
            },
          },
          noNetwork: {
            description: 'PausedNoNetwork (4): no attempt is made and no retry spent; keeps its place',
            tags: ['pausedNoNetwork', 'holding'],
            always: onConditionsIn('noNetwork'),
            on: {
              'operation.resume': {description: 'Accepted, no effect while the condition holds (D41)'},
              'operation.displace': '#operation.queued',
            },
          },
          costedNetwork: {
            description: 'PausedCostedNetwork (3): the cost policy forbids this network; keeps its place',
            tags: ['pausedCostedNetwork', 'holding'],
            always: onConditionsIn('costedNetwork'),
            on: {
              'operation.resume': {description: 'Accepted, no effect while the condition holds (D41)'},
              'operation.displace': '#operation.queued',
            },
          },
          systemPolicy: {
            description: 'PausedSystemPolicy (32): the system saves power; keeps its place',
            tags: ['pausedSystemPolicy', 'holding'],
            always: onConditionsIn('systemPolicy'),
            on: {
              'operation.resume': {description: 'Accepted, no effect while the condition holds (D41)'},
              'operation.displace': '#operation.queued',
            },
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
            on: {
              'operation.resume': {
                target: '#operation.queued',
                actions: ['beginAnew', {type: 'notePlace', params: ({event}) => ({sequence: event.sequence})}],
              },
              'request.changed': {
                actions: {
                  type: 'noteRequest',
                  params: ({event}) => ({request: event.request, evidence: event.evidence}),
                },
              },
            },
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
