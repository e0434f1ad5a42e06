/**
 * Gives a finished part its destination's name. A link never replaces anything, so two policies take the name by link; the
 * third renames. Each crash point leaves a state that a second call recognises by the file's identity.
 */

import {basename} from 'node:path'
import {TransferError} from '../../domain/errors.ts'
import {safeFileName} from '../../domain/file-name.ts'
import type {CollisionPolicy, PublishedFile} from '../../domain/record.ts'
import type {PartName} from '../../ports/file-sink.ts'
import {refuseToReplace} from './check-target.ts'
import {errnoOf, NO_LINKS} from './file-errors.ts'
import {alternative, noteOf, type PartPaths, siblingOf} from './file-names.ts'
import type {FileSystem} from './file-system.ts'
import {dropPlaceholder, isPlaceholder, type PlaceholderOptions, takeByPlaceholder} from './placeholder.ts'
import {isSame, renamePart} from './rename-part.ts'

/** After so many taken names something else is wrong. */
const MOST_ALTERNATIVES = 100_000

export interface TakenName {
  /** The path that the file has now. */
  readonly path: string
  readonly partName: PartNameLeft
}

/** What is under the part's own name now: nothing, a further name of the file, or whatever an earlier call left. */
export type PartNameLeft = 'none' | 'further' | 'unknown'

export interface Publication {
  readonly files: FileSystem
  readonly durable: boolean
  readonly name: PartName
  readonly paths: PartPaths
  readonly file: PublishedFile
  readonly collision: CollisionPolicy
}

/** The directory is not synced yet, and leftovers are still there. */
export async function takeFinalName(publication: Publication): Promise<TakenName> {
  const {files, durable, name, paths, file, collision} = publication
  const {part, directory} = paths
  const destination = destinationOf(name, file)
  const found = await files.lstat(part)
  const whole = isSame(found, file)
  if (found === undefined || !whole || found.links > 1) {
    const taken = await findTakenName(files, destination, directory, file, collision)
    if (taken !== undefined) return {path: taken, partName: 'unknown'}
  }
  if (!whole) {
    // Whoever fetches it again looks at the destination first.
    await dropPlaceholder(files, noteOf(name))
    throw new TransferError('PART_LOST', 'the partial file is gone, or is another one', {where: part})
  }
  if (collision === 'replaceExisting') {
    // Made meanwhile; or the server named it, and nobody could look before.
    refuseToReplace(destination, await files.lstat(destination))
    await renamePart(files, part, destination, file)
    return {path: destination, partName: 'none'}
  }
  for (let n = 1; n <= MOST_ALTERNATIVES; n++) {
    const path = alternative(destination, n)
    const partName = await takeFreeName({files, part, note: noteOf(name), durable, file}, path)
    if (partName !== undefined) return {path, partName}
    if (collision === 'failIfExists') break
  }
  throw new TransferError('FILE_EXISTS', 'the file already exists', {where: destination})
}

/** A name that leads elsewhere was never made safe: whatever brought it here is at fault. */
function destinationOf({file}: PartName, {as}: PublishedFile): string {
  if (as === undefined) return file
  if (as === '' || as !== safeFileName(as))
    throw new TransferError('INTERNAL', 'this is no safe file name', {where: as})
  return siblingOf(file, as)
}

/** Where a crash may have left the file under its final name. */
async function findTakenName(
  files: FileSystem,
  destination: string,
  directory: string,
  file: PublishedFile,
  collision: CollisionPolicy,
): Promise<string | undefined> {
  if (isSame(await files.lstat(destination), file)) return destination
  if (collision !== 'generateUniqueName') return undefined
  const present = new Set(await files.readdir(directory))
  // Alternatives between may have been removed since, so every one that the directory has room for is looked at.
  for (let n = 2; n <= present.size + 1 && n <= MOST_ALTERNATIVES; n++) {
    const path = alternative(destination, n)
    if (present.has(basename(path)) && isSame(await files.lstat(path), file)) return path
  }
  return undefined
}

/** Undefined when the name is taken. */
async function takeFreeName(options: PlaceholderOptions, path: string): Promise<PartNameLeft | undefined> {
  const {files, part, note, file} = options
  try {
    await files.link(part, path)
    return 'further'
  } catch (thrown) {
    const errno = errnoOf(thrown)
    // Made, and the answer lost: see renamePart.
    if (errno === 'EEXIST' && isSame(await files.lstat(path), file)) return 'further'
    // What is there is looked at before links are asked for.
    if (errno === 'EEXIST' && !(await isPlaceholder(files, note, path))) return undefined
    if (errno !== 'EEXIST' && (errno === undefined || !NO_LINKS.has(errno))) throw thrown
    return (await takeByPlaceholder(options, path)) ? 'none' : undefined
  }
}
