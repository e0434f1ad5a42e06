/** One line of an operation's journal: a transition of its chart, kept in the store with the record it explains. */

import type {OperationRecord} from './record.ts'
import type {Redirect} from './redirect.ts'
import type {LifeState} from './status.ts'

/** The most that is kept of one operation; the oldest entries go first. */
export const JOURNAL_BOUND = {entries: 1000, bytes: 256 * 1024} as const

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
  /** The redirect that was followed with this step. */
  readonly redirect?: Redirect
}

/** Which entries of a journal: the newest `limit` of those before `before`. */
export interface JournalPage {
  /** Exclusive; a whole number from 0. */
  readonly before?: number
  /** A whole number from 0; all that are kept by default. */
  readonly limit?: number
}

export function pageOf(entries: readonly JournalEntry[], {before, limit}: JournalPage): readonly JournalEntry[] {
  const earlier = before === undefined ? entries : entries.filter(({seq}) => seq < before)
  return limit === undefined ? earlier : earlier.slice(Math.max(0, earlier.length - limit))
}

/** The record, saying that its journal goes at least to `seq`. */
export function withJournalled(record: OperationRecord, seq: number): OperationRecord {
  return (record.journalled ?? 0) >= seq ? record : {...record, journalled: seq}
}
