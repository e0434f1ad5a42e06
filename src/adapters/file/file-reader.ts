/** A look into a part or a finished file, by a descriptor of its own: a later rename or removal of the name changes nothing. */

import {TransferError} from '../../domain/errors.ts'
import type {FileReader} from '../../ports/file-sink.ts'
import {fileError} from './file-errors.ts'
import type {FileSystem} from './file-system.ts'

export async function openReader(files: FileSystem, path: string): Promise<FileReader> {
  const fd = await files.open(path, 'read')
  const running = new Set<Promise<number>>()
  let closed: Promise<void> | undefined
  return {
    async read(into, position) {
      if (closed !== undefined) throw new TransferError('CLOSED', 'the reader is closed', {where: path})
      const buffer = Buffer.from(into.buffer, into.byteOffset, into.byteLength)
      const reading = files.read(fd, buffer, 0, buffer.length, position)
      running.add(reading)
      try {
        return await reading
      } catch (thrown) {
        throw fileError(thrown, path, 'part')
      } finally {
        running.delete(reading)
      }
    },
    close() {
      // The descriptor stays open for what reads it, lest its number go to another file.
      closed ??= Promise.allSettled(running).then(() => files.close(fd))
      return closed
    },
  }
}
