/** What random access demands of a server (spec 9.4): ranges, and a length. Judged at each answer, the first one at the latest. */

import {TransferError} from './errors.ts'
import {headerValue} from './header-fields.ts'
import type {Verdict} from './judge-response.ts'
import {redactUrl} from './redaction.ts'
import type {ResponseFacts} from './response-facts.ts'
import type {RangePlan} from './resume-ladder.ts'

/** Undefined when the answer will do. */
export function randomAccessFault(plan: RangePlan, verdict: Verdict, head: ResponseFacts): TransferError | undefined {
  if (verdict.kind !== 'continue' && verdict.kind !== 'fromStart') return undefined
  const where = redactUrl(head.url)
  if (verdict.total === undefined) {
    return new TransferError('MISSING_CONTENT_LENGTH', 'the server does not say how long the file is', {where})
  }
  // The whole in answer to the rest is a newer version, or a server that gave up its ranges: the next answer tells.
  if (head.status === 206 || plan.rung !== 'whole' || acceptsRanges(head)) return undefined
  return new TransferError('INSUFFICIENT_RANGE_SUPPORT', 'the server sends the file only from its start', {where})
}

/** The server says that it has ranges. */
export function acceptsRanges(head: ResponseFacts): boolean {
  const units = headerValue(head.headers, 'accept-ranges') ?? ''
  return units.split(',').some((unit) => unit.trim().toLowerCase() === 'bytes')
}
