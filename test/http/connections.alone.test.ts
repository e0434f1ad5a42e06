/** Connections: how they fail, when they are shared, when they are given up, and that nothing outlives its exchange. */

import {once} from 'node:events'
import {type AddressInfo, createServer} from 'node:net'
import {Agent, Client, MockAgent} from 'undici'
import ClientAlone from 'undici/lib/dispatcher/client.js'
import {describe, expect, it} from 'vitest'
import {TransferError} from '../../src/domain/errors.ts'
import type {RequestBody} from '../../src/ports/transport.ts'
import {contentOf, sha256} from '../support/content.ts'
import {startFaultyServer} from '../support/faulty-server.ts'
import {EXPIRED_CERTIFICATE, OTHER_NAME_CERTIFICATE, VALID_CERTIFICATE} from '../support/tls-certificates.ts'
import {unusedPort} from '../support/unused-port.ts'
import {run, startServer, startTransport} from './harness.ts'

const SIZE = 100_000
const content = {seed: 1, size: SIZE}

function bodyOf(bytes: Buffer): RequestBody {
  return {
    length: bytes.length,
    chunks: async function* () {
      for (let at = 0; at < bytes.length; at += 30_000) yield bytes.subarray(at, at + 30_000)
    },
  }
}

it('undici’s client by itself is the client of its front door', () => expect(ClientAlone).toBe(Client))

describe('a connection that cannot be made', () => {
  it('is CONNECTION_REFUSED where nobody listens, and says only the origin', async () => {
    const port = await unusedPort()
    const {error, receiver} = await run(startTransport(), `http://127.0.0.1:${port}/a?token=secret`)
    expect(error).toMatchObject({code: 'CONNECTION_REFUSED', where: `http://127.0.0.1:${port}`})
    expect(receiver.calls).toEqual([])
  })

  it('is CONNECTION_REFUSED where no address of a name answers', async () => {
    const {error} = await run(startTransport(), `http://localhost:${await unusedPort()}/`)
    expect(error?.code).toBe('CONNECTION_REFUSED')
  })

  it('is NAME_NOT_RESOLVED for a name that cannot exist', async () => {
    expect((await run(startTransport(), `http://${'x'.repeat(64)}.invalid/`)).error?.code).toBe('NAME_NOT_RESOLVED')
  })

  it.each([
    ['CERTIFICATE_UNTRUSTED', VALID_CERTIFICATE, undefined],
    ['CERTIFICATE_EXPIRED', EXPIRED_CERTIFICATE, EXPIRED_CERTIFICATE],
    ['CERTIFICATE_NAME_MISMATCH', OTHER_NAME_CERTIFICATE, OTHER_NAME_CERTIFICATE],
  ] as const)('is %s', async (code, certificate, trusted) => {
    const server = await startFaultyServer({certificate})
    const transport = startTransport({tls: trusted === undefined ? {} : {ca: trusted.cert}})
    const {error, receiver} = await run(transport, server.url('/a'))
    await server.close()
    expect(error).toMatchObject({code, where: server.origin})
    expect(receiver.connections).toBe(0)
  })

  it('is TLS_FAILED where the other side speaks no TLS', async () => {
    const server = createServer((socket) => {
      socket.on('error', () => {})
      socket.once('data', () => socket.end('HTTP/1.1 400 Bad Request\r\n\r\n'))
    }).listen(0, '127.0.0.1')
    await once(server, 'listening')
    const {port} = server.address() as AddressInfo
    expect((await run(startTransport(), `https://127.0.0.1:${port}/`)).error?.code).toBe('TLS_FAILED')
    server.close()
  })

  it('is CONNECTION_RESET where the other side closes in the handshake', async () => {
    const server = createServer((socket) => socket.destroy()).listen(0, '127.0.0.1')
    await once(server, 'listening')
    const {port} = server.address() as AddressInfo
    expect((await run(startTransport(), `https://127.0.0.1:${port}/`)).error?.code).toBe('CONNECTION_RESET')
    server.close()
  })
})

describe('a name with several addresses', () => {
  it('is reached by the one that answers', async () => {
    const server = await startServer()
    server.route('/a', {content})
    const {end} = await run(startTransport(), server.url('/a').replace('127.0.0.1', 'localhost'))
    expect(end?.bodyLength).toBe(SIZE)
  })
})

describe('a request', () => {
  it.each([
    ['a header with a line break', [['X-A', 'b\r\nX-C: d']]],
    ['a header that is the connection’s own business', [['Transfer-Encoding', 'chunked']]],
  ] as const)('with %s is INVALID_ARGUMENT', async (_, headers) => {
    const server = await startServer()
    server.route('/a', {content})
    const {error} = await run(startTransport(), server.url('/a'), {request: {headers}})
    expect(error?.code).toBe('INVALID_ARGUMENT')
    expect(server.requests).toEqual([])
  })

  it.each(['ftp://127.0.0.1/a', '/a'])('to %s is refused at once', async (url) => {
    await expect(run(startTransport(), url)).rejects.toThrow('url')
  })
})

describe('an idle connection', () => {
  it.each(['http', 'https'] as const)('serves the next exchange, which hears of it once (%s)', async (scheme) => {
    const server = await startServer(scheme)
    server.route('/a', {content})
    const transport = startTransport()
    for (let round = 0; round < 5; round += 1) {
      const {receiver} = await run(transport, server.url('/a'))
      expect(receiver.connections).toBe(1)
      expect(receiver.digest()).toBe(sha256(contentOf(1, SIZE)))
    }
    expect(server.connections).toBe(1)
  })

  it('is not used again after Connection: close', async () => {
    const server = await startServer()
    server.route('/a', {content, close: true})
    const transport = startTransport()
    await run(transport, server.url('/a'))
    await run(transport, server.url('/a'))
    expect(server.connections).toBe(2)
  })

  it('that the server breaks as the next request arrives costs a repetition, not a failure', async () => {
    const server = await startServer()
    server.route('/first', {content})
    const transport = startTransport()
    await run(transport, server.url('/first'))
    server.route('/a', (request) => (request.connection === 1 ? {beforeHead: 'reset'} : {content}))
    const {end, receiver} = await run(transport, server.url('/a'))
    expect(end?.bodyLength).toBe(SIZE)
    expect(receiver.connections).toBe(1)
    expect(server.connections).toBe(2)
  })

  it.each(['PUT', 'DELETE', 'OPTIONS'])(
    'the same for a request that does no more when it is done twice: %s',
    async (method) => {
      const server = await startServer()
      server.route('/first', {content})
      for (const undiciOnly of [false, true]) {
        const before = server.connections
        const transport = startTransport({undiciOnly})
        await run(transport, server.url('/first'))
        server.route('/a', ({connection}) => (connection === before + 1 ? {beforeHead: 'reset'} : {content}))
        const {end, error, receiver, exchange} = await run(transport, server.url('/a'), {
          request: {method, body: bodyOf(contentOf(2, SIZE))},
        })
        expect(error).toBeUndefined()
        expect(end?.bodyLength).toBe(SIZE)
        expect(server.requests.at(-1)?.body.equals(contentOf(2, SIZE))).toBe(true)
        expect(exchange.sent).toBe(SIZE)
        // Whoever waits for the answer already is told that the body goes out once more.
        expect(receiver.calls.filter((call) => call !== 'lend' && call !== 'filled' && call !== 'release')).toEqual([
          'connected',
          'sent',
          'repeated',
          'connected',
          'sent',
          'responded',
        ])
        expect(server.connections).toBe(before + 2)
      }
    },
  )

  it('is no excuse to send all of a large body once more, which a server was reading', async () => {
    const server = await startServer()
    server.route('/first', {content})
    for (const undiciOnly of [false, true]) {
      const transport = startTransport({undiciOnly})
      await run(transport, server.url('/first'))
      const before = server.connections
      server.route('/a', {beforeHead: 'reset'})
      const {error, receiver} = await run(transport, server.url('/a'), {
        request: {method: 'PUT', body: bodyOf(Buffer.alloc(2 * 1024 * 1024))},
      })
      expect(error?.code).toBe('CONNECTION_RESET')
      expect(receiver.calls.filter((call) => call === 'repeated')).toEqual([])
      expect(server.connections).toBe(before)
    }
  })

  it('is no excuse to read once more what could not be read', async () => {
    const server = await startServer()
    server.route('/first', {content})
    const transport = startTransport()
    await run(transport, server.url('/first'))
    let readings = 0
    const body: RequestBody = {
      length: 2,
      chunks: async function* () {
        readings += 1
        yield Buffer.from('a')
        throw new TransferError('SOURCE_CHANGED', 'the file changed')
      },
    }
    const {error} = await run(transport, server.url('/a'), {request: {method: 'PUT', body}})
    expect(error?.code).toBe('SOURCE_CHANGED')
    expect(readings).toBe(1)
  })

  it('is no excuse to repeat twice, nor to repeat a request that changes something', async () => {
    const server = await startServer()
    server.route('/first', {content})
    server.route('/a', {beforeHead: 'reset'})
    const transport = startTransport()
    await run(transport, server.url('/first'))
    expect((await run(transport, server.url('/a'))).error?.code).toBe('CONNECTION_RESET')
    expect(server.requests.filter(({path}) => path === '/a').length).toBe(2)
    await run(transport, server.url('/first'))
    expect((await run(transport, server.url('/a'), {request: {method: 'POST'}})).error?.code).toBe('CONNECTION_RESET')
    expect(server.requests.filter(({path}) => path === '/a').length).toBe(3)
  })

  it('keeps no process alive', async () => {
    const server = await startServer()
    server.route('/a', {content})
    await run(startTransport(), server.url('/a'))
    // The server's side of the connection counts; the idle side, unreferenced, does not.
    const referenced = () => process.getActiveResourcesInfo().filter((name) => name === 'TCPSocketWrap').length
    await expect.poll(referenced).toBe(1)
    expect(server.requests[0]?.closed).toBe(false)
  })
})

describe('a limit of connections', () => {
  it('makes exchanges wait in order, without a connection', async () => {
    const server = await startServer()
    server.route('/a', {content})
    const transport = startTransport({maxConnectionsPerOrigin: 2})
    const order: number[] = []
    const runs = await Promise.all(
      [0, 1, 2, 3, 4, 5].map((index) => run(transport, server.url('/a'), {onConnected: () => order.push(index)})),
    )
    expect(runs.map(({end}) => end?.bodyLength)).toEqual(Array(6).fill(SIZE))
    expect(order).toEqual([0, 1, 2, 3, 4, 5])
    expect(server.connections).toBe(2)
  })

  it('lets an exchange leave the line', async () => {
    const server = await startServer()
    server.route('/stalled', {content, cutAfter: 10, cut: 'stall'})
    const transport = startTransport({maxConnectionsPerOrigin: 1})
    const [first, second] = [new AbortController(), new AbortController()]
    const head = run(transport, server.url('/stalled'), {signal: first.signal})
    const waiting = run(transport, server.url('/stalled'), {signal: second.signal})
    second.abort()
    expect((await waiting).error?.code).toBe('CANCELED')
    expect((await waiting).receiver.calls).toEqual([])
    first.abort()
    expect((await head).error?.code).toBe('CANCELED')
  })
})

describe('connections that proved dead', () => {
  const repeatOverFresh = async () => {
    const server = await startServer()
    server.route('/first', {content})
    server.route('/a', ({connection}) => (connection <= 2 ? {beforeHead: 'reset'} : {content}))
    server.route('/stalled', {beforeHead: 'stall'})
    const transport = startTransport({maxConnectionsPerOrigin: 2})
    await Promise.all([1, 2].map(() => run(transport, server.url('/first'))))
    expect((await run(transport, server.url('/a'))).end?.bodyLength).toBe(SIZE)
    expect(server.connections).toBe(3)
    return {server, transport}
  }

  it('leave one that counts towards the limit', async () => {
    const {server, transport} = await repeatOverFresh()
    const abort = new AbortController()
    const running = [1, 2, 3].map(() => run(transport, server.url('/stalled'), {signal: abort.signal}))
    const stalled = () => server.requests.filter(({path}) => path === '/stalled').length
    await expect.poll(stalled).toBe(2)
    // The third would be there before what is asked after it.
    await run(startTransport(), server.url('/first'))
    expect(stalled()).toBe(2)
    abort.abort()
    for (const {error} of await Promise.all(running)) expect(error?.code).toBe('CANCELED')
  })

  it('leave one that is closed with the others', async () => {
    const {server, transport} = await repeatOverFresh()
    await transport.close()
    await expect.poll(() => server.requests.every(({closed}) => closed)).toBe(true)
  })
})

describe('discard', () => {
  it('drains a small body and keeps the connection', async () => {
    const server = await startServer()
    server.route('/a', {status: 302, location: '/b', content: {seed: 1, size: 60_000}})
    const transport = startTransport()
    for (const _ of [1, 2]) {
      const {end, receiver} = await run(transport, server.url('/a'), {disposition: 'discard'})
      expect(end).toEqual({bodyLength: 0, framing: 'length'})
      expect(receiver.lends).toBe(0)
    }
    expect(server.connections).toBe(1)
  })

  it.each([
    ['large', {seed: 1, size: 10_000_000}, 'length'],
    ['large and chunked', {seed: 1, size: 10_000_000}, 'chunked'],
    ['of unknown length', {seed: 1, size: 10}, 'close'],
  ] as const)('closes the connection where the body is %s', async (_, content, framing) => {
    const server = await startServer()
    server.route('/a', {content, framing})
    const {end, receiver} = await run(startTransport(), server.url('/a'), {disposition: 'discard'})
    expect(end).toEqual({bodyLength: 0, framing})
    expect(receiver.lends).toBe(0)
    await expect.poll(() => server.requests[0]?.closed).toBe(true)
  })

  it('needs no proper end of the body', async () => {
    const server = await startServer()
    server.route('/a', {status: 503, content, cutAfter: 10, cut: 'reset', contentLength: '1000'})
    const {end} = await run(startTransport(), server.url('/a'), {disposition: 'discard'})
    expect(end?.bodyLength).toBe(0)
  })
})

describe('close', () => {
  it('ends what runs and what comes later with CLOSED, and every connection', async () => {
    const server = await startServer()
    server.route('/a', {content, cutAfter: 10, cut: 'stall'})
    const transport = startTransport()
    const running = run(transport, server.url('/a'), {onResponded: () => void transport.close()})
    expect((await running).error?.code).toBe('CLOSED')
    expect((await run(transport, server.url('/a'))).error?.code).toBe('CLOSED')
    await transport.close()
    await expect.poll(() => server.requests[0]?.closed).toBe(true)
    expect(server.requests.length).toBe(1)
  })
})

describe('an injected dispatcher', () => {
  it('carries exchanges through its own connections', async () => {
    const server = await startServer()
    const size = 3_000_000
    server.route('/a', {content: {seed: 2, size}})
    const dispatcher = new Agent()
    const {receiver, end} = await run(startTransport({dispatcher}), server.url('/a'), {
      buffers: 2,
      onStart: (exchange, receiver) => {
        const feed = setInterval(() => {
          receiver.giveBack()
          exchange.resume()
        }, 0)
        exchange.finished.catch(() => {}).finally(() => clearInterval(feed))
      },
    })
    expect(end).toEqual({bodyLength: size, framing: 'length'})
    expect(receiver.digest()).toBe(sha256(contentOf(2, size)))
    await dispatcher.close()
  })

  it('is cut off, not stored in memory, when the receiver falls far behind', async () => {
    const server = await startServer()
    server.route('/a', {content: {seed: 2, size: 64 * 1024 * 1024}})
    const dispatcher = new Agent()
    const {receiver, error, exchange} = await run(startTransport({dispatcher}), server.url('/a'), {
      buffers: 1,
      bufferBytes: 1024 * 1024,
      onStart: (exchange, receiver) => {
        const feed = setInterval(() => {
          if (!server.requests[0]?.closed) return
          receiver.giveBack()
          exchange.resume()
        }, 0)
        exchange.finished.catch(() => {}).finally(() => clearInterval(feed))
      },
    })
    expect(error).toMatchObject({code: 'CONNECTION_RESET', where: server.origin})
    expect(exchange.received).toBeLessThan(18 * 1024 * 1024)
    expect(receiver.length).toBe(exchange.received)
    await dispatcher.close()
  })

  it('may be one that makes answers up', async () => {
    const dispatcher = new MockAgent()
    dispatcher.disableNetConnect()
    dispatcher
      .get('http://example.com')
      .intercept({path: '/a?b=c'})
      .reply(200, 'hello', {headers: {'X-A': 'b'}})
    const {receiver, end} = await run(startTransport({dispatcher}), 'http://example.com/a?b=c')
    expect(end?.bodyLength).toBe(5)
    expect(receiver.head?.headers).toContainEqual(['X-A', 'b'])
    await dispatcher.close()
  })
})
