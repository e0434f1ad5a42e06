/**
 * The words that mean the same in the charts of a download and of an upload: the actors, delays, guards and actions that both
 * give to their setups. What only one of them says stands in operation.setup.ts or upload.setup.ts.
 */

import {assign, fromPromise, type ParameterizedObject} from 'xstate'
import type {WeighFailureInput} from '../src/domain/attempt.ts'
import {type Blockage, blockageOf, type Conditions} from '../src/domain/conditions.ts'
import {type SerializedError, TransferError} from '../src/domain/errors.ts'
import {withFailure, without, withTry} from '../src/domain/life-facts.ts'
import {addressOf} from '../src/domain/mirrors.ts'
import type {OperationFacts, OperationRecord, TransferPolicy} from '../src/domain/record.ts'
import {countContinuation, type RetryDecision} from '../src/domain/retry.ts'
import type {LifeState} from '../src/domain/status.ts'
import {notProvided} from './not-provided.ts'
import type {OperationContext, OperationEvent} from './transfer.vocabulary.ts'

interface Kept {
  readonly context: OperationContext
}

/** A failure that the try itself did not report. */
function failed(facts: OperationFacts, failure: SerializedError): Partial<OperationContext> {
  return {failure, facts: withFailure(facts)}
}

function timedOut(code: 'CONNECT_TIMEOUT' | 'RESPONSE_TIMEOUT' | 'STALLED', message: string, facts: OperationFacts) {
  return new TransferError(code, message, {where: new URL(addressOf(facts)).origin}).toSerialized()
}

function providerTimedOut({request}: OperationFacts): SerializedError {
  return new TransferError('PROVIDER_TIMEOUT', 'the provider gave nothing in time', {
    where: request.provider ?? '',
  }).toSerialized()
}

export function serialize(thrown: unknown): SerializedError {
  if (thrown instanceof TransferError) return thrown.toSerialized()
  const message = thrown instanceof Error ? thrown.message : String(thrown)
  return new TransferError('INTERNAL', `unexpected failure: ${message}`).toSerialized()
}

export function reason({facts, conditions}: OperationContext): Blockage | undefined {
  return blockageOf(facts, conditions)
}

export const sharedActors = {
  refreshRequest: fromPromise<void, {facts: OperationFacts}>(notProvided('refreshRequest')),
  commitRecord: fromPromise<void, {record: OperationRecord}>(notProvided('commitRecord')),
  weighFailure: fromPromise<RetryDecision, WeighFailureInput>(notProvided('weighFailure')),
}

export const sharedDelays = {
  connectTimeout: ({context}: Kept) => context.settings.connectTimeoutMs,
  responseTimeout: ({context}: Kept) => context.settings.responseTimeoutMs,
  stallTimeout: ({context}: Kept) => context.settings.stallTimeoutMs,
  providerTimeout: ({context}: Kept) => context.settings.beforeAttemptTimeoutMs,
  yieldTimeout: ({context}: Kept) => context.settings.yieldTimeoutMs,
  checkpointInterval: ({context}: Kept) => context.settings.checkpointIntervalMs,
}

export const sharedGuards = {
  wasIn: ({context}: Kept, params: {state: LifeState}) => context.restoredFrom === params.state,
  isBlockedBy: ({context}: Kept, params: {reason: Blockage}) => reason(context) === params.reason,
  isFree: ({context}: Kept) => reason(context) === undefined,
  hasProvider: ({context}: Kept) => context.facts.request.provider !== undefined,
  decidedTo: (_: Kept, params: {decision: RetryDecision; kind: RetryDecision['kind']}) =>
    params.decision.kind === params.kind,
}

/**
 * Makes actions that change the context of one chart, and do nothing besides. For each chart its own, because XState takes an
 * action for one context only, not for every context that has as much.
 */
export const notesOf =
  <Context extends OperationContext>() =>
  <Params extends ParameterizedObject['params'] | undefined>(
    change: (context: Context, params: Params) => Partial<Context>,
  ) =>
    assign<Context, OperationEvent, Params, OperationEvent, never>(({context}, params) => change(context, params))

/** What actions make of the context, for each chart to note in its own. */
export const sharedChanges = {
  noteConditions: (_: OperationContext, params: {conditions: Conditions}) => ({conditions: params.conditions}),
  notePolicy: ({facts}: OperationContext, params: {policy: TransferPolicy}) => ({facts: {...facts, ...params}}),
  notePlace: ({facts}: OperationContext, params: {sequence: number}) => ({facts: {...facts, ...params}}),
  noteHeaders: ({facts}: OperationContext, params: {request: OperationFacts['request']}) => ({
    facts: {...facts, ...params},
  }),
  countTry: ({facts}: OperationContext) => ({facts: withTry(facts)}),
  noteThrown: ({facts}: OperationContext, params: {error: unknown}) => failed(facts, serialize(params.error)),
  noteProviderTimeout: ({facts}: OperationContext) => failed(facts, providerTimedOut(facts)),
  noteConnectTimeout: ({facts}: OperationContext) =>
    failed(facts, timedOut('CONNECT_TIMEOUT', 'no connection in time', facts)),
  noteResponseTimeout: ({facts}: OperationContext) =>
    failed(facts, timedOut('RESPONSE_TIMEOUT', 'no answer in time', facts)),
  noteStall: ({facts}: OperationContext) => failed(facts, timedOut('STALLED', 'the body stopped moving', facts)),
  noteContinuation: ({facts}: OperationContext) => ({facts: {...facts, attempts: countContinuation(facts.attempts)}}),
  clearDeadline: ({facts}: OperationContext) => ({facts: without(facts, 'retryAt')}),
  noteFinalError: ({facts}: OperationContext, params: {decision: RetryDecision}) => ({
    facts: {...without(facts, 'retryAt'), ...('error' in params.decision ? {error: params.decision.error} : {})},
  }),
  noteThrownFinal: ({facts}: OperationContext, params: {error: unknown}) => ({
    facts: {...facts, error: serialize(params.error)},
  }),
}
