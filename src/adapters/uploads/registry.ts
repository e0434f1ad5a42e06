/** The protocols that an engine knows: ours, and those that the application brings. */

import {invalidArgument} from '../../domain/errors.ts'
import {shown} from '../../domain/given.ts'
import type {UploadProtocol, UploadProtocols} from '../../ports/upload-protocol.ts'
import {httpbis} from './httpbis.ts'
import {isProtocolName} from './protocol-name.ts'
import {tus} from './tus.ts'

const OURS: readonly UploadProtocol[] = [tus, httpbis(9), httpbis(8)]

/** Throws INVALID_ARGUMENT for what is no protocol, and for a name that is taken. */
export function uploadProtocols(own: readonly UploadProtocol[] = []): UploadProtocols {
  if (!Array.isArray(own)) throw invalidArgument('uploadProtocols', `must be a list, not ${shown(own)}`)
  const protocols = new Map(OURS.map((each) => [each.name, each]))
  for (const protocol of own) {
    if (!isProtocol(protocol)) throw invalidArgument('uploadProtocols', 'must be protocols with a name')
    if (protocols.has(protocol.name)) throw invalidArgument('uploadProtocols', `has ${protocol.name} twice`)
    protocols.set(protocol.name, protocol)
  }
  return protocols
}

function isProtocol(given: Partial<UploadProtocol> | null): boolean {
  const {name, begin, request, answered} = given ?? {}
  return isProtocolName(name) && [begin, request, answered].every((each) => typeof each === 'function')
}
