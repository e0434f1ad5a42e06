/** A file's bytes in chunks: while one is being sent the next is being read, into memory that goes round. */

import type {FileSystem} from './file-system.ts'

/**
 * Two of them stay in a processor's own cache (512 KiB, as a rule) between the copy out of the page cache and the one into the
 * connection: from 160 KiB on a loop of nothing but these two takes half as long again.
 */
const CHUNK_BYTES = 96 * 1024

/** `[from, to)`, or up to the end of the file. A chunk is the reader's again when the next one is asked for. */
export async function* readAhead(
  files: Pick<FileSystem, 'read'>,
  fd: number,
  from: number,
  to: number,
): AsyncGenerator<Buffer, void> {
  const size = Math.min(CHUNK_BYTES, to - from)
  if (size <= 0) return
  const buffers = [Buffer.allocUnsafeSlow(size), ...(to - from > size ? [Buffer.allocUnsafeSlow(size)] : [])]
  let at = from
  const read = async (turn: number): Promise<Buffer> => {
    const buffer = buffers[turn % buffers.length] as Buffer
    const wanted = Math.min(buffer.length, to - at)
    let filled = 0
    while (filled < wanted) {
      const count = await files.read(fd, buffer, filled, wanted - filled, at + filled)
      if (count === 0) break
      filled += count
    }
    at += filled
    return buffer.subarray(0, filled)
  }
  let next: Promise<Buffer> | undefined = read(0)
  try {
    for (let turn = 1; next !== undefined; turn++) {
      const chunk: Buffer = await next
      next = undefined
      if (chunk.length === 0) return
      if (at < to) next = read(turn)
      next?.catch(() => undefined)
      yield chunk
    }
  } finally {
    // Whoever closes the file now must not do so under a read.
    await next?.catch(() => undefined)
  }
}
