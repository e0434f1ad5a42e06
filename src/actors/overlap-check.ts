/**
 * Bytes that are on the disk and come again: compared, not written. What follows them waits until all of them were found
 * equal, because only that makes it worth anything.
 */

import {TransferError} from '../domain/errors.ts'
import type {PartFile} from '../ports/file-sink.ts'

export class OverlapCheck {
  readonly #part: PartFile
  readonly #end: number
  #compared: Promise<void> = Promise.resolve()

  /** `end`: the first byte of the file that is not on the disk. */
  constructor(part: PartFile, end: number) {
    this.#part = part
    this.#end = end
  }

  /**
   * Resolves with how many bytes at the front of `buffer[0, length)`, which belong at `position`, are on the disk already, when
   * they and all before them were found equal. To be called in the order in which the bytes come. Rejects with
   * UNRELIABLE_RANGES when they differ.
   */
  async pass(buffer: Buffer, length: number, position: number): Promise<number> {
    const known = Math.min(length, Math.max(0, this.#end - position))
    if (known > 0) {
      const before = this.#compared
      this.#compared = before.then(() => this.#compare(buffer.subarray(0, known), position))
      // Whoever waits for it hears of it.
      this.#compared.catch(() => undefined)
    }
    await this.#compared
    return known
  }

  async #compare(bytes: Buffer, position: number): Promise<void> {
    const present = Buffer.allocUnsafe(bytes.length)
    const count = await this.#part.read(present, position)
    if (count === bytes.length && present.equals(bytes)) return
    throw new TransferError('UNRELIABLE_RANGES', 'bytes that came again differ from those on the disk', {
      details: {startOver: true},
    })
  }
}
