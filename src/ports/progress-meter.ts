/** ProgressMeter: live byte counts, looked at by one shared ticker. The byte path does nothing for it but keep a number. */

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

/** The counts of one operation that moves. */
export interface Gauge {
  /** Nothing has changed but that so many bytes are here now. Whoever says so each time is not read at each tick any more. */
  moved(received: number): void
  /** Something else has changed: the counts are read at each tick, until they move again. */
  changed(): void
  /** It moves no more. */
  detach(): void
}

export interface ProgressMeter {
  /** `read` is called at each tick for as long as the gauge is not told what moves. */
  attach(id: OperationId, read: () => ByteCounts): Gauge
  /** Bytes are in the part file that were not there before: whoever waits for them is woken. */
  wrote(id: OperationId): void
}
