/** Where a request goes, as the URL parser has it, which is asked only where it could say otherwise than the address does. */

import {invalidArgument} from '../../domain/errors.ts'
import {originOf, plainPathOf} from '../../domain/origin.ts'

export type Address = Pick<URL, 'origin' | 'pathname' | 'search'>

/** Throws INVALID_ARGUMENT for what is not absolute, and not http or https. */
export function addressOf(url: string): Address {
  const pathname = plainPathOf(url)
  return pathname === undefined ? parse(url) : {origin: originOf(url), pathname, search: ''}
}

function parse(url: string): URL {
  let address: URL
  try {
    address = new URL(url)
  } catch {
    throw invalidArgument('url', 'must be absolute')
  }
  const {protocol} = address
  if (protocol !== 'http:' && protocol !== 'https:') throw invalidArgument('url', 'must be http or https')
  return address
}
