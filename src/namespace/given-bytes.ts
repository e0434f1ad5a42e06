/** A stream as a caller gave it. */

import {invalidArgument} from '../domain/errors.ts'
import {shown} from '../domain/given.ts'

/** A stream of bytes: of the web, of Node, or any iterable of them. */
export type ByteStream = ReadableStream<Uint8Array> | AsyncIterable<Uint8Array | string>

/**
 * Throws INVALID_ARGUMENT, in the name of `argument`, for what is no stream, and while it is read for what is neither bytes nor text.
 * That no more is wanted, the stream hears at once: a generator of ours would say it only when the chunk comes that it waits for.
 */
export function bytesOf(argument: string, stream: ByteStream): AsyncIterable<Uint8Array> {
  const given = stream as AsyncIterable<unknown> | null
  if (typeof given?.[Symbol.asyncIterator] !== 'function') {
    throw invalidArgument(argument, `must be a stream of bytes, not ${shown(stream)}`)
  }
  return {
    [Symbol.asyncIterator]() {
      const chunks = given[Symbol.asyncIterator]()
      const leave = async () => {
        await chunks.return?.()
        return {done: true, value: undefined} as const
      }
      return {
        async next() {
          const {done = false, value} = await chunks.next()
          if (done) return {done, value: undefined}
          if (isBytes(value)) return {done, value}
          if (typeof value === 'string') return {done, value: Buffer.from(value)}
          await leave().catch(() => undefined)
          throw invalidArgument(argument, `must give bytes or text, not ${shown(value)}`)
        },
        return: leave,
      }
    },
  }
}

/** Those of another realm are instances of another class. */
function isBytes(value: unknown): value is Uint8Array {
  return (
    value instanceof Uint8Array ||
    (ArrayBuffer.isView(value) && Object.prototype.toString.call(value) === '[object Uint8Array]')
  )
}
