/**
 * Puts body bytes into the receiver's memory: lends when there are bytes, hands over when a buffer is full, a large read has come, or
 * the end, and keeps what arrives while no memory is there. Every lent buffer goes back exactly once, filled or released.
 *
 * A connection may read into that memory itself (`memory`): what comes back from there is in its place already. Until its next
 * read the connection goes on pointing at what it was given, so a buffer that is offered is handed over before it is full only within
 * a read: the connection asks for the next one right after it.
 */

import type {BodyReceiver} from '../../ports/transport.ts'
import {CRUMB_BYTES, LARGE_READ_BYTES, MUCH_BYTES} from './limits.ts'

/** Of a small buffer less room than this share of it is a crumb already (CRUMB_BYTES). */
const CRUMB_SHARE = 16

export interface Source {
  /** No memory: read no more until `fed`. What is on its way already may still come. */
  starved(): void
  fed(): void
  /** Whether what comes is told within the read that brought it. */
  tellsAtOnce(): boolean
}

export class BodyIntake {
  readonly #receiver: BodyReceiver
  readonly #source: Source
  #received = 0
  #handedOver = 0
  #lent: Buffer | undefined
  #used = 0
  /** The last read brought so much that more would have come into larger memory. */
  #isMuch = false
  /** Copies of bytes that found no memory: at most what one read brings. */
  #kept: Buffer[] = []
  #starving = false
  #closed = false
  #whenDelivered: (() => void) | undefined
  /** The lent buffer that the connection was last given. */
  #offered: Buffer | undefined

  constructor(receiver: BodyReceiver, source: Source) {
    this.#receiver = receiver
    this.#source = source
  }

  get received(): number {
    return this.#received
  }

  /** Bytes that wait for memory. */
  get waiting(): number {
    return this.#received - this.#handedOver - this.#used
  }

  /** Room for the next bytes, where a connection may put them itself; `undefined` when there is none, and it was told. */
  memory(): Buffer | undefined {
    if (this.#kept.length > 0) return undefined
    const lent = this.#lent ?? this.#borrow()
    if (lent === undefined) return undefined
    this.#offered = lent
    return lent.subarray(this.#used)
  }

  /** Takes the bytes; `bytes` is the caller's again when this returns. */
  take(bytes: Buffer): void {
    this.#received += bytes.length
    if (this.#kept.length > 0) {
      this.#kept.push(Buffer.from(bytes))
      this.#source.starved()
      this.#receiver.moved?.()
      return
    }
    this.#isMuch = bytes.length >= MUCH_BYTES
    const left = this.#place(bytes)
    // So large a read is worth a write of its own, while it is still in the processor's cache.
    if (bytes.length >= LARGE_READ_BYTES && this.#used > 0 && this.#source.tellsAtOnce()) {
      this.#handOver()
      if (!this.#closed) this.#borrow()
    }
    if (this.#closed) return
    this.#receiver.moved?.()
    if (left.length > 0) this.#kept.push(Buffer.from(left))
  }

  /** What is here goes to the receiver now. Out of a buffer that the connection still points at, it goes as a copy. */
  flush(): void {
    const lent = this.#lent
    if (lent === undefined || this.#used === 0) return
    if (lent !== this.#offered) {
      this.#handOver()
      return
    }
    const copy = this.#receiver.lend()
    if (copy === undefined) return
    const length = lent.copy(copy, 0, 0, this.#used)
    lent.copyWithin(0, length, this.#used)
    this.#used -= length
    this.#handOverAs(copy, length)
  }

  /** The receiver has memory again. */
  resume(): void {
    if (!this.#starving || this.#closed) return
    this.#starving = false
    if (this.#lent === undefined && this.#borrow() === undefined) return
    while (this.#kept.length > 0 && !this.#closed) {
      const [first = Buffer.alloc(0), ...others] = this.#kept
      const left = this.#place(first)
      if (this.#closed) return
      this.#kept = left.length > 0 ? [left, ...others] : others
      if (left.length > 0) return
    }
    if (this.#closed) return
    if (this.#whenDelivered !== undefined) this.#deliverRest()
    else if (!this.#starving) this.#source.fed()
  }

  /** No more bytes come: calls `delivered` once the receiver has all, which may take until it has memory. */
  end(delivered: () => void): void {
    this.#whenDelivered = delivered
    if (this.#kept.length === 0) this.#deliverRest()
  }

  /** Gives lent memory back at once and forgets the rest. */
  drop(): void {
    this.#closed = true
    this.#kept = []
    const lent = this.#lent
    this.#lent = undefined
    this.#used = 0
    if (lent !== undefined) this.#receiver.release(lent)
  }

  /** Copies into lent memory; returns what found no room. */
  #place(bytes: Buffer): Buffer {
    let rest = bytes
    while (rest.length > 0) {
      const lent = this.#lent ?? this.#borrow()
      if (lent === undefined) return rest
      const count = Math.min(rest.length, lent.length - this.#used)
      const isInPlace = rest.buffer === lent.buffer && rest.byteOffset === lent.byteOffset + this.#used
      if (!isInPlace) rest.copy(lent, this.#used, 0, count)
      this.#used += count
      rest = rest.subarray(count)
      if (rest.length > 0 ? this.#used < lent.length : this.#hasRoom(lent)) continue
      this.#handOver()
      if (this.#closed) return rest
      // Asked for now, not with the next bytes: reading stops before they are read, and they wait in the kernel.
      if (this.#lent === undefined && this.#borrow() === undefined) return rest
    }
    return rest
  }

  /** Room that is worth keeping: at its end an offered buffer would be read into by crumbs. */
  #hasRoom(lent: Buffer): boolean {
    const room = lent.length - this.#used
    return room > (lent === this.#offered ? Math.min(CRUMB_BYTES, lent.length / CRUMB_SHARE) : 0)
  }

  #borrow(): Buffer | undefined {
    this.#lent = this.#receiver.lend(this.#isMuch)
    if (this.#lent === undefined && !this.#starving) {
      this.#starving = true
      this.#source.starved()
    }
    return this.#lent
  }

  #handOver(): void {
    const lent = this.#lent
    if (lent === undefined) return
    const length = this.#used
    this.#lent = undefined
    this.#used = 0
    this.#handOverAs(lent, length)
  }

  #handOverAs(buffer: Buffer, length: number): void {
    const offset = this.#handedOver
    this.#handedOver += length
    this.#receiver.filled(buffer, length, offset)
  }

  #deliverRest(): void {
    if (this.#used > 0) this.#handOver()
    if (this.#closed) return
    this.drop()
    this.#whenDelivered?.()
  }
}
