/** The Level database itself: where it lies, how it is opened and tuned, and what its recovery left out. */

import {chmod, open, readdir, readFile, stat} from 'node:fs/promises'
import {dirname, join} from 'node:path'
import {Level} from 'level'
import {TransferError} from '../../domain/errors.ts'
import {lockedError} from './holder.ts'
import {spanOf} from './keys.ts'
import {makeDirectory} from './make-directory.ts'
import {adoptRepaired} from './repaired.ts'
import {codeOf, damaged, storeError} from './store-errors.ts'

export type Database = Level<string, string>

export type Entry = readonly [key: string, value: string]

/**
 * LevelDB keeps up to two write buffers as anonymous memory. Bulk creation is as fast with 8 MiB as with 32, measured, and
 * an open after a crash has less to replay.
 */
const WRITE_BUFFER_BYTES = 8 * 1024 * 1024

const CHUNK = 1000

/** The file in which LevelDB says what the database is; it stands in every one that was opened. */
const CURRENT = 'CURRENT'

const UNSYNCED = new Set(['EACCES', 'EPERM', 'EINVAL', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS'])

/** How much an iterator may read ahead in one trip to the thread pool. */
export const READ_AHEAD_BYTES = 256 * 1024

export function databasePath(directory: string): string {
  return join(directory, 'store')
}

export async function openDatabase(directory: string, create: boolean): Promise<Database> {
  const location = databasePath(directory)
  try {
    if (create) {
      await makeDirectory(directory)
      await adoptRepaired(directory, location)
      await makeDirectory(location)
      // LevelDB makes its files with the process's umask; the closed directory is what keeps them private.
      await chmod(location, 0o700)
    }
    const names = await readdir(location)
    refuseLostTables(location, names)
    if (create && !names.includes(CURRENT)) await syncPathTo(location)
    return await openAt(location, create)
  } catch (thrown) {
    const error = storeError(thrown, directory)
    throw error.code === 'STORE_LOCKED' ? await lockedError(directory, error) : error
  }
}

/**
 * LevelDB syncs its own directory; the names that lead there are ours to make durable, before anything is told to be. Who made them
 * is not known: it may have been done before the store was asked for, or by a process that died before it could sync them.
 */
async function syncPathTo(location: string): Promise<void> {
  const {dev} = await stat(location)
  for (let path = dirname(location); (await stat(path)).dev === dev; path = dirname(path)) {
    await syncDirectory(path)
    if (path === dirname(path)) return
  }
}

export async function syncDirectory(path: string): Promise<void> {
  // Windows opens no directories, and journals their entries by itself.
  if (process.platform === 'win32') return
  try {
    const directory = await open(path, 'r')
    try {
      await directory.sync()
    } finally {
      await directory.close()
    }
  } catch (thrown) {
    // Not ours to open, or on a file system that syncs no directories: there is nothing better to do.
    if (!UNSYNCED.has(codeOf(thrown))) throw thrown
  }
}

/** Opens the database in exactly that directory; rejects with what Level throws. */
export async function openAt(location: string, create: boolean): Promise<Database> {
  const database: Database = new Level(location, {
    writeBufferSize: WRITE_BUFFER_BYTES,
    createIfMissing: create,
    errorIfExists: false,
  })
  await database.open()
  return database
}

/**
 * Without CURRENT LevelDB takes the database for a new one and deletes every table in its directory. What stands in the
 * log alone survives that, so only tables are a reason to stop.
 */
function refuseLostTables(location: string, names: readonly string[]): void {
  const hasTables = names.some(isTable)
  if (hasTables && !names.includes(CURRENT)) throw damaged(location, {cause: 'CURRENT is missing'})
}

export function isTable(name: string): boolean {
  return /\.(ldb|sst)$/.test(name)
}

/** LevelDB's own repair, in place: for copies only. */
export async function repairAt(location: string): Promise<void> {
  // On Node.js `Level` is ClassicLevel, whose static methods the universal package's types leave out.
  const native = Level as unknown as {repair?(location: string): Promise<void>}
  if (native.repair === undefined) throw new TransferError('INTERNAL', 'this build of Level cannot repair')
  await native.repair(location)
}

/**
 * Whether the last open skipped damaged stretches of the write-ahead log. LevelDB opens as if nothing had happened and
 * says so only in its LOG, which starts afresh with each open.
 */
export async function recoveryLostWrites(location: string): Promise<boolean> {
  const log = await readFile(join(location, 'LOG'), 'utf8').catch(() => '')
  return /: dropping \d+ bytes; /.test(log)
}

/** All entries of a sublevel (those behind the key `after`, if given), some at a time. */
export async function* chunksOf(
  database: Database,
  prefix: string,
  after?: string,
): AsyncGenerator<readonly Entry[], void> {
  const {gte, lt} = spanOf(prefix)
  const start = after === undefined ? {gte} : {gt: after}
  const iterator = database.iterator({...start, lt, fillCache: false, highWaterMarkBytes: READ_AHEAD_BYTES})
  try {
    for (;;) {
      const entries = await iterator.nextv(CHUNK)
      if (entries.length === 0) return
      yield entries
    }
  } finally {
    await iterator.close()
  }
}

export function openBatch(database: Database) {
  return database.batch()
}

/** A chained batch: the cheapest way to hand many writes to LevelDB. */
export type Batch = ReturnType<typeof openBatch>
