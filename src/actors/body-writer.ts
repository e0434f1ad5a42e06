/** One body on its way into the part file: lends memory, writes it behind, and bounds what a crash may cost. */

import type {PartFile} from '../ports/file-sink.ts'
import type {RateAllowance} from '../ports/rate-limiter.ts'
import {type BufferPool, LARGE_BUFFER_BYTES, LARGEST_BUFFER_BYTES} from './buffer-pool.ts'
import type {Checkpoints, Writer} from './checkpoints.ts'
import {OverlapCheck} from './overlap-check.ts'

/** Buffers in flight for one connection: one fills while two are being written. */
const BUFFERS = 3

export interface BodyWriterOptions {
  readonly checkpoints: Checkpoints
  readonly pool: BufferPool
  readonly rate: RateAllowance
  /** Position of the body's first byte in the file. */
  readonly base: number
  /** First byte that is not in the file; what comes from before it is compared, not written. `base` when nothing is. */
  readonly missingFrom: number
  /** Body bytes to expect; undefined when the answer does not say. */
  readonly expected: number | undefined
  /** Somebody waits for the next bytes: they go to the file in small pieces. */
  readonly isAwaited: () => boolean
  /** Memory is free again. */
  readonly onRoom: () => void
}

export class BodyWriter implements Writer {
  readonly base: number
  readonly #options: BodyWriterOptions
  /** Writes under way. */
  readonly #writing = new Set<Promise<void>>()
  #lent = 0
  #lentBytes = 0
  #unsynced = 0
  /** Bytes that the checkpoint under way will make durable. */
  #inCheckpoint = 0
  #overlap: OverlapCheck | undefined

  constructor(options: BodyWriterOptions) {
    this.base = options.base
    this.#options = options
    options.checkpoints.join(this)
  }

  get unsynced(): number {
    return this.#unsynced
  }

  /** `isMuch`: as in BodyReceiver.lend. */
  lend(isMuch = false): Buffer | undefined {
    const {checkpoints, rate, pool, expected, isAwaited, onRoom} = this.#options
    if (checkpoints.failure !== undefined) return undefined
    if (this.#isFull) {
      // Where it is not for buffers that are being written, only a checkpoint makes room.
      checkpoints.keepUp()
      return undefined
    }
    if (!rate.isUnlimited && !rate.isOpen()) {
      rate.whenOpen(onRoom)
      return undefined
    }
    const isSmall = !rate.isUnlimited || isAwaited()
    const isLargest = isMuch && !checkpoints.isTooMuch(this.#atRisk + LARGEST_BUFFER_BYTES)
    const buffer = pool.take(isSmall ? 0 : (expected ?? Number.POSITIVE_INFINITY), isLargest)
    this.#lent += 1
    this.#lentBytes += buffer.length
    return buffer
  }

  /** Nothing is taken now, and not because the server is silent: the disk is behind, or a byte rate is spent. */
  get isHolding(): boolean {
    const {rate} = this.#options
    return this.#isFull || (!rate.isUnlimited && !rate.isOpen())
  }

  get #isFull(): boolean {
    return this.#lent >= BUFFERS || this.#options.checkpoints.isTooMuch(this.#atRisk + LARGE_BUFFER_BYTES)
  }

  get #atRisk(): number {
    return this.#lentBytes + this.#unsynced + this.#inCheckpoint
  }

  release(buffer: Buffer): void {
    this.#lent -= 1
    this.#lentBytes -= buffer.length
    this.#options.pool.give(buffer)
  }

  filled(buffer: Buffer, length: number, offset: number): void {
    this.#options.rate.spend(length)
    const writing: Promise<void> = this.#write(buffer, length, this.base + offset).finally(() =>
      this.#writing.delete(writing),
    )
    this.#writing.add(writing)
  }

  async #write(buffer: Buffer, length: number, position: number): Promise<void> {
    const {checkpoints, onRoom} = this.#options
    try {
      const part = await checkpoints.opened()
      const known = await this.#known(part, buffer, length, position)
      if (known < length)
        await part.write(known === 0 ? buffer : buffer.subarray(known), length - known, position + known)
      checkpoints.wrote(position + known, position + length)
      this.#unsynced += length - known
    } catch (error) {
      checkpoints.fail(error)
    } finally {
      this.release(buffer)
    }
    if (checkpoints.failure === undefined) {
      checkpoints.keepUp()
      onRoom()
    }
  }

  /** How many bytes at the front are in the file already, and equal. */
  async #known(part: PartFile, buffer: Buffer, length: number, position: number): Promise<number> {
    const {base, missingFrom} = this.#options
    if (missingFrom <= base) return 0
    this.#overlap ??= new OverlapCheck(part, missingFrom)
    return this.#overlap.pass(buffer, length, position)
  }

  covering(): void {
    this.#inCheckpoint = this.#unsynced
    this.#unsynced = 0
  }

  covered(): void {
    this.#inCheckpoint = 0
    this.#options.onRoom()
  }

  async drained(): Promise<void> {
    await Promise.all(this.#writing)
    const {failure} = this.#options.checkpoints
    if (failure !== undefined) throw failure.error
  }
}
