/** A stream as a caller gave it. */

import {invalidArgument} from '../domain/errors.ts'
import {shown} from '../domain/given.ts'

/** A stream of bytes: of the web, of Node, or any iterable of them. */
export type ByteStream = ReadableStream<Uint8Array> | AsyncIterable<Uint8Array | string>

/** Throws INVALID_ARGUMENT, in the name of `argument`, for what is no stream, and while it is read for what is neither bytes nor text. */
export function bytesOf(argument: string, stream: ByteStream): AsyncIterable<Uint8Array> {
  if (typeof stream !== 'object' || stream === null || !(Symbol.asyncIterator in stream)) {
    throw invalidArgument(argument, `must be a stream of bytes, not ${shown(stream)}`)
  }
  const chunks = stream as AsyncIterable<unknown>
  return (async function* () {
    for await (const chunk of chunks) {
      if (typeof chunk === 'string') yield Buffer.from(chunk)
      else if (chunk instanceof Uint8Array) yield chunk
      else throw invalidArgument(argument, `must give bytes or text, not ${shown(chunk)}`)
    }
  })()
}
