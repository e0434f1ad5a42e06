/**
 * What an answer is worth, given what was asked for (resume-ladder.ts) and what is on the disk: whether its body goes on with that,
 * takes its place, or is dropped for another question; and what it teaches of its origin.
 *
 * An answer that contradicts itself or the request is never used: wrong bytes cost more than bytes fetched twice.
 */

import {type ContentDescription, descriptionOf} from './content-description.ts'
import {type ContentRange, parseContentRange} from './content-range.ts'
import {TransferError} from './errors.ts'
import {headerValue} from './header-fields.ts'
import type {OriginLesson} from './origin-memory.ts'
import {sizeOf} from './range-set.ts'
import {statusLine} from './reason-phrase.ts'
import type {Evidence} from './record.ts'
import {redactUrl} from './redaction.ts'
import {isRedirectStatus} from './redirect.ts'
import type {ResponseFacts} from './response-facts.ts'
import {type AskingTerms, hasSteadyDate, type RangePlan} from './resume-ladder.ts'
import {httpStatusError} from './retry.ts'
import {marksDiffer, marksOf, sameVersion, type Validator, type VersionMarks, validatorOf} from './validator.ts'

export type Verdict = {
  /** What the answer teaches of its origin. */
  readonly lesson?: OriginLesson
} & (
  | {
      /** The body goes on at `offset`. */
      readonly kind: 'continue'
      readonly offset: number
      /** Bytes of the body before this place are on the disk: equal to what comes, or the answer is of no use. */
      readonly missingFrom: number
      readonly total?: number
      /** May be less than what is missing: the rest is asked for afterwards. */
      readonly bodyLength?: number
    }
  /** The body is the whole resource. */
  | {
      readonly kind: 'fromStart'
      readonly total?: number
      /** Absent when this answer cannot be resumed. */
      readonly validator?: Validator
      readonly marks?: VersionMarks
      readonly description?: ContentDescription
      readonly coded?: true
      /** Bytes on disk are thrown away for it. */
      readonly restarted: boolean
    }
  /** Every byte is there already. */
  | {readonly kind: 'complete'; readonly total: number}
  /** Drop this answer and ask at once by another rung: the lesson chooses which. The bytes on the disk stay. */
  | {readonly kind: 'askAgain'; readonly reason: string}
  /** Drop this answer and ask again from zero, in a new generation. */
  | {readonly kind: 'startOver'; readonly reason: string}
  | {readonly kind: 'fail'; readonly error: TransferError}
)

const DIGITS = /^\d+$/

/** Less than this is not worth another question: the whole is on its way already. */
export const WORTH_ASKING_BYTES = 64 * 1024

export function judgeResponse(
  plan: RangePlan,
  evidence: Evidence,
  terms: AskingTerms,
  head: ResponseFacts,
  now: number,
): Verdict {
  const length = contentLengthOf(head)
  if (length === 'invalid') return fail(head, 'the server sent a Content-Length that is none')
  if (plan.probes === true && head.status === 206) return judgeProbe(evidence, head, length)
  if (plan.probes === true && isEmpty(head) && !hasBytes(evidence)) return {kind: 'complete', total: 0}
  if (plan.rung === 'whole') return judgeWhole(evidence, head, length, now)
  switch (head.status) {
    case 206:
      return judgePart(plan, evidence, terms, head, length)
    case 200:
    case 203:
      return judgeRefusal(plan, evidence, terms, head, length)
    case 416:
      return judgeUnsatisfied(plan, evidence, head)
    default:
      // Also 201, 202 and 204: no reason to give up the bytes on disk for those.
      return failStatus(head, now)
  }
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

/** No range can be satisfied of what is empty. */
function isEmpty(head: ResponseFacts): boolean {
  const range = parseContentRange(headerValue(head.headers, 'content-range') ?? '')
  return head.status === 416 && range?.kind === 'unsatisfied' && range.total === 0
}

/** 206 in answer to a request for the whole as a range, of whatever version. */
function judgeProbe(evidence: Evidence, head: ResponseFacts, length: number | undefined): Verdict {
  const range = parseContentRange(headerValue(head.headers, 'content-range') ?? '')
  if (isCoded(head) || range?.kind !== 'range' || range.start !== 0) {
    return fail(head, 'the server answered with another part than the one that was asked for')
  }
  if (length !== undefined && length !== range.end) return fail(head, 'Content-Length contradicts Content-Range')
  return {...fromStart(evidence, head, range.total), lesson: {kind: 'rangeHonoured'}}
}

/** 206 in answer to Range. */
function judgePart(
  plan: RangePlan,
  evidence: Evidence,
  terms: AskingTerms,
  head: ResponseFacts,
  length: number | undefined,
): Verdict {
  // One range was asked for, and several parts, or one in that dress, are never an answer to it (RFC 9110, 15.3.7.2).
  if (/^\s*multipart\//i.test(headerValue(head.headers, 'content-type') ?? '')) {
    return contradicted('a multipart answer')
  }
  if (isCoded(head)) return contradicted('a coded part')
  const range = parseContentRange(headerValue(head.headers, 'content-range') ?? '')
  if (range?.kind !== 'range') return contradicted('a part without a usable Content-Range')
  const total = evidence.total ?? range.total
  // Where its end may be anywhere, nothing would ever prove that all has come.
  if (total === undefined || (plan.rung === 'overlap' && range.total === undefined))
    return startOver('a part that hides the size of the whole')
  const problem = misfit(plan, range, length, total)
  if (problem !== undefined) return contradicted(problem)
  const otherVersion = judgeVersion(plan, evidence, terms, head)
  if (otherVersion !== undefined) return otherVersion
  return {
    kind: 'continue',
    offset: range.start,
    missingFrom: plan.missingFrom,
    bodyLength: range.end - range.start,
    total,
    lesson: {kind: 'rangeHonoured'},
  }
}

/** Why a part cannot stand where it says. */
function misfit(
  plan: RangePlan,
  range: ContentRange & {kind: 'range'},
  length: number | undefined,
  total: number,
): string | undefined {
  // Servers that cut at blocks begin earlier: what is there already is compared, and the rest stands where the part says.
  if (range.start > plan.offset || range.start < plan.knownFrom)
    return `a part from ${range.start} where ${plan.offset} was asked`
  if (range.end <= plan.missingFrom) return `a part that ends at ${range.end} where ${plan.missingFrom} is missing`
  if (length !== undefined && length !== range.end - range.start) return 'Content-Length contradicts Content-Range'
  if (range.total !== undefined && range.total !== total) {
    return `a whole of ${range.total} bytes where ${total} was known`
  }
  return range.end > total ? 'a part beyond the known end' : undefined
}

/** Undefined when the part is of the version on the disk, as far as its head can say. */
function judgeVersion(
  plan: RangePlan,
  evidence: Evidence,
  terms: AskingTerms,
  head: ResponseFacts,
): Verdict | undefined {
  if (plan.rung === 'overlap') {
    return marksDiffer(evidence.marks, head) ? startOver('a part of another version') : undefined
  }
  if (evidence.validator === undefined) return startOver('no validator is stored to compare with')
  // A server that ignores If-Range shows itself here only; an answer without a validator proves nothing.
  const same = sameVersion(evidence.validator, head)
  if (same === true) return undefined
  if (same === undefined) return startOver('a part that hides its version')
  return hasUnsteadyEtag(evidence, terms, head) ? unsteady() : startOver('a part of another version')
}

/** The server sends everything: the resource changed, or it knows no ranges, or no condition. */
function judgeRefusal(
  plan: RangePlan,
  evidence: Evidence,
  terms: AskingTerms,
  head: ResponseFacts,
  length: number | undefined,
): Verdict {
  const {validator, total} = evidence
  if (headerValue(head.headers, 'content-range') !== undefined) {
    return contradicted('a whole answer with a Content-Range')
  }
  if (isCoded(head) || validator === undefined) return refused(plan, fromStart(evidence, head, length))
  const same = sameVersion(validator, head)
  const isSameSize = length === undefined || total === undefined || length === total
  if (same === true && validator.kind === 'etag' && !isSameSize) {
    return contradicted('the same version with another length')
  }
  if (plan.rung === 'ifRange' && sizeOf(evidence.ranges) >= WORTH_ASKING_BYTES && mayHonourRanges(terms, head)) {
    if (same === true && isSameSize) {
      const reason = 'If-Range was answered with the whole of the same version'
      return {kind: 'askAgain', reason, lesson: {kind: 'ifRangeRefused'}}
    }
    if (length === total && hasUnsteadyEtag(evidence, terms, head)) return unsteady()
  }
  return refused(plan, fromStart(evidence, head, length))
}

/** Only Range without a condition proves, by a whole answer, that the origin ignores it. */
function refused(plan: RangePlan, verdict: Verdict): Verdict {
  return plan.rung === 'ifRange' ? verdict : {...verdict, lesson: {kind: 'rangeIgnored'}}
}

/** It says so, or did so before: a server that is silent about ranges has most likely none. */
function mayHonourRanges({origin}: AskingTerms, head: ResponseFacts): boolean {
  const said = headerValue(head.headers, 'accept-ranges')?.trim().toLowerCase()
  return said === undefined ? origin.ranges === 'honoured' : said === 'bytes' && origin.ranges !== 'ignored'
}

/** The ETag is another one, and the date is the same: a cluster whose members do not agree. */
function hasUnsteadyEtag(evidence: Evidence, {policy}: AskingTerms, head: ResponseFacts): boolean {
  return hasSteadyDate(evidence, policy) && evidence.marks?.lastModified === headerValue(head.headers, 'last-modified')
}

function judgeUnsatisfied(plan: RangePlan, evidence: Evidence, head: ResponseFacts): Verdict {
  const range = parseContentRange(headerValue(head.headers, 'content-range') ?? '')
  const have = plan.missingFrom
  const known =
    plan.rung !== 'overlap' && evidence.total === have && range?.kind === 'unsatisfied' && range.total === have
  const changed = evidence.validator !== undefined && sameVersion(evidence.validator, head) === false
  return known && !changed ? {kind: 'complete', total: have} : startOver('the range cannot be satisfied')
}

function fromStart(evidence: Evidence, head: ResponseFacts, length: number | undefined): Verdict {
  const restarted = hasBytes(evidence)
  const description = descriptionOf(head)
  const described = description === undefined ? {} : {description}
  // Ranges of a coded body are cut by whoever coded it, and may fall elsewhere the next time.
  if (isCoded(head)) return {kind: 'fromStart', restarted, coded: true, ...described}
  const validator = validatorOf(head)
  const marks = marksOf(head)
  return {
    kind: 'fromStart',
    restarted,
    ...(length === undefined ? {} : {total: length}),
    ...(validator === undefined ? {} : {validator}),
    ...(marks === undefined ? {} : {marks}),
    ...described,
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
  const coding = headerValue(head.headers, 'content-encoding')
  if (coding === undefined) return false
  return coding.split(',').some((each) => !['', 'identity'].includes(each.trim().toLowerCase()))
}

/** Undefined when the length is not said. Repeated fields have to agree (RFC 9110, 8.6). */
function contentLengthOf(head: ResponseFacts): number | 'invalid' | undefined {
  // Chunks say where the body ends; a length beside them means nothing.
  if (headerValue(head.headers, 'transfer-encoding') !== undefined) return undefined
  const said = headerValue(head.headers, 'content-length')
  if (said === undefined) return undefined
  const values = DIGITS.test(said) ? [said] : said.split(',').map((value) => value.trim())
  const [first = ''] = values
  const length = Number(first)
  const valid = DIGITS.test(first) && Number.isSafeInteger(length) && values.every((other) => other === first)
  return valid ? length : 'invalid'
}

function startOver(reason: string): Verdict {
  return {kind: 'startOver', reason}
}

/** The origin's ranges are not to be trusted. */
function contradicted(reason: string): Verdict {
  return {kind: 'startOver', reason, lesson: {kind: 'rangeContradicted'}}
}

function unsteady(): Verdict {
  const reason = 'the ETag changed, and neither age nor size did'
  return {kind: 'askAgain', reason, lesson: {kind: 'etagsDiffer'}}
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
