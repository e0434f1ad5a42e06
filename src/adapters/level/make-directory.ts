/** Makes the directories of a store, closed to others. */

import {mkdir, stat} from 'node:fs/promises'
import {dirname} from 'node:path'
import {TransferError} from '../../domain/errors.ts'
import {codeOf} from './store-errors.ts'

/** That of a store, before anything of it is there. Rejects with FILE_ACCESS. */
export async function makeStoreDirectory(directory: string): Promise<void> {
  try {
    await makeDirectory(directory)
  } catch (cause) {
    throw new TransferError('FILE_ACCESS', 'the store directory cannot be created', {
      where: directory,
      cause,
      advice: 'choose another directory for the store, or mend its permissions',
    })
  }
}

/**
 * With those above it. The recursive `mkdir` of Node.js never ends where a directory takes no other, and says ENOENT: under /proc, or in
 * one that was removed while it was in use.
 */
export async function makeDirectory(path: string): Promise<void> {
  try {
    await makeOne(path)
  } catch (thrown) {
    const parent = dirname(path)
    if (codeOf(thrown) !== 'ENOENT' || (await isDirectory(parent))) throw thrown
    await makeDirectory(parent)
    await makeOne(path)
  }
}

async function makeOne(path: string): Promise<void> {
  try {
    await mkdir(path, {mode: 0o700})
  } catch (thrown) {
    if (!(await isDirectory(path))) throw thrown
  }
}

function isDirectory(path: string): Promise<boolean> {
  return stat(path).then(
    (found) => found.isDirectory(),
    () => false,
  )
}
