/** The server's side of authentication, written apart from ours: challenges, and whether what comes back proves the password. */

import {createHash} from 'node:crypto'
import type {Script} from './faulty-script.ts'

export const USER = 'Mufasa'
export const PASSWORD = 'Circle of Life'

const NODE_NAMES: Readonly<Record<string, string>> = {MD5: 'md5', 'SHA-256': 'sha256', 'SHA-512-256': 'sha512-256'}

export interface DigestGate {
  readonly algorithm?: string
  readonly realm?: string
  readonly session?: boolean
  readonly userhash?: boolean
  /** An old server: no qop. */
  readonly legacy?: boolean
  readonly domain?: string
  /** A nonce is good for so many requests; afterwards it is stale. */
  readonly nonceUses?: number
  readonly user?: string
  readonly password?: string
}

/** Checks Digest as a server does; each nonce may be used in rising order only. */
export class DigestServer {
  readonly refusals: string[] = []
  readonly #gate: DigestGate
  #nonce = 0
  #count = 0

  constructor(gate: DigestGate = {}) {
    this.#gate = gate
  }

  get challenge(): string {
    const {algorithm, realm = 'pride', session = false, userhash = false, legacy = false, domain} = this.#gate
    return [
      `Digest realm="${realm}"`,
      `nonce="n${this.#nonce}=="`,
      'opaque="o\\"q"',
      ...(algorithm === undefined ? [] : [`algorithm=${algorithm}${session ? '-sess' : ''}`]),
      ...(legacy ? [] : ['qop="auth,auth-int"']),
      ...(userhash ? ['userhash=true'] : []),
      ...(domain === undefined ? [] : [`domain="${domain}"`]),
    ].join(', ')
  }

  /** What to answer instead of the content; undefined lets the request through. */
  refuse(method: string, uri: string, authorization: string | undefined): readonly string[] | undefined {
    if (authorization === undefined) return this.#ask('nothing was said')
    const fields = fieldsOf(authorization)
    if (fields.get('nonce') !== `n${this.#nonce}==`) return this.#ask('another nonce', true)
    const why = this.#wrong(method, uri, fields)
    if (why !== undefined) return this.#ask(why)
    this.#count += 1
    if (Number.parseInt(fields.get('nc') ?? '', 16) !== this.#count && this.#gate.legacy !== true) {
      return this.#ask(`count ${fields.get('nc')} instead of ${this.#count}`)
    }
    if (this.#count <= (this.#gate.nonceUses ?? Number.POSITIVE_INFINITY)) return undefined
    return this.#ask('used up', true)
  }

  #ask(why: string, stale = false): readonly string[] {
    this.refusals.push(why)
    this.#nonce += 1
    this.#count = 0
    return [this.challenge + (stale ? ', stale=TRUE' : '')]
  }

  #wrong(method: string, uri: string, fields: ReadonlyMap<string, string>): string | undefined {
    const {algorithm = 'MD5', realm = 'pride', session = false, userhash = false, legacy = false} = this.#gate
    const {user = USER, password = PASSWORD} = this.#gate
    const h = (text: string) =>
      createHash(NODE_NAMES[algorithm] ?? '')
        .update(text)
        .digest('hex')
    const name = userhash ? h(`${user}:${realm}`) : user
    const [, encoded] = /^UTF-8''(.*)$/.exec(fields.get('username*') ?? '') ?? []
    const given = encoded === undefined ? fields.get('username') : decodeURIComponent(encoded)
    if (given !== name) return `the user ${given}`
    if (fields.get('uri') !== uri) return `the uri ${fields.get('uri')}`
    if (fields.get('realm') !== realm) return `the realm ${fields.get('realm')}`
    if (fields.get('opaque') !== 'o"q') return `the opaque ${fields.get('opaque')}`
    const cnonce = fields.get('cnonce') ?? ''
    const key = h(`${user}:${realm}:${password}`)
    const a1 = session ? h(`${key}:${fields.get('nonce')}:${cnonce}`) : key
    const tail = legacy ? '' : `:${fields.get('nc')}:${cnonce}:${fields.get('qop')}`
    const expected = h(`${a1}:${fields.get('nonce')}${tail}:${h(`${method}:${uri}`)}`)
    return fields.get('response') === expected ? undefined : 'the response'
  }
}

function fieldsOf(authorization: string): ReadonlyMap<string, string> {
  const fields = new Map<string, string>()
  for (const [, name = '', quoted, plain = ''] of authorization.matchAll(
    /([\w*]+)=(?:"((?:[^"\\]|\\.)*)"|([^\s,]+))/g,
  )) {
    fields.set(name, quoted?.replace(/\\(.)/g, '$1') ?? plain)
  }
  return fields
}

/** A 401 with these challenges, each a field of its own. */
export function unauthorized(...challenges: readonly string[]): Script {
  return {
    status: 401,
    content: Buffer.from('who are you?'),
    headers: challenges.map((each) => ['WWW-Authenticate', each] as const),
  }
}

export function basic(user = USER, password = PASSWORD): string {
  return `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`
}
