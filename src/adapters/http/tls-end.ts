/**
 * Whether the other side said, within TLS, that it had sent all before its connection ended. Anybody on the way can end a connection,
 * and nobody else can say this: a body whose end nothing but the end of its connection shows is whole only with it (RFC 9112 9.8).
 *
 * There is no public way to know. But the socket's end is told at once: if what is below it has not come to its own end then, the end was
 * read within TLS. What is below says so when it is asked to read: what reads already refuses, and what has ended does not.
 */

import type {Socket} from 'node:net'
import {getSystemErrorName} from 'node:util'

/** What Node's sockets have, and do not document. */
interface Handle {
  readonly reading?: boolean
  /** Of a TLS connection: what is below it. */
  readonly _parent?: {readStart?(): number; readStop?(): number}
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
  const below = handle?._parent
  if (below === undefined) return false
  if (handle?.reading !== false) return refusesToRead(below)
  // Reading stands still. TCP comes to no end then; but TLS below does, where its own was among what had come before.
  below.readStart?.()
  const isOpen = refusesToRead(below)
  below.readStop?.()
  return isOpen
}

/** It reads already. */
function refusesToRead(below: NonNullable<Handle['_parent']>): boolean {
  const code = below.readStart?.() ?? 0
  return code < 0 && getSystemErrorName(code) === 'EALREADY'
}
