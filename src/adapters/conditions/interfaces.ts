/** Connectivity by the addresses of this machine: what an operating system without a network service can say. */

import type {NetworkInterfaceInfo} from 'node:os'
import type {Conditions} from '../../domain/conditions.ts'

export type Interfaces = Readonly<
  Record<string, readonly Pick<NetworkInterfaceInfo, 'address' | 'internal'>[] | undefined>
>

/** An address of its own is taken for a way to the internet; with link-local ones alone nobody has answered it yet. */
export function connectivityOf(interfaces: Interfaces): Conditions['connectivity'] {
  const addresses = Object.values(interfaces).flatMap((each) => each ?? [])
  const own = addresses.filter(({internal}) => !internal)
  if (own.length === 0) return 'none'
  return own.every(({address}) => isLinkLocal(address)) ? 'local' : 'internet'
}

/** 169.254.0.0/16 (RFC 3927) and fe80::/10 (RFC 4291). */
function isLinkLocal(address: string): boolean {
  return address.startsWith('169.254.') || /^fe[89ab][0-9a-f]:/i.test(address)
}
