/**
 * A request body on its way to the connection, or to undici, which iterate it: in writes whose size follows the speed of the
 * connection, so that a fast one is fed as much at a time as suits it, and a slow one still shows that it moves.
 */

import {performance} from 'node:perf_hooks'
import {TransferError} from '../../domain/errors.ts'
import type {RequestBody} from '../../ports/transport.ts'
import {LARGE_WRITE_BYTES, SMALL_WRITE_BYTES} from './limits.ts'

/** A write that took longer was too large: the connection has to prove its speed again. */
const SLOW_WRITE_MS = 250

/** What a write is to take at the speed of those before it. */
const WRITE_MS = 50

/** The kernel takes up to so much at once of what it has yet to send, however slow the connection is. */
const KERNEL_BYTES = 8 * 1024 * 1024

/** Node's own streams take less than this without waiting, and its memory must stay as it is until they wrote it. */
const MAX_UNWAITED_BYTES = 64 * 1024

export class BodyOutlet implements AsyncIterable<Buffer> {
  /** Bytes. */
  readonly length: number
  /** As they are read: each is to be written in `pieces`. */
  readonly chunks: AsyncGenerator<Buffer, void>
  #given = 0
  #taken = 0
  #closed = false
  /** When its speed began to be measured, and what had been given until then. */
  #measured = {since: performance.now(), from: 0}

  /** `sent` is called when whoever iterates has taken the last byte. */
  constructor(body: RequestBody, sent: () => void) {
    this.length = body.length
    this.chunks = this.#read(body, sent)
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

  /** For whoever may not have written a piece yet when it asks for the next one: a small one is a copy. */
  async *[Symbol.asyncIterator](): AsyncGenerator<Buffer, void> {
    for await (const chunk of this.chunks) {
      for (const piece of this.pieces(chunk)) yield piece.length <= MAX_UNWAITED_BYTES ? Buffer.from(piece) : piece
    }
  }

  /** What is written of a chunk at a time; whoever asks for the next one has written the one before. */
  *pieces(chunk: Buffer): Generator<Buffer, void> {
    for (let at = 0; at < chunk.length && !this.#closed; ) {
      // What is left behind it is the last piece, if it is small enough.
      const left = this.length - this.#given
      if (left === 0) throw otherLength()
      const most = left > SMALL_WRITE_BYTES ? Math.min(this.#mostBytes, left - SMALL_WRITE_BYTES) : left
      const piece = chunk.subarray(at, at + most)
      const start = performance.now()
      this.#given += piece.length
      yield piece
      this.#taken += piece.length
      at += piece.length
      const now = performance.now()
      if (now - start > SLOW_WRITE_MS) this.#measured = {since: now, from: this.#given}
    }
  }

  /** Of the next write. */
  get #mostBytes(): number {
    const {since, from} = this.#measured
    const bytes = this.#given - from
    if (bytes < KERNEL_BYTES) return SMALL_WRITE_BYTES
    const suited = (bytes / (performance.now() - since)) * WRITE_MS
    return Math.max(SMALL_WRITE_BYTES, Math.min(LARGE_WRITE_BYTES, Math.floor(suited)))
  }

  /** Gives back what the reading holds. Whoever iterates still finds the end of it. */
  close(): void {
    if (this.#closed) return
    this.#closed = true
    this.chunks.return().catch(() => undefined)
  }

  async *#read(body: RequestBody, sent: () => void): AsyncGenerator<Buffer, void> {
    for await (const chunk of body.chunks()) {
      if (this.#closed) return
      yield chunk
    }
    if (this.#given < body.length) throw otherLength()
    sent()
  }
}

/** The server was told another one. */
function otherLength(): TransferError {
  return new TransferError('SOURCE_CHANGED', 'the body has another length than it was said to have')
}
