/**
 * Random access to a download (spec 9.4): streams that are opened by a reference, each with a position of its own. Reading
 * what is not there yet waits, and makes the download fetch from there.
 */

import {invalidArgument, TransferError} from '../domain/errors.ts'
import {assertOptions, assertSignal, shown} from '../domain/given.ts'
import type {ByteStreamSource} from './result-stream.ts'

export interface ReadOptions {
  /** Gives up waiting, with the signal's reason. */
  readonly signal?: AbortSignal
  /** Resolve as soon as there is one byte, instead of with as many as were asked for. False by default. */
  readonly partial?: boolean
}

/** IRandomAccessStreamReference: opens any number of streams. */
export interface RandomAccessStreamReference {
  /** Resolves at once, before any byte is there, and before the download is started. */
  openReadAsync(): Promise<RandomAccessStream>
}

/** Where bytes come from; `read` waits for the first of them. */
export interface RandomAccessSource extends ByteStreamSource {
  read(into: Uint8Array, position: number, signal?: AbortSignal): Promise<number>
}

/** What a stream is opened over. */
export interface RandomAccessTarget {
  /** Resolves once the download is started. */
  readonly open: () => Promise<RandomAccessSource>
  /** 0 while unknown. */
  readonly size: () => number
  /** '' while unknown. */
  readonly contentType: () => string
}

/** Of one read. */
const MOST_BYTES = 64 * 1024 * 1024

/** A stream that was let go of without being closed closes its file, too. */
const lettingGo = new FinalizationRegistry<() => void>((close) => close())

/** IRandomAccessStreamWithContentType: readable and seekable. Streams of one download do not move each other. */
export class RandomAccessStream {
  readonly #target: RandomAccessTarget
  readonly #source: {opened?: Promise<RandomAccessSource>}
  readonly #closing = new AbortController()
  #position = 0
  /** Counts seeks: one that comes while a read waits decides where the next read begins. */
  #seeks = 0
  #isReading = false

  constructor(target: RandomAccessTarget) {
    const source: {opened?: Promise<RandomAccessSource>} = {}
    this.#target = target
    this.#source = source
    lettingGo.register(this, () => closeSource(source))
  }

  /** Of the whole resource; 0 while unknown. */
  get size(): number {
    return this.#target.size()
  }

  /** Where the next read begins; advances with each read. */
  get position(): number {
    return this.#position
  }

  /** The Content-Type of the response; '' while there is none. */
  get contentType(): string {
    return this.#target.contentType()
  }

  /** Takes effect with the next read. Throws INVALID_ARGUMENT, CLOSED. */
  seek(position: number): void {
    this.#closing.signal.throwIfAborted()
    if (!Number.isSafeInteger(position) || position < 0) {
      throw invalidArgument('position', `must be a whole number from 0 on, not ${shown(position)}`)
    }
    this.#position = position
    this.#seeks += 1
  }

  /**
   * Up to `count` bytes (64 MiB at most) from the position, fewer only at the end of the resource; none at or past it. Waits for
   * what is not there yet, and makes the download fetch from there. Given up by its signal it leaves position and download
   * alone. Rejects with what ended the download; with DOWNLOAD_RESTARTED, once, when it began again since this stream gave
   * bytes; with CLOSED. Throws INVALID_ARGUMENT, and ILLEGAL_STATE while another read of this stream is pending.
   */
  readAsync(count: number, options: ReadOptions = {}): Promise<Uint8Array> {
    if (!Number.isSafeInteger(count) || count < 0 || count > MOST_BYTES) {
      throw invalidArgument('count', `must be a whole number from 0 to ${MOST_BYTES}, not ${shown(count)}`)
    }
    assertOptions('options', options, {signal: true, partial: true})
    assertSignal('signal', options.signal)
    if (this.#isReading) throw new TransferError('ILLEGAL_STATE', 'a read of this stream is pending')
    this.#isReading = true
    return this.#read(count, options).finally(() => {
      this.#isReading = false
    })
  }

  /** Ends a read that waits with CLOSED; the download goes on. Idempotent. */
  close(): void {
    if (this.#closing.signal.aborted) return
    this.#closing.abort(new TransferError('CLOSED', 'the stream is closed'))
    closeSource(this.#source)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.close()
  }

  async #read(count: number, {signal, partial = false}: ReadOptions): Promise<Uint8Array> {
    const start = this.#position
    const seeks = this.#seeks
    const into = new Uint8Array(count)
    const given = signal === undefined ? this.#closing.signal : AbortSignal.any([signal, this.#closing.signal])
    this.#source.opened ??= this.#target.open()
    const source = await unlessAborted(this.#source.opened, given)
    let have = 0
    while (have < count && !this.#isPastEnd(start + have)) {
      const read = await source.read(into.subarray(have), start + have, given)
      have += read
      if (read === 0 || partial) break
    }
    if (this.#seeks === seeks) this.#position = start + have
    return into.subarray(0, have)
  }

  #isPastEnd(position: number): boolean {
    return this.size > 0 && position >= this.size
  }
}

function closeSource({opened}: {readonly opened?: Promise<ByteStreamSource>}): void {
  opened?.then((source) => source.close()).catch(() => undefined)
}

async function unlessAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  signal.throwIfAborted()
  let stop = () => {}
  const aborted = new Promise<never>((_, reject) => {
    const abort = () => reject(signal.reason)
    signal.addEventListener('abort', abort)
    stop = () => signal.removeEventListener('abort', abort)
  })
  try {
    return await Promise.race([promise, aborted])
  } finally {
    stop()
  }
}
