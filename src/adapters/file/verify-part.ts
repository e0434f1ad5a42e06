/** The last look at a finished part before it is published: size, digest, final mode, everything on the disk. */

import {createHash} from 'node:crypto'
import {TransferError} from '../../domain/errors.ts'
import type {Checksum, PublishedFile} from '../../domain/record.ts'
import type {FileSystem} from './file-system.ts'

const READ_SIZE = 1024 * 1024

export interface PartVerification {
  readonly files: FileSystem
  readonly path: string
  readonly size: number | undefined
  readonly checksum: Checksum | undefined
  readonly signal: AbortSignal
  /** Permission bits of the published file; set here, so that the sync below makes them durable too. */
  readonly mode: number
  readonly sync: (fd: number) => Promise<void>
}

export async function verifyPart(options: PartVerification): Promise<PublishedFile> {
  const {files, path, size, checksum, signal, mode, sync} = options
  const fd = await files.open(path, 'update')
  try {
    const facts = await files.fstat(fd)
    if (size !== undefined && facts.size !== size) {
      throw new TransferError('LENGTH_MISMATCH', `the file has ${facts.size} bytes instead of ${size}`, {
        where: path,
        details: {size: facts.size, expected: size},
      })
    }
    if (checksum !== undefined) await compareDigest(files, fd, path, checksum, signal)
    assertWanted(signal, path)
    await files.fchmod(fd, mode)
    await sync(fd)
    return {device: facts.device, inode: facts.inode, size: facts.size}
  } finally {
    await files.close(fd)
  }
}

async function compareDigest(
  files: FileSystem,
  fd: number,
  path: string,
  {algorithm, hex}: Checksum,
  signal: AbortSignal,
): Promise<void> {
  const hash = createHash(algorithm)
  let filled = Buffer.allocUnsafe(READ_SIZE)
  let spare = Buffer.allocUnsafe(READ_SIZE)
  let position = 0
  let count = await files.read(fd, filled, 0, READ_SIZE, position)
  while (count > 0) {
    assertWanted(signal, path)
    position += count
    // The next piece is read while this one is hashed.
    const reading = files.read(fd, spare, 0, READ_SIZE, position)
    hash.update(filled.subarray(0, count))
    count = await reading
    ;[filled, spare] = [spare, filled]
  }
  const actual = hash.digest('hex')
  if (actual === hex.toLowerCase()) return
  throw new TransferError('CHECKSUM_MISMATCH', `the ${algorithm} digest is not the expected one`, {
    where: path,
    details: {algorithm, expected: hex, actual},
  })
}

function assertWanted(signal: AbortSignal, path: string): void {
  if (signal.aborted) throw new TransferError('CANCELED', 'verification was canceled', {where: path})
}
