/**
 * Forgets ended operations by age and number, oldest first; never one whose outcome reached nobody. Finished files stay; what
 * a failed operation left goes with its record.
 */

import type {OperationId} from '../../domain/operation-id.ts'
import type {OperationRecord} from '../../domain/record.ts'
import type {Clock} from '../../ports/clock.ts'
import type {EndedEntry, RecordStore} from '../../ports/record-store.ts'
import type {RetentionPolicy} from '../options.ts'

const PAGE = 1000

/** Ends between two sweeps, at least; and at least this share of those that stay, which a sweep may have to walk. */
const SWEEP_EVERY = 1000
const SWEEP_SHARE = 0.25

export interface RetentionOptions {
  readonly store: RecordStore
  readonly clock: Clock
  readonly policy: RetentionPolicy
  /** Somebody has yet to tell of it: it stays. */
  readonly isAwaited: (record: OperationRecord) => boolean
  /** Its record is about to be removed. */
  readonly beforeForgetting: (record: OperationRecord) => Promise<void>
  readonly onForgotten: (ids: readonly OperationId[]) => void
  readonly onError: (error: unknown) => void
}

export class Retention {
  readonly #options: RetentionOptions
  #endsSinceSweep = 0
  #sweepAfter = SWEEP_EVERY
  /** No more have ended than this, those since the last sweep aside. */
  #mostEnded = Number.POSITIVE_INFINITY
  #sweeping: Promise<void> | undefined
  #stopped = false

  constructor(options: RetentionOptions) {
    this.#options = options
  }

  /** An operation ended; now and then this starts a sweep. */
  noteEnd(): void {
    this.#endsSinceSweep += 1
    if (this.#endsSinceSweep >= this.#sweepAfter) void this.sweep()
  }

  /** Resolves when what is due was forgotten. One runs at a time. */
  sweep(): Promise<void> {
    if (this.#sweeping !== undefined) return this.#sweeping
    this.#mostEnded += this.#endsSinceSweep
    this.#endsSinceSweep = 0
    this.#sweeping = this.#sweep()
      .catch(this.#options.onError)
      .finally(() => {
        this.#sweeping = undefined
      })
    return this.#sweeping
  }

  /** Resolves when no sweep is under way. */
  async stop(): Promise<void> {
    this.#stopped = true
    await this.#sweeping
  }

  async #sweep(): Promise<void> {
    const {clock, policy, store} = this.#options
    if (this.#mostEnded > policy.count) this.#mostEnded = await this.#count()
    this.#sweepAfter = Math.max(SWEEP_EVERY, Math.ceil(this.#mostEnded * SWEEP_SHARE))
    let surplus = this.#mostEnded - policy.count
    const oldest = clock.now() - policy.ageMs
    const [first] = await store.ended(undefined, 1)
    if (first === undefined || (surplus <= 0 && first.endedAt >= oldest)) return
    for await (const page of this.#pages()) {
      const due = page.filter(({endedAt}, index) => endedAt < oldest || index < surplus)
      if (due.length === 0) return
      await this.#forget(due.map(({id}) => id))
      surplus -= page.length
    }
  }

  async #count(): Promise<number> {
    let ended = 0
    for await (const page of this.#pages()) ended += page.length
    return ended
  }

  async #forget(ids: readonly OperationId[]): Promise<void> {
    const {store, isAwaited, beforeForgetting, onForgotten} = this.#options
    const records = await store.getMany(ids)
    const delivered = records.flatMap((record) => (record?.delivered === true && !isAwaited(record) ? [record] : []))
    if (delivered.length === 0) return
    const outcomes = await Promise.allSettled(
      delivered.map(async (record) => {
        await beforeForgetting(record)
        await store.remove(record.id)
      }),
    )
    // Those that are gone are told of, also where others could not be removed.
    const forgotten = delivered.flatMap(({id}, at) => (outcomes[at]?.status === 'fulfilled' ? [id] : []))
    if (forgotten.length > 0) onForgotten(forgotten)
    const refused = outcomes.find((outcome) => outcome.status === 'rejected')
    if (refused !== undefined) throw refused.reason
  }

  async *#pages(): AsyncGenerator<readonly EndedEntry[]> {
    let after: EndedEntry | undefined
    while (!this.#stopped) {
      const page: readonly EndedEntry[] = await this.#options.store.ended(after, PAGE)
      if (page.length === 0) return
      yield page
      after = page.at(-1)
    }
  }
}
