/** The operations that a session follows: what it is told of each, and how many holds it has to give back. */

import type {Subscription} from 'rxjs'
import {asTransferError} from '../domain/errors.ts'
import type {OperationId} from '../domain/operation-id.ts'
import type {OperationRecord} from '../domain/record.ts'
import type {LifeState} from '../domain/status.ts'
import type {Engine} from '../engine/engine.ts'
import type {OperationEntry, OperationNotice} from '../engine/operation-entry.ts'
import type {HostMessage, Snapshot} from './protocol.ts'

interface Held {
  readonly entry: OperationEntry
  readonly following: Subscription
  holds: number
  /** As the client was told. */
  record: OperationRecord
  state: LifeState
  /** What its state was read from. */
  snapshot: OperationEntry['snapshot']
}

export interface HeldOperationsOptions {
  readonly engine: Engine
  readonly send: (message: HostMessage) => void
  /** The variant is never 0. */
  readonly sendShared: (told: OperationNotice, variant: number, message: () => HostMessage) => void
  /** Its counts have changed, and nothing else. */
  readonly moved: (entry: OperationEntry, notice: OperationNotice) => void
}

export class HeldOperations {
  readonly #engine: Engine
  readonly #options: HeldOperationsOptions
  readonly #held = new Map<OperationId, Held>()
  /** Whose each snapshot is. */
  readonly #taken = new WeakMap<object, Held>()

  constructor(options: HeldOperationsOptions) {
    this.#engine = options.engine
    this.#options = options
  }

  entryOf(id: OperationId): OperationEntry | undefined {
    return this.#held.get(id)?.entry
  }

  /** Takes over the caller's hold of the entry, and counts one more of the session's. */
  hold(entry: OperationEntry): Snapshot {
    const known = this.#held.get(entry.record.id)
    if (known?.entry === entry) {
      known.holds += 1
      this.#engine.release(entry)
      return this.#snapshot(known)
    }
    const {record} = entry
    const {send} = this.#options
    const held: Held = {
      entry,
      holds: 1 + (known?.holds ?? 0),
      record,
      state: entry.state,
      snapshot: entry.snapshot,
      following: entry.notices.subscribe({
        next: (notice) => this.#notice(held, notice),
        error: (error) => send({type: 'ended', id: record.id, error: asTransferError(error).toSerialized()}),
        complete: () => send({type: 'ended', id: record.id}),
      }),
    }
    if (known !== undefined) this.#letGo(known)
    this.#held.set(record.id, held)
    return this.#snapshot(held)
  }

  /** As it is now; undefined when the session does not hold it. */
  snapshotOf(id: OperationId): Snapshot | undefined {
    const held = this.#held.get(id)
    return held === undefined ? undefined : this.#snapshot(held)
  }

  /**
   * An answer with the operations in it as they are now. Between the taking of a snapshot and its sending there are turns, in which
   * a notice may have told of something newer, or have gone to a client that did not know the operation yet.
   */
  afresh(answer: unknown): unknown {
    if (Array.isArray(answer)) return answer.map((each) => this.afresh(each))
    const held = typeof answer === 'object' && answer !== null ? this.#taken.get(answer) : undefined
    return held === undefined ? answer : this.#snapshot(held)
  }

  release(id: OperationId, holds: number): void {
    const held = this.#held.get(id)
    if (held === undefined) return
    held.holds -= holds
    if (held.holds > 0) return
    this.#held.delete(id)
    this.#letGo(held)
  }

  releaseAll(): void {
    for (const held of this.#held.values()) this.#letGo(held)
    this.#held.clear()
  }

  #letGo(held: Held): void {
    held.following.unsubscribe()
    this.#engine.release(held.entry)
  }

  #notice(held: Held, notice: OperationNotice): void {
    const {hasResponseChanged, hasRestarted} = notice
    if (!hasResponseChanged && !hasRestarted && standsAsTold(held)) {
      this.#options.moved(held.entry, notice)
      return
    }
    noteTold(held)
    const message = () => ({type: 'notice', snapshot: this.#snapshot(held), hasResponseChanged, hasRestarted}) as const
    this.#options.sendShared(notice, held.holds, message)
  }

  #snapshot(held: Held): Snapshot {
    const {entry, holds} = held
    const {record, state, facts} = entry
    noteTold(held)
    const snapshot: Snapshot = {
      record,
      state,
      isPausing: state === 'running' && entry.snapshot?.can({type: 'operation.resume', sequence: 0}) === true,
      request: facts.request,
      policy: facts.policy,
      counts: this.#engine.countsOf(entry),
      explanation: this.#engine.explain(entry),
      holds,
    }
    this.#taken.set(snapshot, held)
    return snapshot
  }
}

/** Asked of each operation that moves, by each of its followers, ten times a second. */
function standsAsTold(held: Held): boolean {
  const {entry} = held
  if (entry.record !== held.record) return false
  const {snapshot} = entry
  if (snapshot !== undefined && snapshot === held.snapshot) return true
  if (entry.state !== held.state) return false
  held.snapshot = snapshot
  return true
}

/** What the client is told now. */
function noteTold(held: Held): void {
  held.record = held.entry.record
  held.state = held.entry.state
  held.snapshot = held.entry.snapshot
}
