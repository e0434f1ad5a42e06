/**
 * Whether the other side said, within TLS, that it had sent all before its connection ended. Anybody on the way can end a connection,
 * and nobody else can say this: a body whose end nothing but the end of its connection shows is whole only with it (RFC 9112 9.8).
 *
 * There is no public way to know. But the socket's end is told at once: if the TCP connection below is still being read then, the end
 * was read within TLS. And where reading stood still it was, too, among bytes that had come before.
 */

import type {Socket} from 'node:net'
import {getSystemErrorName} from 'node:util'

/** What Node's sockets have, and do not document. */
interface Handle {
  readonly reading?: boolean
  /** Of a TLS connection: what is below it. */
  readonly _parent?: {readStart?(): number}
}

export interface EndOfTls {
  /** It ended without saying so; never of a connection without TLS, or one that has not ended. */
  readonly isCut: boolean
}

export function watchEnd(socket: Socket): EndOfTls {
  if (!('encrypted' in socket)) return {isCut: false}
  const watched = {isCut: false}
  const push = socket.push
  // What was read is pushed before it waits for whoever reads: the event `end` may come much later.
  socket.push = (chunk: unknown, encoding?: BufferEncoding) => {
    if (chunk === null) watched.isCut = !wasEndRead(socket)
    return push.call(socket, chunk, encoding)
  }
  return watched
}

function wasEndRead(socket: Socket): boolean {
  const {_handle: handle} = socket as {_handle?: Handle | null}
  if (handle === null || handle === undefined) return false
  if (handle.reading === false) return true
  const code = handle._parent?.readStart?.() ?? 0
  return code < 0 && getSystemErrorName(code) === 'EALREADY'
}
