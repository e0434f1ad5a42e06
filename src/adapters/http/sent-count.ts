/**
 * Counts how much of a request body the kernel has; of the write that is on its way, too, when somebody asks. So it goes up as the
 * kernel makes room, however much is written at a time.
 */

/** Of a connection; see tcp-queue.ts. */
export interface Outflow {
  /** Bytes that TCP was given so far. */
  readonly givenToTcp: number
  /** At most so many of them the kernel does not have. */
  readonly queuedInTcp: number
}

export class SentCount {
  readonly #outflow: Outflow
  #whole = 0
  /** Length of the write that is on its way, where what TCP still has of it can be told. */
  #onItsWay = 0
  /** A connection that broke has no queue any more: what was known before stays. */
  #most = 0

  constructor(outflow: Outflow) {
    this.#outflow = outflow
  }

  /** Bytes of the writes that are over. */
  get whole(): number {
    return this.#whole
  }

  /** Bytes that the kernel has. */
  get bytes(): number {
    // What went before it within the same write, and what TLS adds, counts as not sent yet.
    const part = this.#onItsWay === 0 ? 0 : Math.max(0, this.#onItsWay - this.#outflow.queuedInTcp)
    this.#most = Math.max(this.#most, this.#whole + part)
    return this.#most
  }

  /** `write` begins a write of so many bytes of the body, when all before it are over. */
  writing(length: number, write: () => void): void {
    const before = this.#outflow.givenToTcp
    write()
    // What TLS keeps back, in the middle of another handshake, is in no queue.
    this.#onItsWay = this.#outflow.givenToTcp - before >= length ? length : 0
  }

  /** The kernel has all of it. */
  written(length: number): void {
    this.#whole += length
    this.#onItsWay = 0
  }
}
