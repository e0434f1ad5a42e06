/**
 * What comes over TLS, gathered. It is handed out record by record, of 16 KiB at most: 65,000 calls for a gibibyte, and to be called is
 * what costs the reader. Records that come in one turn of the event loop follow one another in the memory that the reader offered, and
 * it is told of them together.
 *
 * A socket goes on pointing at what it was given until its next read. So the end of what was offered is always told within a read, after
 * which the socket asks anew: only then may the reader let go of that memory.
 */

import {CRUMB_BYTES} from './limits.ts'

export class GatheredReads {
  readonly #offer: () => Buffer | undefined
  readonly #tell: (bytes: Buffer) => void
  /** What the reader offered, and how far it is filled, and told. */
  #memory: Buffer | undefined
  #filled = 0
  #told = 0
  #turn: NodeJS.Immediate | undefined

  /** `offer`: the reader's memory, if it has any. `tell`: what came into it. */
  constructor(offer: () => Buffer | undefined, tell: (bytes: Buffer) => void) {
    this.#offer = offer
    this.#tell = tell
  }

  /** Where the next record goes; undefined where the reader has no memory. */
  room(): Uint8Array | undefined {
    const memory = this.#memory
    if (memory !== undefined && this.#told < this.#filled) {
      // Not the buffer's own `subarray`, which takes three times as long.
      return new Uint8Array(memory.buffer, memory.byteOffset + this.#filled, memory.length - this.#filled)
    }
    this.#memory = this.#offer()
    this.#filled = 0
    this.#told = 0
    return this.#memory
  }

  /** So many bytes were read into the room; to be followed by asking for it again. */
  came(count: number): void {
    this.#filled += count
    const left = (this.#memory?.length ?? 0) - this.#filled
    if (left <= CRUMB_BYTES) this.flush()
    else this.#turn ??= setImmediate(() => this.flush())
  }

  /** Tells what has not been told. */
  flush(): void {
    this.#stopWaiting()
    const bytes = this.#memory?.subarray(this.#told, this.#filled)
    this.#told = this.#filled
    if (bytes !== undefined && bytes.length > 0) this.#tell(bytes)
  }

  /** Nothing more is told. */
  stop(): void {
    this.#stopWaiting()
    this.#told = this.#filled
  }

  #stopWaiting(): void {
    clearImmediate(this.#turn)
    this.#turn = undefined
  }
}
