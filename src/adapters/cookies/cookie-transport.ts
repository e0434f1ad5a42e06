/**
 * A Transport that minds cookies (RFC 6265): around another one, so that each hop of each try sends what the jar has for its
 * address, and its answer is heard before the next hop goes out.
 *
 * What a jar took is not passed on: a Set-Cookie would else stand in the record of the operation.
 */

import {asTransferError, TransferError} from '../../domain/errors.ts'
import {type HeaderField, headerValues, withoutHeader} from '../../domain/header-fields.ts'
import {
  type BodyReceiver,
  type Exchange,
  type ExchangeEnd,
  type ExchangeRequest,
  hearing,
  type Transport,
} from '../../ports/transport.ts'
import type {CookieJar} from './jar.ts'

export function withCookies(transport: Transport, jar: CookieJar): Transport {
  return {
    exchange: (request, receiver, signal) => new CookieExchange(transport, jar, request, receiver, signal),
    close: () => transport.close(),
  }
}

class CookieExchange implements Exchange {
  readonly finished: Promise<ExchangeEnd>
  readonly #jar: CookieJar
  readonly #where: string
  /** Absent until the jar has said what to send. */
  #inner: Exchange | undefined
  #keeping: Promise<void> = Promise.resolve()

  constructor(
    transport: Transport,
    jar: CookieJar,
    request: ExchangeRequest,
    receiver: BodyReceiver,
    signal: AbortSignal,
  ) {
    this.#jar = jar
    this.#where = new URL(request.url).origin
    this.finished = this.#run(transport, request, receiver, signal)
  }

  get received(): number {
    return this.#inner?.received ?? 0
  }

  get sent(): number {
    return this.#inner?.sent ?? 0
  }

  get given(): number {
    return this.#inner?.given ?? 0
  }

  flush(): void {
    this.#inner?.flush()
  }

  resume(): void {
    this.#inner?.resume()
  }

  async #run(
    transport: Transport,
    request: ExchangeRequest,
    receiver: BodyReceiver,
    signal: AbortSignal,
  ): Promise<ExchangeEnd> {
    const cookies = await this.#asked(signal, () => this.#jar.getCookieString(request.url))
    // An exchange whose signal is aborted already ends by itself.
    const headers = cookies === '' ? request.headers : withCookie(request.headers, cookies)
    this.#inner = transport.exchange({...request, headers}, this.#listening(request.url, receiver), signal)
    try {
      return await this.#inner.finished
    } finally {
      // The next hop may depend on them.
      await this.#keeping
    }
  }

  /** A jar may be slow: whoever gives up does not wait for it. */
  #asked(signal: AbortSignal, ask: () => Promise<string>): Promise<string> {
    return new Promise((resolve, reject) => {
      const giveUp = () => reject(new TransferError('CANCELED', 'the exchange was given up', {where: this.#where}))
      if (signal.aborted) return giveUp()
      signal.addEventListener('abort', giveUp, {once: true})
      const done = () => signal.removeEventListener('abort', giveUp)
      ask().then(
        (value) => {
          done()
          resolve(value)
        },
        (thrown) => {
          done()
          reject(this.#failed(thrown))
        },
      )
    })
  }

  #listening(url: string, receiver: BodyReceiver): BodyReceiver {
    return hearing(receiver, (head) => {
      const cookies = headerValues(head.headers, 'set-cookie')
      if (cookies.length === 0) return receiver.responded(head)
      this.#keeping = this.#keep(url, cookies)
      // Told by whoever awaits the exchange.
      this.#keeping.catch(() => undefined)
      return receiver.responded({...head, headers: withoutHeader(head.headers, 'set-cookie')})
    })
  }

  /** One after another: a later field of the same name wins. */
  async #keep(url: string, cookies: readonly string[]): Promise<void> {
    try {
      for (const cookie of cookies) await this.#jar.setCookie(cookie, url, {ignoreError: true})
    } catch (thrown) {
      throw this.#failed(thrown)
    }
  }

  /** Nothing of a cookie is quoted. */
  #failed(thrown: unknown): TransferError {
    const {code} = asTransferError(thrown)
    const name = thrown instanceof Error ? thrown.name : typeof thrown
    return new TransferError('COOKIES_FAILED', 'the cookie jar failed', {
      where: this.#where,
      details: code === 'INTERNAL' ? {thrown: name} : {thrown: code},
    })
  }
}

/** One field, as RFC 6265 wants it; what the caller said itself stands before what servers said. */
function withCookie(headers: readonly HeaderField[], cookies: string): readonly HeaderField[] {
  const own = headerValues(headers, 'cookie')
  return [...withoutHeader(headers, 'cookie'), ['Cookie', [...own, cookies].join('; ')]]
}
