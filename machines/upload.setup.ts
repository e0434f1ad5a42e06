/**
 * What the words of an upload's chart mean: its actors, delays, guards and actions. None of them has side effects; the actors
 * are placeholders until src/engine/operations/provide.ts puts real ones in their place.
 */

import {fromCallback, fromPromise, sendTo, setup} from 'xstate'
import type {AttemptCommand, AttemptInput} from '../src/domain/attempt.ts'
import {type SerializedError, TransferError} from '../src/domain/errors.ts'
import {withEvidence, withFailure, without} from '../src/domain/life-facts.ts'
import type {AnswerFacts, Evidence, OperationFacts} from '../src/domain/record.ts'
import type {ResponseFacts} from '../src/domain/response-facts.ts'
import {countAttempt, type RetryDecision} from '../src/domain/retry.ts'
import {isTaken, mayBeSentAgain, takenButUnanswered} from '../src/domain/upload.ts'
import type {Preparation, StepInput, UploadStep} from '../src/domain/upload-steps.ts'
import type {ResumableFacts} from '../src/domain/upload-way.ts'
import {notProvided} from './not-provided.ts'
import {notesOf, reason, sharedActors, sharedChanges, sharedDelays, sharedGuards} from './transfer.setup.ts'
import type {OperationContext, OperationEvent, OperationInput, OperationTag} from './transfer.vocabulary.ts'

/** ms. */
const MAX_TERMINATION_MS = 10_000
/** ms. Another connection costs less than a longer wait for the end of what nobody wants. */
const PARTING_MS = 500

export interface UploadInput extends OperationInput {
  /** Names the session of the engine: who sent a request last is in its record. */
  readonly session: string
}

export interface UploadContext extends OperationContext {
  readonly session: string
  /** Who had sent it before this try, as long as nothing of this one went out: then the record may say so again. */
  readonly unsent?: {readonly session?: string} | undefined
  /** Of a resumable upload: what follows the last step; absent where its protocol has to say what to begin with. */
  readonly step?: UploadStep | undefined
}

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

/** The record says of its sender what it said before this try. */
function sentBy(facts: OperationFacts, {session}: {readonly session?: string}): OperationFacts {
  const {session: _, ...sending} = facts.sending ?? {}
  return {...facts, sending: session === undefined ? sending : {...sending, session}}
}

function withAnswer(facts: OperationFacts, answer: AnswerFacts | undefined): OperationFacts {
  return answer === undefined ? facts : {...facts, sending: {...facts.sending, answer}}
}

/** It failed for good, and says so where the server has it nevertheless. */
function ended(change: Partial<UploadContext>): Partial<UploadContext> {
  const {facts} = change
  if (facts?.error === undefined || !isTaken(facts)) return change
  return {...change, facts: {...facts, error: takenButUnanswered(facts.error)}}
}

function isAccepted({facts}: UploadContext): boolean {
  return Math.trunc((facts.response?.status ?? 0) / 100) === 2
}

const note = notesOf<UploadContext>()

export const setUp = setup({
  types: {
    context: {} as UploadContext,
    input: {} as UploadInput,
    events: {} as OperationEvent,
    tags: {} as OperationTag,
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
    ...sharedActors,
    prepareContent: fromPromise<Preparation, {facts: OperationFacts}>(notProvided('prepareContent')),
    sendContent: fromCallback<AttemptCommand, AttemptInput>(notProvided('sendContent')),
    performStep: fromCallback<AttemptCommand, StepInput>(notProvided('performStep')),
    discardUpload: fromPromise<void, {facts: OperationFacts}>(notProvided('discardUpload')),
  },
  delays: {
    ...sharedDelays,
    /** A server is told that an upload is not wanted; nobody waits for it longer. */
    terminationTimeout: ({context}) => Math.min(context.settings.responseTimeoutMs, MAX_TERMINATION_MS),
    /** The end of a redirect that took the upload spares a connection, and no more. */
    partingTimeout: PARTING_MS,
  },
  guards: {
    ...sharedGuards,
    /** Another session sent it, and what it asks for could be done twice. */
    isStranded: ({context}) => !mayBeSentAgain(context.facts, context.session),
    /** A refusal is one by its status; what a success means for the next step stands behind its head. */
    isRefused: ({context}) => Math.trunc((context.facts.response?.status ?? 200) / 100) !== 2,
    /** The server said that it has it: to send it again would be to do it twice (RFC 9110 15.3). */
    isAccepted: ({context}) => isAccepted(context),
    isAcceptedAndBlocked: ({context}) => isAccepted(context) && reason(context) !== undefined,
    /** Nothing of it goes out any more: its answer is asked for. */
    isTaken: ({context}) => isTaken(context.facts),
    isTakenAndRefreshed: ({context}) => isTaken(context.facts) && context.facts.request.provider !== undefined,
    goesOnWith: ({context}, params: {step: UploadStep}) => context.step === params.step,
    /** The server may hold a part of it, and can be reached. */
    isToTerminate: ({context}) => context.facts.sending?.resumable !== undefined && reason(context) !== 'noNetwork',
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
    noteFinalError: note((context, params: {decision: RetryDecision}) =>
      ended(sharedChanges.noteFinalError(context, params)),
    ),
    noteThrownFinal: note((context, params: {error: unknown}) => ended(sharedChanges.noteThrownFinal(context, params))),
    /** A step that its protocol begins with begins a try, too. */
    notePreparation: note(({facts, step}, params: Preparation) => {
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
    forgetStep: note(() => ({step: undefined})),
    noteStep: note(({facts}, params: {next: UploadStep; resumable: ResumableFacts; evidence: Evidence}) => ({
      step: params.next,
      facts: without(
        withEvidence({...facts, sending: {...facts.sending, resumable: params.resumable}}, params.evidence),
        'error',
      ),
    })),
    /** Nothing of it is at the server any more: another generation begins. */
    noteLost: note(({facts}, params: {error: SerializedError}) => {
      const {resumable: _, ...sending} = facts.sending ?? {}
      const evidence = {...facts.evidence, ranges: [], generation: facts.evidence.generation + 1}
      return {failure: params.error, facts: withFailure({...facts, sending, evidence})}
    }),
    /** Each sending but the first is a new generation: whoever follows it hears of the restart (spec 3.3). */
    noteSending: note(({facts, session, unsent}) =>
      isTaken(facts)
        ? {}
        : {
            unsent: unsent ?? (facts.sending?.session === undefined ? {} : {session: facts.sending.session}),
            facts:
              facts.request.way === undefined
                ? sentAnew(facts, session)
                : {...facts, sending: {...facts.sending, session}},
          },
    ),
    /** From here on a server may have something of it. */
    noteConnected: note(() => ({unsent: undefined})),
    noteUnsent: note(({facts, unsent}) =>
      unsent === undefined ? {} : {unsent: undefined, facts: sentBy(facts, unsent)},
    ),
    noteTaken: note(({facts}, {answerUrl, evidence}: {answerUrl: string; evidence: Evidence}) => ({
      facts: without(withEvidence({...facts, sending: {...facts.sending, answerUrl}}, evidence), 'error'),
    })),
    noteResponse: note(({facts}, params: {response: ResponseFacts; evidence: Evidence}) => ({
      facts: without({...facts, ...params}, 'error'),
    })),
    noteSent: note(({facts}, params: {evidence: Evidence; answer: AnswerFacts | undefined}) => ({
      facts: without(withEvidence(withAnswer(facts, params.answer), params.evidence), 'error'),
    })),
    noteFailure: note(
      ({facts}, params: {error: SerializedError; response?: ResponseFacts; answer: AnswerFacts | undefined}) => ({
        failure: params.error,
        facts: withFailure(withAnswer(facts, params.answer), params.response),
      }),
    ),
    noteDeadline: note(({facts, failure}, {decision}: {decision: RetryDecision}) => ({
      facts: {
        ...facts,
        ...('at' in decision ? {retryAt: decision.at} : {}),
        ...(failure === undefined ? {} : {error: failure}),
      },
    })),
    noteTermination: note(({facts}) => ({
      facts: {
        ...without(facts, 'retryAt'),
        error: new TransferError('UPLOAD_TERMINATED', 'its session ended while it was being sent', {
          where: facts.id,
        }).toSerialized(),
      },
    })),
    askForAnswer: sendTo('attempt', {type: 'answer.due'}),
    askStepForAnswer: sendTo('step', {type: 'answer.due'}),
    askForProgress: sendTo('attempt', {type: 'checkpoint.due'}),
    askStepForProgress: sendTo('step', {type: 'checkpoint.due'}),
  },
})
