/** A TCP connection to a server by way of a proxy: CONNECT (RFC 9110 9.3.6) by Node's own HTTP client, or SOCKS5. */

import type {IncomingMessage} from 'node:http'
import {isIP, type Socket} from 'node:net'
import type {Conversation} from '../../domain/authentication.ts'
import {MAX_HEAD_BYTES} from './limits.ts'
import {proxyAnswered, proxyUnauthorized, proxyUnreachable, socksFailed} from './proxy-errors.ts'
import type {TunnelDone, TunnelWish} from './tunnel-wish.ts'

const PROXY_AUTHENTICATION_REQUIRED = 407

/** Calls `done` once, unless the tunnel is given up before. Returns how to give it up. */
export function openTunnel(wish: TunnelWish, done: TunnelDone): () => void {
  let isOver = false
  const settle: TunnelDone = (error, socket) => {
    if (isOver) socket?.destroy()
    else {
      isOver = true
      done(error, socket)
    }
  }
  const stop = wish.proxy.kind === 'socks5' ? openLate(wish, settle) : openByConnect(wish, settle)
  return () => {
    isOver = true
    stop()
  }
}

/** Credentials only after the proxy asked; each answer on a connection of its own. */
function openByConnect({proxy, hostname, port, tls, memory, onWire}: TunnelWish, done: TunnelDone): () => void {
  const authority = `${hostname.includes(':') ? `[${hostname}]` : hostname}:${port}`
  const asked = {party: proxy.where, method: 'CONNECT', uri: authority}
  const conversation: Conversation | undefined =
    proxy.credential === undefined ? undefined : memory.converse(proxy.credential)
  let stop: () => void = () => {}
  const connect = (authorization: string | undefined) => {
    // Loaded with the first tunnel: most processes open none.
    const {request: open} = process.getBuiltinModule(proxy.kind === 'https' ? 'node:https' : 'node:http')
    const request = open({
      // What proves who we are to the server is nothing for the proxy.
      ...(tls.ca === undefined ? {} : {ca: tls.ca}),
      host: proxy.hostname,
      port: proxy.port,
      method: 'CONNECT',
      path: authority,
      headers: {Host: authority, ...(authorization === undefined ? {} : {'Proxy-Authorization': authorization})},
      agent: false,
      maxHeaderSize: MAX_HEAD_BYTES,
      // Else Node takes the name for TLS from the field Host, which is the server's.
      servername: isIP(proxy.hostname) === 0 ? proxy.hostname : '',
    })
    stop = () => request.destroy()
    request.once('socket', onWire)
    request.once('connect', (response: IncomingMessage, socket: Socket, surplus: Buffer) => {
      const {statusCode: status = 0, headers} = response
      // For the whole life of the connection: an error without a listener ends the process.
      socket.on('error', () => {})
      if (status >= 200 && status < 300) {
        // Nothing was asked of the server yet, so nothing of it can be here.
        if (surplus.length > 0) socket.unshift(surplus)
        done(undefined, socket)
        return
      }
      socket.destroy()
      if (status !== PROXY_AUTHENTICATION_REQUIRED) {
        done(proxyAnswered(proxy, status))
        return
      }
      const answer = conversation?.answer(asked, valuesOf(headers['proxy-authenticate']))
      if (answer === undefined) done(proxyUnauthorized(proxy))
      else connect(answer)
    })
    request.once('error', (error) => done(proxyUnreachable(proxy, error)))
    request.end()
  }
  connect(conversation?.unasked(asked))
  return () => stop()
}

/** What speaks SOCKS is loaded with the first such proxy, and not before. */
function openLate(wish: TunnelWish, done: TunnelDone): () => void {
  let stop: () => void = () => {}
  let isStopped = false
  import('./socks-tunnel.ts').then(
    ({openBySocks}) => {
      if (!isStopped) stop = openBySocks(wish, done)
    },
    (error) => done(socksFailed(wish.proxy, error)),
  )
  return () => {
    isStopped = true
    stop()
  }
}

function valuesOf(field: string | readonly string[] | undefined): readonly string[] {
  return field === undefined ? [] : typeof field === 'string' ? [field] : field
}
