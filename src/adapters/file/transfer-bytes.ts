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

export async function writeFully(files: FileSystem, fd: number, buffer: Buffer, position: number): Promise<void> {
  let done = 0
  while (done < buffer.length) {
    const count = await files.write(fd, buffer, done, buffer.length - done, position + done)
    if (count === 0) throw new TransferError('DISK_FAILED', 'the file system takes no more bytes')
    done += count
  }
}
