/**
 * What one try has written into its part file, by however many connections, and the checkpoints that make it durable.
 * A checkpoint is: bytes written, part synced, side file noted, evidence told. It may lag the file and never leads it.
 */

import {TransferError} from '../domain/errors.ts'
import {addRange, type RangeSet} from '../domain/range-set.ts'
import {type Evidence, withoutBytes} from '../domain/record.ts'
import type {PartFile, SideFacts} from '../ports/file-sink.ts'

/**
 * What a crash may cost of one connection at most: bytes that it was given, and that no checkpoint has. Or what comes within
 * MOST_AT_RISK_MS, where that is more: it comes again as fast.
 */
const MOST_AT_RISK_BYTES = 8 * 1024 * 1024
const MOST_AT_RISK_MS = 100

/** Written bytes of one connection that make the next checkpoint worth its syncs: as many can come while it is made. */
const CHECKPOINT_BYTES = MOST_AT_RISK_BYTES / 2
/** From the begin of one to that of the next: of a body that brings a gibibyte a second, 256 would be made in each second. */
const CHECKPOINT_MS = MOST_AT_RISK_MS / 2

/** A connection that writes, as the checkpoints see it. */
export interface Writer {
  /** Bytes that it wrote since the last checkpoint began. */
  readonly unsynced: number
  /** A checkpoint begins: it covers what was written so far. */
  covering(): void
  /** A checkpoint holds: there may be room again. */
  covered(): void
  /** Resolves when everything it was handed so far is in the file; rejects when a write failed. */
  drained(): Promise<void>
}

/** What answers say of the resource, apart from its bytes. */
export type VersionFacts = Pick<
  Evidence,
  'total' | 'validator' | 'marks' | 'description' | 'coded' | 'digest' | 'source'
>

export interface CheckpointsOptions {
  /** What is durable already. */
  readonly evidence: Evidence
  /** All of the side file's facts but the evidence. */
  readonly side: Omit<SideFacts, 'evidence'>
  readonly onCheckpoint: (evidence: Evidence) => void
  /** More bytes are in the file. */
  readonly onWritten: () => void
  /** The disk failed: told once, and nothing more is written. */
  readonly onError: (error: unknown) => void
  /** Epoch ms. */
  readonly now: () => number
}

export class Checkpoints {
  readonly #options: CheckpointsOptions
  readonly #writers = new Set<Writer>()
  #part: Promise<PartFile> | undefined
  #evidence: Evidence
  #written: RangeSet
  #running: Promise<void> | undefined
  #failure: {readonly error: unknown} | undefined
  /** When the last checkpoint began, and when the last one that holds. Epoch ms. */
  #beganAt: number
  #coveredAt: number

  constructor(options: CheckpointsOptions) {
    this.#options = options
    this.#beganAt = options.now()
    this.#coveredAt = this.#beganAt
    this.#evidence = options.evidence
    this.#written = options.evidence.ranges
  }

  /** Evidence of what is durable now. */
  get evidence(): Evidence {
    return this.#evidence
  }

  /** Bytes that are in the file, durable or not. */
  get written(): RangeSet {
    return this.#written
  }

  /** What the disk said, once it failed. */
  get failure(): {readonly error: unknown} | undefined {
    return this.#failure
  }

  get hasPart(): boolean {
    return this.#part !== undefined
  }

  /** Where the bytes go from now on; it may still be opening. */
  writeTo(part: Promise<PartFile>): void {
    this.#part = part
    part.catch((error) => this.fail(error))
  }

  /** The part was opened, and this is what is really there. */
  found(part: PartFile, ranges: RangeSet): void {
    this.#part = Promise.resolve(part)
    this.#evidence = {...this.#evidence, ranges}
    this.#written = ranges
  }

  /** What an answer says of the resource. */
  learn(facts: Partial<VersionFacts>): void {
    this.#evidence = {...this.#evidence, ...facts}
  }

  /** The same for an answer that begins at zero: nothing that was known before holds. */
  learnAnew(facts: Partial<VersionFacts>): void {
    this.#evidence = {...withoutBytes(this.#evidence, this.#evidence.generation), ...facts}
    this.#written = this.#evidence.ranges
  }

  join(writer: Writer): void {
    this.#writers.add(writer)
  }

  /** It writes nothing more, and what it wrote is in the file: the next checkpoint covers it like all the rest. */
  leave(writer: Writer): void {
    this.#writers.delete(writer)
    // Debts of those who left would add up without bound.
    if (writer.unsynced > 0 && this.#failure === undefined) void this.checkpoint().catch(() => undefined)
  }

  /** These bytes are in the file. */
  wrote(start: number, end: number): void {
    this.#written = addRange(this.#written, start, end)
    this.#options.onWritten()
  }

  /** A writer with so much is told to wait for the checkpoint: what is at risk did not come in a moment. */
  isTooMuch(atRisk: number): boolean {
    return atRisk > MOST_AT_RISK_BYTES && this.#hasPassed(this.#coveredAt, MOST_AT_RISK_MS)
  }

  /** More was written; begins the checkpoint that is due, if one is. */
  keepUp(): void {
    if (this.#isDue) void this.checkpoint().catch(() => undefined)
  }

  /**
   * Makes what is written durable. One runs at a time; a call while one runs joins it. Rejects with the sink's error, which
   * `onError` was told too.
   */
  checkpoint(): Promise<void> {
    this.#running ??= this.#checkpoints().finally(() => {
      this.#running = undefined
    })
    return this.#running
  }

  get #isDue(): boolean {
    if (!this.#hasPassed(this.#beganAt, CHECKPOINT_MS)) return false
    for (const {unsynced} of this.#writers) if (unsynced >= CHECKPOINT_BYTES) return true
    return false
  }

  /** A clock that was set back says so, too. */
  #hasPassed(since: number, ms: number): boolean {
    return Math.abs(this.#options.now() - since) >= ms
  }

  /** Goes on while enough was written meanwhile: a full writer waits for nothing else. */
  async #checkpoints(): Promise<void> {
    do await this.#checkpoint()
    while (this.#isDue)
  }

  async #checkpoint(): Promise<void> {
    if (this.#written === this.#evidence.ranges) return
    const began = this.#options.now()
    this.#beganAt = began
    const covered = [...this.#writers]
    for (const writer of covered) writer.covering()
    const ranges = this.#written
    try {
      const part = await this.opened()
      await part.sync()
      const evidence = {...this.#evidence, ranges}
      await part.checkpoint({...this.#options.side, evidence})
    } catch (error) {
      this.fail(error)
      throw error
    }
    this.#evidence = {...this.#evidence, ranges}
    this.#coveredAt = began
    this.#options.onCheckpoint(this.#evidence)
    // Those, too, that joined meanwhile: what they wait for is over as well.
    for (const writer of [...this.#writers]) writer.covered()
  }

  /** Resolves when every buffer handed over so far is in the file; rejects when a write failed. */
  async drained(): Promise<void> {
    await Promise.all([...this.#writers].map((writer) => writer.drained()))
    // An empty body was written by nobody: its part may not be there yet.
    await this.#part
  }

  /** Waits for the writes, then checkpoints everything; failures leave the last good checkpoint standing. */
  async settle(): Promise<void> {
    try {
      await this.drained()
      await this.#running
      await this.checkpoint()
    } catch {
      // Told through onError already; the evidence stays at the last checkpoint that held.
    }
  }

  /** Whoever goes on has the part to itself. */
  async close(): Promise<void> {
    await this.drained().catch(() => undefined)
    await this.#part?.then((part) => part.close()).catch(() => undefined)
  }

  /** The part file, once it is open. */
  async opened(): Promise<PartFile> {
    if (this.#part === undefined) throw new TransferError('INTERNAL', 'there is no part to write to')
    return this.#part
  }

  /** A new generation has begun: of this one nothing more is made durable. Resolves when its part is closed. */
  async retire(): Promise<void> {
    this.#failure ??= {error: new TransferError('CANCELED', 'another generation has begun')}
    await this.#running?.catch(() => undefined)
    await this.close()
  }

  /** The first failure of the disk, or of what the disk was compared with, ends the try. */
  fail(error: unknown): void {
    if (this.#failure !== undefined) return
    this.#failure = {error}
    this.#options.onError(error)
  }
}
