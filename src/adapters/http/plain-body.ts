/**
 * Writes the body of a plain request to its connection, piece by piece, each when the kernel has the one before. What breaks the
 * connection is the connection's to tell.
 */

import type {Connection} from './connection.ts'

/** A connection that takes everything at once would hold up whatever else the event loop has to do. */
const TURN_BYTES = 4 * 1024 * 1024

export class PlainBody {
  readonly #connection: Connection
  #written = 0
  #isWhole = false
  #isStopped = false

  constructor(connection: Connection) {
    this.#connection = connection
  }

  /** Bytes that the kernel has. */
  get written(): number {
    return this.#written
  }

  /** Nothing of it is left to write. */
  get isWhole(): boolean {
    return this.#isWhole
  }

  /** Resolves when all is written, or nothing more will be. Rejects with what the reading of the body throws. */
  async send(pieces: AsyncIterable<Buffer>): Promise<void> {
    let turnEnds = TURN_BYTES
    for await (const piece of pieces) {
      if (this.#isStopped || !(await this.#write(piece))) return
      this.#written += piece.length
      if (this.#written < turnEnds) continue
      turnEnds = this.#written + TURN_BYTES
      await new Promise((resolve) => setImmediate(resolve))
    }
    this.#isWhole = !this.#isStopped
  }

  /** Nothing more is written but what is on its way. */
  stop(): void {
    this.#isStopped = true
  }

  #write(piece: Buffer): Promise<boolean> {
    return new Promise((resolve) => this.#connection.write(piece, 'latin1', (error) => resolve(!error)))
  }
}
