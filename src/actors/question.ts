/** What a connection asks of one address, and what is made of the answer. */

import {TransferError} from '../domain/errors.ts'
import {type HeaderField, headerValue} from '../domain/header-fields.ts'
import {judgeResponse} from '../domain/judge-response.ts'
import {judgeMirror, type OtherFile, vouching} from '../domain/mirrors.ts'
import {type PinnedVerdict, pinDigest} from '../domain/pinned-digest.ts'
import type {ByteRange} from '../domain/range-set.ts'
import type {Evidence, OperationFacts} from '../domain/record.ts'
import {redactUrl} from '../domain/redaction.ts'
import type {ResponseFacts} from '../domain/response-facts.ts'
import {type AskingTerms, planRequest, type RangePlan} from '../domain/resume-ladder.ts'
import type {OriginMemory} from '../ports/origin-memory.ts'
import type {Hop} from './connection.ts'

export interface Question {
  readonly url: string
  readonly terms: AskingTerms
  readonly plan: RangePlan
  /** The bytes are of another server’s version: the answer has to show that its file is the same. */
  readonly mustProve: boolean
  /** All that goes out with it. */
  readonly headers: readonly HeaderField[]
}

export interface Judgement {
  readonly verdict: PinnedVerdict
  /** Why this server’s bytes are not taken. */
  readonly other?: OtherFile
}

/** The answer goes on where the file ends, or has a hole. */
export type Continuation = PinnedVerdict & {readonly kind: 'continue'}

/** What to ask of an address, as far as its origin is known. `evidence`: with what is in the file, durable or not. */
export function questionTo(
  {url, headers}: Hop,
  {request, policy}: OperationFacts,
  evidence: Evidence,
  origins: OriginMemory,
  wanted: number,
  assigned?: ByteRange,
  mustProve = false,
): Question {
  const origin = origins.recall(url)
  const terms = {
    method: request.method,
    hasBody: request.body !== undefined,
    policy,
    // A condition would name the version of another server.
    origin: mustProve ? {...origin, ifRange: 'refused' as const, etags: 'unknown' as const} : origin,
  }
  const plan = planRequest(evidence, terms, wanted, assigned)
  return {url, terms, plan, headers: withPlan(headers, plan), mustProve: mustProve && plan.rung !== 'whole'}
}

export function judge(
  {plan, terms, mustProve}: Question,
  facts: OperationFacts,
  evidence: Evidence,
  head: ResponseFacts,
  now: number,
): Judgement {
  const {policy} = facts
  if (mustProve) return proven(plan, facts, evidence, head, now)
  return {verdict: pinDigest(judgeResponse(plan, evidence, terms, head, now), evidence, policy, head)}
}

function proven(
  plan: RangePlan,
  facts: OperationFacts,
  evidence: Evidence,
  head: ResponseFacts,
  now: number,
): Judgement {
  const verdict = judgeMirror(plan, facts, evidence, head, now)
  if (verdict.kind === 'other') {
    const {kind: _, ...other} = verdict
    const error = new TransferError('UNRELIABLE_RANGES', other.reason, {where: redactUrl(head.url)})
    return {verdict: {kind: 'fail', error}, other}
  }
  if (verdict.kind !== 'continue') return {verdict}
  // Whoever finishes the file, now or after another start, compares it with what vouched for this.
  const digest = vouching(facts.policy, evidence.digest)
  return {verdict: digest === undefined ? verdict : {...verdict, digest}}
}

/** The caller's own Accept-Encoding stands in for ours (O19). */
export function withPlan(headers: readonly HeaderField[], plan: RangePlan): readonly HeaderField[] {
  return [...headers, ...plan.headers.filter(([name]) => headerValue(headers, name) === undefined)]
}
