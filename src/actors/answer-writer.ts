/**
 * The body of an answer on its way into the spool: a few buffers at a time, written one after another. What goes beyond the
 * bound is counted and dropped: an answer is a receipt, and no download.
 */

import type {SpoolFile} from '../ports/spool.ts'
import type {BufferPool} from './buffer-pool.ts'

/** The most that is kept of one answer. */
export const MAX_ANSWER_BYTES = 64 * 1024 * 1024

/** Buffers under way to the disk. */
const MOST_BUFFERS = 4

export interface AnswerWriterOptions {
  readonly file: Promise<SpoolFile>
  readonly pool: BufferPool
  /** The most that is kept; MAX_ANSWER_BYTES by default. */
  readonly maxBytes?: number
  /** There is memory again. */
  readonly onRoom: () => void
  readonly onError: (error: unknown) => void
}

export class AnswerWriter {
  readonly #options: AnswerWriterOptions
  #lent = 0
  #last: Promise<void> = Promise.resolve()

  constructor(options: AnswerWriterOptions) {
    this.#options = options
    options.file.catch(options.onError)
  }

  lend(): Buffer | undefined {
    if (this.#lent >= MOST_BUFFERS) return undefined
    this.#lent += 1
    return this.#options.pool.take(0)
  }

  filled(buffer: Buffer, length: number, offset: number): void {
    const kept = Math.min(length, (this.#options.maxBytes ?? MAX_ANSWER_BYTES) - offset)
    if (kept <= 0) {
      this.release(buffer)
      return
    }
    const written = this.#last.then(async () => (await this.#options.file).write(buffer, kept, offset))
    this.#last = written.catch(this.#options.onError).finally(() => this.release(buffer))
  }

  release(buffer: Buffer): void {
    this.#lent -= 1
    this.#options.pool.give(buffer)
    this.#options.onRoom()
  }

  /** Everything is in the file. Rejects with what the file said to opening or syncing. */
  async finish(): Promise<void> {
    await this.#last
    const file = await this.#options.file
    await file.sync()
    await file.close()
  }

  /** Whatever was kept so far stays. */
  async close(): Promise<void> {
    await this.#last
    await this.#options.file.then((file) => file.close()).catch(() => undefined)
  }
}
