/** Where a finished repair stands until it takes the store's place, and how an open completes one that was cut short. */

import {access, rename} from 'node:fs/promises'
import {join} from 'node:path'
import {codeOf, storeError} from './store-errors.ts'

const NOTHING_THERE = new Set(['ENOENT', 'ENOTDIR'])

export function repairedDirectory(directory: string): string {
  return join(directory, 'repaired')
}

/** A crash between the repair's two renames left no store; without this the next open would make an empty one. */
export async function adoptRepaired(directory: string, location: string): Promise<void> {
  if (!(await isMissing(location))) return
  try {
    await rename(join(repairedDirectory(directory), 'store'), location)
  } catch (thrown) {
    // Mostly there is none. One that cannot be moved must not be passed over: an empty store would take its place.
    if (!NOTHING_THERE.has(codeOf(thrown))) throw storeError(thrown, directory)
  }
}

async function isMissing(path: string): Promise<boolean> {
  try {
    await access(path)
    return false
  } catch {
    return true
  }
}
