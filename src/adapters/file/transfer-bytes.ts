/** Reads and writes that go on where the file system stopped short. */

import {TransferError} from '../../domain/errors.ts'
import type {FileSystem} from './file-system.ts'

/** Fills the buffer from `position`, or up to the end of the file; resolves with how many bytes came. */
export async function readFully(files: FileSystem, fd: number, buffer: Buffer, position: number): Promise<number> {
  let done = 0
  while (done < buffer.length) {
    const count = await files.read(fd, buffer, done, buffer.length - done, position + done)
    if (count === 0) break
    done += count
  }
  return done
}

/** Without a promise it is done already, or throws. */
export function writeFully(files: FileSystem, fd: number, buffer: Buffer, position: number): Promise<void> | undefined {
  if (buffer.length === 0) return undefined
  const count = files.write(fd, buffer, 0, buffer.length, position)
  return count === buffer.length ? undefined : writeRest(files, fd, buffer, position, count)
}

async function writeRest(
  files: FileSystem,
  fd: number,
  buffer: Buffer,
  position: number,
  first: number | Promise<number>,
): Promise<void> {
  let writing = first
  for (let done = 0; ; ) {
    const count = await writing
    if (count === 0) throw new TransferError('DISK_FAILED', 'the file system takes no more bytes')
    done += count
    if (done === buffer.length) return
    writing = files.write(fd, buffer, done, buffer.length - done, position + done)
  }
}
