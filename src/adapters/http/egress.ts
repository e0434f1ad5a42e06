/**
 * Where this process may connect to. Addresses are checked as they come from the resolver, before the first packet, and those
 * that were checked are the ones that are connected to: a name that resolves otherwise a moment later changes nothing.
 */

import {type LookupAddress, type LookupOptions, lookup as resolveName} from 'node:dns'
import {BlockList, isIP, isIPv6, type LookupFunction} from 'node:net'
import {invalidArgument, TransferError} from '../../domain/errors.ts'
import {lazily} from '../../domain/lazily.ts'

export interface EgressOptions {
  /** The only servers that may be asked: host names (with everything below them) or IP addresses, each with an optional `:port`. */
  readonly hosts?: readonly string[]
  /**
   * true (default): no address that is not public is connected to: loopback, private, shared, link-local (where clouds keep
   * their metadata), multicast and reserved ones. false: they are.
   */
  readonly refusePrivate?: boolean
}

interface AllowedHost {
  readonly host: string
  readonly port: string | undefined
}

/** IANA's special-purpose registries, as far as no server of the public internet is there. */
const NOT_PUBLIC: readonly (readonly [network: string, prefix: number])[] = [
  ['0.0.0.0', 8],
  ['10.0.0.0', 8],
  ['100.64.0.0', 10],
  ['127.0.0.0', 8],
  ['169.254.0.0', 16],
  ['172.16.0.0', 12],
  ['192.0.0.0', 24],
  ['192.0.2.0', 24],
  ['192.88.99.0', 24],
  ['192.168.0.0', 16],
  ['198.18.0.0', 15],
  ['198.51.100.0', 24],
  ['203.0.113.0', 24],
  ['224.0.0.0', 4],
  ['240.0.0.0', 4],
]

/** Only 2000::/3 is in public use; these parts of it are not, or hide an IPv4 address (Teredo, 6to4). */
const NOT_PUBLIC_IN_2000: readonly (readonly [network: string, prefix: number])[] = [
  ['2001::', 23],
  ['2001:db8::', 32],
  ['2002::', 16],
  ['3fff::', 20],
]

/** Most engines may connect anywhere, and need none of them. */
const networks = lazily(() => {
  const [privateV4, publicV6, privateV6] = [new BlockList(), new BlockList(), new BlockList()]
  for (const [network, prefix] of NOT_PUBLIC) privateV4.addSubnet(network, prefix, 'ipv4')
  publicV6.addSubnet('2000::', 3, 'ipv6')
  for (const [network, prefix] of NOT_PUBLIC_IN_2000) privateV6.addSubnet(network, prefix, 'ipv6')
  return {privateV4, publicV6, privateV6}
})

export function isPublicAddress(address: string): boolean {
  const {privateV4, publicV6, privateV6} = networks()
  if (!isIPv6(address)) return !privateV4.check(address, 'ipv4')
  // An IPv4 address inside an IPv6 one (::ffff:, 64:ff9b::) is not in 2000::/3 either: who means it writes it plainly.
  return publicV6.check(address, 'ipv6') && !privateV6.check(address, 'ipv6')
}

export class Egress {
  readonly #hosts: readonly AllowedHost[] | undefined
  readonly #refusesPrivate: boolean

  /** Throws INVALID_ARGUMENT. */
  constructor({hosts, refusePrivate}: EgressOptions) {
    if (hosts !== undefined && (!Array.isArray(hosts) || hosts.length === 0)) {
      throw invalidArgument('egress.hosts', 'must be a list of host names, and not empty')
    }
    if (refusePrivate !== undefined && typeof refusePrivate !== 'boolean') {
      throw invalidArgument('egress.refusePrivate', 'must be true or false')
    }
    this.#hosts = hosts?.map(allowedHost)
    this.#refusesPrivate = refusePrivate ?? true
  }

  /** What can be said before a name is resolved. Throws EGRESS_REFUSED. */
  check(hostname: string, port: number, where: string): void {
    if (this.#hosts !== undefined && !this.#names(hostname, port)) {
      throw refused('this server is not among those that may be asked', where)
    }
    if (this.#refusesPrivate && isIP(hostname) !== 0 && !isPublicAddress(hostname)) throw refusedAddress(where)
  }

  /** The same where a proxy resolves the name: nobody can check then what it finds. Throws EGRESS_REFUSED. */
  checkBehindProxy(hostname: string, port: number, where: string): void {
    this.check(hostname, port, where)
    if (this.#refusesPrivate && isIP(hostname) === 0 && this.#hosts === undefined) {
      throw refused('a proxy resolves this name, and what it finds cannot be checked', where)
    }
  }

  /** Resolves as the system does, without the addresses that are refused. */
  lookupFor(where: string): LookupFunction {
    return (hostname, options, done) => {
      resolveName(hostname, {...(options as LookupOptions), all: true}, (error, found: LookupAddress[]) => {
        if (error !== null) {
          done(error, '')
          return
        }
        const allowed = this.#refusesPrivate ? found.filter(({address}) => isPublicAddress(address)) : found
        const [first] = allowed
        if (first === undefined) done(refusedAddress(where), '')
        else if (options.all === true) done(null, allowed)
        else done(null, first.address, first.family)
      })
    }
  }

  #names(hostname: string, port: number): boolean {
    const asked = hostname.toLowerCase().replace(/\.$/, '')
    return (this.#hosts ?? []).some(
      (each) =>
        (each.port === undefined || each.port === String(port)) &&
        (asked === each.host || (isIP(asked) === 0 && asked.endsWith(`.${each.host}`))),
    )
  }
}

function allowedHost(text: string): AllowedHost {
  const [, bracketed, plain = '', port] =
    (typeof text === 'string'
      ? /^(?:\[([^\]]+)\]|([^:/\s]+|[^/\s]*:[^/\s]*:[^/\s]*?))(?::(\d+))?$/.exec(text.trim())
      : null) ?? []
  const host = (bracketed ?? plain)
    .toLowerCase()
    .replace(/^\*?\./, '')
    .replace(/\.$/, '')
  if (host === '')
    throw invalidArgument('egress.hosts', 'must hold host names or addresses, each with an optional :port')
  return {host, port}
}

function refusedAddress(where: string): TransferError {
  return refused('the address of this server is not a public one', where)
}

function refused(message: string, where: string): TransferError {
  return new TransferError('EGRESS_REFUSED', message, {where})
}
