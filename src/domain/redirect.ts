/** Where a redirect leads, and with which method and headers; or why it is not followed. */

import {TransferError} from './errors.ts'
import {decodeFieldText, type HeaderField, headerValues, isSecretHeader} from './header-fields.ts'
import {statusLine} from './reason-phrase.ts'
import {redactUrl} from './redaction.ts'
import type {ResponseFacts} from './response-facts.ts'

export interface RedirectInput {
  /** The URL that was just asked. */
  readonly url: string
  readonly method: string
  /** All headers of that request, secret ones too. */
  readonly headers: readonly HeaderField[]
  readonly head: ResponseFacts
  /** Redirects followed before this answer. */
  readonly hops: number
  /** Names that the caller declared secret, beside those that are known as such. */
  readonly secretNames?: readonly string[]
}

export type Hop =
  /** What was dropped from `headers` stays dropped for the rest of the chain: the next hop starts from these. */
  | {
      readonly kind: 'follow'
      readonly url: string
      readonly method: string
      readonly headers: readonly HeaderField[]
      readonly secretNames?: readonly string[]
    }
  /** No redirect. */
  | {readonly kind: 'final'}
  | {readonly kind: 'fail'; readonly error: TransferError}

/** One that was followed. */
export interface Redirect {
  readonly status: number
  /** Who answered, redacted. */
  readonly url: string
  /** Where it led, redacted. */
  readonly to: string
}

export const MAX_REDIRECTS = 20

/** As it may be told of. */
export function redirectOf(status: number, from: string, to: string): Redirect {
  return {status, url: redactUrl(from), to: redactUrl(to)}
}

const REDIRECTS: ReadonlySet<number> = new Set([301, 302, 303, 307, 308])
/** They describe a body, which a request turned into GET no longer has. */
const BODY_HEADERS: ReadonlySet<string> = new Set([
  'content-type',
  'content-encoding',
  'content-language',
  'content-location',
])

export function isRedirectStatus(status: number): boolean {
  return REDIRECTS.has(status)
}

export function nextHop(input: RedirectInput): Hop {
  const {head, method} = input
  if (!isRedirectStatus(head.status)) return {kind: 'final'}
  if (input.hops >= MAX_REDIRECTS) return fail(input, `more than ${MAX_REDIRECTS} redirects`)
  const target = resolveLocation(input)
  if (target === undefined)
    return fail(input, `the server answered ${statusLine(head.status)} without a usable Location`)
  if (target.protocol !== 'http:' && target.protocol !== 'https:') {
    return fail(input, `a redirect to ${target.protocol} is not followed`)
  }
  const current = new URL(input.url)
  if (current.protocol === 'https:' && target.protocol === 'http:') {
    const error = new TransferError('REDIRECT_INSECURE', `a redirect from https to ${redactUrl(target.href)}`, {
      where: redactUrl(input.url),
      details: {status: head.status},
    })
    return {kind: 'fail', error}
  }
  const next = methodAfter(head.status, method)
  const {secretNames} = input
  const sent = next === method ? input.headers : input.headers.filter(([name]) => !BODY_HEADERS.has(name.toLowerCase()))
  const headers = target.origin === current.origin ? sent : withoutSecrets(sent, secretNames ?? [])
  const secrets = secretNames === undefined ? {} : {secretNames}
  return {kind: 'follow', url: target.href, method: next, headers, ...secrets}
}

/** Against the present URL, without fragment and user information. */
function resolveLocation(input: RedirectInput): URL | undefined {
  const [location, ...others] = new Set(headerValues(input.head.headers, 'location'))
  if (location === undefined || location.trim() === '' || others.length > 0) return undefined
  let target: URL
  try {
    target = new URL(decodeFieldText(location), input.url)
  } catch {
    return undefined
  }
  target.hash = ''
  target.username = ''
  target.password = ''
  return target
}

/** Whether what a request carried is sent again to where a redirect leads (RFC 9110 15.4). */
export function keepsBody(status: number, method: string): boolean {
  return status !== 303 && methodAfter(status, method) === method
}

function methodAfter(status: number, method: string): string {
  if (status === 303) return method === 'HEAD' ? method : 'GET'
  return (status === 301 || status === 302) && method === 'POST' ? 'GET' : method
}

function withoutSecrets(headers: readonly HeaderField[], secretNames: readonly string[]): readonly HeaderField[] {
  const declared = new Set(secretNames.map((name) => name.toLowerCase()))
  return headers.filter(([name]) => !isSecretHeader(name) && !declared.has(name.toLowerCase()))
}

function fail(input: RedirectInput, message: string): Hop {
  const error = new TransferError('REDIRECT_FAILED', message, {
    where: redactUrl(input.url),
    details: {status: input.head.status},
  })
  return {kind: 'fail', error}
}
