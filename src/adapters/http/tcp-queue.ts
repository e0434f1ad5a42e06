/**
 * What TCP, below whatever TLS stands on it, was given to send, and how much of that the kernel has not taken. A write tells its end only,
 * and a large one over a connection that became slow takes its time; Node's own timeout of a socket asks for the same, though
 * there is no public way to know.
 */

import type {Socket} from 'node:net'

/** What Node's sockets have, and do not document. */
interface Handle {
  /** Of a TLS connection: what is below it. */
  readonly _parent?: Handle
  /** Bytes: of what it was given, all. */
  readonly bytesWritten?: number
  /** Bytes: of that, what the kernel has not taken. */
  readonly writeQueueSize?: number
}

/** Bytes; none where it cannot be known. */
export function givenToTcp(socket: Socket): number {
  return handleOfTcp(socket)?.bytesWritten ?? 0
}

/** Bytes; without end where it cannot be known. Once a write failed there are none, which says nothing. */
export function queuedInTcp(socket: Socket): number {
  return handleOfTcp(socket)?.writeQueueSize ?? Number.POSITIVE_INFINITY
}

function handleOfTcp(socket: Socket): Handle | undefined {
  let handle = (socket as {readonly _handle?: Handle | null})._handle ?? undefined
  // What TLS holds itself would pass for all that was not sent.
  if ('encrypted' in socket && handle?._parent == null) return undefined
  while (handle?._parent != null) handle = handle._parent
  return handle
}
