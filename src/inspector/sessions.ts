/**
 * The token and what it is exchanged for. The token stands in the fragment of the printed address, which no browser sends;
 * the page posts it once and gets a cookie of another value, because browsers show a host's cookies to all its ports. The
 * cookie follows from the token, so it outlives a restart that keeps the token.
 */

import {createHash, createHmac, randomBytes, timingSafeEqual} from 'node:crypto'
import type {IncomingHttpHeaders} from 'node:http'

const SECRET_BYTES = 24
const SECRET_LENGTH = 32

export class Sessions {
  readonly token: string
  readonly #cookie: string
  readonly #session: string

  constructor(port: number, token = randomBytes(SECRET_BYTES).toString('base64url')) {
    this.token = token
    this.#cookie = `bgt-inspector-${port}`
    this.#session = createHmac('sha256', token).update(this.#cookie).digest('base64url').slice(0, SECRET_LENGTH)
  }

  /** The Set-Cookie value for whoever knows the token. */
  exchange(token: unknown): string | undefined {
    if (typeof token !== 'string' || !isSame(token, this.token)) return undefined
    return `${this.#cookie}=${this.#session}; Path=/; HttpOnly; SameSite=Strict`
  }

  /** Whether a request comes from somebody who knows, or knew, the token. */
  admits({authorization, cookie}: IncomingHttpHeaders): boolean {
    if (authorization !== undefined) {
      const [scheme = '', token = ''] = authorization.split(' ', 2)
      return scheme.toLowerCase() === 'bearer' && isSame(token, this.token)
    }
    const prefix = `${this.#cookie}=`
    return (cookie ?? '')
      .split(';')
      .map((pair) => pair.trim())
      .some((pair) => pair.startsWith(prefix) && isSame(pair.slice(prefix.length), this.#session))
  }
}

/** In a time that tells nothing of where they differ, nor of their lengths. */
function isSame(one: string, other: string): boolean {
  return timingSafeEqual(digest(one), digest(other))
}

function digest(secret: string): Buffer {
  return createHash('sha256').update(secret).digest()
}
