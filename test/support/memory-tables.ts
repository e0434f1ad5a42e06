/** The store's contract as plain maps: what the memory store holds, and the model that the real store is tested against. */

import {isUnset} from '../../src/domain/group-settings.ts'
import {JOURNAL_BOUND, type JournalEntry, type JournalPage, pageOf, withJournalled} from '../../src/domain/journal.ts'
import {matchesQuery} from '../../src/domain/matches-query.ts'
import type {OperationId, TallyId} from '../../src/domain/operation-id.ts'
import type {PrefetchRecord} from '../../src/domain/prefetch.ts'
import {priorityClass} from '../../src/domain/priority.ts'
import type {GroupRecord, LineRange, OperationRecord} from '../../src/domain/record.ts'
import {isTerminal, LIFE_STATES, type LifeState} from '../../src/domain/status.ts'
import {
  addDelta,
  applyChange,
  deltaOf,
  emptyTally,
  isSpent,
  settleTally,
  type Tally,
  type TallyChange,
  type TallyRef,
  talliesOf,
} from '../../src/domain/tally.ts'
import {
  DEFAULT_PAGE,
  type EndedEntry,
  type LineEntry,
  type OperationQuery,
  type WaitingGroup,
} from '../../src/ports/record-store.ts'

export class MemoryTables {
  readonly #operations = new Map<OperationId, OperationRecord>()
  readonly #files = new Map<string, OperationId>()
  readonly #journals = new Map<OperationId, readonly JournalEntry[]>()
  readonly #groups = new Map<string, GroupRecord>()
  readonly #tallies = new Map<TallyId, Tally>()
  prefetch: PrefetchRecord | undefined
  #lastSequence = 0

  get size(): number {
    return this.#operations.size
  }

  get lastSequence(): number {
    return this.#lastSequence
  }

  create(records: readonly OperationRecord[]): void {
    for (const record of records) if (!this.#operations.has(record.id)) this.save(record)
  }

  save(record: OperationRecord, entries: readonly JournalEntry[] = []): void {
    const {id, target} = record
    const before = this.#operations.get(id)
    if (before?.target.file !== target.file) {
      if (before !== undefined) this.#unclaim(before)
      this.#files.set(target.file, id)
    }
    // A copy: what the caller does to its object later is not stored.
    const journalled = Math.max(before?.journalled ?? 0, entries.at(-1)?.seq ?? 0)
    this.#operations.set(id, structuredClone(withJournalled(record, journalled)))
    for (const ref of talliesOf(record)) this.#settle(addDelta(this.#tallyOf(ref), deltaOf(before?.state, record)))
    if (entries.length > 0) {
      this.#journals.set(id, [...(this.#journals.get(id) ?? []), ...entries].slice(-JOURNAL_BOUND.entries))
    }
    this.#lastSequence = Math.max(this.#lastSequence, record.sequence)
  }

  remove(id: OperationId): void {
    const before = this.#operations.get(id)
    if (before === undefined) return
    this.#unclaim(before)
    this.#operations.delete(id)
    this.#journals.delete(id)
    for (const ref of talliesOf(before)) this.#settle(addDelta(this.#tallyOf(ref), deltaOf(before.state, undefined)))
  }

  changeTally(ref: TallyRef, change: TallyChange): void {
    this.#settle(applyChange(this.#tallyOf(ref), change))
  }

  tally(id: TallyId): Tally | undefined {
    return this.#tallies.get(id)
  }

  tallies(): readonly Tally[] {
    return [...this.#tallies.values()].sort((a, b) => (a.id < b.id ? -1 : 1))
  }

  members(tally: TallyId, after: OperationId | undefined, limit: number): readonly OperationId[] {
    return this.#sorted()
      .filter((record) => talliesOf(record).some(({id}) => id === tally))
      .filter(({id}) => after === undefined || id > after)
      .slice(0, limit)
      .map(({id}) => id)
  }

  saveGroup(group: GroupRecord): void {
    if (isUnset(group)) this.#groups.delete(group.name)
    else this.#groups.set(group.name, structuredClone(group))
  }

  get(id: OperationId): OperationRecord | undefined {
    return this.#operations.get(id)
  }

  findByFile(file: string): OperationId | undefined {
    return this.#files.get(file)
  }

  active(states: readonly LifeState[] = LIFE_STATES): readonly OperationId[] {
    return this.#sorted()
      .filter(({state}) => state !== 'queued' && !isTerminal(state) && states.includes(state))
      .map(({id}) => id)
  }

  waitingGroups(): readonly WaitingGroup[] {
    const classes = new Map<string, WaitingGroup['priorityClass']>()
    for (const {state, policy} of this.#sorted()) {
      if (state !== 'queued') continue
      const own = priorityClass(policy.priority)
      classes.set(policy.group, Math.min(own, classes.get(policy.group) ?? own) as WaitingGroup['priorityClass'])
    }
    return [...classes].map(([name, priorityClass]) => ({name, priorityClass}))
  }

  line(group: string, range: LineRange, limit: number, backwards = false): readonly LineEntry[] {
    return [...this.#operations.values()]
      .filter(({state, policy}) => state === 'queued' && policy.group === group)
      .map(({id, policy, sequence}) => ({id, priorityClass: priorityClass(policy.priority), sequence}))
      .filter((entry) => entry.priorityClass === range.priorityClass)
      .filter(({sequence}) => sequence >= range.from && sequence <= range.to)
      .sort((a, b) => (backwards ? b.sequence - a.sequence : a.sequence - b.sequence))
      .slice(0, limit)
  }

  ended(after: EndedEntry | undefined, limit: number): readonly EndedEntry[] {
    return this.#sorted()
      .flatMap(({id, state, endedAt}) => (isTerminal(state) ? [{id, endedAt: endedAt ?? 0}] : []))
      .sort((a, b) => compareEnds(a, b))
      .filter((entry) => after === undefined || compareEnds(entry, after) > 0)
      .slice(0, limit)
  }

  newestEnded(limit: number): readonly EndedEntry[] {
    return [...this.ended(undefined, this.size)].reverse().slice(0, limit)
  }

  journal(id: OperationId, page: JournalPage): readonly JournalEntry[] {
    return pageOf(this.#journals.get(id) ?? [], page)
  }

  query(query: OperationQuery): readonly OperationRecord[] {
    const {after, limit = DEFAULT_PAGE} = query
    return this.#sorted()
      .filter(({id}) => after === undefined || id > after)
      .filter((record) => matchesQuery(record, query))
      .slice(0, Math.max(0, limit))
  }

  groups(): readonly GroupRecord[] {
    return [...this.#groups.values()]
  }

  #sorted(): readonly OperationRecord[] {
    return [...this.#operations.values()].sort((a, b) => (a.id < b.id ? -1 : 1))
  }

  #tallyOf(ref: TallyRef): Tally {
    return this.#tallies.get(ref.id) ?? emptyTally(ref)
  }

  #settle(tally: Tally): void {
    const settled = settleTally(tally)
    if (isSpent(settled)) this.#tallies.delete(tally.id)
    else this.#tallies.set(tally.id, settled)
  }

  #unclaim({id, target}: OperationRecord): void {
    if (this.#files.get(target.file) === id) this.#files.delete(target.file)
  }
}

function compareEnds(a: EndedEntry, b: EndedEntry): number {
  return a.endedAt - b.endedAt || (a.id < b.id ? -1 : a.id > b.id ? 1 : 0)
}
