/** Connections from addresses that this machine has no more: they fail at once, rest for nobody, and the others go on. */

import {once} from 'node:events'
import {type AddressInfo, createServer, type Socket} from 'node:net'
import {createServer as createTlsServer} from 'node:tls'
import {describe, expect, it, onTestFinished} from 'vitest'
import type {Transport} from '../../src/ports/transport.ts'
import {contentOf, sha256} from '../support/content.ts'
import {startHttpProxy, startSocksProxy} from '../support/proxy-server.ts'
import {VALID_CERTIFICATE} from '../support/tls-certificates.ts'
import * as ftp from './ftp-harness.ts'
import {PATHS, run, startServer, startTransport, WAYS} from './harness.ts'

const SIZE = 100_000
const HALF = 40_000
const bytes = contentOf(1, SIZE)
const HERE = '127.0.0.1'
const STALLED = {content: bytes, cutAfter: HALF, cut: 'stall'} as const

/** Runs an exchange that stalls, and takes the address away when what came before is here. */
function runUntilGone(transport: Transport, url: string, gone: readonly string[] = [HERE]) {
  return run(transport, url, {
    bufferBytes: HALF / 4,
    onFilled: (receiver) => {
      if (receiver.length === HALF) queueMicrotask(() => transport.addressesGone?.(gone))
    },
  })
}

const GONE = {code: 'CONNECTION_RESET', details: {hresult: 0x80072f83}}

describe.each(WAYS)('over %s, body %s', (scheme, path) => {
  it('an exchange fails, with all that came before', async () => {
    const server = await startServer(scheme)
    server.route('/a', STALLED)
    const {error, receiver} = await runUntilGone(startTransport(PATHS[path]), server.url('/a'))
    expect(error).toMatchObject({...GONE, where: server.origin})
    expect(receiver.digest()).toBe(sha256(bytes.subarray(0, HALF)))
  })
})

// Past undici's parser a connection serves one exchange.
describe.each(WAYS.filter(([, path]) => path !== 'direct'))('over %s, body %s', (scheme, path) => {
  it('an idle connection serves nobody any more', async () => {
    const server = await startServer(scheme)
    server.route('/a', {content: bytes})
    const transport = startTransport(PATHS[path])
    const fetch = async () => expect((await run(transport, server.url('/a'))).end?.bodyLength).toBe(SIZE)
    await fetch()
    transport.addressesGone?.(['192.0.2.2'])
    await fetch()
    expect(server.connections).toBe(1)
    transport.addressesGone?.([HERE])
    await fetch()
    expect(server.connections).toBe(2)
  })
})

it.each([
  ['a proxy', startHttpProxy],
  ['a SOCKS proxy', startSocksProxy],
])('an exchange by %s fails as well', async (_, startProxy) => {
  const [server, proxy] = [await startServer('https'), await startProxy()]
  onTestFinished(() => proxy.close())
  server.route('/a', STALLED)
  const {error} = await runUntilGone(startTransport({proxy: proxy.address}), server.url('/a'))
  expect(error).toMatchObject(GONE)
  expect(proxy.requests).toHaveLength(1)
})

/** A proxy that hears what it is asked, and never answers. `onAsked`: each time. Resolves with its address. */
async function startMuteProxy(scheme: string, onAsked: () => void): Promise<string> {
  const open: Socket[] = []
  const take = (socket: Socket) => {
    open.push(socket)
    socket.on('error', () => {}).on('data', onAsked)
  }
  const server = scheme === 'https' ? createTlsServer(VALID_CERTIFICATE, take) : createServer(take)
  await once(server.listen(0, HERE), 'listening')
  onTestFinished(() => {
    for (const socket of open) socket.destroy()
    server.close()
  })
  return `${scheme}://${HERE}:${(server.address() as AddressInfo).port}`
}

it.each(['http', 'https', 'socks5'])(
  'an exchange whose tunnel still opens by a proxy of %s fails as well',
  async (scheme) => {
    const server = await startServer('https')
    let ask = () => {}
    const proxy = await startMuteProxy(scheme, () => ask())
    const transport = startTransport({proxy})
    ask = () => transport.addressesGone?.(['192.0.2.2', HERE])
    const {error} = await run(transport, server.url('/a'))
    expect(error).toMatchObject({...GONE, where: server.origin})
  },
)

it('an exchange from another address goes on', async () => {
  const server = await startServer()
  server.route('/a', {content: bytes})
  const transport = startTransport()
  const {end} = await run(transport, server.url('/a'), {
    onStart: () => transport.addressesGone?.(['192.0.2.2', '::1']),
  })
  expect(end?.bodyLength).toBe(SIZE)
})

describe('over FTP', () => {
  it('an exchange fails, with all that came before', async () => {
    const server = await ftp.serve({...ftp.WHOLE, cutAfter: HALF, cut: 'stall'})
    const {error, receiver} = await runUntilGone(ftp.startTransport(), server.url('/1'))
    expect(error).toMatchObject(GONE)
    expect(receiver.digest()).toBe(sha256(ftp.fileOf('1').subarray(0, HALF)))
  })

  it('a session that rests serves nobody any more', async () => {
    const server = await ftp.serve()
    const transport = ftp.startTransport()
    await ftp.fetchWhole(transport, server, '1')
    transport.addressesGone?.(['192.0.2.2'])
    await ftp.fetchWhole(transport, server, '2')
    expect(server.sessions).toHaveLength(1)
    transport.addressesGone?.([HERE])
    await ftp.fetchWhole(transport, server, '3')
    expect(server.sessions).toHaveLength(2)
  })
})
