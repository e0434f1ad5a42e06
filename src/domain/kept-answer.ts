/**
 * What of an answer may be written down. While its try lasts, the application is given it as it came; a store holds no session
 * cookie, no token, and no signed address to which it was sent on.
 */

import type {Evidence} from './record.ts'
import {redactAnswerHeaders, redactUrl, secretsInUrl, textMask} from './redaction.ts'
import type {ResponseFacts} from './response-facts.ts'

/** `address`: the request's, which is kept as the caller gave it. */
export function keptResponse(response: ResponseFacts, address: string): ResponseFacts {
  const url = keptUrl(response.url, address)
  // Nobody can tell them from other words once the address is masked.
  const secrets = url === response.url ? [] : secretsInUrl(response.url)
  const masked = redactAnswerHeaders(response.headers)
  const mask = textMask(secrets)
  const headers = secrets.length === 0 ? masked : masked.map(([name, value]) => [name, mask(value)] as const)
  return {...response, url, headers}
}

export function keptEvidence(evidence: Evidence, address: string): Evidence {
  return evidence.url === undefined ? evidence : {...evidence, url: keptUrl(evidence.url, address)}
}

function keptUrl(url: string, address: string): string {
  return url === address ? url : redactUrl(url)
}
