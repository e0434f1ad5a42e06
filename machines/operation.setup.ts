/**
 * What the words of a download's chart mean: its actors, delays, guards and actions. None of them has side effects; the actors
 * are placeholders until src/engine/operations/provide.ts puts real ones in their place.
 */

import {enqueueActions, fromCallback, fromPromise, sendTo, setup, stopChild} from 'xstate'
import type {AttemptCommand, AttemptInput} from '../src/domain/attempt.ts'
import {deservesCleanRestart, deservesFreshAnswer} from '../src/domain/clean-restart.ts'
import {type SerializedError, TransferError} from '../src/domain/errors.ts'
import {
  withCleanRestart,
  withEvidence,
  withFailure,
  withNextGeneration,
  without,
  withPublished,
  withResponse,
  withVerified,
} from '../src/domain/life-facts.ts'
import {fromItsOwnAddress, withDropped, withSource} from '../src/domain/mirrors.ts'
import type {PartCounted, PartId} from '../src/domain/part.ts'
import {sizeOf} from '../src/domain/range-set.ts'
import {
  type DroppedSource,
  type Evidence,
  NO_ATTEMPTS,
  type OperationFacts,
  type PublishedFile,
} from '../src/domain/record.ts'
import type {ResponseFacts} from '../src/domain/response-facts.ts'
import {mayStartOver, type RetryDecision} from '../src/domain/retry.ts'
import {notProvided} from './not-provided.ts'
import {partMachine} from './part.machine.ts'
import {notesOf, reason, sharedActors, sharedChanges, sharedDelays, sharedGuards} from './transfer.setup.ts'
import type {OperationContext, OperationEvent, OperationInput, OperationTag} from './transfer.vocabulary.ts'

/** How long a body has come before anything is concluded from how fast it comes. */
const FIRST_LOOK_MS = 50

/** The answer, or what came again, says that the bytes on disk are of another version. */
function provedUseless({details}: SerializedError): boolean {
  return details?.startOver === true
}

const note = notesOf<OperationContext>()

const onOneConnection = setup({
  types: {
    context: {} as OperationContext,
    input: {} as OperationInput,
    events: {} as OperationEvent,
    tags: {} as OperationTag,
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
    ...sharedActors,
    transferBytes: fromCallback<AttemptCommand, AttemptInput>(notProvided('transferBytes')),
    verifyFile: fromPromise<PublishedFile, {facts: OperationFacts}>(notProvided('verifyFile')),
    publishFile: fromPromise<string, {facts: OperationFacts}>(notProvided('publishFile')),
    discardParts: fromPromise<void, {facts: OperationFacts}>(notProvided('discardParts')),
    part: partMachine(),
  },
  delays: {
    ...sharedDelays,
    firstLook: ({context}) => Math.min(FIRST_LOOK_MS, context.settings.checkpointIntervalMs),
  },
  guards: {
    ...sharedGuards,
    wasCarried: ({context}) => context.wasCarried === true,
    hasFailed: ({context}) => context.failure !== undefined,
    isBlocked: ({context}) => reason(context) !== undefined,
    /** The whole part stands beside its name, and only the name was not to be had. */
    isVerified: ({context}) => context.facts.publishing !== undefined,
    /** POST downloads cannot be paused (spec D16). */
    canBePaused: ({context}) => context.facts.request.method.toUpperCase() !== 'POST',
    /** `asksFirst`: by way of its provider. */
    goesOnAtOnce: ({context}, params: {decision: RetryDecision; asksFirst: boolean}) =>
      params.decision.kind === 'atOnce' && params.asksFirst === (context.facts.request.provider !== undefined),
    hasOneConnection: ({context}) => (context.facts.policy.connections ?? 1) <= 1,
    /** The answer proved the bytes on disk useless: the next try begins at zero. */
    mustStartOver: ({context}, params: {error: SerializedError}) =>
      provedUseless(params.error) && mayStartOver(context.facts.attempts, context.settings.retry),
    provedUseless: (_, params: {error: SerializedError}) => provedUseless(params.error),
    /** The bytes may be to blame, and not what is expected of them. */
    deservesCleanRestart: ({context}, params: {error: unknown}) =>
      params.error instanceof TransferError && deservesCleanRestart(params.error, context.facts),
    /** What answered was our cache, and the server may have what is expected. */
    deservesFreshAnswer: ({context}, params: {error: SerializedError; response: ResponseFacts | undefined}) =>
      deservesFreshAnswer(params.error, params.response, context.facts),
    /** Somebody removed the finished part before it was published. */
    lostItsPart: ({context}, params: {error: unknown}) =>
      params.error instanceof TransferError &&
      params.error.code === 'PART_LOST' &&
      context.facts.attempts.total < context.settings.retry.maxAttempts,
  },
  actions: {
    noteConditions: note(sharedChanges.noteConditions),
    notePolicy: note(sharedChanges.notePolicy),
    notePlace: note(sharedChanges.notePlace),
    noteHeaders: note(sharedChanges.noteHeaders),
    countTry: note(sharedChanges.countTry),
    noteThrown: note(sharedChanges.noteThrown),
    noteProviderTimeout: note(sharedChanges.noteProviderTimeout),
    noteConnectTimeout: note(sharedChanges.noteConnectTimeout),
    noteResponseTimeout: note(sharedChanges.noteResponseTimeout),
    noteStall: note(sharedChanges.noteStall),
    noteContinuation: note(sharedChanges.noteContinuation),
    clearDeadline: note(sharedChanges.clearDeadline),
    noteFinalError: note(sharedChanges.noteFinalError),
    noteThrownFinal: note(sharedChanges.noteThrownFinal),
    noteWanted: note((_, params: {position: number}) => ({wanted: params.position})),
    tellWanted: sendTo('attempt', (_, params: {position: number}) => ({type: 'range.wanted' as const, ...params})),
    noteRequest: note(({facts}, params: {request: OperationFacts['request']; evidence: Evidence}) => ({
      facts: {...fromItsOwnAddress(without(facts, 'publishing')), ...params},
    })),
    beginAnew: note(({facts}) => ({
      facts: {
        ...without(facts, 'error', 'retryAt'),
        attempts: {...NO_ATTEMPTS, highWater: sizeOf(facts.evidence.ranges)},
      },
    })),
    noteResponse: note(({facts}, params: {response: ResponseFacts; evidence: Evidence}) => ({
      facts: withResponse(facts, params.response, params.evidence),
    })),
    noteEvidence: note(({facts}, params: {evidence: Evidence}) => ({
      facts: withEvidence(facts, params.evidence),
    })),
    noteFailure: note(({facts}, params: {error: SerializedError; evidence?: Evidence; response?: ResponseFacts}) => ({
      failure: params.error,
      facts: withFailure(
        params.evidence === undefined ? facts : withEvidence(facts, params.evidence),
        params.response,
        params.error,
      ),
    })),
    noteDropped: note(({facts}, params: {dropped: DroppedSource}) => ({
      facts: withDropped(facts, params.dropped),
    })),
    noteElsewhere: note(({facts}, {decision}: {decision: RetryDecision}) => {
      if (decision.kind !== 'elsewhere' && decision.kind !== 'anewElsewhere') return {}
      const moved = withSource(facts, decision.source)
      return {facts: decision.dropped === undefined ? moved : withDropped(moved, decision.dropped)}
    }),
    noteDeadline: note(({facts, failure}, {decision}: {decision: RetryDecision}) => ({
      facts: {
        ...facts,
        ...('at' in decision ? {retryAt: decision.at} : {}),
        ...('source' in decision ? {source: decision.source} : {}),
        ...(failure === undefined ? {} : {error: failure}),
      },
    })),
    noteStandingError: note(({facts, failure}) => ({
      facts: {...facts, ...(failure === undefined ? {} : {error: failure})},
    })),
    startNextGeneration: note(({facts}) => ({facts: withNextGeneration(without(facts, 'publishing'))})),
    noteCleanRestart: note(({facts}) => ({facts: withCleanRestart(facts)})),
    noteVerified: note(({facts}, params: {file: PublishedFile}) => ({
      facts: withVerified(facts, params.file),
    })),
    notePublished: note(({facts}, params: {file: string}) => ({facts: withPublished(facts, params.file)})),
    askForCheckpoint: sendTo('attempt', {type: 'checkpoint.due'}),
    askForAnswer: sendTo('attempt', {type: 'answer.due'}),
    askForWidth: sendTo('attempt', {type: 'width.due'}),
    askToYield: sendTo('attempt', {type: 'attempt.yield'}),
    releaseBody: sendTo('attempt', {type: 'restart.recorded'}),
  },
})

/**
 * With the words for further connections. They stand apart because the compiler knows what may be enqueued only where every guard
 * and action beside it is known already.
 */
export const setUp = onOneConnection.extend({
  guards: {
    /** Parts and tries have one budget: when that is used up, the operation's own connection goes on alone. */
    mayAddPart: ({context: {facts, settings}}) =>
      facts.attempts.failures <= settings.retry.retries && facts.attempts.total < settings.retry.maxAttempts,
  },
  actions: {
    addPart: enqueueActions(({context, enqueue}, params: {part: PartId}) => {
      const {facts, settings} = context
      const input = {operation: facts.id, part: params.part, settings, recoverable: facts.policy.recoverable ?? []}
      enqueue.spawnChild('part', {id: params.part, input})
    }),
    countPart: note(({facts}) => ({facts: withFailure(facts)})),
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
