/**
 * The body of a carried file whose length only its end tells: held in memory as long as it is very small, and written while it comes
 * from the place on where it is not. Nobody outside can tell: what was lent before that is filled, and given back, after it.
 */

import type {Evidence, OperationFacts, PublishedFile} from '../domain/record.ts'
import type {HeldBody, SmallBody, WrittenBody} from './small-body.ts'

export interface GrowingBodyOptions {
  readonly held: HeldBody
  /** Bytes. As much is no small body any more. */
  readonly mostHeldBytes: number
  /** Writes what is held, and what comes after it. */
  readonly write: (held: HeldBody) => WrittenBody
}

export class GrowingBody implements SmallBody {
  readonly #options: GrowingBodyOptions
  #body: SmallBody
  /** Undefined once it is written. */
  #held: HeldBody | undefined

  constructor(options: GrowingBodyOptions) {
    this.#options = options
    this.#held = options.held
    this.#body = options.held
  }

  /** What is written takes memory of what was held: until some of it is on the disk, there may be none for what comes next. */
  lend(): Buffer | undefined {
    const {mostHeldBytes, write} = this.#options
    const held = this.#held
    if (held !== undefined && held.size >= mostHeldBytes) {
      this.#held = undefined
      this.#body = write(held)
    }
    return this.#body.lend()
  }

  filled(buffer: Buffer, length: number, offset: number): void {
    this.#body.filled(buffer, length, offset)
  }

  release(buffer: Buffer): void {
    this.#body.release(buffer)
  }

  taken(): Promise<void> {
    return this.#body.taken()
  }

  store(facts: OperationFacts): Promise<PublishedFile> {
    return this.#body.store(facts)
  }

  keep(facts: OperationFacts): Promise<Evidence> {
    return this.#body.keep(facts)
  }

  free(): void {
    this.#body.free()
  }
}
