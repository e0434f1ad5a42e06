/**
 * What of an answer may be written down. While its try lasts, the application is given it as it came; a store holds no session
 * cookie, no token, and no signed address to which it was sent on.
 */

import type {OperationRecord, ResponseFacts} from './record.ts'
import {redactAnswerHeaders, redactText, redactUrl, secretsInUrl} from './redaction.ts'

/** Of an answer that is saved time and again while its bytes come. */
const known = new WeakMap<ResponseFacts, ResponseFacts>()

export function withoutSecretsOfAnswer(record: OperationRecord): OperationRecord {
  const {response, evidence, request} = record
  const keptUrl = (url: string) => (url === request.url ? url : redactUrl(url))
  const kept = {
    ...(response === undefined ? {} : {response: keptAnswer(response, keptUrl)}),
    ...(evidence.url === undefined ? {} : {evidence: {...evidence, url: keptUrl(evidence.url)}}),
  }
  return response === undefined && evidence.url === undefined ? record : {...record, ...kept}
}

function keptAnswer(response: ResponseFacts, keptUrl: (url: string) => string): ResponseFacts {
  const before = known.get(response)
  if (before !== undefined) return before
  const url = keptUrl(response.url)
  // Nobody can tell them from other words once the address is masked.
  const secrets = url === response.url ? [] : secretsInUrl(response.url)
  const headers = redactAnswerHeaders(response.headers).map(
    ([name, value]) => [name, redactText(value, secrets)] as const,
  )
  const kept = {...response, url, headers}
  known.set(response, kept)
  return kept
}
