/**
 * A Transport that has a look into the cache first: a GET whose answer is there, and may be used again (RFC 9111), is served from
 * it; one that may not any more is asked for on the condition that it changed. What it did stands in the head, as Cache-Status
 * (RFC 9211). It stores nothing: that is done ahead of need.
 *
 * Nothing that says who asks is answered from here, and nothing is that brings conditions of its own.
 */

import type {FileHandle} from 'node:fs/promises'
import {asTransferError, TransferError} from '../../domain/errors.ts'
import {headerValue, isSecretHeader} from '../../domain/header-fields.ts'
import type {ResponseFacts} from '../../domain/response-facts.ts'
import {
  type BodyReceiver,
  beginBrief,
  type Exchange,
  type ExchangeEnd,
  type ExchangeRequest,
  hearing,
  type Transport,
} from '../../ports/transport.ts'
import type {CacheEntry} from './cache-entry.ts'
import {headFor, type Slice, SliceReader, sliceFor, withCacheStatus} from './cached-answer.ts'
import type {HttpCache} from './http-cache.ts'

/** Methods that change nothing (RFC 9110, 9.2.1). */
const SAFE: ReadonlySet<string> = new Set(['GET', 'HEAD', 'OPTIONS', 'TRACE'])

const CONDITIONS = ['if-none-match', 'if-modified-since', 'if-match', 'if-unmodified-since']

export function withCache(transport: Transport, cache: HttpCache): Transport {
  const exchange: Transport['exchange'] = (request, receiver, signal) => {
    if (!cache.mayHave(request.url)) return transport.exchange(request, receiver, signal)
    if (!SAFE.has(request.method)) return transport.exchange(request, forgetting(request, receiver, cache), signal)
    if (!isAnswerable(request)) return transport.exchange(request, receiver, signal)
    return new CachedExchange(transport, cache, request, receiver, signal)
  }
  return {
    exchange,
    brief: (request, receiver) => beginBrief(cache.mayHave(request.url) ? {exchange} : transport, request, receiver),
    close: async () => {
      await transport.close()
      await cache.close()
    },
  }
}

function isAnswerable({method, body, headers, serverCredential}: ExchangeRequest): boolean {
  if (method !== 'GET' || body !== undefined || serverCredential !== undefined) return false
  return !headers.some(([name]) => isSecretHeader(name) || CONDITIONS.includes(name.toLowerCase()))
}

/** What changes a resource makes what is stored of it outdated (RFC 9111, 4.4). */
function forgetting({url}: ExchangeRequest, receiver: BodyReceiver, cache: HttpCache): BodyReceiver {
  return hearing(receiver, (head) => {
    if (head.status < 400) void cache.forget(url)
    return receiver.responded(head)
  })
}

/** What becomes of an answer to a request with conditions. */
type Revalidated = {readonly kind: 'current'; readonly head: ResponseFacts} | {readonly kind: 'lost'} | undefined

class CachedExchange implements Exchange {
  readonly finished: Promise<ExchangeEnd>
  readonly #transport: Transport
  readonly #cache: HttpCache
  readonly #request: ExchangeRequest
  readonly #receiver: BodyReceiver
  readonly #signal: AbortSignal
  /** While the server is asked. */
  #inner: Exchange | undefined
  #reader: SliceReader | undefined

  constructor(
    transport: Transport,
    cache: HttpCache,
    request: ExchangeRequest,
    receiver: BodyReceiver,
    signal: AbortSignal,
  ) {
    this.#transport = transport
    this.#cache = cache
    this.#request = request
    this.#receiver = receiver
    this.#signal = signal
    this.finished = this.#run()
  }

  get received(): number {
    return this.#reader?.read ?? this.#inner?.received ?? 0
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
    this.#reader?.resume()
    this.#inner?.resume()
  }

  async #run(): Promise<ExchangeEnd> {
    const {files, rules} = await this.#cache.load()
    const entry = files.get(this.#request.url)
    const use = entry && rules.use(this.#request, entry)
    if (entry === undefined || use === undefined) return this.#ask(this.#receiver)
    const {size} = entry
    if (use.kind === 'fresh') {
      const slice = sliceFor(this.#request.headers, use.head, size)
      if (slice === undefined) return this.#ask(this.#telling('fwd=bypass'))
      const body = await files.open(entry)
      if (body === undefined) return this.#ask(this.#telling('fwd=uri-miss'))
      return this.#serve(body, headFor(use.head, slice, size, `hit; ttl=${use.ttlSeconds}`), slice)
    }
    const {reason} = use
    const isConditional = use.headers.length > this.#request.headers.length
    // A condition on a part would be one on a part of another version, too.
    const isWhole = headerValue(this.#request.headers, 'range') === undefined
    const body = isConditional && isWhole ? await files.open(entry) : undefined
    if (body === undefined) return this.#ask(this.#telling(`fwd=${reason}`))
    return this.#revalidate(entry, body, {...this.#request, headers: use.headers}, reason)
  }

  /** The body is closed in the end. */
  async #revalidate(
    entry: CacheEntry,
    body: FileHandle,
    request: ExchangeRequest,
    reason: string,
  ): Promise<ExchangeEnd> {
    let outcome: Revalidated
    const receiver = hearing(this.#receiver, (head) => {
      if (head.status !== 304) {
        // What is stored is not what the server has any more.
        if (head.status < 400) void this.#cache.forget(request.url)
        return this.#receiver.responded(withCacheStatus(head, `fwd=${reason}; fwd-status=${head.status}`))
      }
      const head304 = this.#cache.validate(this.#request, entry, head)
      outcome = head304 === undefined ? {kind: 'lost'} : {kind: 'current', head: head304}
      return 'discard'
    })
    try {
      const end = await this.#ask(receiver, request)
      const answer = outcome as Revalidated
      if (answer === undefined) return end
      this.#inner = undefined
      if (answer.kind === 'lost') {
        await this.#cache.forget(request.url)
        return await this.#ask(this.#telling('fwd=uri-miss'))
      }
      const slice = {from: 0, to: entry.size, isPart: false}
      const status = `fwd=${reason}; fwd-status=304`
      return await this.#hand(body, headFor(answer.head, slice, entry.size, status), slice)
    } finally {
      await body.close()
    }
  }

  async #serve(body: FileHandle, head: ResponseFacts, slice: Slice): Promise<ExchangeEnd> {
    try {
      this.#assertWanted()
      this.#receiver.connected()
      return await this.#hand(body, head, slice)
    } finally {
      await body.close()
    }
  }

  async #hand(body: FileHandle, head: ResponseFacts, slice: Slice): Promise<ExchangeEnd> {
    this.#assertWanted()
    if (this.#receiver.responded(head) === 'discard') return {bodyLength: 0, framing: 'length'}
    this.#assertWanted()
    this.#reader = new SliceReader(body, this.#receiver, this.#signal)
    let bodyLength: number
    try {
      bodyLength = await this.#reader.run(slice)
    } catch (thrown) {
      this.#assertWanted()
      throw asTransferError(thrown)
    }
    this.#assertWanted()
    if (bodyLength === slice.to - slice.from) return {bodyLength, framing: 'length'}
    throw new TransferError('TRUNCATED', `what was stored ended at ${bodyLength} bytes`, {where: this.#where})
  }

  #ask(receiver: BodyReceiver, request = this.#request): Promise<ExchangeEnd> {
    this.#assertWanted()
    this.#inner = this.#transport.exchange(request, receiver, this.#signal)
    return this.#inner.finished
  }

  #telling(status: string): BodyReceiver {
    return hearing(this.#receiver, (head) => this.#receiver.responded(withCacheStatus(head, status)))
  }

  get #where(): string {
    return new URL(this.#request.url).origin
  }

  #assertWanted(): void {
    if (this.#signal.aborted) throw new TransferError('CANCELED', 'the exchange was given up', {where: this.#where})
  }
}
