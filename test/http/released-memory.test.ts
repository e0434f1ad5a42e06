/** Memory that a connection was given, and that its reader let go of as it destroyed the connection: nothing is read into it. */

import {once} from 'node:events'
import type {AddressInfo} from 'node:net'
import {createServer} from 'node:tls'
import {expect, it, onTestFinished} from 'vitest'
import {Connection, type ConnectionReader} from '../../src/adapters/http/connection.ts'
import {TlsSessions} from '../../src/adapters/http/tls-options.ts'
import {AuthenticationMemory} from '../../src/domain/authentication.ts'
import {VALID_CERTIFICATE} from '../support/tls-certificates.ts'

const RECORD = 512
/** They come in one read of the network, and are decrypted one after the other. */
const RECORDS = 40

it.each([
  ['destroyed', undefined, (connection: Connection) => connection.destroy()],
  [
    'broken, as its address is gone,',
    'CONNECTION_RESET',
    (connection: Connection) => connection.addressesGone(new Set(['127.0.0.1'])),
  ],
])('is not read into where it is %s between two records of one TLS read', async (_, failure, end) => {
  const server = createServer({key: VALID_CERTIFICATE.key, cert: VALID_CERTIFICATE.cert}, (socket) => {
    socket.setMaxSendFragment(RECORD)
    socket.on('error', () => {}).once('data', () => socket.write(Buffer.alloc(RECORDS * RECORD, 0xaa)))
  })
  await once(server.listen(0, '127.0.0.1'), 'listening')
  onTestFinished(() => void server.close())
  const {port} = server.address() as AddressInfo

  const lent = Buffer.alloc(64 * 1024)
  const target = {secure: true, hostname: '127.0.0.1', port, where: `https://127.0.0.1:${port}`, forwarded: false}
  const tools = {
    tls: {ca: VALID_CERTIFICATE.cert},
    sessions: new TlsSessions(),
    memory: new AuthenticationMemory({hash: () => '', nonce: () => ''}),
  }
  let records = 0
  await new Promise<void>((closed, fail) => {
    const reader: ConnectionReader = {
      // The first record comes into memory of the connection, which asks for the place of the next one right after it.
      memory: () => lent,
      bytes: () => {
        records += 1
        queueMicrotask(() => end(connection))
      },
      ended: () => {},
      failed: (error) => {
        // Whoever breaks a connection says why; else nothing failed.
        if (error.code !== failure) fail(error)
      },
      closed,
    }
    const connection = new Connection(target, tools, (error) => {
      if (error !== undefined) return fail(error)
      connection.beginRequest(reader)
      connection.write('anything', 'latin1')
    })
  })
  expect(records).toBe(1)
  expect(lent.includes(0xaa)).toBe(false)
})
