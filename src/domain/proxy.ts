/** Which proxy stands between an operation and its server, and which servers are asked without one. */

import {assertPlain, type Credential} from './credential.ts'
import {invalidArgument} from './errors.ts'

export interface ProxyServer {
  readonly kind: 'http' | 'https' | 'socks5'
  /** Without the brackets of an IPv6 address. */
  readonly hostname: string
  readonly port: number
  /** scheme://host:port, for messages. */
  readonly where: string
  /** Who we are for it, where its address says so. */
  readonly credential?: Credential
}

/** What an application may say. Addresses are http://, https:// or socks5:// with an optional NAME:PASSWORD@. */
export interface ProxyOptions {
  /** For http addresses. */
  readonly http?: string
  /** For https addresses. */
  readonly https?: string
  /**
   * Servers that are asked without a proxy: host names (with everything below them), IP addresses, each with an optional
   * `:port`; `*` for all.
   */
  readonly noProxy?: readonly string[]
}

export interface ProxyRules {
  readonly http?: ProxyServer
  readonly https?: ProxyServer
  readonly exempt: readonly Exemption[]
}

interface Exemption {
  readonly host: string
  readonly port?: string
}

const KINDS: Readonly<Record<string, readonly [kind: ProxyServer['kind'], port: number]>> = {
  'http:': ['http', 80],
  'https:': ['https', 443],
  'socks5:': ['socks5', 1080],
  // The proxy resolves names with us anyway; others tell the two apart.
  'socks5h:': ['socks5', 1080],
}

/** Nothing of the address is quoted beyond its scheme: it may hold a password. Throws INVALID_ARGUMENT. */
export function parseProxy(address: string, argument: string): ProxyServer {
  if (typeof address !== 'string' || !URL.canParse(address)) {
    throw invalidArgument(argument, 'must be an address such as http://proxy.example:3128')
  }
  const url = new URL(address)
  const [kind, usualPort] = KINDS[url.protocol] ?? []
  if (kind === undefined || usualPort === undefined) {
    throw invalidArgument(argument, `must begin with http, https or socks5, not ${url.protocol.slice(0, -1)}`)
  }
  if (url.hostname === '' || !['', '/'].includes(url.pathname) || url.search !== '' || url.hash !== '') {
    throw invalidArgument(argument, 'must be a scheme, a host and a port, and nothing more')
  }
  const hostname = url.hostname.replace(/^\[|\]$/g, '')
  const port = url.port === '' ? usualPort : Number(url.port)
  if (port === 0) throw invalidArgument(argument, 'must have a port above 0')
  const credential = {userName: decoded(url.username), password: decoded(url.password)}
  assertPlain(argument, credential.userName + credential.password)
  return {
    kind,
    hostname,
    port,
    where: `${kind}://${url.hostname}:${port}`,
    ...(credential.userName === '' && credential.password === '' ? {} : {credential}),
  }
}

/** Throws INVALID_ARGUMENT. */
export function proxyRules(options: string | ProxyOptions | undefined, argument: string): ProxyRules {
  if (options === undefined) return {exempt: []}
  if (typeof options === 'string') {
    const proxy = parseProxy(options, argument)
    return {http: proxy, https: proxy, exempt: []}
  }
  if (typeof options !== 'object' || options === null || Array.isArray(options))
    throw invalidArgument(argument, 'must be an address, or an object')
  const {http, https, noProxy = []} = options
  if (!Array.isArray(noProxy) || noProxy.some((each) => typeof each !== 'string')) {
    throw invalidArgument(`${argument}.noProxy`, 'must be a list of host names')
  }
  return {
    ...(http === undefined ? {} : {http: parseProxy(http, `${argument}.http`)}),
    ...(https === undefined ? {} : {https: parseProxy(https, `${argument}.https`)}),
    exempt: noProxy.map(exemptionOf).filter(({host}) => host !== ''),
  }
}

/** The proxy for an http or https address; undefined: none. */
export function proxyFor({http, https, exempt}: ProxyRules, url: URL): ProxyServer | undefined {
  const proxy = url.protocol === 'https:' ? https : http
  return proxy === undefined || exempt.some((each) => isExempt(each, url)) ? undefined : proxy
}

function exemptionOf(text: string): Exemption {
  const [, bracketed, plain = '', port] = /^(?:\[([^\]]*)\]|([^:]*|.*:.*:.*?))(?::(\d+))?$/.exec(text.trim()) ?? []
  const host = (bracketed ?? plain)
    .toLowerCase()
    .replace(/^\*?\./, '')
    .replace(/\.$/, '')
  return port === undefined ? {host} : {host, port}
}

function isExempt({host, port}: Exemption, url: URL): boolean {
  const asked = url.hostname
    .toLowerCase()
    .replace(/^\[|\]$/g, '')
    .replace(/\.$/, '')
  const usual = url.protocol === 'https:' ? '443' : '80'
  if (port !== undefined && port !== (url.port === '' ? usual : url.port)) return false
  return host === '*' || asked === host || asked.endsWith(`.${host}`)
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}
