/** Forgets ended operations by age and number, oldest first; never one whose outcome reached nobody, never a file. */

import type {OperationId} from '../domain/operation-id.ts'
import type {Clock} from '../ports/clock.ts'
import type {EndedEntry, RecordStore} from '../ports/record-store.ts'

export interface RetentionPolicy {
  /** The newest ends to keep; older ones are forgotten once they are delivered. */
  readonly count: number
  /** ms after their end. */
  readonly ageMs: number
}

const PAGE = 1000

/** Ends between two sweeps, at least; and at least this share of those that stay, which each sweep walks. */
const SWEEP_EVERY = 1000
const SWEEP_SHARE = 0.25

export class Retention {
  readonly #store: RecordStore
  readonly #clock: Clock
  readonly #policy: RetentionPolicy
  readonly #onError: (error: unknown) => void
  readonly #onForgotten: (ids: readonly OperationId[]) => void
  #endsSinceSweep = 0
  #sweepAfter = SWEEP_EVERY
  #sweeping: Promise<void> | undefined
  #stopped = false

  constructor(
    store: RecordStore,
    clock: Clock,
    policy: RetentionPolicy,
    onForgotten: (ids: readonly OperationId[]) => void,
    onError: (error: unknown) => void,
  ) {
    this.#onForgotten = onForgotten
    this.#store = store
    this.#clock = clock
    this.#policy = policy
    this.#onError = onError
  }

  /** An operation ended; now and then this starts a sweep. */
  noteEnd(): void {
    this.#endsSinceSweep += 1
    if (this.#endsSinceSweep >= this.#sweepAfter) void this.sweep()
  }

  /** Resolves when what is due was forgotten. One runs at a time. */
  sweep(): Promise<void> {
    this.#endsSinceSweep = 0
    this.#sweeping ??= this.#sweep()
      .catch(this.#onError)
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
    let ended = 0
    for await (const page of this.#pages()) ended += page.length
    let surplus = ended - this.#policy.count
    this.#sweepAfter = Math.max(SWEEP_EVERY, Math.ceil(ended * SWEEP_SHARE))
    const oldest = this.#clock.now() - this.#policy.ageMs
    for await (const page of this.#pages()) {
      const due = page.filter(({endedAt}, index) => endedAt < oldest || index < surplus)
      if (due.length === 0) return
      await this.#forget(due.map(({id}) => id))
      surplus -= page.length
    }
  }

  async #forget(ids: readonly OperationId[]): Promise<void> {
    const records = await this.#store.getMany(ids)
    const delivered = records.flatMap((record) => (record?.delivered === true ? [record.id] : []))
    if (delivered.length === 0) return
    await Promise.all(delivered.map((id) => this.#store.remove(id)))
    this.#onForgotten(delivered)
  }

  async *#pages(): AsyncGenerator<readonly EndedEntry[]> {
    let after: EndedEntry | undefined
    while (!this.#stopped) {
      const page: readonly EndedEntry[] = await this.#store.ended(after, PAGE)
      if (page.length === 0) return
      yield page
      after = page.at(-1)
    }
  }
}
