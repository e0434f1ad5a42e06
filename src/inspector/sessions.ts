/**
 * The token and what it is exchanged for. The token stands in the fragment of the printed address, which no browser sends;
 * the page posts it once and gets a cookie of another value, because browsers show a host's cookies to all its ports.
 */

import {createHash, randomBytes, timingSafeEqual} from 'node:crypto'
import type {IncomingHttpHeaders} from 'node:http'

const SECRET_BYTES = 24
const MOST_SESSIONS = 64

export class Sessions {
  readonly token = newSecret()
  readonly #cookie: string
  readonly #sessions: Buffer[] = []

  constructor(port: number) {
    this.#cookie = `bgt-inspector-${port}`
  }

  /** The Set-Cookie value for whoever knows the token. */
  exchange(token: unknown): string | undefined {
    if (typeof token !== 'string' || !isSame(digest(token), digest(this.token))) return undefined
    const session = newSecret()
    this.#sessions.push(digest(session))
    if (this.#sessions.length > MOST_SESSIONS) this.#sessions.shift()
    return `${this.#cookie}=${session}; Path=/; HttpOnly; SameSite=Strict`
  }

  /** Whether a request comes from somebody who knows, or knew, the token. */
  admits({authorization, cookie}: IncomingHttpHeaders): boolean {
    if (authorization !== undefined) {
      const [scheme = '', token = ''] = authorization.split(' ', 2)
      return scheme.toLowerCase() === 'bearer' && isSame(digest(token), digest(this.token))
    }
    const prefix = `${this.#cookie}=`
    return (cookie ?? '')
      .split(';')
      .map((pair) => pair.trim())
      .filter((pair) => pair.startsWith(prefix))
      .map((pair) => digest(pair.slice(prefix.length)))
      .some((found) => this.#sessions.some((session) => isSame(session, found)))
  }
}

function newSecret(): string {
  return randomBytes(SECRET_BYTES).toString('base64url')
}

/** Of one length, as the comparison in constant time needs it. */
function digest(secret: string): Buffer {
  return createHash('sha256').update(secret).digest()
}

function isSame(one: Buffer, other: Buffer): boolean {
  return timingSafeEqual(one, other)
}
