/** One line of an operation's journal: a transition of its chart, kept in the store with the record it explains. */

import type {LifeState} from './status.ts'

/** Persisted: fields are only added, and every added field is optional. */
export interface JournalEntry {
  /** Rises by one per entry of the operation; gaps are entries that were dropped by the bound. */
  readonly seq: number
  /** Epoch ms. */
  readonly at: number
  /** The event that the chart took. */
  readonly event: string
  /** State paths. */
  readonly from: string
  readonly to: string
  readonly state: LifeState
  /** Tries of the present start, and failures since the durable mark last rose. */
  readonly attempts: number
  readonly failures: number
  /** Durable bytes, and the part file's generation. */
  readonly bytes: number
  readonly generation: number
  /** HTTP status of the newest response. */
  readonly status?: number
  /** Code and message of the error it stands at, redacted. */
  readonly error?: string
}
