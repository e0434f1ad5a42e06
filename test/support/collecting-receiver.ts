/**
 * A BodyReceiver for tests: collects the body, keeps the books on every lent buffer, and notes each breach of the port's contract
 * (a buffer returned twice or never lent, a gap between offsets, a call after the end).
 */

import {createHash} from 'node:crypto'
import type {ResponseFacts} from '../../src/domain/response-facts.ts'
import type {BodyDisposition, BodyReceiver} from '../../src/ports/transport.ts'

export interface CollectingReceiverOptions {
  /** 16 KiB by default. */
  readonly bufferBytes?: number
  /** How many buffers there are in all; one that was filled counts as taken until `giveBack`. Endless by default. */
  readonly buffers?: number
  /** Lends the memory of filled buffers again instead of new memory. */
  readonly reuse?: boolean
  readonly disposition?: BodyDisposition
  /** Called after each fill, with the receiver. */
  readonly onFilled?: (receiver: CollectingReceiver) => void
  /** Called in `lend` when there is no memory. */
  readonly onStarved?: (receiver: CollectingReceiver) => void
  readonly onResponded?: (receiver: CollectingReceiver) => void
  readonly onConnected?: () => void
}

export class CollectingReceiver implements BodyReceiver {
  readonly breaches: string[] = []
  /** Names of the calls in order, runs of lend and filled aside. */
  readonly calls: string[] = []
  connections = 0
  head: ResponseFacts | undefined
  length = 0
  fills = 0
  releases = 0
  lends = 0
  /** Set when the exchange is over: every later call is a breach. */
  over = false
  readonly #options: CollectingReceiverOptions
  readonly #hash = createHash('sha256')
  readonly #lent = new Set<Buffer>()
  readonly #spare: Buffer[] = []
  #taken = 0

  constructor(options: CollectingReceiverOptions = {}) {
    this.#options = options
  }

  /** SHA-256 of the body; to be asked once, at the end. */
  digest(): string {
    return this.#hash.digest('hex')
  }

  /** Buffers that the transport has now. */
  get outstanding(): number {
    return this.#lent.size
  }

  /** Whether the memory is part of a buffer that the transport has now. */
  isLent(memory: Buffer): boolean {
    return [...this.#lent].some(({buffer}) => buffer === memory.buffer)
  }

  /** Makes the memory of one filled buffer (or all) available again. */
  giveBack(count = this.#taken): void {
    this.#taken -= Math.min(count, this.#taken)
  }

  connected(): void {
    this.#note('connected')
    this.connections += 1
    if (this.connections > 1) this.breaches.push('connected twice')
    this.#options.onConnected?.()
  }

  sent(): void {
    this.#note('sent')
  }

  repeated(): void {
    this.#note('repeated')
    this.connections = 0
  }

  responded(head: ResponseFacts): BodyDisposition {
    this.#note('responded')
    if (this.connections !== 1) this.breaches.push('responded without connected')
    if (this.head !== undefined) this.breaches.push('responded twice')
    this.head = head
    this.#options.onResponded?.(this)
    return this.#options.disposition ?? 'receive'
  }

  lend(): Buffer | undefined {
    this.#note('lend')
    if (this.head === undefined) this.breaches.push('lend before responded')
    if (this.#lent.size + this.#taken >= (this.#options.buffers ?? Number.POSITIVE_INFINITY)) {
      this.#options.onStarved?.(this)
      return undefined
    }
    this.lends += 1
    const buffer = this.#spare.pop() ?? Buffer.alloc(this.#options.bufferBytes ?? 16 * 1024)
    this.#lent.add(buffer)
    return buffer
  }

  filled(buffer: Buffer, length: number, offset: number): void {
    this.#note('filled')
    this.#takeBack(buffer, 'filled')
    if (length < 1 || length > buffer.length) this.breaches.push(`filled with length ${length}`)
    if (offset !== this.length) this.breaches.push(`filled at ${offset}, expected ${this.length}`)
    this.#hash.update(buffer.subarray(0, length))
    this.length += length
    this.fills += 1
    this.#taken += 1
    if (this.#options.reuse === true) this.#spare.push(buffer)
    this.#options.onFilled?.(this)
  }

  release(buffer: Buffer): void {
    this.#note('release')
    this.#takeBack(buffer, 'released')
    this.releases += 1
  }

  #takeBack(buffer: Buffer, what: string): void {
    if (!this.#lent.delete(buffer)) this.breaches.push(`${what} a buffer that was not lent`)
  }

  #note(call: string): void {
    if (this.over) this.breaches.push(`${call} after the end`)
    if (this.calls.at(-1) !== call) this.calls.push(call)
  }
}
