/** What a connection asks of one address, and what is made of the answer. */

import {type PinnedVerdict, pinDigest} from '../domain/pinned-digest.ts'
import type {ByteRange} from '../domain/range-set.ts'
import type {Evidence, HeaderField, OperationFacts, ResponseFacts} from '../domain/record.ts'
import {type AskingTerms, judgeResponse, planRequest, type RangePlan} from '../domain/resume-ladder.ts'
import type {OriginMemory} from '../ports/origin-memory.ts'
import type {Hop} from './connection.ts'

export interface Question {
  readonly url: string
  readonly terms: AskingTerms
  readonly plan: RangePlan
  /** All that goes out with it. */
  readonly headers: readonly HeaderField[]
}

export interface Judgement {
  readonly plan: RangePlan
  readonly verdict: PinnedVerdict
}

/** What to ask of an address, as far as its origin is known. `evidence`: with what is in the file, durable or not. */
export function questionTo(
  {url, headers}: Hop,
  {request, policy}: OperationFacts,
  evidence: Evidence,
  origins: OriginMemory,
  wanted: number,
  assigned?: ByteRange,
): Question {
  const terms = {
    method: request.method,
    hasBody: request.body !== undefined,
    policy,
    origin: origins.recall(url),
  }
  const plan = planRequest(evidence, terms, wanted, assigned)
  return {url, terms, plan, headers: withPlan(headers, plan)}
}

export function judge(
  {plan, terms}: Question,
  {policy}: OperationFacts,
  evidence: Evidence,
  head: ResponseFacts,
  now: number,
): Judgement {
  return {plan, verdict: pinDigest(judgeResponse(plan, evidence, terms, head, now), evidence, policy, head)}
}

/** The caller's own Accept-Encoding stands in for ours (O19). */
function withPlan(headers: readonly HeaderField[], plan: RangePlan): readonly HeaderField[] {
  const own = new Set(headers.map(([name]) => name.toLowerCase()))
  return [...headers, ...plan.headers.filter(([name]) => !own.has(name.toLowerCase()))]
}
