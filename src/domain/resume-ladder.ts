/**
 * The resume ladder: what to ask for, given what is on the disk. What an answer is worth is judged in judge-response.ts.
 *
 * ifRange     a validator, and a condition: Range with If-Range.
 * plainRange  a validator, of an origin that refuses If-Range: Range alone; the answer's own validator decides.
 * overlap     no validator that can be trusted, where the caller allows it: Range from some KiB before the end of what is
 *             there. They are compared as they come, and nothing behind them is used before they were found equal.
 * whole       from zero, in a new generation where bytes are thrown away.
 */

import type {HeaderField} from './header-fields.ts'
import type {OriginFacts} from './origin-memory.ts'
import {type ByteRange, missingRangeFrom, prefixLength} from './range-set.ts'
import type {Evidence, TransferPolicy} from './record.ts'

export type Rung = 'ifRange' | 'plainRange' | 'overlap' | 'whole'

/** What decides how to ask, beside the bytes on the disk. */
export interface AskingTerms {
  readonly method: string
  /** The request carries one: what it is answered with cannot be asked for in part (spec 9.3). */
  readonly hasBody?: boolean
  readonly policy: Pick<TransferPolicy, 'resumeWithoutValidator' | 'compareOnResume' | 'randomAccess'>
  readonly origin: OriginFacts
}

export interface RangePlan {
  readonly rung: Rung
  /** The first byte asked for; 0 asks for the whole. */
  readonly offset: number
  /** Position behind the last byte asked for; absent where everything up to the end is. */
  readonly end?: number
  /** The first byte that is not on the disk; those from `offset` on are compared when they come again. */
  readonly missingFrom: number
  /** The first byte of the run on the disk that `missingFrom` ends: an answer that begins earlier cannot be compared. */
  readonly knownFrom: number
  /** The whole is asked for as a range, so that the answer shows whether the server has any. */
  readonly probes?: true
  readonly headers: readonly HeaderField[]
}

const IDENTITY: HeaderField = ['Accept-Encoding', 'identity']

const WHOLE: RangePlan = {rung: 'whole', offset: 0, missingFrom: 0, knownFrom: 0, headers: [IDENTITY]}
const PROBE: RangePlan = {...WHOLE, probes: true, headers: [IDENTITY, ['Range', 'bytes=0-']]}

/** As much as is compared where nothing but the comparison vouches for the version. */
const OVERLAP_BYTES = 64 * 1024

/** As much as is compared beside a validator: it catches a server that changed files under the same ETag. */
const COMPARED_BYTES = 1024

/**
 * `wanted`: what is missing from there on is asked for first, where the evidence allows to begin anywhere. `assigned`: missing
 * bytes that were chosen already, because other connections bring the rest.
 */
export function planRequest(evidence: Evidence, terms: AskingTerms, wanted = 0, assigned?: ByteRange): RangePlan {
  const stretch = assigned === undefined ? missingStretch(evidence, wanted) : upToTheEnd(assigned, evidence.total)
  const rung = rungFor(evidence, stretch, terms)
  if (stretch === undefined || rung === 'whole') return planWhole(terms)
  return planStretch(evidence, terms, rung, stretch)
}

function planWhole({method, policy}: AskingTerms): RangePlan {
  return policy.randomAccess === true && method === 'GET' ? PROBE : WHOLE
}

function planStretch(
  evidence: Evidence,
  terms: AskingTerms,
  rung: Exclude<Rung, 'whole'>,
  [missingFrom, end]: Stretch,
): RangePlan {
  const compared = rung === 'overlap' ? OVERLAP_BYTES : terms.policy.compareOnResume === true ? COMPARED_BYTES : 0
  const knownFrom = evidence.ranges.find((known) => known[1] === missingFrom)?.[0] ?? missingFrom
  const offset = Math.max(knownFrom, missingFrom - compared)
  const range: HeaderField = ['Range', `bytes=${offset}-${end === undefined ? '' : end - 1}`]
  const condition: readonly HeaderField[] =
    rung === 'ifRange' && evidence.validator !== undefined ? [['If-Range', evidence.validator.value]] : []
  const headers = [IDENTITY, range, ...condition]
  return {rung, offset, missingFrom, knownFrom, headers, ...(end === undefined ? {} : {end})}
}

/** Missing bytes that one request can bring; up to the end of the resource without an end. */
type Stretch = readonly [start: number, end: number | undefined]

/** The first one that holds bytes from `wanted` on, else the first one; undefined where the whole has to be asked for. */
function missingStretch({ranges, total}: Evidence, wanted: number): Stretch | undefined {
  if (ranges.length === 0 && wanted === 0) return undefined
  if (total === undefined) {
    const have = prefixLength(ranges)
    return ranges.length === 1 && have > 0 ? [have, undefined] : undefined
  }
  if ((ranges.at(-1)?.[1] ?? 0) > total) return undefined
  const stretch = missingRangeFrom(ranges, total, wanted) ?? missingRangeFrom(ranges, total, 0)
  return stretch === undefined ? [total, undefined] : upToTheEnd(stretch, total)
}

/** The last stretch is asked for without an end. */
function upToTheEnd([start, end]: ByteRange, total: number | undefined): Stretch {
  return [start, end === total ? undefined : end]
}

/** Whether what has come could be gone on with, if the connection were cut now. */
export function couldGoOn(evidence: Evidence, policy: AskingTerms['policy']): boolean {
  return evidence.validator !== undefined || mayCompare(evidence, policy)
}

/** Bytes of a coded body are never compared: whoever coded it may do it otherwise the next time. */
function mayCompare({total, coded}: Evidence, {resumeWithoutValidator}: AskingTerms['policy']): boolean {
  return resumeWithoutValidator === true && total !== undefined && coded !== true
}

function rungFor(
  evidence: Evidence,
  stretch: Stretch | undefined,
  {method, hasBody, policy, origin}: AskingTerms,
): Rung {
  const {validator, ranges} = evidence
  if (method !== 'GET' || hasBody === true || stretch === undefined || origin.ranges === 'unreliable') return 'whole'
  // Only a run that ends where the stretch begins can be compared with what comes.
  const comparable = mayCompare(evidence, policy) && ranges.length === 1 && prefixLength(ranges) === stretch[0]
  if (validator === undefined) return comparable ? 'overlap' : 'whole'
  if (comparable && hasSteadyDate(evidence, policy) && origin.etags === 'unsteady') return 'overlap'
  return origin.ifRange === 'refused' ? 'plainRange' : 'ifRange'
}

/** The ETag may be looked past: the date is there to compare, and the caller allows it. */
export function hasSteadyDate(evidence: Evidence, policy: AskingTerms['policy']): boolean {
  const {validator, marks} = evidence
  return validator?.kind === 'etag' && marks?.lastModified !== undefined && mayCompare(evidence, policy)
}
