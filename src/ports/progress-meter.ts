/** ProgressMeter: live byte counts, read by one shared ticker. The byte path does nothing for it but keep a number. */

import type {OperationId} from '../domain/operation-id.ts'
import type {RangeSet} from '../domain/range-set.ts'
import type {AnswerFacts} from '../domain/record.ts'

export interface ByteCounts {
  /** Of the part file, or of the sending: counts of one generation never fall. */
  readonly generation: number
  /**
   * Body bytes of the file that are here, those not yet durable included. Of an upload: bytes of its request that the
   * connection took.
   */
  readonly received: number
  /** Size of the whole resource, or of the request; undefined while unknown. */
  readonly total: number | undefined
  /** Bytes that are in the part file, where they can be read: at most `received`. */
  readonly written: RangeSet
  /** What came of the answer to an upload. */
  readonly answer?: AnswerFacts
}

export interface ProgressMeter {
  /** `read` is called at each tick until the returned function is called. */
  attach(id: OperationId, read: () => ByteCounts): () => void
  /** Bytes are in the part file that were not there before: whoever waits for them is woken. */
  wrote(id: OperationId): void
}
