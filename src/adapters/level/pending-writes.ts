/**
 * Writes that were accepted and wait for the next batch. At most one change per operation: the newest record wins, and
 * whoever waited for an older one is told when the newest is durable.
 */

import {asTransferError} from '../../domain/errors.ts'
import {type JournalEntry, withJournalled} from '../../domain/journal.ts'
import type {OperationId, TallyId} from '../../domain/operation-id.ts'
import type {PrefetchRecord} from '../../domain/prefetch.ts'
import type {GroupRecord, OperationRecord} from '../../domain/record.ts'
import type {TallyChange, TallyRef} from '../../domain/tally.ts'

/**
 * create: only if the operation is unknown. save: in any case. replace: forgotten and then added again, so that it names
 * its file anew. remove: forgotten.
 */
export type Change =
  | {
      readonly kind: 'create' | 'save' | 'replace'
      readonly record: OperationRecord
      /** What is new in its journal. */
      readonly entries: readonly JournalEntry[]
    }
  | {readonly kind: 'remove'; readonly id: OperationId}

export function idOf(change: Change): OperationId {
  return change.kind === 'remove' ? change.id : change.record.id
}

/** What is to happen to a tally. */
export interface PendingTally {
  readonly tally: TallyRef
  readonly changes: readonly TallyChange[]
}

export interface Write<Content> {
  content: Content
  readonly tickets: Ticket[]
}

export interface WriteBatch {
  readonly changes: ReadonlyMap<OperationId, Write<Change>>
  readonly groups: ReadonlyMap<string, Write<GroupRecord>>
  readonly tallies: ReadonlyMap<TallyId, Write<PendingTally>>
  readonly prefetch: Write<PrefetchRecord> | undefined
  /** The highest sequence number that was accepted so far, in a superseded record too: it was handed out. */
  readonly lastSequence: number
}

/** One caller's promise, kept when the last of its writes is. */
export class Ticket {
  readonly promise: Promise<void>
  #left: number
  #resolve: () => void = () => {}
  #reject: (reason: unknown) => void = () => {}

  constructor(writes: number) {
    this.#left = writes
    this.promise = new Promise((resolve, reject) => {
      this.#resolve = resolve
      this.#reject = reject
    })
    if (writes === 0) this.#resolve()
  }

  done(): void {
    this.#left -= 1
    if (this.#left === 0) this.#resolve()
  }

  fail(error: unknown): void {
    this.#reject(asTransferError(error))
  }
}

export class PendingWrites {
  /** First come, first served, a bounded number in each batch, so that a bulk does not hold up everything else. */
  readonly #creates = new Map<OperationId, Write<Change>>()
  /** All of them go into the next batch. */
  #changes = new Map<OperationId, Write<Change>>()
  #groups = new Map<string, Write<GroupRecord>>()
  #tallies = new Map<TallyId, Write<PendingTally>>()
  #prefetch: Write<PrefetchRecord> | undefined
  #lastSequence = 0

  get isEmpty(): boolean {
    return this.#creates.size === 0 && !this.hasChanges
  }

  /** Whether the next batch will hold more than creations. */
  get hasChanges(): boolean {
    return this.#changes.size + this.#groups.size + this.#tallies.size > 0 || this.#prefetch !== undefined
  }

  create(records: readonly OperationRecord[]): Promise<void> {
    const ticket = new Ticket(records.length)
    for (const record of records) this.#add(record.id, {kind: 'create', record, entries: []}, ticket)
    return ticket.promise
  }

  save(record: OperationRecord, entries: readonly JournalEntry[] = []): Promise<void> {
    const ticket = new Ticket(1)
    const newest = entries.at(-1)?.seq ?? 0
    this.#add(record.id, {kind: 'save', record: withJournalled(record, newest), entries}, ticket)
    return ticket.promise
  }

  remove(id: OperationId): Promise<void> {
    const ticket = new Ticket(1)
    this.#add(id, {kind: 'remove', id}, ticket)
    return ticket.promise
  }

  saveGroup(group: GroupRecord): Promise<void> {
    const ticket = new Ticket(1)
    const write = this.#groups.get(group.name)
    if (write === undefined) {
      this.#groups.set(group.name, {content: group, tickets: [ticket]})
    } else {
      write.content = group
      write.tickets.push(ticket)
    }
    return ticket.promise
  }

  savePrefetch(record: PrefetchRecord): Promise<void> {
    const ticket = new Ticket(1)
    this.#prefetch = {content: record, tickets: [...(this.#prefetch?.tickets ?? []), ticket]}
    return ticket.promise
  }

  /** Changes of one tally add up, in the order in which they came. */
  changeTally(tally: TallyRef, change: TallyChange): Promise<void> {
    const ticket = new Ticket(1)
    const write = this.#tallies.get(tally.id)
    if (write === undefined) {
      this.#tallies.set(tally.id, {content: {tally, changes: [change]}, tickets: [ticket]})
    } else {
      write.content = {tally, changes: [...write.content.changes, change]}
      write.tickets.push(ticket)
    }
    return ticket.promise
  }

  get(id: OperationId): Change | undefined {
    return (this.#changes.get(id) ?? this.#creates.get(id))?.content
  }

  /** Saves and removals, in any order. */
  changes(): Iterable<Write<Change>> {
    return this.#changes.values()
  }

  /** Hands over the next batch: all changes, and at most `maxCreates` creations. */
  take(maxCreates: number): WriteBatch {
    const changes = this.#creates.size === 0 ? this.#changes : this.#withCreates(maxCreates)
    const groups = this.#groups
    const tallies = this.#tallies
    const prefetch = this.#prefetch
    this.#changes = new Map()
    this.#groups = new Map()
    this.#tallies = new Map()
    this.#prefetch = undefined
    return {changes, groups, tallies, prefetch, lastSequence: this.#lastSequence}
  }

  /** All changes behind the first creations, which wait no more. */
  #withCreates(maxCreates: number): Map<OperationId, Write<Change>> {
    const changes = new Map<OperationId, Write<Change>>()
    for (const [id, write] of this.#creates) {
      if (changes.size === maxCreates) break
      changes.set(id, write)
      this.#creates.delete(id)
    }
    for (const [id, write] of this.#changes) changes.set(id, write)
    return changes
  }

  /** Every write that waits. */
  *all(): Iterable<Write<unknown>> {
    yield* this.#creates.values()
    yield* this.#changes.values()
    yield* this.#groups.values()
    yield* this.#tallies.values()
    if (this.#prefetch !== undefined) yield this.#prefetch
  }

  #add(id: OperationId, change: Change, ticket: Ticket): void {
    if (change.kind !== 'remove') this.#lastSequence = Math.max(this.#lastSequence, change.record.sequence)
    const lane =
      this.#creates.has(id) || (change.kind === 'create' && !this.#changes.has(id)) ? this.#creates : this.#changes
    const write = lane.get(id)
    if (write === undefined) {
      lane.set(id, {content: change, tickets: [ticket]})
      return
    }
    write.tickets.push(ticket)
    const merged = merge(write.content, change)
    if (write.content.kind === 'remove' && merged.kind === 'replace') {
      // It arrives anew, so it names its file after all that came before.
      lane.delete(id)
      lane.set(id, write)
    }
    write.content = merged
  }
}

function merge(earlier: Change, later: Change): Change {
  if (later.kind === 'remove') return later
  if (earlier.kind === 'remove') return {...later, kind: 'replace'}
  if (later.kind === 'create') return earlier
  return {
    kind: earlier.kind === 'replace' ? 'replace' : 'save',
    record: withJournalled(later.record, earlier.record.journalled ?? 0),
    entries: earlier.entries.length === 0 ? later.entries : [...earlier.entries, ...later.entries],
  }
}
