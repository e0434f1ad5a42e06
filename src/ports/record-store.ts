/**
 * RecordStore: the one way to the durable truth. Every write is a group commit: what arrives while a batch is in flight
 * goes into the next one, and the newest record of an operation wins. A promise resolves when its write is durable
 * (synced in power mode). Rejections: STORE_LOCKED and STORE_DAMAGED from open, DISK_FULL and DISK_FAILED from writes.
 */

import type {JournalEntry, JournalPage} from '../domain/journal.ts'
import type {OperationFilter} from '../domain/matches-query.ts'
import type {OperationId, TallyId} from '../domain/operation-id.ts'
import type {PrefetchRecord} from '../domain/prefetch.ts'
import type {GroupRecord, LineRange, OperationRecord} from '../domain/record.ts'
import type {LifeState} from '../domain/status.ts'
import type {Tally, TallyChange, TallyRef} from '../domain/tally.ts'

/** A member of the waiting line, read from the order index alone. */
export interface LineEntry {
  readonly id: OperationId
  readonly priorityClass: 0 | 1 | 2
  readonly sequence: number
}

/** A group that has queued members, read from the order index alone. */
export interface WaitingGroup {
  readonly name: string
  /** The highest that a queued member has. */
  readonly priorityClass: 0 | 1 | 2
}

/** An ended operation, read from the index of ends alone. */
export interface EndedEntry {
  readonly id: OperationId
  /** Epoch ms. */
  readonly endedAt: number
}

export interface StoreSummary {
  /** The highest sequence number ever handed out. */
  readonly lastSequence: number
  /** How many operation records the manifest counts. */
  readonly operations: number
}

/** Operations of one page where the query names no limit. */
export const DEFAULT_PAGE = 1000

export interface OperationQuery extends OperationFilter {
  /** The id after which to go on (exclusive). */
  readonly after?: OperationId
  /** At most this many, a whole number from 0; 1000 by default. */
  readonly limit?: number
}

export interface RecordStore {
  /** Takes the lock, checks the schema, reads the summary. Rejects with STORE_LOCKED, STORE_DAMAGED, STORE_TOO_NEW. */
  open(): Promise<StoreSummary>
  /** Adds new operations; one whose id is there already is left as it is (idempotent). */
  create(records: readonly OperationRecord[]): Promise<void>
  /**
   * Replaces an operation's record, with its place in the indexes, in one batch; `entries` are added to its journal in the
   * same batch, and the oldest dropped beyond JOURNAL_BOUND. Their seqs rise, also from one save to the next.
   */
  save(record: OperationRecord, entries?: readonly JournalEntry[]): Promise<void>
  /** The same for what nobody waits for: together with what the present turn of the event loop still brings. */
  saveSoon(record: OperationRecord): Promise<void>
  /** Forgets an operation, with its journal. */
  remove(id: OperationId): Promise<void>
  get(id: OperationId): Promise<OperationRecord | undefined>
  getMany(ids: readonly OperationId[]): Promise<readonly (OperationRecord | undefined)[]>
  /** The operation, in any state, that last named this destination (absolute path). */
  findByFile(file: string): Promise<OperationId | undefined>
  findManyByFile(files: readonly string[]): Promise<readonly (OperationId | undefined)[]>
  /** Ids of what is neither queued nor terminal, or of those in the given states: what recovery looks at. */
  active(states?: readonly LifeState[]): Promise<readonly OperationId[]>
  /** The groups that have queued members. */
  waitingGroups(): Promise<readonly WaitingGroup[]>
  /** Queued members of a group inside one stretch of the line, in order or from its end on, at most `limit`. */
  line(group: string, range: LineRange, limit: number, backwards?: boolean): Promise<readonly LineEntry[]>
  /** Ended operations, the oldest first, at most `limit`, behind `after`. */
  ended(after: EndedEntry | undefined, limit: number): Promise<readonly EndedEntry[]>
  /** Ended operations, the newest first, at most `limit`. */
  newestEnded(limit: number): Promise<readonly EndedEntry[]>
  query(query: OperationQuery): Promise<readonly OperationRecord[]>
  /** A page of an operation's journal, the newest last. Entries that do not verify are left out. */
  journal(id: OperationId, page?: JournalPage): Promise<readonly JournalEntry[]>
  groups(): Promise<readonly GroupRecord[]>
  /** How many values were met since it was opened that do not verify: whatever gives several leaves them out. */
  damaged(): Promise<number>
  /** Replaces a group's settings; where it has none, its record goes. */
  saveGroup(group: GroupRecord): Promise<void>
  /** Undefined where nothing was ever wished for, or where it does not verify: it can be wished for again. */
  prefetch(): Promise<PrefetchRecord | undefined>
  savePrefetch(record: PrefetchRecord): Promise<void>
  /**
   * Changes a tally. The store counts the members itself, in the batch that writes their records, and settles each tally in
   * the batch that changes it: a tally is due from the moment at which its last member's end is durable.
   */
  changeTally(tally: TallyRef, change: TallyChange): Promise<void>
  tally(id: TallyId): Promise<Tally | undefined>
  /** Every tally that is kept; one that is done goes with its last member. */
  tallies(): Promise<readonly Tally[]>
  /** Ids of a tally's members behind `after`, in the order of their creation, at most `limit`. */
  members(tally: TallyId, after: OperationId | undefined, limit: number): Promise<readonly OperationId[]>
  /** Resolves when every write so far is durable. */
  flush(): Promise<void>
  /** Flushes, then gives the lock back. Idempotent. */
  close(): Promise<void>
}
