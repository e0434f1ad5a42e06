/** Takes the answer for an address that is fetched ahead of need, and puts its body into the cache where it may be kept. */

import {asTransferError, TransferError} from '../domain/errors.ts'
import {headerValue} from '../domain/header-fields.ts'
import type {PrefetchOutcome} from '../domain/prefetch.ts'
import {isRedirectStatus} from '../domain/redirect.ts'
import type {ResponseFacts} from '../domain/response-facts.ts'
import {httpStatusError, isRetriedStatus} from '../domain/retry.ts'
import type {Clock} from '../ports/clock.ts'
import type {OriginManners} from '../ports/origin-manners.ts'
import type {CacheEntryWriter, ResponseCache} from '../ports/response-cache.ts'
import type {BodyDisposition, BodyReceiver} from '../ports/transport.ts'
import {AnswerWriter} from './answer-writer.ts'
import type {BufferPool} from './buffer-pool.ts'
import {failedFetch, heedQuiet} from './failed-fetch.ts'
import {DEFAULT_HEADERS} from './request-headers.ts'

export interface ResourceReceiverPorts {
  readonly cache: ResponseCache
  readonly clock: Clock
  readonly pool: BufferPool
  readonly origins: OriginManners
}

/** What came of an exchange: the answer, and what is in the cache now. */
export interface ReceivedResource {
  readonly head: ResponseFacts
  readonly outcome: PrefetchOutcome
}

export class ResourceReceiver implements BodyReceiver {
  /** Closes the connection when nothing more of it is of use. */
  readonly cut = new AbortController()
  /** There is memory again. */
  onRoom: () => void = () => undefined
  /** Known before the end of the exchange. */
  outcome: PrefetchOutcome | undefined
  readonly #url: string
  readonly #ports: ResourceReceiverPorts
  #head: ResponseFacts | undefined
  #isLost = false
  #kept: Promise<void> | undefined
  #entry: CacheEntryWriter | undefined
  #writer: AnswerWriter | undefined
  #received = 0

  constructor(url: string, ports: ResourceReceiverPorts) {
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
      heedQuiet(this.#ports.origins, this.#url, error)
      this.outcome = failedFetch(error)
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
  async finish(): Promise<ReceivedResource | undefined> {
    if (this.#isLost) return undefined
    const head = this.#head
    if (head === undefined) throw new TransferError('INTERNAL', 'an exchange ended without an answer')
    if (this.#entry !== undefined) {
      await this.#writer?.finish()
      if (this.outcome !== undefined) await this.#entry.discard()
      else await this.#entry.commit()
    }
    await this.#kept
    return {head, outcome: this.outcome ?? {kind: 'stored', bytes: this.#received}}
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
        this.outcome ??= failedFetch(asTransferError(error).toSerialized())
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
