/**
 * Where the body of a carried file goes. A very small one is held in memory until it becomes a file, with others in one turn; a
 * larger one is written while it comes, so that memory holds no more of it than of any other transfer.
 */

import {expectedFile} from '../domain/expected-file.ts'
import {addRange, EMPTY, type RangeSet} from '../domain/range-set.ts'
import type {Evidence, OperationFacts, PublishedFile} from '../domain/record.ts'
import {couldGoOn} from '../domain/resume-ladder.ts'
import {type FileSink, type PartFile, partNameOf} from '../ports/file-sink.ts'
import type {BodyReceiver} from '../ports/transport.ts'
import type {BufferPool} from './buffer-pool.ts'

/** Of a body that is written while it comes: one buffer fills while two are being written. */
const BUFFERS = 3

/** Digests alone take long to compare, and of so small a file not even they do: there is nothing to give up. */
const NEVER = new AbortController().signal

export interface SmallBody extends Pick<BodyReceiver, 'lend' | 'filled' | 'release'> {
  /** Resolves when all that came is where it belongs; rejects when the disk would not have it. */
  taken(): Promise<void>
  /** Makes a whole and durable part of it, as the sink's `verify` leaves one; rejects as that does where it is not what it has to be. */
  store(facts: OperationFacts): Promise<PublishedFile>
  /** Makes durable what came so far, for whoever goes on; resolves with what may be claimed then. */
  keep(facts: OperationFacts): Promise<Evidence>
  /** Gives its memory and its file back. Idempotent. */
  free(): void
}

export interface WrittenBodyOptions {
  readonly sink: FileSink
  readonly pool: BufferPool
  readonly facts: OperationFacts
  /** Bytes that will come; undefined where only the end tells. */
  readonly expected: number | undefined
  /** Had it so far, and is written first. */
  readonly held?: HeldBody
  /** There is memory again. */
  readonly onRoom: () => void
  /** The disk would not have it: no more is wanted. */
  readonly onFailure: () => void
}

/** Bytes of a body in memory that was lent for them: `buffer[0, length)` from `offset` on. */
interface FilledBuffer {
  readonly buffer: Buffer
  readonly length: number
  readonly offset: number
}

export class HeldBody implements SmallBody {
  readonly #sink: FileSink
  readonly #pool: BufferPool
  readonly #expected: number
  #lent: Buffer[] = []
  /** In the order of the body. */
  #filled: FilledBuffer[] = []

  /** `expected`: bytes that will come; 0 where only the end tells, and few are to be hoped for. */
  constructor(sink: FileSink, pool: BufferPool, expected: number) {
    this.#sink = sink
    this.#pool = pool
    this.#expected = expected
  }

  /** Bytes that it has. */
  get size(): number {
    const last = this.#filled.at(-1)
    return last === undefined ? 0 : last.offset + last.length
  }

  lend(): Buffer {
    const buffer = this.#pool.take(this.#expected)
    this.#lent.push(buffer)
    return buffer
  }

  filled(buffer: Buffer, length: number, offset: number): void {
    this.#filled.push({buffer, length, offset})
  }

  release(buffer: Buffer): void {
    const at = this.#lent.indexOf(buffer)
    if (at < 0) return
    this.#lent.splice(at, 1)
    this.#pool.give(buffer)
  }

  async taken(): Promise<void> {}

  store(facts: OperationFacts): Promise<PublishedFile> {
    const bytes = this.#filled.map(({buffer, length}) => buffer.subarray(0, length))
    return this.#sink.writeWhole(partNameOf(facts), bytes, expectedFile(facts))
  }

  /** So little is worth no file. */
  async keep({evidence}: OperationFacts): Promise<Evidence> {
    return evidence
  }

  /** Everything is somebody else's from now on: what came, and as many buffers as are `lent`, those that it came in among them. */
  handOver(): {readonly filled: readonly FilledBuffer[]; readonly lent: number} {
    const all = {filled: this.#filled, lent: this.#lent.length}
    this.#lent = []
    this.#filled = []
    return all
  }

  free(): void {
    for (const buffer of this.#lent) this.#pool.give(buffer)
    this.#lent = []
    this.#filled = []
  }
}

export class WrittenBody implements SmallBody {
  readonly #options: WrittenBodyOptions
  readonly #part: Promise<PartFile>
  readonly #writing = new Set<Promise<void>>()
  #lent = 0
  #written: RangeSet = EMPTY
  #failure: {readonly error: unknown} | undefined
  #closed: Promise<void> | undefined

  constructor(options: WrittenBodyOptions) {
    this.#options = options
    this.#part = options.sink.openPart(partNameOf(options.facts), EMPTY, {digestsLater: true}).then(({part}) => part)
    this.#part.catch((error) => this.#fail(error))
    const {filled = [], lent = 0} = options.held?.handOver() ?? {}
    this.#lent = lent
    for (const {buffer, length, offset} of filled) this.filled(buffer, length, offset)
  }

  lend(): Buffer | undefined {
    if (this.#lent >= BUFFERS || this.#failure !== undefined) return undefined
    this.#lent += 1
    return this.#options.pool.take(this.#options.expected ?? Number.POSITIVE_INFINITY)
  }

  filled(buffer: Buffer, length: number, offset: number): void {
    const writing: Promise<void> = this.#write(buffer, length, offset).finally(() => this.#writing.delete(writing))
    this.#writing.add(writing)
  }

  release(buffer: Buffer): void {
    this.#lent -= 1
    this.#options.pool.give(buffer)
  }

  async #write(buffer: Buffer, length: number, offset: number): Promise<void> {
    try {
      const part = await this.#part
      await part.write(buffer, length, offset)
      this.#written = addRange(this.#written, offset, offset + length)
    } catch (error) {
      this.#fail(error)
    } finally {
      this.release(buffer)
    }
    if (this.#failure === undefined) this.#options.onRoom()
  }

  #fail(error: unknown): void {
    if (this.#failure !== undefined) return
    this.#failure = {error}
    this.#options.onFailure()
  }

  async taken(): Promise<void> {
    await Promise.all(this.#writing)
    if (this.#failure !== undefined) throw this.#failure.error
  }

  async store(facts: OperationFacts): Promise<PublishedFile> {
    await this.#close()
    return this.#options.sink.verify(partNameOf(facts), expectedFile(facts), NEVER)
  }

  async keep({id, request, target, evidence, policy}: OperationFacts): Promise<Evidence> {
    await this.taken()
    if (!couldGoOn(evidence, policy)) return evidence
    const part = await this.#part
    const kept = {...evidence, ranges: this.#written}
    await part.sync()
    await part.checkpoint({id, request: {url: request.url, method: request.method}, target, evidence: kept})
    await this.#close()
    return kept
  }

  /** Whoever goes on waits for the part until it is closed. */
  free(): void {
    this.#close().catch(() => undefined)
  }

  #close(): Promise<void> {
    this.#closed ??= Promise.all(this.#writing)
      .then(() => this.#part)
      .then((part) => part.close())
    return this.#closed
  }
}
