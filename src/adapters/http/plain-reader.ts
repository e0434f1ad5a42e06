/**
 * Reads one plain answer off a connection: its head, and a body of known length, for which the receiver's memory is read into
 * directly. Anything odd about the head is undici's to judge, which then gets the answer from its first byte on.
 */

import type {TransferError} from '../../domain/errors.ts'
import type {ConnectionReader} from './connection.ts'
import {earlyEnd, toTransferError} from './error-table.ts'
import {InterimFilter} from './interim-filter.ts'
import type {LaneListener} from './lane.ts'
import {MAX_HEAD_BYTES} from './limits.ts'
import {readHead} from './plain-head.ts'

const HEAD_END = Buffer.from('\r\n\r\n')
const NOTHING = Buffer.alloc(0)

export class PlainReader implements ConnectionReader {
  readonly #where: string
  readonly #listener: LaneListener
  readonly #onOdd: (answer: Buffer) => ConnectionReader
  readonly #interim: InterimFilter
  /** The part of a head whose end has not come. */
  #held: Buffer = NOTHING
  /** Bytes of the body that are still to come; undefined before there is a head. */
  #left: number | undefined
  #keepAliveMs = 0

  /** `onOdd` gets a copy of what came so far, and says who has the rest. */
  constructor(where: string, listener: LaneListener, onOdd: (answer: Buffer) => ConnectionReader) {
    this.#where = where
    this.#listener = listener
    this.#onOdd = onOdd
    this.#interim = new InterimFilter(where)
  }

  /** How long the connection may wait for the next request; 0 where it has none, or must not have one. */
  get keepAliveMs(): number {
    return this.#left === 0 ? this.#keepAliveMs : 0
  }

  /**
   * Not more than the body needs: so its last byte fills what was offered, and is told within the read that brought it (GatheredReads).
   * Told later, the receiver would let go of its memory while the connection, which is kept, still points there.
   */
  memory(): Buffer | undefined {
    if (this.#left === undefined || this.#left === 0) return undefined
    const memory = this.#listener.memory()
    return memory === undefined || memory.length <= this.#left ? memory : memory.subarray(0, this.#left)
  }

  bytes(bytes: Buffer): void {
    if (this.#left === undefined) this.#headBytes(bytes)
    else this.#bodyBytes(bytes, this.#left)
  }

  /** In the middle of a line there may have been more wrong than its end. */
  ended(): void {
    if (this.#left === undefined && this.#held.length > 0) this.#onOdd(this.#held).ended()
    else this.#listener.failed(earlyEnd())
  }

  failed(error: TransferError): void {
    this.#listener.failed(error)
  }

  closed(): void {
    this.ended()
  }

  #headBytes(bytes: Buffer): void {
    let fresh: Buffer
    try {
      fresh = this.#interim.pass(bytes)
    } catch (error) {
      this.#listener.failed(toTransferError(error, this.#where, 'connected'))
      return
    }
    if (fresh.length === 0) return
    const answer = this.#held.length === 0 ? fresh : Buffer.concat([this.#held, fresh])
    const end = answer.indexOf(HEAD_END, Math.max(0, this.#held.length - HEAD_END.length))
    const length = end < 0 ? answer.length : end + HEAD_END.length
    const head = length > MAX_HEAD_BYTES ? 'odd' : readHead(answer.toString('latin1', 0, length))
    if (head === 'odd') this.#onOdd(Buffer.from(answer))
    else if (head === 'more') this.#held = answer === fresh ? Buffer.from(fresh) : answer
    else {
      this.#held = NOTHING
      this.#keepAliveMs = head.keepAliveMs
      const left = head.framing.kind === 'length' ? head.framing.length : 0
      this.#left = left
      this.#listener.head(head.status, head.fields, head.framing)
      this.#bodyBytes(answer.subarray(length), left)
    }
  }

  #bodyBytes(bytes: Buffer, left: number): void {
    const count = Math.min(bytes.length, left)
    this.#left = left - count
    // More than was promised is not the body's, and must not become the next answer.
    if (bytes.length > count) this.#keepAliveMs = 0
    if (count > 0) this.#listener.bytes(count === bytes.length ? bytes : bytes.subarray(0, count))
    if (this.#left === 0) this.#listener.ended()
  }
}
