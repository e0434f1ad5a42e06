/** A part takes a name by rename, also where the answer to that is lost. */

import type {PublishedFile} from '../../domain/record.ts'
import {errnoOf} from './file-errors.ts'
import type {FileFacts, FileSystem} from './file-system.ts'

/** Over a network the answer to a call that was carried out may be lost, and the same call refused when it is sent again. */
export async function renamePart(files: FileSystem, part: string, path: string, file: PublishedFile): Promise<void> {
  try {
    await files.rename(part, path)
  } catch (thrown) {
    if (errnoOf(thrown) !== 'ENOENT' || !isSame(await files.lstat(path), file)) throw thrown
  }
}

export function isSame(found: FileFacts | undefined, file: PublishedFile): boolean {
  // Not the device: its number may be another after the machine was started anew, and all names are in one directory.
  return found !== undefined && found.kind === 'file' && found.inode === file.inode && found.size === file.size
}
