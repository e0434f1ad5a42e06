/**
 * Where there are no hard links, an empty file made exclusively holds a name until the part is renamed over it. A process that is
 * killed between the two leaves that file, which looks like anybody's. So a note beside the part says first which name is about to
 * be taken: what has that name, is empty and is as old as the note is ours.
 */

import {basename, dirname, join} from 'node:path'
import type {PublishedFile} from '../../domain/record.ts'
import {errnoOf} from './file-errors.ts'
import type {FileSystem} from './file-system.ts'
import {isSame, renamePart} from './rename-part.ts'
import {readFully, writeFully} from './transfer-bytes.ts'

/** Between the two are no more than a few syncs. */
const TOGETHER_MS = 10_000

/** A name of 255 bytes fits. */
const MOST_BYTES = 1024

interface Note {
  readonly name: string
  readonly writtenMs: number
}

export interface PlaceholderOptions {
  readonly files: FileSystem
  readonly part: string
  readonly note: string
  /** The note outlives a loss of power that the placeholder outlives. */
  readonly durable: boolean
  /** What the part becomes. */
  readonly file: PublishedFile
}

/** False when the name is somebody else's. */
export async function takeByPlaceholder(options: PlaceholderOptions, path: string): Promise<boolean> {
  const {files, part, note, file} = options
  if (!(await isPlaceholder(files, note, path)) && !(await makePlaceholder(options, path))) return false
  try {
    await renamePart(files, part, path, file)
  } catch (thrown) {
    await dropPlaceholder(files, note, file)
    throw thrown
  }
  await files.remove(note)
  return true
}

/** Whether the name is held for a part by a placeholder that an earlier call left. */
export async function isPlaceholder(files: FileSystem, note: string, path: string): Promise<boolean> {
  const noted = await readNote(files, note)
  return noted?.name === basename(path) && (await isOfNote(files, path, noted))
}

/** What an earlier call left of the note, and of what it speaks of: that may have become `file`, which is empty too, since. */
export async function dropPlaceholder(files: FileSystem, note: string, file?: PublishedFile): Promise<void> {
  if ((await files.lstat(note)) === undefined) return
  const noted = await readNote(files, note)
  if (noted !== undefined) {
    const path = join(dirname(note), noted.name)
    const isPublished = file !== undefined && isSame(await files.lstat(path), file)
    if (!isPublished && (await isOfNote(files, path, noted))) await files.remove(path)
  }
  await files.remove(note)
}

async function makePlaceholder(options: PlaceholderOptions, path: string): Promise<boolean> {
  const {files, note} = options
  // No note is to speak of somebody else's file.
  if ((await files.lstat(path)) !== undefined) return false
  await dropPlaceholder(files, note)
  await writeNote(options, basename(path))
  try {
    const fd = await files.open(path, 'createNew')
    await files.close(fd)
    return true
  } catch (thrown) {
    if (errnoOf(thrown) !== 'EEXIST') {
      await dropPlaceholder(files, note)
      throw thrown
    }
    // Made meanwhile, by somebody else.
    await files.remove(note)
    return false
  }
}

async function writeNote({files, note, durable}: PlaceholderOptions, name: string): Promise<void> {
  const bytes = Buffer.from(name)
  const fd = await files.open(note, 'createNew')
  try {
    await writeFully(files, fd, bytes, 0)
    if (durable) await files.fdatasync(fd)
  } finally {
    await files.close(fd)
  }
  if (durable) await files.fsyncDirectory(dirname(note))
}

/** Undefined also for one that is torn, or leads elsewhere. */
async function readNote(files: FileSystem, note: string): Promise<Note | undefined> {
  const found = await files.lstat(note)
  if (found?.kind !== 'file' || found.size > MOST_BYTES) return undefined
  const fd = await files.open(note, 'read')
  try {
    const bytes = Buffer.alloc(found.size)
    const name = bytes.toString('utf8', 0, await readFully(files, fd, bytes, 0))
    return name === '' || name !== basename(name) ? undefined : {name, writtenMs: found.modifiedMs}
  } finally {
    await files.close(fd)
  }
}

async function isOfNote(files: FileSystem, path: string, {writtenMs}: Note): Promise<boolean> {
  const found = await files.lstat(path)
  return found?.kind === 'file' && found.size === 0 && Math.abs(found.modifiedMs - writtenMs) <= TOGETHER_MS
}
