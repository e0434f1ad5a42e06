/**
 * What this process adds to an operation's journal: each transition is noted at once, and handed to the store with the next
 * save of the record.
 */

import type {SerializedError} from '../../domain/errors.ts'
import {JOURNAL_BOUND, type JournalEntry, type JournalPage, pageOf} from '../../domain/journal.ts'
import {sizeOf} from '../../domain/range-set.ts'
import type {OperationFacts} from '../../domain/record.ts'
import {redactText, secretsInUrl} from '../../domain/redaction.ts'
import type {Redirect} from '../../domain/redirect.ts'
import type {LifeState} from '../../domain/status.ts'

export interface Move {
  readonly at: number
  readonly event: string
  readonly from: string
  readonly to: string
  readonly redirect?: Redirect | undefined
}

/** Longer error texts are cut. */
const ERROR_LENGTH = 500

export class JournalTail {
  #seq: number
  #unsaved: JournalEntry[] = []

  /** `seq`: how far the stored journal goes. */
  constructor(seq: number) {
    this.#seq = seq
  }

  /** Seq of the newest entry. */
  get seq(): number {
    return this.#seq
  }

  get hasUnsaved(): boolean {
    return this.#unsaved.length > 0
  }

  /** `failure`: why the present try failed, while that is being weighed. */
  note(move: Move, facts: OperationFacts, state: LifeState, failure: SerializedError | undefined): JournalEntry {
    this.#seq += 1
    const {attempts, evidence, response} = facts
    const error = failure ?? facts.error
    const {at, event, from, to, redirect} = move
    const entry: {-readonly [P in keyof JournalEntry]: JournalEntry[P]} = {
      seq: this.#seq,
      at,
      event,
      from,
      to,
      state,
      attempts: attempts.total,
      failures: attempts.failures,
      bytes: sizeOf(evidence.ranges),
      generation: evidence.generation,
    }
    // Not spread into it: of each operation's every step there is one.
    if (response !== undefined) entry.status = response.status
    if (error !== undefined) entry.error = errorText(error, facts)
    if (redirect !== undefined) entry.redirect = redirect
    this.#unsaved.push(entry)
    if (this.#unsaved.length > JOURNAL_BOUND.entries) this.#unsaved.shift()
    return entry
  }

  /** What goes with the next save. */
  take(): readonly JournalEntry[] {
    const taken = this.#unsaved
    this.#unsaved = []
    return taken
  }

  /** A save failed: its entries go with another one. */
  putBack(entries: readonly JournalEntry[]): void {
    this.#unsaved = [...entries, ...this.#unsaved].sort((a, b) => a.seq - b.seq).slice(-JOURNAL_BOUND.entries)
  }

  /** A page of the whole journal, of which `stored` is a page from the store. What is not saved yet counts for its bound, too. */
  merge(stored: readonly JournalEntry[], page: JournalPage): readonly JournalEntry[] {
    const last = stored.at(-1)?.seq ?? 0
    const kept = [...stored, ...this.#unsaved.filter(({seq}) => seq > last)].slice(-JOURNAL_BOUND.entries)
    return pageOf(kept, page)
  }
}

function errorText({code, message}: SerializedError, {request, evidence}: OperationFacts): string {
  const secrets = [request.url, ...(request.mirrors ?? []), evidence.url ?? ''].flatMap(secretsInUrl)
  return redactText(`${code}: ${message}`, secrets).slice(0, ERROR_LENGTH)
}
