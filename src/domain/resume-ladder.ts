/**
 * The resume ladder: what to ask for, given what is on the disk, and what an answer is worth. Two rungs are built: If-Range
 * with a strong validator, and a restart from zero. An answer that contradicts itself or the request is never used: wrong
 * bytes cost more than bytes fetched twice.
 */

import {type ContentRange, parseContentRange} from './content-range.ts'
import {TransferError} from './errors.ts'
import {headerValue, headerValues} from './header-fields.ts'
import {prefixLength} from './range-set.ts'
import {statusLine} from './reason-phrase.ts'
import type {Evidence, HeaderField, ResponseFacts} from './record.ts'
import {redactUrl} from './redaction.ts'
import {isRedirectStatus} from './redirect.ts'
import {httpStatusError} from './retry.ts'
import {sameVersion, type Validator, validatorOf} from './validator.ts'

export interface RangePlan {
  /** The first byte asked for; 0 asks for the whole. */
  readonly offset: number
  readonly headers: readonly HeaderField[]
}

export type Verdict =
  /** The body goes on at `offset`. */
  | {
      readonly kind: 'continue'
      readonly offset: number
      readonly total?: number
      readonly validator?: Validator
      /** May be less than what is missing: the rest is asked for afterwards. */
      readonly bodyLength?: number
    }
  /** The body is the whole resource. */
  | {
      readonly kind: 'fromStart'
      readonly total?: number
      /** Absent when this answer cannot be resumed. */
      readonly validator?: Validator
      /** Bytes on disk are thrown away for it. */
      readonly restarted: boolean
    }
  /** Every byte is there already. */
  | {readonly kind: 'complete'; readonly total: number}
  /** Drop this answer and ask again from zero, in a new generation; the origin's ranges are not to be trusted. */
  | {readonly kind: 'startOver'; readonly reason: string}
  | {readonly kind: 'fail'; readonly error: TransferError}

const IDENTITY: HeaderField = ['Accept-Encoding', 'identity']

export function planRequest(evidence: Evidence, method: string): RangePlan {
  const {validator, total} = evidence
  const have = prefixLength(evidence.ranges)
  const resumable = validator !== undefined && method === 'GET' && have > 0 && (total === undefined || have <= total)
  if (!resumable) return {offset: 0, headers: [IDENTITY]}
  return {offset: have, headers: [IDENTITY, ['Range', `bytes=${have}-`], ['If-Range', validator.value]]}
}

export function judgeResponse(plan: RangePlan, evidence: Evidence, head: ResponseFacts, now: number): Verdict {
  const length = contentLengthOf(head)
  if (length === 'invalid') return fail(head, 'the server sent a Content-Length that is none')
  return plan.offset === 0
    ? judgeWhole(evidence, head, length, now)
    : judgeRanged(plan.offset, evidence, head, length, now)
}

/** The answer to a request without Range. */
function judgeWhole(evidence: Evidence, head: ResponseFacts, length: number | undefined, now: number): Verdict {
  if (head.status === 206) return fail(head, 'the server sent a part that was not asked for')
  if (head.status === 204) return {kind: 'fromStart', total: 0, restarted: hasBytes(evidence)}
  if (!carriesWhole(head.status)) return failStatus(head, now)
  const contentRange = headerValue(head.headers, 'content-range')
  if (contentRange !== undefined && !isWhole(parseContentRange(contentRange), length)) {
    return fail(head, `the server answered ${statusLine(head.status)} with a part of the file`)
  }
  return fromStart(evidence, head, length)
}

/** The answer to a request with Range and If-Range. */
function judgeRanged(
  offset: number,
  evidence: Evidence,
  head: ResponseFacts,
  length: number | undefined,
  now: number,
): Verdict {
  switch (head.status) {
    case 206:
      return judgePart(offset, evidence, head, length)
    case 200:
    case 203:
      return judgeRefusal(evidence, head, length)
    case 416:
      return judgeUnsatisfied(offset, evidence, head)
    default:
      // Also 201, 202 and 204: no reason to give up the bytes on disk for those.
      return failStatus(head, now)
  }
}

function judgePart(offset: number, evidence: Evidence, head: ResponseFacts, length: number | undefined): Verdict {
  const {validator} = evidence
  if (validator === undefined) return startOver('no validator is stored to compare with')
  if (/^\s*multipart\//i.test(headerValue(head.headers, 'content-type') ?? '')) return startOver('a multipart answer')
  if (isCoded(head)) return startOver('a coded part')
  const range = parseContentRange(headerValue(head.headers, 'content-range') ?? '')
  if (range?.kind !== 'range') return startOver('a part without a usable Content-Range')
  if (range.start !== offset) return startOver(`a part from ${range.start} where ${offset} was asked`)
  const bodyLength = range.end - range.start
  if (length !== undefined && length !== bodyLength) return startOver('Content-Length contradicts Content-Range')
  const total = evidence.total ?? range.total
  if (range.total !== undefined && range.total !== total) {
    return startOver(`a whole of ${range.total} bytes where ${total} was known`)
  }
  if (total !== undefined && range.end > total) return startOver('a part beyond the known end')
  // A server that ignores If-Range shows itself here only; an answer without a validator proves nothing.
  const same = sameVersion(validator, head)
  if (same !== true) return startOver(same === false ? 'a part of another version' : 'a part that hides its version')
  return {kind: 'continue', offset, validator, bodyLength, ...(total === undefined ? {} : {total})}
}

/** The server sends everything: the resource changed, or it knows no ranges. */
function judgeRefusal(evidence: Evidence, head: ResponseFacts, length: number | undefined): Verdict {
  const {validator, total} = evidence
  if (headerValue(head.headers, 'content-range') !== undefined) return startOver('a whole answer with a Content-Range')
  const sameEtag = validator?.kind === 'etag' && sameVersion(validator, head) === true
  if (sameEtag && !isCoded(head) && length !== undefined && total !== undefined && length !== total) {
    return startOver('the same version with another length')
  }
  return fromStart(evidence, head, length)
}

function judgeUnsatisfied(offset: number, evidence: Evidence, head: ResponseFacts): Verdict {
  const range = parseContentRange(headerValue(head.headers, 'content-range') ?? '')
  const known = evidence.total === offset && range?.kind === 'unsatisfied' && range.total === offset
  const changed = evidence.validator !== undefined && sameVersion(evidence.validator, head) === false
  return known && !changed ? {kind: 'complete', total: offset} : startOver('the range cannot be satisfied')
}

function fromStart(evidence: Evidence, head: ResponseFacts, length: number | undefined): Verdict {
  const restarted = hasBytes(evidence)
  // Ranges of a coded body are cut by whoever coded it, and may fall elsewhere the next time.
  if (isCoded(head)) return {kind: 'fromStart', restarted}
  const validator = validatorOf(head)
  return {
    kind: 'fromStart',
    restarted,
    ...(length === undefined ? {} : {total: length}),
    ...(validator === undefined ? {} : {validator}),
  }
}

function hasBytes(evidence: Evidence): boolean {
  return evidence.ranges.length > 0
}

/** 2xx that bring the resource; 205 has no body, 226 a difference that nobody asked for. */
function carriesWhole(status: number): boolean {
  return status >= 200 && status < 300 && status !== 205 && status !== 226
}

function isWhole(range: ContentRange | undefined, length: number | undefined): boolean {
  if (range?.kind !== 'range' || range.start !== 0 || range.end !== range.total) return false
  return length === undefined || length === range.total
}

function isCoded(head: ResponseFacts): boolean {
  const coding = headerValue(head.headers, 'content-encoding') ?? ''
  return coding.split(',').some((each) => !['', 'identity'].includes(each.trim().toLowerCase()))
}

/** Undefined when the length is not said. Repeated fields have to agree (RFC 9110, 8.6). */
function contentLengthOf(head: ResponseFacts): number | 'invalid' | undefined {
  // Chunks say where the body ends; a length beside them means nothing.
  if (headerValue(head.headers, 'transfer-encoding') !== undefined) return undefined
  const values = headerValues(head.headers, 'content-length').flatMap((value) => value.split(','))
  const [first, ...others] = values.map((value) => value.trim())
  if (first === undefined) return undefined
  const length = Number(first)
  const valid = /^\d+$/.test(first) && Number.isSafeInteger(length) && others.every((other) => other === first)
  return valid ? length : 'invalid'
}

function startOver(reason: string): Verdict {
  return {kind: 'startOver', reason}
}

function failStatus(head: ResponseFacts, now: number): Verdict {
  const {status} = head
  if (status < 200 || status > 599) return fail(head, `the server ended with status ${status}`)
  if (isRedirectStatus(status)) {
    const message = `the server answered ${statusLine(status)} without a usable Location`
    return {
      kind: 'fail',
      error: new TransferError('REDIRECT_FAILED', message, {where: redactUrl(head.url), details: {status}}),
    }
  }
  return {kind: 'fail', error: httpStatusError(head, now)}
}

function fail(head: ResponseFacts, message: string): Verdict {
  const error = new TransferError('INVALID_RESPONSE', message, {
    where: redactUrl(head.url),
    details: {status: head.status},
  })
  return {kind: 'fail', error}
}
