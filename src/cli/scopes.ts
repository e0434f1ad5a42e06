/** Which operations a run follows, and how it knows that none of them will move any more. */

import type {OperationId} from '../domain/operation-id.ts'
import type {OperationRecord} from '../domain/record.ts'
import type {LifeState} from '../domain/status.ts'
import type {BackgroundTransferEngine} from '../index.ts'
import type {Scope} from './follower.ts'
import {OperationIds} from './operation-ids.ts'

/** Those that the run names itself. */
export class OwnOperations implements Scope {
  readonly #ids = new OperationIds()
  readonly #claims: (record: OperationRecord) => boolean
  #isClosed = false

  /** `claims`: whether an operation that starts is one of the run, which may share its engine with others. */
  constructor(claims: (record: OperationRecord) => boolean = () => false) {
    this.#claims = claims
  }

  get ids(): Iterable<OperationId> {
    return this.#ids
  }

  begins(record: OperationRecord): boolean {
    if (!this.#isClosed && this.#claims(record)) this.#ids.add(record.id)
    return this.#ids.has(record.id)
  }

  add(id: OperationId): void {
    this.#ids.add(id)
  }

  /** No more will be added. */
  close(): void {
    this.#isClosed = true
  }

  includes(id: OperationId): boolean {
    return this.#ids.has(id)
  }

  isOver({ended, resting}: {readonly ended: number; readonly resting: number}): boolean {
    return this.#isClosed && ended + resting >= this.#ids.size
  }
}

/** What goes on by itself once the engine lets it. */
export const MOVING_STATES: readonly LifeState[] = [
  'queued',
  'running',
  'returning',
  'waitingToRetry',
  'publishing',
  'canceling',
]

/** Everything in the store. It may be a million, so the store is asked whether anything is left, when it looks like it. */
export class WholeStore implements Scope {
  readonly #expected = new Set<OperationId>()
  #engine: BackgroundTransferEngine | undefined

  /** Its state does not say that it moves, but it will. */
  expect(id: OperationId): void {
    this.#expected.add(id)
  }

  begin(engine: BackgroundTransferEngine): void {
    this.#engine = engine
  }

  begins(): boolean {
    return true
  }

  includes(id: OperationId): boolean {
    this.#expected.delete(id)
    return true
  }

  async isOver({live}: {readonly live: number}): Promise<boolean> {
    if (live > 0 || this.#expected.size > 0 || this.#engine === undefined) return false
    const left = await this.#engine.queryAsync({states: MOVING_STATES, limit: 1})
    return left.length === 0
  }
}
