/** What one request of an upload asks; and what one to an address that a server named has of the application's own. */

import {isSecretHeader, withoutHeader} from '../domain/header-fields.ts'
import type {OperationFacts} from '../domain/record.ts'
import type {Secrets} from '../ports/secrets.ts'
import type {RequestBody} from '../ports/transport.ts'
import type {StepRequest} from '../ports/upload-protocol.ts'
import type {Hop} from './connection.ts'
import type {FreshRequests} from './refresh-request.ts'
import {requestHeaders} from './request-headers.ts'

/** What is asked. */
export interface Asked extends Hop {
  readonly body?: RequestBody
  /** The body is of what is sent, and counts as sent; else it is a word of the protocol about it. */
  readonly carriesContent: boolean
  /** A good answer is what the application wants to read. */
  readonly isLast: boolean
  /** That it is good is all that has to be known of it; a redirect to GET takes what was sent, and ends it. */
  readonly isByStatus?: boolean
}

/** They say what a body is, and are wrong beside another one. */
const CONTENT_HEADERS = [
  'Content-Type',
  'Content-Encoding',
  'Content-Language',
  'Content-Location',
  'Content-Disposition',
  'Content-Digest',
]

/** Requests to the application's own address, and to the one that its provider gave for this request. */
export interface Hops {
  readonly own: Hop
  readonly given: Hop
}

export function hopsOf(
  ports: {readonly secrets: Secrets; readonly fresh: FreshRequests},
  {id, request}: OperationFacts,
): Hops {
  const {url, method} = request
  const own = {url, method, headers: requestHeaders(request, ports.secrets)}
  return {own, given: ports.fresh.take(id)(own)}
}

/** What is secret goes to the origin that it was given for, and to no other. */
export function hopTo(
  {own, given}: Hops,
  {url, carries, headers: needed}: Pick<StepRequest, 'url' | 'carries' | 'headers'>,
): Omit<Hop, 'method'> {
  const {origin} = new URL(url)
  const at = [given, own].find((each) => new URL(each.url).origin === origin)
  let headers = carries === 'none' ? [] : (at?.headers ?? own.headers.filter(([name]) => !isSecretHeader(name)))
  if (carries === 'bare') for (const name of CONTENT_HEADERS) headers = withoutHeader(headers, name)
  for (const [name] of needed) headers = withoutHeader(headers, name)
  const secrets = at?.secretNames === undefined ? {} : {secretNames: at.secretNames}
  return {url, headers: [...headers, ...needed], ...secrets}
}
