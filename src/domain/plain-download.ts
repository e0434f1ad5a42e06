/** Which downloads a batch of small files may carry, as far as can be said before their server has answered. */

import {FIRST_GENERATION, type OperationRecord, type TransferPolicy, type TransferRequest} from './record.ts'

/** `longestWaitMs`: how long the batch may have it wait for anything. */
export function isPlain(
  {direction, state, request, policy, evidence, attempts, ...facts}: OperationRecord,
  longestWaitMs: number,
): boolean {
  return (
    direction === 'download' &&
    state === 'queued' &&
    isPlainRequest(request) &&
    isPlainPolicy(policy) &&
    isPatient(policy, longestWaitMs) &&
    evidence.ranges.length === 0 &&
    evidence.generation === FIRST_GENERATION &&
    evidence.partOwner === undefined &&
    attempts.total === 0 &&
    facts.publishing === undefined &&
    facts.app === undefined
  )
}

function isPlainRequest({method, body, provider, mirrors, credentials}: TransferRequest): boolean {
  return (
    method === 'GET' &&
    body === undefined &&
    provider === undefined &&
    mirrors === undefined &&
    credentials === undefined
  )
}

/** Nothing is asked for that takes a chart to watch over it: not even how much comes. */
function isPlainPolicy({randomAccess, maxBytesPerSecond, expect}: TransferPolicy): boolean {
  return randomAccess !== true && maxBytesPerSecond === undefined && expect?.maxBytes === undefined
}

/** It would be let go of before any deadline of its own is over. */
function isPatient(policy: TransferPolicy, longestWaitMs: number): boolean {
  const {connectTimeoutMs, responseTimeoutMs, stallTimeoutMs} = policy
  return [connectTimeoutMs, responseTimeoutMs, stallTimeoutMs].every((ms) => ms === undefined || ms >= longestWaitMs)
}
