/** A look into a part or a finished file, by a descriptor of its own: a later rename or removal of the name changes nothing. */

import {TransferError} from '../../domain/errors.ts'
import {EMPTY, type RangeSet, rangeFrom} from '../../domain/range-set.ts'
import type {FileReader} from '../../ports/file-sink.ts'
import {fileError} from './file-errors.ts'
import type {FileSystem} from './file-system.ts'

/** `prove`: which bytes are what was written, those at this position among them; undefined where all are. */
export async function openReader(
  files: FileSystem,
  path: string,
  prove?: (fd: number, position: number) => Promise<RangeSet>,
): Promise<FileReader> {
  const fd = await files.open(path, 'read')
  const running = new Set<Promise<number>>()
  let closed: Promise<void> | undefined
  let proven: RangeSet = EMPTY

  /** Up to where may be read from there. */
  const endOf = async (position: number): Promise<number> => {
    if (prove === undefined) return Number.POSITIVE_INFINITY
    if (rangeFrom(proven, position) === position) proven = await prove(fd, position)
    return rangeFrom(proven, position)
  }

  const readProven = async (buffer: Buffer, position: number): Promise<number> => {
    const length = Math.min(buffer.length, (await endOf(position)) - position)
    return length > 0 ? files.read(fd, buffer, 0, length, position) : 0
  }

  return {
    async read(into, position) {
      if (closed !== undefined) throw new TransferError('CLOSED', 'the reader is closed', {where: path})
      const buffer = Buffer.from(into.buffer, into.byteOffset, into.byteLength)
      const reading = readProven(buffer, position)
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
