/** A TCP connection to a server by way of a SOCKS5 proxy (RFC 1928), by socks. */

import {type Socket, connect as tcpConnect} from 'node:net'
import {SocksClient} from 'socks'
import {TransferError} from '../../domain/errors.ts'
import {proxyUnreachable, socksFailed} from './proxy-errors.ts'
import type {TunnelDone, TunnelWish} from './tunnel-wish.ts'

const MAX_SOCKS_FIELD_BYTES = 255

type Handshake = ConstructorParameters<typeof SocksClient>[0]

/** Calls `done` at most once. Returns how to give it up. */
export function openBySocks({proxy, hostname, port, onWire}: TunnelWish, done: TunnelDone): () => void {
  const {credential} = proxy
  const fields = credential === undefined ? [] : [credential.userName, credential.password]
  const socket = tcpConnect({host: proxy.hostname, port: proxy.port, autoSelectFamily: true})
  const isTooLong = fields.some((each) => Buffer.byteLength(each) > MAX_SOCKS_FIELD_BYTES)
  const fail = (error: TransferError) => {
    socket.destroy()
    done(error)
  }
  const unreachable = (error: Error) => fail(proxyUnreachable(proxy, error))
  onWire(socket)
  socket.setNoDelay(true)
  // For the whole life of the connection: an error without a listener ends the process.
  socket.on('error', () => {})
  socket.once('error', unreachable)
  socket.once('connect', () => {
    socket.removeListener('error', unreachable)
    if (isTooLong) {
      const message = 'a user name or password for SOCKS has at most 255 bytes'
      fail(
        new TransferError('PROXY_FAILED', message, {where: proxy.where, retry: 'never', advice: 'give shorter ones'}),
      )
      return
    }
    const handshake: Handshake = {
      command: 'connect',
      proxy: {
        host: proxy.hostname,
        port: proxy.port,
        type: 5,
        ...(credential === undefined ? {} : {userId: credential.userName, password: credential.password}),
      },
      destination: {host: hostname, port},
    }
    shakeHands(socket, handshake).then(
      () => done(undefined, socket),
      (error) => fail(socksFailed(proxy, error)),
    )
  })
  return () => socket.destroy()
}

/**
 * How long it may take is the statechart's business. The library has a timer of its own, which it never clears, and which holds the
 * connection until it rings, long after that was closed: it rings at once, and does nothing.
 */
function shakeHands(socket: Socket, handshake: Handshake): Promise<void> {
  return new Promise((resolve, reject) => {
    const client = new SocksClient({...handshake, timeout: 1})
    Object.defineProperty(client, 'onEstablishedTimeout', {value: () => {}})
    client.once('established', () => resolve())
    client.once('error', reject)
    client.connect(socket)
  })
}
