/**
 * Fetches what nobody has asked for yet: an address into the cache, by way of its redirects, each of which is kept as well where
 * it may be; and the index that names more of them. The requests are those that a download would make, of nobody in particular.
 */

import {asTransferError, type SerializedError, TransferError} from '../domain/errors.ts'
import {type HeaderField, headerValue} from '../domain/header-fields.ts'
import {indexFault, MOST_INDEX_BYTES} from '../domain/index-answer.ts'
import {indirectAddresses, type PrefetchOutcome} from '../domain/prefetch.ts'
import {isRedirectStatus, nextHop} from '../domain/redirect.ts'
import type {ResponseFacts} from '../domain/response-facts.ts'
import {httpStatusError, isRetriedStatus} from '../domain/retry.ts'
import type {Clock} from '../ports/clock.ts'
import type {IndexReader} from '../ports/index-reader.ts'
import type {OriginManners} from '../ports/origin-manners.ts'
import type {CacheEntryWriter, ResponseCache} from '../ports/response-cache.ts'
import type {BodyDisposition, BodyReceiver, Transport} from '../ports/transport.ts'
import {AnswerWriter} from './answer-writer.ts'
import type {BufferPool} from './buffer-pool.ts'
import {DEFAULT_HEADERS} from './request-headers.ts'

export interface FetchAheadPorts {
  /** Without cookies, and not the one that looks into the cache. */
  readonly transport: Transport
  readonly cache: ResponseCache
  readonly indexReader: IndexReader
  readonly clock: Clock
  readonly pool: BufferPool
  readonly origins: OriginManners
}

/** What came of one hop. */
type Step =
  | {readonly kind: 'over'; readonly outcome: PrefetchOutcome}
  | {readonly kind: 'redirect'; readonly head: ResponseFacts; readonly cost: 'fresh' | 'asked'}

export class FetchAhead {
  readonly #ports: FetchAheadPorts

  constructor(ports: FetchAheadPorts) {
    this.#ports = ports
  }

  /** Never rejects but for a fault of ours, and when `signal` aborts. */
  async resource(url: string, signal: AbortSignal): Promise<PrefetchOutcome> {
    let hop = {url, method: 'GET', headers: DEFAULT_HEADERS}
    for (let hops = 0; ; hops += 1) {
      const step = await this.#step(hop.url, signal)
      if (step.kind === 'over') return step.outcome
      const next = nextHop({...hop, head: step.head, hops})
      if (next.kind === 'fail') return {kind: 'refused', reason: next.error.message}
      if (next.kind === 'final') return {kind: 'refused', reason: 'the redirect leads nowhere'}
      hop = {url: next.url, method: next.method, headers: DEFAULT_HEADERS}
    }
  }

  /** The addresses that the index names; `ignored` is told why none of it counts. Rejects with what may pass. */
  async index(url: string, signal: AbortSignal, ignored: (reason: string) => void): Promise<readonly string[]> {
    const {indexReader} = this.#ports
    let hop = {url, method: 'GET', headers: DEFAULT_HEADERS}
    for (let hops = 0; ; hops += 1) {
      const {head, fault, bytes} = await this.#askIndex(hop.url, signal)
      const next = nextHop({...hop, head, hops})
      if (next.kind === 'follow') {
        hop = {url: next.url, method: next.method, headers: DEFAULT_HEADERS}
        continue
      }
      const reason = next.kind === 'fail' ? next.error.message : fault
      const reading = reason === undefined ? await indexReader.read(bytes) : {kind: 'ignored' as const, reason}
      if (reading.kind === 'read') return indirectAddresses(hop.url, reading.listed)
      ignored(reading.reason)
      return []
    }
  }

  async #askIndex(url: string, signal: AbortSignal) {
    const {origins, clock} = this.#ports
    if (origins.isQuiet(url)) throw new TransferError('NOT_BEFORE', 'the server of the index asked to be left alone')
    const receiver = new IndexReceiver()
    try {
      await this.#exchange(url, DEFAULT_HEADERS, receiver, signal)
    } catch (thrown) {
      signal.throwIfAborted()
      if (receiver.fault === undefined) throw thrown
    }
    const {head, fault, bytes} = receiver
    if (head === undefined) throw new TransferError('INTERNAL', 'an exchange ended without an answer')
    if (!isRetriedStatus(head.status)) return {head, fault, bytes}
    const error = httpStatusError(head, clock.now())
    heed(this.#ports, url, error.toSerialized())
    throw error
  }

  /** One address, asked for unless what is stored of it is fresh. */
  async #step(url: string, signal: AbortSignal): Promise<Step> {
    const {cache, origins} = this.#ports
    // The second time without a condition: what it was on is gone.
    for (let tries = 0; tries < 2; tries += 1) {
      const question = await cache.ask({url, headers: DEFAULT_HEADERS})
      signal.throwIfAborted()
      if (question.kind === 'fresh') {
        if (isRedirectStatus(question.head.status)) return {kind: 'redirect', head: question.head, cost: 'fresh'}
        return over({kind: 'fresh'})
      }
      if (origins.isQuiet(url)) return over({kind: 'failed', reason: 'its server asked to be left alone'})
      const receiver = new ResourceReceiver(url, this.#ports)
      try {
        await this.#exchange(url, question.headers, receiver, signal)
        const step = await receiver.finish()
        if (step !== undefined) return step
      } catch (thrown) {
        await receiver.discard()
        signal.throwIfAborted()
        return over(receiver.outcome ?? failure(asTransferError(thrown).toSerialized()))
      }
    }
    return over({kind: 'refused', reason: 'the server answers 304 to a request without a condition'})
  }

  async #exchange(
    url: string,
    headers: readonly HeaderField[],
    receiver: BodyReceiver & {cut: AbortController},
    signal: AbortSignal,
  ): Promise<void> {
    const abort = () => receiver.cut.abort()
    signal.addEventListener('abort', abort, {once: true})
    if (signal.aborted) abort()
    try {
      const exchange = this.#ports.transport.exchange({url, method: 'GET', headers}, receiver, receiver.cut.signal)
      if (receiver instanceof ResourceReceiver) receiver.onRoom = () => exchange.resume()
      await exchange.finished
    } finally {
      signal.removeEventListener('abort', abort)
    }
  }
}

function over(outcome: PrefetchOutcome): Step {
  return {kind: 'over', outcome}
}

function failure({code, message, details}: SerializedError): PrefetchOutcome {
  const quietMs = details?.retryAfterMs
  const reason = code === 'INTERNAL' ? 'an unexpected failure' : message
  return {kind: 'failed', reason, ...(typeof quietMs === 'number' ? {retryAfterMs: quietMs} : {})}
}

/** Who asks an origin for quiet gets it from everybody. */
function heed({origins}: Pick<FetchAheadPorts, 'origins'>, url: string, error: SerializedError): void {
  const quietMs = error.details?.retryAfterMs
  if (typeof quietMs === 'number') origins.overloaded(url, quietMs)
}

/** Puts the body of an answer into the cache, where it may be kept. */
class ResourceReceiver implements BodyReceiver {
  /** Closes the connection when nothing more of it is of use. */
  readonly cut = new AbortController()
  onRoom: () => void = () => undefined
  /** Known before the end of the exchange. */
  outcome: PrefetchOutcome | undefined
  readonly #url: string
  readonly #ports: FetchAheadPorts
  #head: ResponseFacts | undefined
  #isLost = false
  #kept: Promise<void> | undefined
  #entry: CacheEntryWriter | undefined
  #writer: AnswerWriter | undefined
  #received = 0

  constructor(url: string, ports: FetchAheadPorts) {
    this.#url = url
    this.#ports = ports
  }

  connected(): void {
    // The run's own delay counts from its beginning.
  }

  responded(head: ResponseFacts): BodyDisposition {
    const {cache, clock} = this.#ports
    this.#head = head
    if (isRetriedStatus(head.status)) {
      const error = httpStatusError(head, clock.now()).toSerialized()
      heed(this.#ports, this.#url, error)
      this.outcome = failure(error)
      return 'discard'
    }
    const verdict = cache.answered({url: this.#url, headers: DEFAULT_HEADERS}, head)
    switch (verdict.kind) {
      case 'lost':
        this.#isLost = true
        return 'discard'
      case 'validated':
        this.#head = verdict.head
        this.#kept = verdict.kept
        this.outcome = {kind: 'validated'}
        return 'discard'
      case 'refused':
        this.outcome = {kind: 'refused', reason: verdict.reason}
        // A redirect that may not be kept still leads somewhere.
        if (!isRedirectStatus(head.status)) this.#stop()
        return 'discard'
      case 'storable':
        return this.#store(verdict.begin)
    }
  }

  lend(): Buffer | undefined {
    return this.#writer?.lend()
  }

  filled(buffer: Buffer, length: number, offset: number): void {
    this.#received = offset + length
    if (this.#received > this.#ports.cache.maxBodyBytes) {
      this.release(buffer)
      this.#refuseSize()
      this.#stop()
      return
    }
    this.#writer?.filled(buffer, length, offset)
  }

  release(buffer: Buffer): void {
    this.#writer?.release(buffer)
  }

  /** The exchange came to its end. Undefined: what its condition was on is gone. */
  async finish(): Promise<Step | undefined> {
    if (this.#isLost) return undefined
    const head = this.#head
    if (head === undefined) throw new TransferError('INTERNAL', 'an exchange ended without an answer')
    if (this.#entry !== undefined) {
      await this.#writer?.finish()
      if (this.outcome !== undefined) await this.#entry.discard()
      else await this.#entry.commit()
    }
    await this.#kept
    if (isRedirectStatus(head.status)) return {kind: 'redirect', head, cost: 'asked'}
    return over(this.outcome ?? {kind: 'stored', bytes: this.#received})
  }

  async discard(): Promise<void> {
    await this.#writer?.close()
    await this.#entry?.discard()
  }

  #store(begin: () => CacheEntryWriter): BodyDisposition {
    const length = Number(headerValue(this.#head?.headers ?? [], 'content-length') ?? 0)
    if (length > this.#ports.cache.maxBodyBytes) {
      this.#refuseSize()
      this.#stop()
      return 'discard'
    }
    const entry = begin()
    this.#entry = entry
    this.#writer = new AnswerWriter({
      file: entry.file,
      pool: this.#ports.pool,
      maxBytes: this.#ports.cache.maxBodyBytes,
      onRoom: () => this.onRoom(),
      onError: (error) => {
        this.outcome ??= failure(asTransferError(error).toSerialized())
        this.#stop()
      },
    })
    return 'receive'
  }

  #refuseSize(): void {
    this.outcome = {kind: 'refused', reason: `it has more than ${this.#ports.cache.maxBodyBytes} bytes`}
  }

  /** Not in the middle of the transport's own call. */
  #stop(): void {
    queueMicrotask(() => this.cut.abort())
  }
}

/** Keeps a small body in memory. */
class IndexReceiver implements BodyReceiver {
  readonly cut = new AbortController()
  head: ResponseFacts | undefined
  fault: string | undefined
  readonly #chunks: Buffer[] = []
  #size = 0

  get bytes(): Buffer {
    return Buffer.concat(this.#chunks)
  }

  connected(): void {
    // The run's own delay counts from its beginning.
  }

  responded(head: ResponseFacts): BodyDisposition {
    this.head = head
    if (isRedirectStatus(head.status)) return 'discard'
    this.fault = indexFault(head)
    return this.fault === undefined ? 'receive' : 'discard'
  }

  lend(): Buffer | undefined {
    return Buffer.allocUnsafe(LENT_BYTES)
  }

  filled(buffer: Buffer, length: number): void {
    this.#size += length
    if (this.#size > MOST_INDEX_BYTES) {
      this.fault = `the index has more than ${MOST_INDEX_BYTES} bytes`
      queueMicrotask(() => this.cut.abort())
      return
    }
    this.#chunks.push(buffer.subarray(0, length))
  }

  release(): void {
    // It is nobody's.
  }
}

const LENT_BYTES = 64 * 1024
