/**
 * A request body on its way to the connection, or to undici, which iterate it: in writes whose size follows the speed of the
 * connection, so that a fast one is fed as much at a time as is read, and a slow one still shows that it moves.
 */

import {performance} from 'node:perf_hooks'
import {TransferError} from '../../domain/errors.ts'
import type {RequestBody} from '../../ports/transport.ts'
import {LARGE_WRITE_BYTES, SMALL_WRITE_BYTES} from './limits.ts'

/** A write that took longer than this was too large, and one that took less than half of it too small. */
const SLOW_WRITE_MS = 250

/** Node's own streams take less than this without waiting, and its memory must stay as it is until they wrote it. */
const MAX_UNWAITED_BYTES = 64 * 1024

export class BodyOutlet implements AsyncIterable<Buffer> {
  /** Bytes. */
  readonly length: number
  readonly #chunks: AsyncGenerator<Buffer, void>
  #given = 0
  #taken = 0
  #closed = false

  /** `sent` is called when whoever iterates has taken the last byte. */
  constructor(body: RequestBody, sent: () => void) {
    this.length = body.length
    this.#chunks = this.#iterate(body, sent)
  }

  /** Bytes that were taken so far, as far as asking for the next ones shows it. */
  get taken(): number {
    return this.#taken
  }

  /**
   * Bytes that were handed over so far. The last piece is small, and is handed over when all before it was taken: whoever has it
   * had everything.
   */
  get given(): number {
    return this.#given
  }

  [Symbol.asyncIterator](): AsyncIterator<Buffer, void> {
    return this.#chunks
  }

  /** Gives back what the reading holds. Whoever iterates still finds the end of it. */
  close(): void {
    if (this.#closed) return
    this.#closed = true
    this.#chunks.return().catch(() => undefined)
  }

  async *#iterate(body: RequestBody, sent: () => void): AsyncGenerator<Buffer, void> {
    let size: number = SMALL_WRITE_BYTES
    for await (const chunk of body.chunks()) {
      for (let at = 0; at < chunk.length; ) {
        if (this.#closed) return
        // What is left behind it is the last piece, if it is small enough.
        const left = body.length - this.#given
        if (left === 0) throw otherLength()
        const most = left > SMALL_WRITE_BYTES ? Math.min(size, left - SMALL_WRITE_BYTES) : left
        const piece = chunk.subarray(at, at + most)
        const start = performance.now()
        this.#given += piece.length
        yield piece.length <= MAX_UNWAITED_BYTES ? Buffer.from(piece) : piece
        this.#taken += piece.length
        at += piece.length
        const took = performance.now() - start
        if (took > SLOW_WRITE_MS) size = SMALL_WRITE_BYTES
        else if (took < SLOW_WRITE_MS / 2) size = LARGE_WRITE_BYTES
      }
    }
    if (this.#given < body.length) throw otherLength()
    sent()
  }
}

/** The server was told another one. */
function otherLength(): TransferError {
  return new TransferError('SOURCE_CHANGED', 'the body has another length than it was said to have')
}
