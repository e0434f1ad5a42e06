/** A file's bytes in chunks. Where a read takes a thread, the next chunk is being read while one is being sent. */

import {performance} from 'node:perf_hooks'
import type {FileSystem} from './file-system.ts'

/** So much is handed on at once that what is done for each chunk does not count, however it is cut up to be sent. */
const CHUNK_BYTES = 1024 * 1024

/**
 * What is read at once, and taken at once by a hash or a connection, would otherwise keep the event loop from everything else until the
 * end of the file.
 */
const TURN_MS = 5

/** `[from, to)`, or up to the end of the file. A chunk is the reader's again when the next one is asked for. */
export async function* readAhead(
  files: Pick<FileSystem, 'read'>,
  fd: number,
  from: number,
  to: number,
): AsyncGenerator<Buffer, void> {
  const size = Math.min(CHUNK_BYTES, to - from)
  if (size <= 0) return
  let memory: Buffer = Buffer.allocUnsafeSlow(size)
  let spare: Buffer | undefined
  let at = from
  const read = () => files.read(fd, memory, 0, Math.min(size, to - at), at)
  let coming: number | Promise<number> | undefined
  let turnBegan = performance.now()
  try {
    while (at < to) {
      if (performance.now() - turnBegan > TURN_MS) {
        await new Promise((resolve) => setImmediate(resolve))
        turnBegan = performance.now()
      }
      coming ??= read()
      const tookThread = typeof coming !== 'number'
      const count = await coming
      coming = undefined
      if (count === 0) return
      at += count
      const chunk = memory.subarray(0, count)
      if (tookThread && at < to) {
        ;[memory, spare] = [spare ?? Buffer.allocUnsafeSlow(size), memory]
        coming = read()
        if (typeof coming !== 'number') coming.catch(() => undefined)
      }
      yield chunk
    }
  } finally {
    // Whoever closes the file now must not do so under a read.
    if (typeof coming !== 'number') await coming?.catch(() => undefined)
  }
}
