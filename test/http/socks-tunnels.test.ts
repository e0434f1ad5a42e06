/** What a connection through SOCKS leaves behind when it is over: nothing, however long its handshake might have taken. */

import {once} from 'node:events'
import type {Socket} from 'node:net'
import {setFlagsFromString} from 'node:v8'
import {runInNewContext} from 'node:vm'
import {expect, it, onTestFinished, vi} from 'vitest'
import {openBySocks} from '../../src/adapters/http/socks-tunnel.ts'
import {AuthenticationMemory} from '../../src/domain/authentication.ts'
import {parseProxy} from '../../src/domain/proxy.ts'
import {startFaultyServer} from '../support/faulty-server.ts'
import {startSocksProxy} from '../support/proxy-server.ts'

setFlagsFromString('--expose-gc')
const collectGarbage = runInNewContext('gc') as () => void

it.each([
  ['was opened', undefined, undefined],
  ['was refused', 5, 'PROXY_FAILED'],
])('is collected after it %s and closed', async (_, reply, code) => {
  const server = await startFaultyServer()
  const socks = await startSocksProxy(reply === undefined ? {} : {reply})
  onTestFinished(async () => {
    await socks.close()
    await server.close()
  })
  const [hostname = '', port] = new URL(server.url('/')).host.split(':')
  const memory = new AuthenticationMemory({hash: () => '', nonce: () => ''})
  const open = async () => {
    const proxy = parseProxy(socks.address, 'proxy')
    const wires: Socket[] = []
    const wish = {proxy, hostname, port: Number(port), tls: {}, memory, onWire: (wire: Socket) => wires.push(wire)}
    const error = await new Promise<{code: string} | undefined>((done) => openBySocks(wish, done))
    expect(error?.code).toBe(code)
    const [wire] = wires
    if (wire === undefined) throw new Error('there was no connection')
    if (!wire.closed) await once(wire.destroy(), 'close')
    return new WeakRef(wire)
  }
  const wire = await open()
  await vi.waitFor(() => {
    collectGarbage()
    expect(wire.deref() === undefined).toBe(true)
  })
})
