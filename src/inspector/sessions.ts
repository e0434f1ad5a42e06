/**
 * The token and what it is exchanged for. The token stands in the fragment of the printed address, which no browser sends; the
 * page proves once that it knows it and gets a cookie of another value, because browsers show a host's cookies to all its ports.
 * Cookie and challenge are of this start alone: whoever had the port before, or has it after, was told nothing that is worth
 * anything here, also where the token is the same. A proof names the port that was asked: whoever has that now can pass on the
 * challenge of another inspector, which has the same token, but the proof is none for there.
 */

import {createHash, createHmac, randomBytes, timingSafeEqual} from 'node:crypto'
import type {IncomingHttpHeaders} from 'node:http'
import {PORT_OF_HTTP} from './gate.ts'

const SECRET_BYTES = 24

export class Sessions {
  readonly token: string
  /** For everybody: who knows the token makes a proof of it, HMAC-SHA-256 of `port:challenge` with the token as its key, in base64. */
  readonly challenge = secret()
  readonly #proof: string
  readonly #cookie: string
  readonly #session = secret()

  constructor(port: number, token = secret()) {
    this.token = token
    this.#proof = createHmac('sha256', token)
      .update(`${port === PORT_OF_HTTP ? '' : port}:${this.challenge}`)
      .digest('base64')
    this.#cookie = `bgt-inspector-${port}`
  }

  /** The Set-Cookie value for whoever knows the token, and says it or proves it. */
  exchange({token, proof}: {readonly token?: unknown; readonly proof?: unknown}): string | undefined {
    if (!isSecret(token, this.token) && !isSecret(proof, this.#proof)) return undefined
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

function secret(): string {
  return randomBytes(SECRET_BYTES).toString('base64url')
}

function isSecret(given: unknown, known: string): boolean {
  return typeof given === 'string' && isSame(given, known)
}

/** In a time that tells nothing of where they differ, nor of their lengths. */
function isSame(one: string, other: string): boolean {
  return timingSafeEqual(digest(one), digest(other))
}

function digest(secret: string): Buffer {
  return createHash('sha256').update(secret).digest()
}
