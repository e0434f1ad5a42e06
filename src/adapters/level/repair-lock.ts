/**
 * Keeps everybody out of a store that is being replaced. LevelDB locks a file of the directory for as long as a database in it is
 * open, and what is to be copied and moved had better not be. So a database beside it is opened whose lock is the same file, by a
 * second name.
 */

import {link, open} from 'node:fs/promises'
import {join} from 'node:path'
import {openAt} from './database.ts'
import {lockedError} from './holder.ts'
import {makeDirectory} from './make-directory.ts'
import {storeError} from './store-errors.ts'

const LOCK = 'LOCK'

/** A lock is given up as soon as its process closes the file, by whatever name: copying it would. */
export function isLock(path: string, location: string): boolean {
  return path === join(location, LOCK)
}

/** Resolves with what gives it back. Rejects with STORE_LOCKED. `beside` is made. */
export async function holdLock(location: string, beside: string, directory: string): Promise<() => Promise<void>> {
  await makeDirectory(beside)
  // Windows moves no directory with a file that is open.
  if (process.platform === 'win32' || !(await shareLock(location, beside))) return async () => undefined
  try {
    const database = await openAt(beside, true)
    return () => database.close()
  } catch (thrown) {
    const error = storeError(thrown, directory)
    throw error.code === 'STORE_LOCKED' ? await lockedError(directory, error) : error
  }
}

/** False where there are no hard links: then nobody can be kept out. */
async function shareLock(location: string, beside: string): Promise<boolean> {
  const lock = join(location, LOCK)
  try {
    // A store that is too damaged to be opened may have none.
    await (await open(lock, 'a', 0o600)).close()
    await link(lock, join(beside, LOCK))
    return true
  } catch {
    return false
  }
}
