/**
 * Several addresses of one file: which of them a try begins at, and whether what another one sends is the same file.
 *
 * An address is a source: 0 is the operation’s own, n is the nth mirror. The bytes are of the version of one of them (evidence).
 * Another one may bring some only where its answer has the same length, and shows that the file is the same one: by the same
 * strong ETag, by the same digest of the whole (RFC 9530), or where a digest is known that the finished file is compared with.
 * A clean restart, after that comparison failed, takes nothing on the last of those terms.
 */

import {contradicts, serverDigest} from './digest-fields.ts'
import type {SerializedError} from './errors.ts'
import {judgeResponse, type Verdict} from './judge-response.ts'
import {UNKNOWN_ORIGIN} from './origin-memory.ts'
import type {Checksum, DroppedSource, Evidence, OperationFacts, TransferRequest} from './record.ts'
import type {ResponseFacts} from './response-facts.ts'
import type {RangePlan} from './resume-ladder.ts'
import type {RetryDecision} from './retry.ts'
import {validatorOf} from './validator.ts'

/** The addresses of the file. */
export function sourcesOf({url, mirrors = []}: Pick<TransferRequest, 'url' | 'mirrors'>): readonly string[] {
  return [url, ...mirrors]
}

/** Where the next try begins. */
export function addressOf({request, source = 0}: Pick<OperationFacts, 'request' | 'source'>): string {
  return sourcesOf(request)[source] ?? request.url
}

/** Those that were not given up. */
export function liveSources({request, dropped = []}: Pick<OperationFacts, 'request' | 'dropped'>): readonly number[] {
  return [...sourcesOf(request).keys()].filter((source) => !dropped.some((each) => each.source === source))
}

/** The version is another source's: what this one sends has to be shown to be the same. */
export function isForeign({source = 0}: Evidence, asked: number): boolean {
  return source !== asked
}

/** Why a source’s bytes are not taken. */
export type OtherFile = Omit<DroppedSource, 'source'>

/** Why an answer cannot be shown to be of the same file; undefined when it can. */
function difference(
  {policy, cleanRestart}: Pick<OperationFacts, 'policy' | 'cleanRestart'>,
  {validator, digest}: Evidence,
  head: ResponseFacts,
): OtherFile | undefined {
  const said = serverDigest(head, false)
  if (contradicts(digest, said) || contradicts(policy.checksum, said)) return {reason: 'its file has another digest'}
  const own = validatorOf(head)
  if (own === undefined) return unproven('it does not say which version it sends')
  if (validator?.kind === 'etag' && own.kind === 'etag' && own.value === validator.value) return undefined
  const known = vouching(policy, digest)
  if (said !== undefined && known?.algorithm === said.algorithm) return undefined
  if (known === undefined) return unproven('nothing shows that its file is the same: no common ETag, no digest')
  return cleanRestart === true ? {reason: 'the file that it took part in had another digest'} : undefined
}

function unproven(reason: string): OtherFile {
  return {reason, unproven: true}
}

/** What the finished file is compared with. */
export function vouching(policy: OperationFacts['policy'], digest: Checksum | undefined): Checksum | undefined {
  return policy.checksum ?? (policy.ignoreServerDigest === true ? undefined : digest)
}

/** The answer of a source to a stretch of a version that is another one's. `other`: why its bytes are not taken. */
export function judgeMirror(
  plan: RangePlan,
  facts: Pick<OperationFacts, 'policy' | 'cleanRestart'>,
  evidence: Evidence,
  head: ResponseFacts,
  now: number,
): Verdict | ({readonly kind: 'other'} & OtherFile) {
  const terms = {method: 'GET', policy: facts.policy, origin: UNKNOWN_ORIGIN}
  const validator = validatorOf(head)
  // Its own version stands for ours in the ladder's eyes: whether they are the same is found out here.
  const seen = validator === undefined ? evidence : {...evidence, validator}
  const verdict = judgeResponse(plan, seen, terms, head, now)
  if (verdict.kind === 'fail') return verdict
  if (verdict.kind === 'fromStart') {
    const isOther = verdict.total !== undefined && evidence.total !== undefined && verdict.total !== evidence.total
    return {kind: 'other', ...(isOther ? {reason: 'its file has another length'} : unproven('it has no ranges'))}
  }
  if (verdict.kind === 'complete') return {kind: 'other', reason: 'it has nothing of what is missing'}
  if (verdict.kind !== 'continue') {
    return {kind: 'other', ...(validator === undefined ? unproven(verdict.reason) : {reason: verdict.reason})}
  }
  const other = difference(facts, evidence, head)
  return other === undefined ? verdict : {kind: 'other', ...other}
}

/** What can be wrong with one source, and right with another. */
const OF_THE_SOURCE: ReadonlySet<string> = new Set([
  'CONNECT_TIMEOUT',
  'RESPONSE_TIMEOUT',
  'STALLED',
  'CONNECTION_REFUSED',
  'CONNECTION_RESET',
  'TRUNCATED',
  'NAME_NOT_RESOLVED',
  'NETWORK_UNREACHABLE',
  'CERTIFICATE_INVALID',
  'CERTIFICATE_EXPIRED',
  'CERTIFICATE_NAME_MISMATCH',
  'CERTIFICATE_REVOKED',
  'CERTIFICATE_UNTRUSTED',
  'TLS_FAILED',
  'INVALID_RESPONSE',
  'HTTP_STATUS',
  'NOT_BEFORE',
  'REDIRECT_FAILED',
  'REDIRECT_INSECURE',
  'UNRELIABLE_RANGES',
  'INSUFFICIENT_RANGE_SUPPORT',
  'MISSING_CONTENT_LENGTH',
  'CONTENT_UNEXPECTED',
])

/**
 * The decision where the file has other addresses: what would end the operation ends this source, and another one is asked at
 * once; a wait is for all of them, so that each is asked once before it, and the one behind it goes to the next. When none is
 * left, one whose file could only not be shown to be the same is begun with anew: it would have done in the first place.
 */
export function elsewhere(
  decision: RetryDecision,
  facts: OperationFacts,
  error: SerializedError,
  maxAttempts: number,
): RetryDecision {
  if (decision.kind !== 'waitUntil' && decision.kind !== 'end') return decision
  const {source = 0, attempts} = facts
  const live = liveSources(facts)
  const next = live.find((each) => each > source) ?? live.find((each) => each !== source)
  if (attempts.total >= maxAttempts || !OF_THE_SOURCE.has(error.code)) return decision
  if (next === undefined)
    return decision.kind === 'end' || live.length === 0 ? (anew(facts, error) ?? decision) : decision
  if (decision.kind === 'end') return {kind: 'elsewhere', source: next, dropped: {source, reason: error.message}}
  // A cut that brought little begins the failures anew: two addresses that send no more would be asked by turns, at once.
  const failures = Math.max(attempts.failures, (attempts.meagre ?? 0) - 1)
  return failures < sourcesOf(facts.request).length ? {kind: 'elsewhere', source: next} : {...decision, source: next}
}

function anew(
  {source: failed = 0, dropped = []}: OperationFacts,
  {message}: SerializedError,
): RetryDecision | undefined {
  const source = dropped.find((each) => each.unproven === true)?.source
  if (source === undefined) return undefined
  return {kind: 'anewElsewhere', source, ...(source === failed ? {} : {dropped: {source: failed, reason: message}})}
}

/** Its file is the one from now on. */
export function withSource(facts: OperationFacts, source: number): OperationFacts {
  const {dropped, ...others} = facts
  const left = dropped?.filter((each) => each.source !== source) ?? []
  return {...others, source, ...(left.length === 0 ? {} : {dropped: left})}
}

/** Its own address is another one now: it is asked first again. */
export function fromItsOwnAddress(facts: OperationFacts): OperationFacts {
  const {source: _, ...others} = withSource(facts, 0)
  return others
}

/** What a person is told of the addresses; undefined where there is only one. */
export function toldOfSources(facts: Pick<OperationFacts, 'request' | 'source' | 'dropped'>): string | undefined {
  if (facts.request.mirrors === undefined) return undefined
  const hosts = sourcesOf(facts.request).map((url) => new URL(url).host)
  const dropped = (facts.dropped ?? []).map(({source, reason}) => `not from ${hosts[source] ?? ''} (${reason})`)
  return [`from ${hosts[facts.source ?? 0] ?? ''}`, ...dropped].join(', ')
}

/** With one more that is given up. */
export function withDropped(facts: OperationFacts, dropped: DroppedSource): OperationFacts {
  const before = facts.dropped ?? []
  return before.some(({source}) => source === dropped.source) ? facts : {...facts, dropped: [...before, dropped]}
}
