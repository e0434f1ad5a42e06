/** An operation of a host as its client mirrors it: what was told last, and what was asked for since. */

import type {Explanation} from '../domain/explain.ts'
import {addRange, type RangeSet, sizeOf} from '../domain/range-set.ts'
import type {OperationFacts, OperationRecord, TransferPolicy, TransferRequest} from '../domain/record.ts'
import {withChanges} from '../domain/record-changes.ts'
import {isTerminal, type LifeState} from '../domain/status.ts'
import type {HeldOperation} from '../engine/engine-api.ts'
import {FollowedNotices} from '../engine/operations/followed-notices.ts'
import type {Snapshot, SnapshotChanges} from '../host/protocol.ts'
import type {ByteCounts} from '../ports/progress-meter.ts'

/** What an application asked for, until the host has answered. */
interface Wish {
  readonly state?: LifeState
  readonly policy?: TransferPolicy
  readonly request?: TransferRequest
}

export class RemoteOperation implements HeldOperation {
  readonly notices = new FollowedNotices({})
  record: OperationRecord
  explanation: Explanation
  /** Handles of this process. */
  holders = 0
  /** Holds that the host counts for this client. */
  holds: number
  isPausing: boolean
  /** It was asked to take part: the next host is asked again. */
  isAttached = false
  #counts: ByteCounts
  /** Bytes of this generation that were read: they are there before they are told of. */
  #read: {readonly generation: number; readonly ranges: RangeSet} = {generation: 0, ranges: []}
  #state: LifeState
  #request: TransferRequest
  #policy: TransferPolicy
  readonly #wishes = new Set<Wish>()

  constructor(snapshot: Snapshot) {
    this.record = snapshot.record
    this.#counts = snapshot.counts
    this.explanation = snapshot.explanation
    this.holds = snapshot.holds
    this.isPausing = snapshot.isPausing
    this.#state = snapshot.state
    this.#request = snapshot.request ?? snapshot.record.request
    this.#policy = snapshot.policy ?? snapshot.record.policy
  }

  /** What has ended is past all wishes. */
  get state(): LifeState {
    return isTerminal(this.#state) ? this.#state : (this.#wished('state') ?? this.#state)
  }

  get facts(): OperationFacts {
    return {
      ...this.record,
      request: this.#wished('request') ?? this.#request,
      policy: this.#wished('policy') ?? this.#policy,
    }
  }

  get isOver(): boolean {
    return isTerminal(this.record.state)
  }

  /** Holds until the returned function is called. */
  wish(wish: Wish): () => void {
    this.#wishes.add(wish)
    return () => this.#wishes.delete(wish)
  }

  get counts(): ByteCounts {
    const {generation, ranges} = this.#read
    const counts = this.#counts
    if (generation !== counts.generation || ranges.length === 0) return counts
    const written = ranges.reduce<RangeSet>((set, [from, to]) => addRange(set, from, to), counts.written)
    return {...counts, written, received: Math.max(counts.received, sizeOf(written))}
  }

  set counts(counts: ByteCounts) {
    this.#counts = counts
  }

  read(generation: number, from: number, to: number): void {
    const before = this.#read.generation === generation ? this.#read.ranges : []
    this.#read = {generation, ranges: addRange(before, from, to)}
  }

  /** What was told before, with what has changed since. */
  changed({id: _, changes, ...rest}: SnapshotChanges): Snapshot {
    return {...rest, record: withChanges(this.record, changes)}
  }

  apply(
    {record, state, isPausing, request, policy, counts, explanation, holds}: Snapshot,
    hasResponseChanged = false,
  ): void {
    const {response} = this.record
    // An answer is another one when it was told to be, and not because it was told again.
    const isSame = !hasResponseChanged && JSON.stringify(record.response) === JSON.stringify(response)
    this.record = isSame && response !== undefined ? {...record, response} : record
    this.#state = state
    this.isPausing = isPausing
    this.#request = request ?? record.request
    this.#policy = policy ?? record.policy
    this.counts = counts
    this.explanation = explanation
    this.holds = holds
  }

  #wished<Name extends keyof Wish>(name: Name): Wish[Name] | undefined {
    return [...this.#wishes].findLast((wish) => wish[name] !== undefined)?.[name]
  }
}
