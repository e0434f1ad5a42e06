/** The last look at a finished part before it is published: size, digests, final mode, everything on the disk. */

import {type ExpectedContent, unexpectedSize, unexpectedStart} from '../../domain/content-guard.ts'
import {TransferError} from '../../domain/errors.ts'
import type {ExpectedFile} from '../../domain/expected-file.ts'
import type {PublishedFile} from '../../domain/record.ts'
import type {FileSystem} from './file-system.ts'
import {openOwn} from './open-own.ts'
import {assertWanted, compareDigests} from './part-digests.ts'
import type {PartHashes} from './part-hashes.ts'
import {readFully} from './transfer-bytes.ts'

export interface PartVerification {
  readonly files: FileSystem
  readonly path: string
  readonly expected: ExpectedFile
  readonly hashes: PartHashes | undefined
  readonly signal: AbortSignal
  /** Permission bits of the published file; set here, so that the sync below makes them durable too. */
  readonly mode: number
  readonly sync: (fd: number, file: PublishedFile) => Promise<void>
}

export async function verifyPart(options: PartVerification): Promise<PublishedFile> {
  const {files, path, expected, hashes, signal, mode, sync} = options
  const fd = await openOwn(files, path)
  try {
    const {device, inode, size} = await files.fstat(fd)
    const file = {device, inode, size}
    assertSize(path, size, expected.size)
    const surprise = await surpriseIn(files, fd, path, size, expected.content)
    if (surprise !== undefined) throw surprise
    await compareDigests({files, fd, path, size, hashes, signal}, expected.digests)
    assertWanted(signal, path)
    await files.fchmod(fd, mode)
    await sync(fd, file)
    return file
  } finally {
    await files.close(fd)
  }
}

export function assertSize(path: string, size: number, expected: number | undefined): void {
  if (expected === undefined || size === expected) return
  throw new TransferError('LENGTH_MISMATCH', `the file has ${size} bytes instead of ${expected}`, {
    where: path,
    details: {size, expected},
  })
}

async function surpriseIn(
  files: FileSystem,
  fd: number,
  path: string,
  size: number,
  content: ExpectedContent | undefined,
): Promise<TransferError | undefined> {
  const wrongSize = unexpectedSize(content, size, path)
  if (wrongSize !== undefined || content?.magic === undefined) return wrongSize
  const start = Buffer.alloc(content.magic.length / 2)
  const count = await readFully(files, fd, start, 0)
  return unexpectedStart(content.magic, start.toString('hex', 0, count), path)
}
