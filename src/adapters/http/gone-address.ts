/** A connection whose address on this machine is gone: nothing comes to it any more, and the system waits on for many minutes. */

import type {Socket} from 'node:net'

/** As the error of a connection, if it comes from one of these addresses. */
export function goneFrom(socket: Socket | undefined, addresses: ReadonlySet<string>): Error | undefined {
  // With the interface behind it, where it holds on one link only; and an IPv4 address in the form of IPv6.
  const address = socket?.localAddress?.replace(/%.*$/, '').replace(/^::ffff:(?=\d+\.)/i, '')
  if (address === undefined || !addresses.has(address)) return undefined
  return Object.assign(new Error(`this machine has no address ${address} any more`), {code: 'ENETRESET'})
}
