/** Keeps what comes of an answer until undici's parser is there for it. The connection is paused: that is little. */

import type {TransferError} from '../../domain/errors.ts'
import type {ConnectionReader} from './connection.ts'

export class HeldAnswer implements ConnectionReader {
  readonly #chunks: Buffer[]
  #end: ((reader: ConnectionReader) => void) | undefined

  /** Owns `beginning`. */
  constructor(beginning: Buffer) {
    this.#chunks = [beginning]
  }

  memory(): undefined {}

  bytes(bytes: Buffer): void {
    this.#chunks.push(Buffer.from(bytes))
  }

  ended(): void {
    this.#end ??= (reader) => reader.ended()
  }

  failed(error: TransferError): void {
    this.#end ??= (reader) => reader.failed(error)
  }

  closed(): void {
    this.#end ??= (reader) => reader.closed?.()
  }

  /** An end comes a turn later: who fails is not asked any more for what came before. */
  replayTo(reader: ConnectionReader): void {
    for (const chunk of this.#chunks) reader.bytes(chunk)
    const end = this.#end
    if (end !== undefined) setImmediate(() => end(reader))
  }
}
