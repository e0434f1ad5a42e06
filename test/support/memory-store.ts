/**
 * A RecordStore in memory, for simulations: each write is accepted at once, read back at once, and durable one turn of the
 * microtask queue later. A StoreDisk outlives its stores, so a test can crash one and open the next.
 */

import {TransferError} from '../../src/domain/errors.ts'
import type {JournalEntry, JournalPage} from '../../src/domain/journal.ts'
import type {OperationId, TallyId} from '../../src/domain/operation-id.ts'
import type {PrefetchRecord} from '../../src/domain/prefetch.ts'
import type {GroupRecord, LineRange, OperationRecord} from '../../src/domain/record.ts'
import type {LifeState} from '../../src/domain/status.ts'
import type {Tally, TallyChange, TallyRef} from '../../src/domain/tally.ts'
import type {
  EndedEntry,
  LineEntry,
  OperationQuery,
  RecordStore,
  StoreSummary,
  WaitingGroup,
} from '../../src/ports/record-store.ts'
import {MemoryTables} from './memory-tables.ts'

type Apply = (tables: MemoryTables) => void

interface Waiting {
  readonly apply: Apply
  readonly resolve: () => void
  readonly reject: (reason: unknown) => void
}

/** What survives a crash. */
export class StoreDisk {
  /** Every write that ever became durable, in order. */
  readonly log: Apply[] = []
  holder: MemoryStore | undefined

  read(): MemoryTables {
    const tables = new MemoryTables()
    for (const apply of this.log) apply(tables)
    return tables
  }
}

export interface MemoryStoreOptions {
  readonly disk?: StoreDisk
  /** auto: writes become durable by themselves. manual: only by `commit`. */
  readonly commits?: 'auto' | 'manual'
}

export class MemoryStore implements RecordStore {
  readonly disk: StoreDisk
  readonly #isManual: boolean
  #phase: 'new' | 'open' | 'closed' = 'new'
  #latest = new MemoryTables()
  #waiting: Waiting[] = []
  #fault: {readonly error: TransferError; left: number} | undefined
  #readFault: {readonly error: TransferError; left: number} | undefined
  #isScheduled = false

  constructor(options: MemoryStoreOptions = {}) {
    this.disk = options.disk ?? new StoreDisk()
    this.#isManual = options.commits === 'manual'
  }

  async open(): Promise<StoreSummary> {
    if (this.#phase === 'closed') throw closed()
    if (this.#phase === 'open') throw new TransferError('ILLEGAL_STATE', 'the store is open')
    if (this.disk.holder !== undefined) throw new TransferError('STORE_LOCKED', 'the store is in use')
    this.disk.holder = this
    this.#phase = 'open'
    this.#latest = this.disk.read()
    return {lastSequence: this.#latest.lastSequence, operations: this.#latest.size}
  }

  /** Lets the next `batches` commits fail. */
  failNextCommits(error: TransferError, batches = 1): void {
    this.#fault = {error, left: batches}
  }

  /** Lets the next `reads` of a waiting line fail. */
  failNextLines(error: TransferError, reads = 1): void {
    this.#readFault = {error, left: reads}
  }

  /** Makes what waits durable, in one batch, or fails it. */
  commit(): void {
    const batch = this.#waiting
    this.#waiting = []
    if (batch.length === 0) return
    const fault = this.#fault
    if (fault !== undefined && fault.left > 0) {
      fault.left -= 1
      this.#latest = this.disk.read()
      for (const {reject} of batch) reject(fault.error)
      return
    }
    for (const {apply, resolve} of batch) {
      this.disk.log.push(apply)
      resolve()
    }
  }

  /** The process dies: what waits is lost and never answered, and the lock is free. */
  crash(): void {
    this.#waiting = []
    this.#release()
  }

  async create(records: readonly OperationRecord[]): Promise<void> {
    const copies = structuredClone(records)
    return this.#write((tables) => tables.create(copies))
  }

  async save(record: OperationRecord, entries: readonly JournalEntry[] = []): Promise<void> {
    const copy = structuredClone(record)
    const copies = structuredClone(entries)
    return this.#write((tables) => tables.save(copy, copies))
  }

  saveSoon(record: OperationRecord): Promise<void> {
    return this.save(record)
  }

  async remove(id: OperationId): Promise<void> {
    return this.#write((tables) => tables.remove(id))
  }

  async saveGroup(group: GroupRecord): Promise<void> {
    const copy = structuredClone(group)
    return this.#write((tables) => tables.saveGroup(copy))
  }

  async savePrefetch(record: PrefetchRecord): Promise<void> {
    const copy = structuredClone(record)
    return this.#write((tables) => {
      tables.prefetch = copy
    })
  }

  async prefetch(): Promise<PrefetchRecord | undefined> {
    return this.#opened().prefetch
  }

  async changeTally(tally: TallyRef, change: TallyChange): Promise<void> {
    const copy = structuredClone(change)
    return this.#write((tables) => tables.changeTally(tally, copy))
  }

  async tally(id: TallyId): Promise<Tally | undefined> {
    return this.#opened().tally(id)
  }

  async tallies(): Promise<readonly Tally[]> {
    return this.#opened().tallies()
  }

  async members(tally: TallyId, after: OperationId | undefined, limit: number): Promise<readonly OperationId[]> {
    return this.#opened().members(tally, after, limit)
  }

  async get(id: OperationId): Promise<OperationRecord | undefined> {
    return this.#opened().get(id)
  }

  async getMany(ids: readonly OperationId[]): Promise<readonly (OperationRecord | undefined)[]> {
    const tables = this.#opened()
    return ids.map((id) => tables.get(id))
  }

  async findByFile(file: string): Promise<OperationId | undefined> {
    return this.#opened().findByFile(file)
  }

  async findManyByFile(files: readonly string[]): Promise<readonly (OperationId | undefined)[]> {
    const tables = this.#opened()
    return files.map((file) => tables.findByFile(file))
  }

  async active(states?: readonly LifeState[]): Promise<readonly OperationId[]> {
    return this.#opened().active(states)
  }

  async waitingGroups(): Promise<readonly WaitingGroup[]> {
    return this.#opened().waitingGroups()
  }

  async line(group: string, range: LineRange, limit: number, backwards = false): Promise<readonly LineEntry[]> {
    const fault = this.#readFault
    if (fault !== undefined && fault.left > 0) {
      fault.left -= 1
      throw fault.error
    }
    return this.#opened().line(group, range, limit, backwards)
  }

  async ended(after: EndedEntry | undefined, limit: number): Promise<readonly EndedEntry[]> {
    return this.#opened().ended(after, limit)
  }

  async newestEnded(limit: number): Promise<readonly EndedEntry[]> {
    return this.#opened().newestEnded(limit)
  }

  async journal(id: OperationId, page: JournalPage = {}): Promise<readonly JournalEntry[]> {
    return this.#opened().journal(id, page)
  }

  async query(query: OperationQuery): Promise<readonly OperationRecord[]> {
    return this.#opened().query(query)
  }

  async groups(): Promise<readonly GroupRecord[]> {
    return this.#opened().groups()
  }

  /** Memory does not rot. */
  async damaged(): Promise<number> {
    return 0
  }

  async flush(): Promise<void> {
    return this.#write(() => {})
  }

  async close(): Promise<void> {
    if (this.#phase === 'open') {
      this.commit()
      this.#release()
    }
    this.#phase = 'closed'
  }

  async #write(apply: Apply): Promise<void> {
    apply(this.#opened())
    const durable = new Promise<void>((resolve, reject) => this.#waiting.push({apply, resolve, reject}))
    if (!this.#isManual && !this.#isScheduled) {
      this.#isScheduled = true
      queueMicrotask(() => {
        this.#isScheduled = false
        this.commit()
      })
    }
    return durable
  }

  #opened(): MemoryTables {
    if (this.#phase !== 'open') throw closed()
    return this.#latest
  }

  #release(): void {
    this.#phase = 'closed'
    if (this.disk.holder === this) this.disk.holder = undefined
  }
}

function closed(): TransferError {
  return new TransferError('CLOSED', 'the store is closed')
}
