/** Takes the answer to a request for an index: a small body, which is kept in memory, or why none of it counts. */

import {indexFault, MOST_INDEX_BYTES} from '../domain/index-answer.ts'
import {isRedirectStatus} from '../domain/redirect.ts'
import type {ResponseFacts} from '../domain/response-facts.ts'
import type {BodyDisposition, BodyReceiver} from '../ports/transport.ts'

const LENT_BYTES = 64 * 1024

export class IndexReceiver implements BodyReceiver {
  /** Closes the connection when nothing more of it is of use. */
  readonly cut = new AbortController()
  head: ResponseFacts | undefined
  /** Why none of it counts. */
  fault: string | undefined
  readonly #chunks: Buffer[] = []
  #size = 0

  get bytes(): Buffer {
    return Buffer.concat(this.#chunks)
  }

  connected(): void {
    // The run's own delay counts from its beginning.
  }

  responded(head: ResponseFacts): BodyDisposition {
    this.head = head
    if (isRedirectStatus(head.status)) return 'discard'
    this.fault = indexFault(head)
    return this.fault === undefined ? 'receive' : 'discard'
  }

  lend(): Buffer | undefined {
    return Buffer.allocUnsafe(LENT_BYTES)
  }

  filled(buffer: Buffer, length: number): void {
    this.#size += length
    if (this.#size > MOST_INDEX_BYTES) {
      this.fault = `the index has more than ${MOST_INDEX_BYTES} bytes`
      queueMicrotask(() => this.cut.abort())
      return
    }
    this.#chunks.push(buffer.subarray(0, length))
  }

  release(): void {
    // It is nobody's.
  }
}
