/** Opens the connection that a route needs: straight, to a proxy that forwards, or through a tunnel; with TLS where asked. */

import {isIP, type Socket, connect as tcpConnect} from 'node:net'
import type {ConnectionOptions} from 'node:tls'
import type {AuthenticationMemory} from '../../domain/authentication.ts'
import {asTransferError, TransferError} from '../../domain/errors.ts'
import type {ProxyServer} from '../../domain/proxy.ts'
import type {Egress} from './egress.ts'
import {toTransferError} from './error-table.ts'
import {proxyUnreachable} from './proxy-errors.ts'
import {nodeTls, type TlsOptions, type TlsSessions} from './tls-options.ts'
import {openTunnel} from './tunnel.ts'

export interface ConnectionTarget {
  readonly secure: boolean
  readonly hostname: string
  readonly port: number
  /** Name for SNI and the certificate, if not the host name. */
  readonly servername?: string
  /** Origin, for error messages. */
  readonly where: string
  readonly proxy?: ProxyServer
  /** The proxy is asked for the resource itself: no tunnel. */
  readonly forwarded: boolean
}

export interface DialTools {
  readonly tls: TlsOptions
  readonly sessions: TlsSessions
  readonly memory: AuthenticationMemory
  /** Where we may connect to; anywhere by default. */
  readonly egress?: Egress
}

/** Memory for each read, and what was read into it. */
export interface ReadHook {
  buffer(): Uint8Array
  callback(count: number, memory: Uint8Array): boolean
}

/** How the opening goes on; every call but `asking` at most once, `failed` as the last. */
export interface DialObserver {
  /** A connection to the proxy, of which a tunnel is asked; more often than once where it asks who we are. */
  asking(wire: Socket): void
  /**
   * The socket that will carry the server's bytes, still connecting. `wire` is the TCP connection below it; `reads` says
   * whether bytes come through the hook, or as events. Its errors are the observer's from now on.
   */
  socket(socket: Socket, wire: Socket, reads: 'hook' | 'events'): void
  /** It stands. */
  opened(): void
  /** Before there was a socket. */
  failed(error: TransferError): void
}

/** Returns how to give up before there is a socket. */
export function dial(target: ConnectionTarget, tools: DialTools, hook: ReadHook, observer: DialObserver): () => void {
  const {proxy, forwarded, secure} = target
  try {
    if (proxy === undefined) tools.egress?.check(target.hostname, target.port, target.where)
    else tools.egress?.checkBehindProxy(target.hostname, target.port, target.where)
  } catch (thrown) {
    // Not before the caller has what this returns.
    queueMicrotask(() => observer.failed(asTransferError(thrown)))
    return () => {}
  }
  if (proxy === undefined || forwarded) {
    const near = proxy === undefined ? target : {...target, hostname: proxy.hostname, port: proxy.port}
    const isSecure = readsRecords(target)
    const socket = isSecure
      ? openSecure(near, tools, hook, proxy)
      : tcpConnect({...addressOf(near, tools), onread: hook})
    observer.socket(socket, socket, 'hook')
    socket.once(isSecure ? 'secureConnect' : 'connect', () => observer.opened())
    return () => {}
  }
  const onWire = (wire: Socket) => observer.asking(wire)
  return openTunnel({...target, ...tools, proxy, onWire}, (error, wire) => {
    if (wire === undefined) {
      observer.failed(error ?? proxyUnreachable(proxy, new Error('the tunnel did not open')))
      return
    }
    if (!secure) {
      observer.socket(wire, wire, 'events')
      observer.opened()
      return
    }
    // TLS over a socket that was read before does not come through a hook (Node 20).
    const socket = openSecure(target, tools, undefined, undefined, wire)
    observer.socket(socket, wire, 'events')
    socket.once('secureConnect', () => observer.opened())
  })
}

/** What comes through the hook comes over TLS, record by record. */
export function readsRecords({proxy, forwarded, secure}: ConnectionTarget): boolean {
  return proxy === undefined ? secure : forwarded && proxy.kind === 'https'
}

/** What an error means before the connection stands: at a proxy that forwards, the proxy is not to be had. */
export function openingError({proxy, forwarded, where}: ConnectionTarget, thrown: unknown): TransferError {
  if (thrown instanceof TransferError) return thrown
  if (proxy !== undefined && forwarded) return proxyUnreachable(proxy, thrown)
  return toTransferError(thrown, where, 'connecting')
}

/** Happy eyeballs: a host whose IPv6 address does not answer is reached by IPv4. */
function addressOf({hostname, port, proxy, where}: ConnectionTarget, {egress}: DialTools) {
  // The proxy was named by who runs this: its own address is none that a stranger could have chosen.
  const lookup = proxy === undefined ? egress?.lookupFor(where) : undefined
  return {host: hostname, port, autoSelectFamily: true, ...(lookup === undefined ? {} : {lookup})}
}

function openSecure(
  target: ConnectionTarget,
  tools: DialTools,
  hook: ReadHook | undefined,
  proxy: ProxyServer | undefined,
  wire?: Socket,
): Socket {
  const {tls, sessions} = tools
  const {hostname} = target
  const where = proxy?.where ?? target.where
  // An IP address is no server name (RFC 6066 3).
  const name = isIP(hostname) === 0 ? hostname : undefined
  const servername = proxy === undefined ? (tls.servername ?? target.servername ?? name) : name
  const session = sessions.get(where)
  const options: ConnectionOptions & {readonly onread?: ReadHook; readonly autoSelectFamily: boolean} = {
    // What proves who we are to the server is nothing for the proxy.
    ...(proxy === undefined ? tls : tls.ca === undefined ? {} : {ca: tls.ca}),
    ...addressOf(target, tools),
    ...(hook === undefined ? {} : {onread: hook}),
    ...(wire === undefined ? {} : {socket: wire}),
    ALPNProtocols: ['http/1.1'],
    ...(servername === undefined ? {} : {servername}),
    ...(session === undefined ? {} : {session}),
  }
  return nodeTls()
    .connect(options)
    .on('session', (ticket: Buffer) => sessions.remember(where, ticket))
}
