/** The Transport of ftp addresses. What speaks FTP is loaded with the first of them, and not before. */

import {invalidArgument, TransferError} from '../../domain/errors.ts'
import type {ProxyOptions} from '../../domain/proxy.ts'
import {
  type BodyReceiver,
  beginBrief,
  type Exchange,
  type ExchangeEnd,
  type ExchangeRequest,
  type Transport,
} from '../../ports/transport.ts'
import {Egress, type EgressOptions} from '../http/egress.ts'
import type {TlsOptions} from '../http/tls-options.ts'
import type {FtpExchange} from './ftp-exchange.ts'
import {FtpSessionPool} from './ftp-session-pool.ts'

export interface FtpTransportOptions {
  readonly tls?: TlsOptions
  /** Where connections may lead; anywhere by default. */
  readonly egress?: EgressOptions
  /** One address for everything is for FTP too, which goes through no proxy: then it is refused, lest it go past the proxy. */
  readonly proxy?: string | ProxyOptions
  /** Epoch ms. */
  readonly now?: () => number
}

/** `idleMs`: how long a session may lie idle; for tests. */
export function createFtpTransport(
  options: FtpTransportOptions = {},
  idle: {readonly idleMs?: number} = {},
): Transport {
  const {tls = {}, egress, proxy: usualProxy, now = Date.now} = options
  const tools = {tls, strangers: new Set<string>(), ...(egress === undefined ? {} : {egress: new Egress(egress)})}
  const sessions = new FtpSessionPool(idle)
  const running = new Set<LazyExchange>()
  let isClosed = false
  return {
    exchange(request, receiver, signal) {
      const {origin, protocol} = new URL(request.url)
      if (protocol !== 'ftp:') throw invalidArgument('url', 'must be ftp')
      const {proxy = typeof usualProxy === 'string' ? usualProxy : 'direct'} = request
      const exchange = new LazyExchange(origin, async (exchange) => {
        if (proxy !== 'direct') throw noProxy(origin)
        const {FtpExchange} = await import('./ftp-exchange.ts')
        return exchange(new FtpExchange({request, receiver, signal, tools, sessions, now}))
      })
      running.add(exchange)
      const forget = () => running.delete(exchange)
      exchange.finished.then(forget, forget)
      if (isClosed) exchange.close()
      return exchange
    },
    addressesGone(addresses) {
      const gone = new Set(addresses)
      sessions.addressesGone(gone)
      for (const exchange of [...running]) exchange.addressesGone(gone)
    },
    async close() {
      isClosed = true
      for (const exchange of [...running]) exchange.close()
      sessions.close()
    },
  }
}

/** Stands for an exchange whose code is being loaded. */
class LazyExchange implements Exchange {
  readonly finished: Promise<ExchangeEnd>
  readonly #origin: string
  #inner: FtpExchange | undefined
  #isClosed = false

  constructor(origin: string, load: (begin: (inner: FtpExchange) => Promise<ExchangeEnd>) => Promise<ExchangeEnd>) {
    this.#origin = origin
    this.finished = load((inner) => {
      this.#inner = inner
      if (this.#isClosed) this.close()
      return inner.finished
    })
  }

  get received(): number {
    return this.#inner?.received ?? 0
  }

  get sent(): number {
    return 0
  }

  get given(): number {
    return 0
  }

  flush(): void {
    this.#inner?.flush()
  }

  resume(): void {
    this.#inner?.resume()
  }

  addressesGone(addresses: ReadonlySet<string>): void {
    this.#inner?.addressesGone(addresses)
  }

  close(): void {
    this.#isClosed = true
    this.#inner?.fail(new TransferError('CLOSED', 'the transport is closed', {where: this.#origin}))
  }
}

/** Each address to the transport of its scheme. */
export function byScheme(web: Transport, ftp: Transport): Transport {
  return {
    exchange: (request: ExchangeRequest, receiver: BodyReceiver, signal: AbortSignal) =>
      (request.url.startsWith('ftp:') ? ftp : web).exchange(request, receiver, signal),
    brief: (request, receiver) => beginBrief(request.url.startsWith('ftp:') ? ftp : web, request, receiver),
    addressesGone(addresses) {
      for (const each of [web, ftp]) each.addressesGone?.(addresses)
    },
    async close() {
      await Promise.all([web.close(), ftp.close()])
    },
  }
}

function noProxy(where: string): TransferError {
  return new TransferError('NOT_SUPPORTED', 'FTP goes through no proxy', {
    where,
    advice: "ask for it without one: proxy 'direct', or --proxy direct",
  })
}
