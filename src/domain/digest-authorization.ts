/** Digest access authentication (RFC 7616, and RFC 2069 where a server still speaks it): challenges read, answers computed. */

import type {Challenge} from './auth-challenge.ts'
import type {Credential} from './credential.ts'
import {decodeFieldText} from './header-fields.ts'

export type DigestAlgorithm = 'MD5' | 'SHA-256' | 'SHA-512-256'

/** Lower-case hexadecimal digest of the UTF-8 form of a text. */
export type Hash = (algorithm: DigestAlgorithm, text: string) => string

export interface DigestChallenge {
  readonly scheme: 'digest'
  /** As it came, and as it is sent back. */
  readonly realm: string
  readonly nonce: string
  readonly opaque?: string
  readonly algorithm: DigestAlgorithm
  /** The variant whose key holds for a session of nonces. */
  readonly session: boolean
  /** The algorithm in the server's spelling; it may have said none. */
  readonly spelled?: string
  /** false: the server does not know `qop` (RFC 2069). */
  readonly qop: boolean
  /** The nonce was too old, the answer else right. */
  readonly stale: boolean
  readonly userhash: boolean
  /** Addresses that the answer holds for; empty: the whole origin. */
  readonly domain: readonly string[]
}

export interface DigestRequest {
  readonly method: string
  /** The request target, as in the request line. */
  readonly uri: string
  /** How often this nonce was used, this time included. */
  readonly count: number
  /** Fresh for each answer. */
  readonly cnonce: string
}

/** undefined when it asks for what we cannot do: another algorithm, or the body's integrity only. */
export function digestChallengeOf({scheme, parameters}: Challenge): DigestChallenge | undefined {
  const realm = parameters.get('realm')
  const nonce = parameters.get('nonce')
  const spelled = parameters.get('algorithm')
  const named = (spelled ?? 'MD5').toUpperCase()
  const session = named.endsWith('-SESS')
  const algorithm = session ? named.slice(0, -'-SESS'.length) : named
  if (scheme !== 'digest' || realm === undefined || nonce === undefined || !isAlgorithm(algorithm)) return undefined
  const qop = parameters.get('qop')
  const qops = qop?.split(',').map((each) => each.trim().toLowerCase())
  if (qops !== undefined && !qops.includes('auth')) return undefined
  const opaque = parameters.get('opaque')
  return {
    scheme,
    realm,
    nonce,
    ...(opaque === undefined ? {} : {opaque}),
    algorithm,
    session,
    ...(spelled === undefined ? {} : {spelled}),
    qop: qops !== undefined,
    stale: parameters.get('stale')?.toLowerCase() === 'true',
    userhash: parameters.get('userhash')?.toLowerCase() === 'true',
    domain: (parameters.get('domain') ?? '').split(/[ \t]+/).filter((each) => each !== ''),
  }
}

/** The value of Authorization, or of Proxy-Authorization. */
export function digestAuthorization(
  challenge: DigestChallenge,
  {userName, password}: Credential,
  {method, uri, count, cnonce}: DigestRequest,
  hash: Hash,
): string {
  const {nonce, opaque, algorithm, session, spelled, qop, userhash} = challenge
  const h = (...parts: readonly string[]) => hash(algorithm, parts.join(':'))
  const realm = decodeFieldText(challenge.realm)
  const key = h(userName, realm, password)
  const a1 = session ? h(key, nonce, cnonce) : key
  const a2 = h(method, uri)
  const nc = count.toString(16).padStart(8, '0')
  const fields = [
    ...userFields(userhash ? h(userName, realm) : userName, userhash),
    `realm=${quoted(challenge.realm)}`,
    `nonce=${quoted(nonce)}`,
    `uri=${quoted(uri)}`,
    `response="${qop ? h(a1, nonce, nc, cnonce, 'auth', a2) : h(a1, nonce, a2)}"`,
    ...(spelled === undefined ? [] : [`algorithm=${spelled}`]),
    ...(opaque === undefined ? [] : [`opaque=${quoted(opaque)}`]),
    ...(qop ? ['qop=auth', `nc=${nc}`] : []),
    ...(qop || session ? [`cnonce="${cnonce}"`] : []),
    ...(userhash ? ['userhash=true'] : []),
  ]
  return `Digest ${fields.join(', ')}`
}

/** A name beyond ASCII goes in the extended form (RFC 7616 3.4). */
function userFields(userName: string, isHashed: boolean): readonly string[] {
  if (isHashed || /^[\x20-\x7e]*$/.test(userName)) return [`username=${quoted(userName)}`]
  const encoded = encodeURIComponent(userName).replace(/['()*]/g, (char) => `%${char.charCodeAt(0).toString(16)}`)
  return [`username*=UTF-8''${encoded}`]
}

function quoted(text: string): string {
  return `"${text.replace(/["\\]/g, '\\$&')}"`
}

function isAlgorithm(name: string): name is DigestAlgorithm {
  return name === 'MD5' || name === 'SHA-256' || name === 'SHA-512-256'
}
