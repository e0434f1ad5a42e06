/**
 * An operation that sessions of a host follow, heard once for all of them. That its counters have moved is said to each follower
 * once, until that one listens again: while a hundred wait for their turns, there is nothing to tell them at most ticks.
 */

import type {Subscription} from 'rxjs'
import type {OperationRecord} from '../domain/record.ts'
import type {LifeState} from '../domain/status.ts'
import type {OperationNotice} from '../engine/operations/followed-notices.ts'
import type {OperationEntry} from '../engine/operations/operation-entry.ts'

export interface OperationFollower {
  /** It stands differently, or has begun anew, or was answered. */
  changed(notice: OperationNotice): void
  /** Its counters have moved. Said once, until it listens again. */
  moved(): void
  /** Nothing more will come. Without an error it came to its end. */
  ended(error?: unknown): void
}

export class FollowedOperation {
  readonly entry: OperationEntry
  /** What was heard last. */
  newest: OperationNotice
  readonly #followers = new Set<OperationFollower>()
  #listening = new Set<OperationFollower>()
  #following: Subscription | undefined
  #end: {readonly error?: unknown} | undefined
  /** As all followers were told; undefined when one of them was told something newer. */
  #record: OperationRecord | undefined
  #state: LifeState
  /** What its state was read from. */
  #snapshot: OperationEntry['snapshot']

  constructor(entry: OperationEntry) {
    this.entry = entry
    this.newest = {record: entry.record, hasResponseChanged: false, hasRestarted: false}
    this.#record = entry.record
    this.#state = entry.state
    this.#snapshot = entry.snapshot
  }

  get isFollowed(): boolean {
    return this.#followers.size > 0
  }

  /** The follower has been told how it stands, and listens. */
  follow(follower: OperationFollower): void {
    if (this.#end !== undefined) {
      follower.ended(this.#end.error)
      return
    }
    this.#followers.add(follower)
    this.#listening.add(follower)
    this.#following ??= this.#hearAll()
  }

  leave(follower: OperationFollower): void {
    this.#followers.delete(follower)
    this.#listening.delete(follower)
    if (this.#followers.size > 0) return
    this.#following?.unsubscribe()
    this.#following = undefined
  }

  listen(follower: OperationFollower): void {
    if (this.#followers.has(follower)) this.#listening.add(follower)
  }

  /** One follower is told how it stands now. */
  shown(): void {
    if (!this.#standsAsTold()) this.#record = undefined
  }

  #hearAll(): Subscription {
    const {notices} = this.entry
    const following = notices.subscribe({
      next: (notice) => this.#hear(notice),
      error: (error) => this.#over({error}),
      complete: () => this.#over({}),
    })
    following.add(notices.listen(this))
    return following
  }

  /** Its counters have; and its record may have changed in what no notice tells. */
  moved(): void {
    this.#hear({record: this.entry.record, hasResponseChanged: false, hasRestarted: false})
  }

  #hear(notice: OperationNotice): void {
    this.newest = notice
    if (notice.hasResponseChanged || notice.hasRestarted || !this.#standsAsTold()) {
      this.#record = this.entry.record
      this.#state = this.entry.state
      this.#snapshot = this.entry.snapshot
      for (const follower of this.#followers) follower.changed(notice)
    } else if (this.#listening.size > 0) {
      const listening = this.#listening
      this.#listening = new Set()
      for (const follower of listening) follower.moved()
    }
  }

  #over(end: {readonly error?: unknown}): void {
    this.#end = end
    for (const follower of this.#followers) follower.ended(end.error)
  }

  #standsAsTold(): boolean {
    const {record, snapshot} = this.entry
    if (record !== this.#record) {
      if (this.#record === undefined || !differInBytesAlone(record, this.#record)) return false
      this.#record = record
    }
    if (snapshot !== undefined && snapshot === this.#snapshot) return true
    if (this.entry.state !== this.#state) return false
    this.#snapshot = snapshot
    return true
  }
}

/**
 * A fast body is made durable many times a second: how much of it is, is nothing that a client shows, and to tell it of the whole
 * operation each time costs many clients' worth of time.
 */
function differInBytesAlone(record: OperationRecord, before: OperationRecord): boolean {
  return (
    areSame(
      {...record, evidence: undefined, attempts: undefined},
      {...before, evidence: undefined, attempts: undefined},
    ) &&
    areSame({...record.evidence, ranges: undefined}, {...before.evidence, ranges: undefined}) &&
    areSame({...record.attempts, highWater: 0}, {...before.attempts, highWater: 0})
  )
}

/** In each member, which are replaced when they change. */
function areSame(some: object, others: object): boolean {
  const [members, before] = [Object.entries(some), Object.entries(others)]
  return members.length === before.length && members.every(([name, value]) => Reflect.get(others, name) === value)
}

/** Those that sessions of a host follow. */
export class FollowedOperations {
  readonly #all = new Map<OperationEntry, FollowedOperation>()

  follow(entry: OperationEntry, follower: OperationFollower): FollowedOperation {
    let followed = this.#all.get(entry)
    if (followed === undefined) {
      followed = new FollowedOperation(entry)
      this.#all.set(entry, followed)
    }
    followed.follow(follower)
    return followed
  }

  leave(followed: FollowedOperation, follower: OperationFollower): void {
    followed.leave(follower)
    if (!followed.isFollowed) this.#all.delete(followed.entry)
  }
}
