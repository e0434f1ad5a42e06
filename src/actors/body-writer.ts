/**
 * One body on its way into one part file: lends memory, writes it behind, and turns what was written into checkpoints.
 * A checkpoint is: bytes written, part synced, side file noted, evidence told. It may lag the file and never leads it.
 */

import {addRange, prefixLength, type RangeSet} from '../domain/range-set.ts'
import type {Evidence} from '../domain/record.ts'
import type {PartFile, SideFacts} from '../ports/file-sink.ts'
import type {RateAllowance} from '../ports/rate-limiter.ts'
import type {BufferPool} from './buffer-pool.ts'
import {OverlapCheck} from './overlap-check.ts'

/** Written bytes that make the next checkpoint worth its syncs. */
const CHECKPOINT_BYTES = 8 * 1024 * 1024

/** Written bytes beyond which nothing more is taken until a checkpoint has them: what a crash may cost. */
const MOST_UNSYNCED_BYTES = 2 * CHECKPOINT_BYTES

/** Buffers in flight for one connection: one fills while two are being written. */
const BUFFERS = 3

export interface BodyWriterOptions {
  readonly part: Promise<PartFile>
  readonly pool: BufferPool
  readonly rate: RateAllowance
  /** What is durable already. */
  readonly evidence: Evidence
  /** Position of the body's first byte in the file. */
  readonly base: number
  /** First byte that is not in the file; what comes from before it is compared, not written. `base` when nothing is. */
  readonly missingFrom: number
  /** Body bytes to expect; undefined when the answer does not say. */
  readonly expected: number | undefined
  /** All of the side file's facts but the evidence. */
  readonly side: Omit<SideFacts, 'evidence'>
  /** Memory is free again. */
  readonly onRoom: () => void
  readonly onCheckpoint: (evidence: Evidence) => void
  readonly onError: (error: unknown) => void
}

export class BodyWriter {
  readonly #options: BodyWriterOptions
  #evidence: Evidence
  #written: RangeSet
  #writing = 0
  #lent = 0
  #sinceCheckpoint = 0
  /** Bytes that the checkpoint under way will make durable. */
  #inCheckpoint = 0
  #checkpointing: Promise<void> | undefined
  #failure: {readonly error: unknown} | undefined
  #whenIdle: (() => void)[] = []
  #overlap: OverlapCheck | undefined

  constructor(options: BodyWriterOptions) {
    this.#options = options
    this.#evidence = options.evidence
    this.#written = options.evidence.ranges
  }

  /** Evidence of what is durable now. */
  get evidence(): Evidence {
    return this.#evidence
  }

  /** Bytes from zero that are in the file, durable or not. */
  get prefix(): number {
    return prefixLength(this.#written)
  }

  lend(): Buffer | undefined {
    if (this.#isFull || this.#failure !== undefined) return undefined
    const {rate, pool, expected, onRoom} = this.#options
    if (!rate.isUnlimited && !rate.isOpen()) {
      rate.whenOpen(onRoom)
      return undefined
    }
    this.#lent += 1
    return pool.take(rate.isUnlimited ? (expected ?? Number.POSITIVE_INFINITY) : 0)
  }

  /** Nothing is taken now, and not because the server is silent: the disk is behind, or a byte rate is spent. */
  get isHolding(): boolean {
    const {rate} = this.#options
    return this.#isFull || (!rate.isUnlimited && !rate.isOpen())
  }

  get #isFull(): boolean {
    return this.#lent >= BUFFERS || this.#sinceCheckpoint + this.#inCheckpoint >= MOST_UNSYNCED_BYTES
  }

  release(buffer: Buffer): void {
    this.#lent -= 1
    this.#options.pool.give(buffer)
  }

  filled(buffer: Buffer, length: number, offset: number): void {
    this.#writing += 1
    this.#options.rate.spend(length)
    void this.#write(buffer, length, this.#options.base + offset)
  }

  async #write(buffer: Buffer, length: number, position: number): Promise<void> {
    try {
      const part = await this.#options.part
      const known = await this.#known(part, buffer, length, position)
      if (known < length)
        await part.write(known === 0 ? buffer : buffer.subarray(known), length - known, position + known)
      this.#written = addRange(this.#written, position + known, position + length)
      this.#sinceCheckpoint += length - known
    } catch (error) {
      this.#fail(error)
    } finally {
      this.#writing -= 1
      this.release(buffer)
    }
    if (this.#failure === undefined) {
      if (this.#sinceCheckpoint >= CHECKPOINT_BYTES) void this.checkpoint().catch(() => undefined)
      this.#options.onRoom()
    }
    if (this.#writing === 0) for (const resume of this.#whenIdle.splice(0)) resume()
  }

  /** How many bytes at the front are in the file already, and equal. */
  async #known(part: PartFile, buffer: Buffer, length: number, position: number): Promise<number> {
    const {base, missingFrom} = this.#options
    if (missingFrom <= base) return 0
    this.#overlap ??= new OverlapCheck(part, missingFrom)
    return this.#overlap.pass(buffer, length, position)
  }

  #fail(error: unknown): void {
    if (this.#failure !== undefined) return
    this.#failure = {error}
    this.#options.onError(error)
  }

  /**
   * Makes what is written durable. One runs at a time; a call while one runs joins it. Rejects with the sink's error, which
   * `onError` was told too.
   */
  checkpoint(): Promise<void> {
    this.#checkpointing ??= this.#checkpoints().finally(() => {
      this.#checkpointing = undefined
    })
    return this.#checkpointing
  }

  /** Goes on while enough was written meanwhile: a full writer waits for nothing else. */
  async #checkpoints(): Promise<void> {
    do await this.#checkpoint()
    while (this.#sinceCheckpoint >= CHECKPOINT_BYTES)
  }

  async #checkpoint(): Promise<void> {
    if (this.#sinceCheckpoint === 0) return
    this.#inCheckpoint = this.#sinceCheckpoint
    this.#sinceCheckpoint = 0
    const evidence = {...this.#evidence, ranges: this.#written}
    try {
      const part = await this.#options.part
      await part.sync()
      await part.checkpoint({...this.#options.side, evidence})
    } catch (error) {
      this.#fail(error)
      throw error
    }
    this.#inCheckpoint = 0
    this.#evidence = evidence
    this.#options.onCheckpoint(evidence)
    this.#options.onRoom()
  }

  /** Resolves when every buffer handed over so far is in the file; rejects when a write failed. */
  async drained(): Promise<void> {
    while (this.#writing > 0) await new Promise<void>((resolve) => this.#whenIdle.push(resolve))
    if (this.#failure !== undefined) throw this.#failure.error
  }

  /** Waits for the writes, then checkpoints everything; failures leave the last good checkpoint standing. */
  async settle(): Promise<void> {
    try {
      await this.drained()
      await this.#checkpointing
      await this.checkpoint()
    } catch {
      // Told through onError already; the evidence stays at the last checkpoint that held.
    }
  }
}
