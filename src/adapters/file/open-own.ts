/**
 * Opens a file of ours to be written to. A umask, or the ACL of the directory, may have left its owner no right to write: what was made
 * can be written to until it is closed, and not again. So may the final mode, which a part gets before its record says that it is whole.
 */

import {errnoOf} from './file-errors.ts'
import type {FileSystem} from './file-system.ts'

const OWN_MODE = 0o600

export async function openOwn(files: FileSystem, path: string, intent: 'update' | 'create'): Promise<number> {
  try {
    return await files.open(path, intent)
  } catch (thrown) {
    if (errnoOf(thrown) !== 'EACCES' || !(await makeWritable(files, path))) throw thrown
  }
  return files.open(path, intent)
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
