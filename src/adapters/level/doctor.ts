/**
 * What `bgt doctor` does to a store: says how it is, and makes a new one of what can be saved. The damaged store is moved
 * aside and kept; LevelDB's own repair, which may throw away or invent values, only ever sees a copy.
 */

import {access, cp, readdir, rename, rm} from 'node:fs/promises'
import {dirname, join} from 'node:path'
import type {ErrorCode} from '../../domain/error-codes.ts'
import {TransferError} from '../../domain/errors.ts'
import type {OperationRecord} from '../../domain/record.ts'
import {STORE_ADVICE} from '../file/file-errors.ts'
import {
  type Database,
  databasePath,
  isTable,
  openAt,
  openDatabase,
  recoveryLostWrites,
  repairAt,
  syncDirectory,
} from './database.ts'
import {checkIndexes} from './index-check.ts'
import {scanJournal} from './journal.ts'
import {createLevelStore, type LevelStore} from './level-store.ts'
import {makeDirectory} from './make-directory.ts'
import {holdLock, isLock} from './repair-lock.ts'
import {adoptRepaired, repairedDirectory} from './repaired.ts'
import {NOTHING_SALVAGED, recordsOf, salvage} from './salvage.ts'
import {readManifest, readVersion, SUSPECT_KEY} from './schema.ts'
import {codeOf, storeError} from './store-errors.ts'

export interface StoreReport {
  readonly exists: boolean
  readonly opens: boolean
  /** Why it does not open, or cannot be read to its end; one line. */
  readonly problem?: string
  /** Operations whose records verify. */
  readonly records: number
  /** Records, of operations and groups, that do not. */
  readonly damaged: number
  /** Operations that the manifest counts and that are not there. */
  readonly missing: number
  /** Entries that the indexes lack. */
  readonly unindexed: number
  /** Index entries, and pieces of journals, that no record calls for. */
  readonly orphans: number
  /** LevelDB left out damaged parts of its log since the indexes were last made right. */
  readonly lostWrites: boolean
}

export interface RepairReport {
  /** Where the store as it was is kept; absent when there was none. */
  readonly keptAs?: string
  /** Operations taken over from the store. */
  readonly records: number
  readonly groups: number
  /** Records that did not verify, left behind. */
  readonly damaged: number
  /** Operations that the old manifest counted, if it could be read, beyond those that are in the new store. */
  readonly missing: number
  /** Operations taken from `salvaged`. */
  readonly added: number
  /** Files of LevelDB that could not be read at all; what they held may be in nobody's count. */
  readonly lostTables: number
}

export interface RepairOptions {
  /** Records put together from elsewhere, such as side files; added, at the end of the line, where the store lacks them. */
  readonly salvaged?: readonly OperationRecord[]
  /** Epoch ms; the system's clock by default. */
  readonly now?: () => number
}

/** A repair would not mend these. */
const NO_DAMAGE: ReadonlySet<ErrorCode> = new Set(['STORE_LOCKED', 'STORE_TOO_NEW', 'DISK_FULL', 'FILE_ACCESS'])

const NOTHING_FOUND = {records: 0, damaged: 0, missing: 0, unindexed: 0, orphans: 0, lostWrites: false}

/**
 * Reads the whole store and changes nothing of it. Rejects with STORE_LOCKED while somebody has it open, with DISK_FULL or
 * FILE_ACCESS when it cannot be opened for want of room or permission, and with STORE_TOO_NEW. `onRecord` hears of each operation whose
 * record verifies.
 */
export async function diagnose(directory: string, onRecord?: (record: OperationRecord) => void): Promise<StoreReport> {
  await adoptRepaired(directory, databasePath(directory))
  if (!(await exists(databasePath(directory)))) return {exists: false, opens: false, ...NOTHING_FOUND}
  let database: Database
  try {
    database = await openDatabase(directory, true)
  } catch (thrown) {
    return {exists: true, opens: false, problem: problemOf(thrown, directory), ...NOTHING_FOUND}
  }
  try {
    // LevelDB tells of it only once: the next open must still know.
    if (await recoveryLostWrites(databasePath(directory))) await database.put(SUSPECT_KEY, '1', {sync: true})
    const suspect: string | undefined = await database.get(SUSPECT_KEY)
    const problem = await formatProblem(database, directory)
    const manifest = await readManifest(database)
    const check = await checkIndexes(database, onRecord)
    return {
      exists: true,
      opens: true,
      ...(problem === undefined ? {} : {problem}),
      records: check.records,
      damaged: check.damaged.length,
      missing: Math.max(0, (manifest?.operations ?? 0) - check.records - check.damaged.length),
      unindexed: check.missing.length,
      orphans: check.orphans.length,
      lostWrites: suspect !== undefined,
    }
  } catch (thrown) {
    return {exists: true, opens: true, problem: problemOf(thrown, directory), ...NOTHING_FOUND}
  } finally {
    await database.close()
  }
}

/** Replaces the store by a new one. Rejects with STORE_LOCKED while somebody has it open, and with STORE_TOO_NEW. */
export async function repair(directory: string, options: RepairOptions = {}): Promise<RepairReport> {
  const {salvaged = [], now = Date.now} = options
  const location = databasePath(directory)
  const workshop = join(directory, 'repairing')
  let giveBack = async () => {}
  try {
    await adoptRepaired(directory, location)
    const hadStore = await exists(location)
    if (hadStore) await refuseIfLocked(directory)
    // What an interrupted repair left behind: copies only.
    await rm(workshop, {recursive: true, force: true})
    await rm(repairedDirectory(directory), {recursive: true, force: true})
    await makeDirectory(workshop)
    if (hadStore) giveBack = await holdLock(location, join(workshop, 'lock'), directory)
    const copy = join(workshop, 'copy')
    const old = hadStore ? await restoredCopy(location, copy) : undefined
    if (old !== undefined) await refuseIfTooNew(old, directory)
    const counts = await rebuild(workshop, old, salvaged)
    const lostTables = await countLostTables(copy)
    await rm(copy, {recursive: true, force: true})
    // From here on the new store is whole: a crash between the renames is mended by the next open.
    await rename(workshop, repairedDirectory(directory))
    await syncDirectory(directory)
    const keptAs = `${location}.damaged-${new Date(now()).toISOString().replaceAll(':', '-')}`
    if (hadStore) await rename(location, keptAs)
    await takePlace(directory, location)
    // Before anything is written to it: after a loss of power the old store would have its name again, and these records none.
    await syncDirectory(directory)
    await giveBack()
    await rm(repairedDirectory(directory), {recursive: true, force: true})
    return {...(hadStore ? {keptAs} : {}), ...counts, lostTables}
  } catch (thrown) {
    await giveBack().catch(() => {})
    // Most likely the disk is full, and these are copies only.
    await rm(workshop, {recursive: true, force: true}).catch(() => {})
    throw storeError(thrown, directory)
  }
}

/** Whoever opened it since the old one was put aside has done so already. */
async function takePlace(directory: string, location: string): Promise<void> {
  try {
    await rename(databasePath(repairedDirectory(directory)), location)
  } catch (thrown) {
    if (codeOf(thrown) !== 'ENOENT') throw thrown
  }
}

async function rebuild(
  workshop: string,
  old: Database | undefined,
  salvaged: readonly OperationRecord[],
): Promise<Omit<RepairReport, 'keptAs' | 'lostTables'>> {
  const store = createLevelStore({directory: workshop, durability: 'power'})
  try {
    await store.open()
    const found = old === undefined ? NOTHING_SALVAGED : await salvage(old)
    // In the order of arrival, so that the last to name a file holds it.
    for (let at = 0; at < found.operations.length; at += CHUNK) {
      const records = recordsOf(found.operations.slice(at, at + CHUNK))
      await store.create(records)
      if (old !== undefined) await copyJournals(records, old, store)
    }
    for (const group of found.groups) await store.saveGroup(group)
    if (found.prefetch !== undefined) await store.savePrefetch(found.prefetch)
    // Its members are counted anew, those that were lost not any more.
    for (const tally of found.tallies) await store.changeTally(tally, {kind: 'restore', tally})
    const present = await store.getMany(salvaged.map(({id}) => id))
    const added = salvaged.filter((_, at) => present[at] === undefined)
    await store.create(added.map((record, at) => ({...record, sequence: found.lastSequence + 1 + at})))
    return {
      records: found.operations.length,
      groups: found.groups.length,
      damaged: found.damaged,
      missing: Math.max(0, found.counted - found.operations.length - added.length),
      added: added.length,
    }
  } finally {
    await old?.close()
    await store.close()
  }
}

const CHUNK = 1000

/** As far as they can be read: a record matters more than its history. */
async function copyJournals(records: readonly OperationRecord[], old: Database, store: LevelStore): Promise<void> {
  const saves: Promise<void>[] = []
  for (const record of records) {
    if (record.journalled === undefined) continue
    const entries = await scanJournal(old, record.id, {}, () => {}).catch((thrown: unknown) => {
      if (storeError(thrown, '').code !== 'STORE_DAMAGED') throw thrown
      return []
    })
    if (entries.length > 0) saves.push(store.save(record, entries))
  }
  await Promise.all(saves)
}

/** The copy after LevelDB's repair; `undefined` when even that does not open. */
async function restoredCopy(location: string, copy: string): Promise<Database | undefined> {
  await cp(location, copy, {recursive: true, filter: (path) => !isLock(path, location)})
  try {
    await repairAt(copy)
    return await openAt(copy, false)
  } catch (thrown) {
    const error = storeError(thrown, location)
    if (error.kind === 'storage' && error.code !== 'DISK_FULL' && error.code !== 'FILE_ACCESS') return undefined
    throw error
  }
}

/** LevelDB's repair puts aside, in `lost`, the tables that it cannot make sense of (beside logs, which it has converted). */
async function countLostTables(copy: string): Promise<number> {
  const names = await readdir(join(copy, 'lost')).catch(() => [])
  return names.filter(isTable).length
}

async function refuseIfLocked(directory: string): Promise<void> {
  try {
    const database = await openDatabase(directory, true)
    await database.close()
  } catch (thrown) {
    if (storeError(thrown, directory).code !== 'STORE_DAMAGED') throw thrown
  }
}

/** What a newer version wrote is not damaged, and this one does not know what it would leave behind. */
async function refuseIfTooNew(copy: Database, directory: string): Promise<void> {
  try {
    await formatProblem(copy, directory)
  } catch (thrown) {
    await copy.close()
    throw thrown
  }
}

/** Why its format cannot be told; no other command would open it. Rejects with STORE_TOO_NEW. */
async function formatProblem(database: Database, directory: string): Promise<string | undefined> {
  try {
    await readVersion(database, directory)
    return undefined
  } catch (thrown) {
    return problemOf(thrown, directory)
  }
}

function problemOf(thrown: unknown, directory: string): string {
  const error = storeError(thrown, directory)
  if (NO_DAMAGE.has(error.code)) throw error
  const cause = error.cause instanceof Error ? `: ${error.cause.message}` : ''
  return `${error.message}${cause}`.replaceAll('\n', ' ')
}

async function exists(path: string): Promise<boolean> {
  try {
    await access(path)
    return true
  } catch (thrown) {
    const code = codeOf(thrown)
    if (code === 'ENOENT') return false
    if (code === 'ENOTDIR') throw storeError(thrown, dirname(path))
    throw new TransferError('FILE_ACCESS', 'the store cannot be read', {
      where: path,
      cause: thrown,
      advice: STORE_ADVICE.FILE_ACCESS,
    })
  }
}
