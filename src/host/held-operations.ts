/** The operations that a session follows: what it is told of each, and how many holds it has to give back. */

import {toTold} from '../domain/error-chain.ts'
import type {OperationId} from '../domain/operation-id.ts'
import type {OperationRecord} from '../domain/record.ts'
import {changesOf} from '../domain/record-changes.ts'
import type {Engine} from '../engine/engine.ts'
import type {OperationNotice} from '../engine/operations/followed-notices.ts'
import type {OperationEntry} from '../engine/operations/operation-entry.ts'
import type {FollowedOperation, FollowedOperations, OperationFollower} from './followed-operation.ts'
import type {Frames} from './frames.ts'
import type {MovingOperation, Outbox} from './outbox.ts'
import type {Snapshot, SnapshotChanges} from './protocol.ts'

export interface HeldOperationsOptions {
  readonly engine: Engine
  /** Of all sessions. */
  readonly frames: Frames
  /** Of all sessions. */
  readonly followed: FollowedOperations
  readonly outbox: Outbox
}

export class HeldOperations {
  readonly #options: HeldOperationsOptions
  readonly #held = new Map<OperationId, Held>()
  /** Whose each snapshot is. */
  readonly #taken = new WeakMap<object, Held>()
  #isOver = false

  constructor(options: HeldOperationsOptions) {
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
      this.#options.engine.release(entry)
      return this.#snapshot(known)
    }
    const held = new Held(entry, 1 + (known?.holds ?? 0), this.#options)
    if (known !== undefined) this.#letGo(known)
    const snapshot = this.#snapshot(held)
    // What was under way when the session ended would be held by nobody, for ever.
    if (this.#isOver) this.#letGo(held)
    else this.#held.set(entry.record.id, held)
    return snapshot
  }

  /** As it is now; undefined when the session does not hold it. */
  snapshotOf(id: OperationId): Snapshot | undefined {
    const held = this.#held.get(id)
    return held === undefined ? undefined : this.#snapshot(held)
  }

  /**
   * An answer that is about to be sent, with the operations in it as they are now. Between the taking of a snapshot and its sending
   * there are turns, in which a notice may have told of something newer, or have gone to a client that did not know the operation yet.
   */
  afresh(answer: unknown): unknown {
    if (Array.isArray(answer)) return answer.map((each) => this.afresh(each))
    const held = typeof answer === 'object' && answer !== null ? this.#taken.get(answer) : undefined
    return held === undefined ? answer : held.told(this.#snapshot(held))
  }

  release(id: OperationId, holds: number): void {
    const held = this.#held.get(id)
    if (held === undefined) return
    held.holds -= holds
    if (held.holds > 0) return
    this.#held.delete(id)
    this.#letGo(held)
  }

  /** The session is over. */
  releaseAll(): void {
    this.#isOver = true
    for (const held of this.#held.values()) this.#letGo(held)
    this.#held.clear()
  }

  #letGo(held: Held): void {
    held.leave()
    this.#options.engine.release(held.entry)
  }

  #snapshot(held: Held): Snapshot {
    const snapshot = held.snapshot()
    this.#taken.set(snapshot, held)
    return snapshot
  }
}

/** One of them. */
class Held implements OperationFollower, MovingOperation {
  readonly entry: OperationEntry
  holds: number
  readonly #options: HeldOperationsOptions
  readonly #followed: FollowedOperation
  /** Of the counters that the client was told last. */
  #generation: number
  /** The record that the client was told last, and over which stream. */
  #told: {readonly stream: number; readonly record: OperationRecord} | undefined

  constructor(entry: OperationEntry, holds: number, options: HeldOperationsOptions) {
    this.entry = entry
    this.holds = holds
    this.#options = options
    this.#generation = entry.counts.generation
    this.#followed = options.followed.follow(entry, this)
  }

  leave(): void {
    this.#options.followed.leave(this.#followed, this)
  }

  get newest(): OperationNotice {
    return this.#followed.newest
  }

  listen(): void {
    this.#followed.listen(this)
  }

  get hasRestarted(): boolean {
    return this.entry.counts.generation !== this.#generation
  }

  countsMessage() {
    return {type: 'counts', id: this.entry.record.id, counts: this.#options.engine.countsOf(this.entry)} as const
  }

  moved(): void {
    this.#options.outbox.moved(this)
  }

  changed(notice: OperationNotice): void {
    const {frames, outbox} = this.#options
    if (!outbox.isOpen) return
    const {hasResponseChanged, hasRestarted} = notice
    const before = this.#told?.stream === outbox.stream ? this.#told.record : undefined
    const message = () => {
      const snapshot = this.snapshot()
      const what = before === undefined ? snapshot : snapshotChanges(before, snapshot)
      return {type: 'notice', snapshot: what, hasResponseChanged, hasRestarted} as const
    }
    // The same for all sessions that hold it as often, and were told the same before.
    outbox.say(frames.shared(notice, this.holds, message, before))
    this.#told = {stream: outbox.stream, record: this.entry.record}
    this.#generation = this.entry.counts.generation
  }

  /** It goes out now: what is told next goes on from it. */
  told(snapshot: Snapshot): Snapshot {
    this.#told = {stream: this.#options.outbox.stream, record: snapshot.record}
    return snapshot
  }

  ended(error?: unknown): void {
    const {frames, outbox} = this.#options
    if (!outbox.isOpen) return
    const {id} = this.entry.record
    const how = error === undefined ? {} : {error: toTold(error)}
    outbox.say(frames.of({type: 'ended', id, ...how}))
  }

  snapshot(): Snapshot {
    const {entry, holds} = this
    const {engine} = this.#options
    const {record, state, facts} = entry
    this.#followed.shown()
    this.#generation = entry.counts.generation
    return {
      record,
      state,
      isPausing: state === 'running' && entry.snapshot?.can({type: 'operation.resume', sequence: 0}) === true,
      ...(facts.request === record.request ? {} : {request: facts.request}),
      ...(facts.policy === record.policy ? {} : {policy: facts.policy}),
      counts: engine.countsOf(entry),
      explanation: engine.explain(entry),
      holds,
    }
  }
}

function snapshotChanges(before: OperationRecord, {record, ...rest}: Snapshot): SnapshotChanges {
  return {id: record.id, changes: changesOf(before, record), ...rest}
}
