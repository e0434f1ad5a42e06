/**
 * Opens a file of ours to be written to. A umask, or the ACL of the directory, may have left its owner no right to write: what was made
 * can be written to until it is closed, and not again. So may the final mode, which a part gets before its record says that it is whole.
 */

import {errnoOf} from './file-errors.ts'
import type {FileSystem} from './file-system.ts'

const OWN_MODE = 0o600

export async function openOwn(files: FileSystem, path: string): Promise<number> {
  try {
    return await files.open(path, 'update')
  } catch (thrown) {
    if (errnoOf(thrown) !== 'EACCES' || !(await makeWritable(files, path))) throw thrown
  }
  return files.open(path, 'update')
}

/**
 * Makes a file of ours where nothing is to be kept of what stands there. That may have another name by now, or be somebody else's by a link
 * that they made: it is not written to.
 */
export async function createAnew(files: FileSystem, path: string, mode?: number): Promise<number> {
  await files.remove(path)
  return files.open(path, 'createNew', mode)
}

/** False where it is not ours, or not to be read either. */
async function makeWritable(files: FileSystem, path: string): Promise<boolean> {
  let fd: number
  try {
    fd = await files.open(path, 'read')
  } catch {
    return false
  }
  try {
    await files.fchmod(fd, OWN_MODE)
    return true
  } catch {
    return false
  } finally {
    await files.close(fd)
  }
}
