/** The ContentSource over files: fingerprints, and bytes that are read a chunk ahead of whoever sends them. */

import {createHash} from 'node:crypto'
import {join} from 'node:path'
import {TransferError} from '../../domain/errors.ts'
import type {ContentFacts, ContentPiece, FileFingerprint, RequestContent} from '../../domain/request-content.ts'
import type {ContentSource} from '../../ports/content-source.ts'
import {asFileWork, fileError} from './file-errors.ts'
import type {FileFacts, FileSystem} from './file-system.ts'
import {nodeFileSystem} from './node-file-system.ts'
import {readAhead} from './read-ahead.ts'

/** How much of each end of a file its fingerprint covers. */
const EDGE_BYTES = 64 * 1024

/** 128 bits: enough to tell two states of one file apart. */
const DIGEST_DIGITS = 32

export interface ContentSourceOptions {
  /** Where the spool's files are. */
  readonly spoolDirectory: string
  readonly files?: FileSystem
}

/** A stretch of bytes from one place. */
type Stretch =
  | {readonly bytes: Buffer}
  | {readonly path: string; readonly from: number; readonly to: number; readonly expected: FileFingerprint | undefined}

export function createContentSource({spoolDirectory, files = nodeFileSystem}: ContentSourceOptions): ContentSource {
  const pathOf = (piece: Exclude<ContentPiece, {kind: 'text'}>) =>
    piece.kind === 'file' ? piece.file : join(spoolDirectory, piece.name)

  const read = (content: RequestContent, facts: ContentFacts, from: number, to: number): AsyncIterable<Buffer> => {
    const stretches = stretchesOf(content, facts, from, to, pathOf)
    const [only] = stretches
    // Mostly there is one: to hand each chunk on through another generator takes as long as all else that is done for it here.
    return stretches.length === 1 && only !== undefined ? readStretch(files, only) : readStretches(files, stretches)
  }

  return {
    async inspect(content, known) {
      const found: FileFingerprint[] = []
      let length = 0
      for (const piece of content.pieces) {
        if (piece.kind === 'text') {
          length += Buffer.byteLength(piece.text)
        } else if (piece.kind === 'spool') {
          await inspectSpooled(files, pathOf(piece), piece.size)
          length += piece.size
        } else {
          const print = await fingerprint(files, piece.file)
          const before = known?.files[found.length]
          if (before !== undefined && !isSame(print, before)) throw changed(piece.file)
          found.push(print)
          length += print.size
        }
      }
      return {length, files: found}
    },

    body(content, facts, from = 0, to = facts.length) {
      return {length: to - from, chunks: () => read(content, facts, from, to)}
    },

    async sha1(content, facts, from, to, signal) {
      const hash = createHash('sha1')
      for await (const chunk of read(content, facts, from, to)) {
        signal.throwIfAborted()
        hash.update(chunk)
      }
      return hash.digest('base64')
    },
  }
}

/** Where the bytes `[from, to)` of the content stand. */
function stretchesOf(
  content: RequestContent,
  facts: ContentFacts,
  from: number,
  to: number,
  pathOf: (piece: Exclude<ContentPiece, {kind: 'text'}>) => string,
): readonly Stretch[] {
  const stretches: Stretch[] = []
  let at = 0
  let nth = 0
  for (const piece of content.pieces) {
    const bytes = piece.kind === 'text' ? Buffer.from(piece.text) : undefined
    const expected = piece.kind === 'file' ? facts.files[nth++] : undefined
    const size = bytes?.length ?? (piece.kind === 'spool' ? piece.size : (expected?.size ?? 0))
    const start = Math.max(0, from - at)
    const end = Math.min(size, to - at)
    at += size
    if (start >= end) continue
    if (bytes !== undefined) stretches.push({bytes: bytes.subarray(start, end)})
    else if (piece.kind !== 'text') stretches.push({path: pathOf(piece), from: start, to: end, expected})
  }
  return stretches
}

async function* readStretches(files: FileSystem, stretches: readonly Stretch[]): AsyncGenerator<Buffer, void> {
  for (const stretch of stretches) yield* readStretch(files, stretch)
}

async function* readStretch(files: FileSystem, stretch: Stretch): AsyncGenerator<Buffer, void> {
  if ('bytes' in stretch) {
    yield stretch.bytes
    return
  }
  const {path, from, to, expected} = stretch
  const fd = await asFileWork(path, 'source', () => openFile(files, path))
  try {
    const assertSame = async () => {
      const now = await files.fstat(fd)
      if (expected !== undefined && !isSameFile(now, expected)) throw changed(path)
    }
    await assertSame()
    let left = to - from
    for await (const chunk of readAhead(files, fd, from, to)) {
      left -= chunk.length
      // Whoever changed it while it was read has not been sent the last of it.
      if (left === 0) await assertSame()
      yield chunk
    }
    if (left > 0) throw changed(path)
  } catch (thrown) {
    throw fileError(thrown, path, 'source')
  } finally {
    await files.close(fd)
  }
}

async function fingerprint(files: FileSystem, path: string): Promise<FileFingerprint> {
  return asFileWork(path, 'source', async () => {
    const fd = await openFile(files, path)
    try {
      const {device, inode, size, modifiedMs} = await files.fstat(fd)
      const head = await digest(files, fd, 0, Math.min(size, EDGE_BYTES))
      // Of so small a file both ends are all of it.
      const tail = size <= EDGE_BYTES ? head : await digest(files, fd, size - EDGE_BYTES, size)
      return {device, inode, size, modifiedMs, head, tail}
    } finally {
      await files.close(fd)
    }
  })
}

/** Only a regular file has a length that can be promised. */
async function openFile(files: FileSystem, path: string): Promise<number> {
  const fd = await files.open(path, 'source')
  const {kind} = await files.fstat(fd)
  if (kind === 'file') return fd
  await files.close(fd)
  throw new TransferError('FILE_ACCESS', `a ${kind === 'other' ? 'special file' : kind} cannot be sent`, {
    where: path,
    advice: 'name a regular file, or send it as a stream',
  })
}

async function inspectSpooled(files: FileSystem, path: string, size: number): Promise<void> {
  const facts = await asFileWork(path, 'source', () => files.stat(path))
  if (facts === undefined)
    throw new TransferError('SOURCE_MISSING', 'the private copy of the stream is gone', {
      where: path,
      advice: 'send the stream again: only the copy had its bytes',
    })
  if (facts.size !== size) throw changed(path)
}

async function digest(files: FileSystem, fd: number, from: number, to: number): Promise<string> {
  const bytes = Buffer.alloc(to - from)
  let filled = 0
  while (filled < bytes.length) {
    const count = await files.read(fd, bytes, filled, bytes.length - filled, from + filled)
    if (count === 0) break
    filled += count
  }
  return createHash('sha256').update(bytes.subarray(0, filled)).digest('hex').slice(0, DIGEST_DIGITS)
}

function isSame(a: FileFingerprint, b: FileFingerprint): boolean {
  return isSameFile(a, b) && a.head === b.head && a.tail === b.tail
}

function isSameFile(
  a: Pick<FileFacts, 'device' | 'inode' | 'size' | 'modifiedMs'>,
  b: Pick<FileFacts, 'device' | 'inode' | 'size' | 'modifiedMs'>,
): boolean {
  // Not the device: its number may be another after the machine was started anew.
  return a.inode === b.inode && a.size === b.size && a.modifiedMs === b.modifiedMs
}

function changed(path: string): TransferError {
  return new TransferError('SOURCE_CHANGED', 'the file changed since it was first sent', {where: path})
}
