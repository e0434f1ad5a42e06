/** The server's digest ties an answer to a version, beside the validator: bytes of two digests are never mixed. */

import {contradicts, serverDigest} from './digest-fields.ts'
import {headerValue} from './header-fields.ts'
import type {Verdict} from './judge-response.ts'
import type {Checksum, Evidence, TransferPolicy} from './record.ts'
import type {ResponseFacts} from './response-facts.ts'

export type PinnedVerdict = Verdict & {readonly digest?: Checksum}

/**
 * The verdict with the digest that the finished file has to have. An answer that goes on where the whole has another digest
 * is one of another version. A coded body counts for nothing here: too many proxies code it and leave the digest as it was.
 */
export function pinDigest(
  verdict: Verdict,
  evidence: Pick<Evidence, 'digest'>,
  policy: Pick<TransferPolicy, 'ignoreServerDigest'>,
  head: ResponseFacts,
): PinnedVerdict {
  if (policy.ignoreServerDigest === true || headerValue(head.headers, 'content-encoding') !== undefined) return verdict
  if (verdict.kind === 'fromStart') return withDigest(verdict, serverDigest(head, head.status === 200))
  if (verdict.kind !== 'continue') return verdict
  const digest = serverDigest(head, false)
  if (contradicts(evidence.digest, digest)) return {kind: 'startOver', reason: 'a part of a whole with another digest'}
  return withDigest(verdict, evidence.digest ?? digest)
}

function withDigest(verdict: Verdict, digest: Checksum | undefined): PinnedVerdict {
  return digest === undefined ? verdict : {...verdict, digest}
}
