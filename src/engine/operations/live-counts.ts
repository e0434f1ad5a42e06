/** What is counted of operations while their bytes move: the live counters where there are any, else what was shown last. */

import type {ByteCounts} from '../../ports/progress-meter.ts'
import type {OperationEntry} from './operation-entry.ts'
import type {ProgressTicker} from './progress-ticker.ts'

/** Live counters of an upload; totals are 0 while unknown. */
export interface UploadCounts {
  readonly bytesSent: number
  readonly totalBytesToSend: number
  readonly bytesReceived: number
  readonly totalBytesToReceive: number
}

export class LiveCounts {
  readonly #ticker: ProgressTicker

  constructor(ticker: ProgressTicker) {
    this.#ticker = ticker
  }

  /** With the ranges that are in the part file. */
  of(entry: OperationEntry): ByteCounts {
    const live = this.#ticker.read(entry.record.id)
    return live === undefined ? entry.counts : entry.observe(live)
  }

  progressOf(entry: OperationEntry): {readonly received: number; readonly total: number} {
    const told = this.#ticker.toldOf(entry)
    if (told !== undefined) return told
    const {received, total = 0} = this.of(entry)
    return {received, total}
  }

  /** With what came of the answer. */
  uploadProgressOf(entry: OperationEntry): UploadCounts {
    const {received, total} = this.progressOf(entry)
    const {answer} = entry.counts
    return {
      bytesSent: received,
      totalBytesToSend: total,
      bytesReceived: answer?.received ?? 0,
      totalBytesToReceive: answer?.total ?? 0,
    }
  }
}
