/**
 * Writes a plain request that has a body to its connection: the head with the first piece, and each further piece when the kernel has
 * the one before. What breaks the connection is the connection's to tell.
 */

import type {BodyOutlet} from './body-outlet.ts'
import type {Connection} from './connection.ts'
import {SentCount} from './sent-count.ts'

export class PlainBody {
  readonly #connection: Connection
  readonly #body: BodyOutlet
  readonly #sent: SentCount
  #isHeadWritten = false

  constructor(connection: Connection, body: BodyOutlet) {
    this.#connection = connection
    this.#body = body
    this.#sent = new SentCount(connection)
  }

  /** Bytes of the body that the kernel has. */
  get sent(): number {
    return this.#sent.bytes
  }

  /** Nothing is left to write: no head either, which an empty body may still be read for. */
  get isWhole(): boolean {
    return this.#isHeadWritten && this.#sent.whole === this.#body.length
  }

  /** `head`: in latin1. Resolves when all is written, or nothing more can be. Rejects with what the reading of the body throws. */
  async send(head: string): Promise<void> {
    for await (const chunk of this.#body.chunks) {
      for (const piece of this.#body.pieces(chunk)) {
        const isTaken = this.#write(this.#isHeadWritten ? '' : head, piece)
        if (isTaken !== true && !(await isTaken)) return
        this.#sent.written(piece.length)
      }
    }
    if (this.#body.length > 0) return
    this.#isHeadWritten = true
    this.#connection.write(head, 'latin1')
  }

  /** Nothing more is asked for. */
  stop(): void {
    this.#body.close()
  }

  /** Whether the kernel took it, at once or later. */
  #write(head: string, piece: Buffer): true | Promise<boolean> {
    this.#isHeadWritten = true
    let settle: (isTaken: boolean) => void = () => {}
    const done = (error?: Error | null) => settle(!error)
    this.#sent.writing(piece.length, () => {
      if (head === '') this.#connection.write(piece, 'latin1', done)
      else this.#connection.writeBoth(head, piece, done)
    })
    if (this.#connection.hasWrittenAll) return true
    return new Promise((resolve) => {
      settle = resolve
    })
  }
}
