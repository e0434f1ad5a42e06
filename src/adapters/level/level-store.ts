/** The RecordStore on Level: one database in `<directory>/store`, written by group commit, read around what is in flight. */

import {TransferError} from '../../domain/errors.ts'
import type {JournalEntry, JournalPage} from '../../domain/journal.ts'
import type {OperationId, TallyId} from '../../domain/operation-id.ts'
import type {PrefetchRecord} from '../../domain/prefetch.ts'
import type {GroupRecord, LineRange, OperationRecord} from '../../domain/record.ts'
import type {LifeState} from '../../domain/status.ts'
import type {Tally, TallyChange, TallyRef} from '../../domain/tally.ts'
import type {
  EndedEntry,
  LineEntry,
  OperationQuery,
  RecordStore,
  StoreSummary,
  WaitingGroup,
} from '../../ports/record-store.ts'
import {Connection} from './connection.ts'
import type {Database} from './database.ts'
import {GroupCommit} from './group-commit.ts'
import {removeHolder, writeHolder} from './holder.ts'
import {scanJournal} from './journal.ts'
import {fileKey, operationKey, PREFETCH_KEY, tallyKey} from './keys.ts'
import type {PendingWrites} from './pending-writes.ts'
import {
  scanActive,
  scanEnded,
  scanGroups,
  scanLine,
  scanMembers,
  scanNewestEnded,
  scanQuery,
  scanTallies,
  scanWaitingGroups,
} from './scans.ts'
import {closed, damaged, storeError} from './store-errors.ts'
import {unsealPrefetch, unsealRecord, unsealTally} from './stored-record.ts'

export interface LevelStoreOptions {
  /** The engine's directory; made, mode 0700, when it is missing. The database is its `store`. */
  readonly directory: string
  /** power: a write counts once it is synced to the disk. process: once the system has it. */
  readonly durability: 'power' | 'process'
  /** How this process is named to another one that finds the store in use; by default the script's file name. */
  readonly command?: string
  /** Epoch ms; the system's clock by default. */
  readonly now?: () => number
}

export interface StoreDiagnostics {
  /** Values that were met and did not verify. */
  readonly damaged: number
  /** Damage was found on opening; the indexes were rebuilt from what was left. */
  readonly healed: boolean
}

export type LevelStore = RecordStore & {diagnostics(): StoreDiagnostics}

/** Scans see each save and removal that was asked for before them, and each creation that has resolved. */
export function createLevelStore(options: LevelStoreOptions): LevelStore {
  return new LevelRecordStore(options)
}

/** Files whose operations are looked up together. */
interface Lookup {
  readonly files: string[]
  readonly ids: Promise<readonly (OperationId | undefined)[]>
}

class LevelRecordStore implements LevelStore {
  readonly #options: LevelStoreOptions
  readonly #connection: Connection
  readonly #damaged = new Set<string>()
  #commit: GroupCommit | undefined
  #opening: Promise<StoreSummary> | undefined
  #closing: Promise<void> | undefined
  /** What is asked for in this turn. */
  #lookup: Lookup | undefined

  constructor(options: LevelStoreOptions) {
    this.#options = options
    this.#connection = new Connection(options.directory)
  }

  async open(): Promise<StoreSummary> {
    const {directory} = this.#options
    if (this.#closing !== undefined) throw closed(directory)
    if (this.#opening !== undefined) throw new TransferError('ILLEGAL_STATE', 'the store is open', {where: directory})
    this.#opening = this.#start()
    try {
      return await this.#opening
    } catch (thrown) {
      // It may be tried again: whoever held the lock can be gone by then.
      this.#opening = undefined
      throw thrown
    }
  }

  create(records: readonly OperationRecord[]): Promise<void> {
    return this.#write((pending) => pending.create(records))
  }

  save(record: OperationRecord, entries: readonly JournalEntry[] = []): Promise<void> {
    return this.#write((pending) => pending.save(record, entries))
  }

  saveSoon(record: OperationRecord): Promise<void> {
    return this.#write((pending) => pending.save(record), 'soon')
  }

  remove(id: OperationId): Promise<void> {
    return this.#write((pending) => pending.remove(id))
  }

  saveGroup(group: GroupRecord): Promise<void> {
    return this.#write((pending) => pending.saveGroup(group))
  }

  savePrefetch(record: PrefetchRecord): Promise<void> {
    return this.#write((pending) => pending.savePrefetch(record))
  }

  async prefetch(): Promise<PrefetchRecord | undefined> {
    const text = await this.#scan<string | undefined>((database) => database.get(PREFETCH_KEY))
    if (text === undefined) return undefined
    const record = unsealPrefetch(text)
    if (record === undefined) this.#noteDamage(PREFETCH_KEY)
    return record
  }

  changeTally(tally: TallyRef, change: TallyChange): Promise<void> {
    return this.#write((pending) => pending.changeTally(tally, change))
  }

  async tally(id: TallyId): Promise<Tally | undefined> {
    const key = tallyKey(id)
    const text = await this.#scan<string | undefined>((database) => database.get(key))
    if (text === undefined) return undefined
    const tally = unsealTally(key, text)
    if (tally !== undefined) return tally
    this.#noteDamage(key)
    throw damaged(this.#options.directory, {key})
  }

  tallies(): Promise<readonly Tally[]> {
    return this.#scan((database) => scanTallies(database, this.#noteDamage))
  }

  members(tally: TallyId, after: OperationId | undefined, limit: number): Promise<readonly OperationId[]> {
    return this.#scan((database) => scanMembers(database, tally, after, limit))
  }

  async get(id: OperationId): Promise<OperationRecord | undefined> {
    const [found] = await this.#read([id])
    if (found !== 'damaged') return found
    throw damaged(this.#options.directory, {key: operationKey(id)})
  }

  /** A record that does not verify is left out, and counted: one of them must not keep the others from being recovered. */
  async getMany(ids: readonly OperationId[]): Promise<readonly (OperationRecord | undefined)[]> {
    const found = await this.#read(ids)
    return found.map((record) => (record === 'damaged' ? undefined : record))
  }

  /** What is looked up in one turn is one read. */
  async findByFile(file: string): Promise<OperationId | undefined> {
    this.#lookup ??= this.#lookUpTogether()
    const {files, ids} = this.#lookup
    const at = files.push(file) - 1
    return (await ids)[at]
  }

  #lookUpTogether(): Lookup {
    const files: string[] = []
    const ids = Promise.resolve().then(() => {
      this.#lookup = undefined
      return this.findManyByFile(files)
    })
    return {files, ids}
  }

  /** Waits for no commit that has nothing to say of these files: most of them note steps of other operations. */
  async findManyByFile(files: readonly string[]): Promise<readonly (OperationId | undefined)[]> {
    await this.#opened().settledFor(files)
    return this.#connection.read(async (database) => {
      const keys = files.map(fileKey)
      // That a key is not there is known from memory: a trip to another thread takes five times as long as to ask.
      const ids = keys.length === 1 ? keys.map((key) => database.getSync(key)) : await database.getMany(keys)
      return ids as readonly (OperationId | undefined)[]
    })
  }

  active(states?: readonly LifeState[]): Promise<readonly OperationId[]> {
    return this.#scan((database) => scanActive(database, states))
  }

  waitingGroups(): Promise<readonly WaitingGroup[]> {
    return this.#scan(scanWaitingGroups)
  }

  line(group: string, range: LineRange, limit: number, backwards = false): Promise<readonly LineEntry[]> {
    return this.#scan((database) => scanLine(database, group, range, {limit, reverse: backwards}))
  }

  ended(after: EndedEntry | undefined, limit: number): Promise<readonly EndedEntry[]> {
    return this.#scan((database) => scanEnded(database, after, limit))
  }

  newestEnded(limit: number): Promise<readonly EndedEntry[]> {
    return this.#scan((database) => scanNewestEnded(database, limit))
  }

  journal(id: OperationId, page: JournalPage = {}): Promise<readonly JournalEntry[]> {
    return this.#scan((database) => scanJournal(database, id, page, this.#noteDamage))
  }

  query(query: OperationQuery): Promise<readonly OperationRecord[]> {
    return this.#scan((database) => scanQuery(database, query, this.#noteDamage))
  }

  groups(): Promise<readonly GroupRecord[]> {
    return this.#scan((database) => scanGroups(database, this.#noteDamage))
  }

  async damaged(): Promise<number> {
    return this.#damaged.size
  }

  async flush(): Promise<void> {
    return this.#opened().flush()
  }

  close(): Promise<void> {
    this.#closing ??= this.#shut()
    return this.#closing
  }

  diagnostics(): StoreDiagnostics {
    return {damaged: this.#damaged.size, healed: this.#connection.healed}
  }

  async #start(): Promise<StoreSummary> {
    const {directory, durability, command, now = Date.now} = this.#options
    const manifest = await this.#connection.open(true)
    try {
      await writeHolder(directory, now(), command)
    } catch (thrown) {
      await this.#connection.close()
      throw storeError(thrown, directory)
    }
    this.#commit = new GroupCommit({connection: this.#connection, directory, sync: durability === 'power', manifest})
    return {lastSequence: manifest.lastSequence, operations: manifest.operations}
  }

  async #shut(): Promise<void> {
    // Closed while it opens: the lock must not outlive the close.
    await this.#opening?.catch(() => {})
    if (this.#commit === undefined) return
    // A write that fails now has told its own caller; what waits behind it would open the database again.
    await this.#commit.ended()
    // Before the lock is given back: the next holder writes its own.
    await removeHolder(this.#options.directory).catch(() => {})
    await this.#connection.close()
  }

  /** Not async: each save would be promised once more, behind the promise that `add` makes. */
  #write(add: (pending: PendingWrites) => Promise<void>, when: 'now' | 'soon' = 'now'): Promise<void> {
    const commit = this.#commit
    if (commit === undefined || this.#closing !== undefined) return Promise.reject(closed(this.#options.directory))
    const written = add(commit.pending)
    if (when === 'now') commit.wake()
    else commit.wakeSoon()
    return written
  }

  #opened(): GroupCommit {
    if (this.#commit === undefined || this.#closing !== undefined) throw closed(this.#options.directory)
    return this.#commit
  }

  async #scan<Result>(reader: (database: Database) => Promise<Result>): Promise<Result> {
    await this.#opened().settled()
    return this.#connection.read(reader)
  }

  async #read(ids: readonly OperationId[]): Promise<readonly (OperationRecord | 'damaged' | undefined)[]> {
    const commit = this.#opened()
    const changes = ids.map((id) => commit.changeOf(id))
    // A creation in flight counts only if the operation turns out to be unknown.
    const asked = ids.filter((_, at) => changes[at] === undefined || changes[at].kind === 'create').map(operationKey)
    const texts = await this.#connection.read<readonly (string | undefined)[]>((database) => database.getMany(asked))
    const stored = new Map(asked.map((key, at) => [key, texts[at]]))
    return ids.map((id, at) => {
      const change = changes[at]
      if (change?.kind === 'remove') return undefined
      if (change !== undefined && change.kind !== 'create') return change.record
      const key = operationKey(id)
      const text = stored.get(key)
      if (text === undefined) return change?.record
      const record = unsealRecord(key, text)
      if (record === undefined) this.#noteDamage(key)
      return record ?? 'damaged'
    })
  }

  readonly #noteDamage = (key: string): void => {
    this.#damaged.add(key)
  }
}
