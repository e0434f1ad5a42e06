/**
 * What one batch of changes does to the tallies: counts the members that it writes, applies what was asked of each tally, and
 * settles it, so that what a common end owes is durable with the last end.
 */

import type {OperationId, TallyId} from '../../domain/operation-id.ts'
import type {OperationRecord} from '../../domain/record.ts'
import type {LifeState} from '../../domain/status.ts'
import {
  addDelta,
  applyChange,
  deltaOf,
  emptyTally,
  isSpent,
  settleTally,
  type TallyChange,
  type TallyDelta,
  type TallyRef,
  talliesOf,
} from '../../domain/tally.ts'
import type {Batch, Database} from './database.ts'
import {memberKey, tallyKey} from './keys.ts'
import type {PendingTally, Write} from './pending-writes.ts'
import type {Place} from './places.ts'
import {sealTally, unsealTally} from './stored-record.ts'

/** Other changes are of no use to a tally that is not there. */
function isBeginning({kind}: TallyChange): boolean {
  return kind === 'register' || kind === 'close' || kind === 'restore'
}

interface Touched {
  readonly ref: TallyRef
  readonly deltas: TallyDelta[]
}

export class TallyPlan {
  readonly #batch: Batch
  readonly #changes: ReadonlyMap<TallyId, Write<PendingTally>>
  readonly #touched = new Map<TallyId, Touched>()

  constructor(batch: Batch, changes: ReadonlyMap<TallyId, Write<PendingTally>>) {
    this.#batch = batch
    this.#changes = changes
    for (const {content} of changes.values()) this.#touch(content.tally)
  }

  /** A record is written; `before`: the state it had, if it was there. */
  saved(record: OperationRecord, before: LifeState | undefined): void {
    for (const ref of talliesOf(record)) {
      if (before === undefined) this.#batch.put(memberKey(ref.id, record.id), '')
      this.#touch(ref).deltas.push(deltaOf(before, record))
    }
  }

  /** A record is removed. */
  left(id: OperationId, {state, tallies}: Place): void {
    for (const ref of tallies) {
      this.#batch.del(memberKey(ref.id, id))
      this.#touch(ref).deltas.push(deltaOf(state, undefined))
    }
  }

  /** A tally that does not verify is left as it is, for `doctor`: nobody knows what it counted. */
  async write(database: Database, writes: number): Promise<void> {
    if (this.#touched.size === 0) return
    const touched = [...this.#touched.values()]
    const texts: readonly (string | undefined)[] = await database.getMany(touched.map(({ref}) => tallyKey(ref.id)))
    for (const [at, {ref, deltas}] of touched.entries()) {
      const key = tallyKey(ref.id)
      const text = texts[at]
      const changes = this.#changes.get(ref.id)?.content.changes ?? []
      if (text === undefined && deltas.length === 0 && !changes.some(isBeginning)) continue
      const before = text === undefined ? emptyTally(ref) : unsealTally(key, text)
      if (before === undefined) continue
      let tally = deltas.reduce(addDelta, before)
      for (const change of changes) tally = applyChange(tally, change)
      tally = settleTally(tally)
      if (isSpent(tally)) this.#batch.del(key)
      else this.#batch.put(key, sealTally(tally, writes))
    }
  }

  #touch(ref: TallyRef): Touched {
    const known = this.#touched.get(ref.id)
    if (known !== undefined) return known
    const touched: Touched = {ref, deltas: []}
    this.#touched.set(ref.id, touched)
    return touched
  }
}
