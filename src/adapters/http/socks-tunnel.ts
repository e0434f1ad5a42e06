/** A TCP connection to a server by way of a SOCKS5 proxy (RFC 1928), by socks. */

import {connect as tcpConnect} from 'node:net'
import {SocksClient} from 'socks'
import {TransferError} from '../../domain/errors.ts'
import {proxyUnreachable, socksFailed} from './proxy-errors.ts'
import type {TunnelDone, TunnelWish} from './tunnel-wish.ts'

const MAX_SOCKS_FIELD_BYTES = 255
/** The statechart's delay comes long before; the library needs a number. */
const NEVER_MS = 2 ** 31 - 1

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
    SocksClient.createConnection({
      command: 'connect',
      proxy: {
        host: proxy.hostname,
        port: proxy.port,
        type: 5,
        ...(credential === undefined ? {} : {userId: credential.userName, password: credential.password}),
      },
      destination: {host: hostname, port},
      existing_socket: socket,
      timeout: NEVER_MS,
    }).then(
      () => done(undefined, socket),
      (error) => fail(socksFailed(proxy, error)),
    )
  })
  return () => socket.destroy()
}
