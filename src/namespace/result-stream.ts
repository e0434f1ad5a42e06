/** A result as a web stream, from one position to its end: read when it is asked for, and no sooner. */

import {invalidArgument} from '../domain/errors.ts'
import {shown} from '../domain/given.ts'

/** Where a stream's bytes come from; `read` waits for what is not there yet and gives 0 at the end. */
export interface ByteStreamSource {
  read(into: Uint8Array, position: number): Promise<number>
  /** Idempotent. */
  close(): void
}

/** As much as is read at once, and all that is held in memory, unless the consumer brings memory of its own. */
const CHUNK_BYTES = 64 * 1024

/** A stream that was let go of without being canceled closes its file, too. */
const lettingGo = new FinalizationRegistry<() => void>((close) => close())

/** `open` is called at the first read. The stream errors with what `open` or a read rejects with. */
export function createResultStream(
  open: () => Promise<ByteStreamSource> | ByteStreamSource,
  from: number,
): ReadableStream<Uint8Array> {
  let position = from
  let source: Promise<ByteStreamSource> | undefined
  const close = () => {
    source?.then((opened) => opened.close()).catch(() => undefined)
  }
  const stream = new ReadableStream({
    type: 'bytes',
    autoAllocateChunkSize: CHUNK_BYTES,
    async pull(controller) {
      // Memory is always there: the consumer's, or a chunk that was allocated for it.
      const request = controller.byobRequest
      if (request?.view == null) return
      const {view} = request
      try {
        source ??= Promise.resolve(open())
        const into = new Uint8Array(view.buffer, view.byteOffset, view.byteLength)
        const count = await (await source).read(into, position)
        position += count
        if (count === 0) {
          controller.close()
          close()
        }
        request.respond(count)
      } catch (error) {
        close()
        throw error
      }
    },
    cancel: close,
  })
  lettingGo.register(stream, close)
  return stream
}

/** Throws INVALID_ARGUMENT. `size`: of the whole, where it is known. */
export function assertPosition(position: number, size: number | undefined): void {
  if (!Number.isSafeInteger(position) || position < 0) {
    throw invalidArgument('position', `must be a whole number from 0 on, not ${shown(position)}`)
  }
  if (size !== undefined && position > size) {
    throw invalidArgument('position', `must not be beyond the ${size} bytes of the resource, as ${position} is`)
  }
}
