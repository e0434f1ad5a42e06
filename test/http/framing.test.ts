/** Heads and ends of bodies: what is an end, what is a cut, and what is no HTTP at all. */

import {gzipSync} from 'node:zlib'
import {describe, expect, it} from 'vitest'
import {contentOf, sha256} from '../support/content.ts'
import type {Script} from '../support/faulty-script.ts'
import {PATHS, run, startServer, startTransport} from './harness.ts'

const SIZE = 100_000
const content = {seed: 1, size: SIZE}
const WAYS_OF_BODIES = Object.entries(PATHS)

async function exchangeWith(script: Script, method = 'GET') {
  const server = await startServer()
  server.route('/a', script)
  return {server, ...(await run(startTransport(), server.url('/a?token=secret'), {request: {method}}))}
}

describe('the head', () => {
  it('keeps spelling, order and repetition, and every byte of a value', async () => {
    const headers = [
      ['X-OnE', 'a'],
      ['x-two', 'gr\u00fc\u00df'],
      ['X-OnE', 'b'],
    ] as const
    const {receiver} = await exchangeWith({content, headers})
    expect(receiver.head?.headers.filter(([name]) => name.toLowerCase().startsWith('x-'))).toEqual(headers)
    expect(receiver.head).toMatchObject({status: 200})
  })

  it('is sent with the headers as given, in order', async () => {
    const server = await startServer()
    server.route('/a', {content})
    const headers = [
      ['Range', 'bytes=5-9'],
      ['If-Range', '"x"'],
      ['Accept-Encoding', 'identity'],
    ] as const
    await run(startTransport(), server.url('/a'), {request: {headers}})
    expect(server.requests[0]?.headers).toMatchObject({
      host: new URL(server.origin).host,
      range: 'bytes=5-9',
      'if-range': '"x"',
      'accept-encoding': 'identity',
    })
  })

  it.each([
    ['a Content-Length beyond 2^53-1', 'Content-Length: 9007199254740993'],
    ['a Content-Length beyond 2^64', 'Content-Length: 99999999999999999999999'],
    ['a Content-Length that is no number', 'Content-Length: ten'],
    ['a negative Content-Length', 'Content-Length: -1'],
    ['different Content-Lengths', 'Content-Length: 5\r\nContent-Length: 6'],
    ['Content-Length and Transfer-Encoding', 'Content-Length: 5\r\nTransfer-Encoding: chunked'],
    ['Transfer-Encoding and Content-Length', 'Transfer-Encoding: chunked\r\nContent-Length: 5'],
    ['a coding that nobody asked for', 'Transfer-Encoding: gzip, chunked'],
    ['a head of more than 16 KiB', `X-Large: ${'x'.repeat(17_000)}`],
    ['a field name with a space', 'X Bad: 1'],
  ])('with %s is INVALID_RESPONSE', async (_, lines) => {
    const {error, receiver} = await exchangeWith({raw: `HTTP/1.1 200 OK\r\n${lines}\r\n\r\nhello`, rawEnd: 'keep'})
    expect(error?.code).toBe('INVALID_RESPONSE')
    expect(receiver.head).toBeUndefined()
  })

  it.each([
    ['garbage', 'SSH-2.0-OpenSSH_9.6\r\n'],
    ['an unasked change of protocol', 'HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n'],
    ['a change of protocol that does not say to which', 'HTTP/1.1 101 Switching Protocols\r\n\r\n'],
    ['of a status below all others', 'HTTP/1.1 099 Below\r\nContent-Length: 0\r\n\r\n'],
    ['of a status of four digits', 'HTTP/1.1 1000 Beyond\r\nContent-Length: 0\r\n\r\n'],
    ['of such a status, and another version', 'HTTP/2.0 099 Below\r\nContent-Length: 0\r\n\r\n'],
    ['of such a status, and an old version', 'HTTP/0.9 010 Below\r\nContent-Length: 0\r\n\r\n'],
    ['of such a status, and another protocol', 'ICE/1.0 099 Below\r\nContent-Length: 0\r\n\r\n'],
    [
      'of another protocol behind an interim one',
      'HTTP/1.1 103 Early Hints\r\n\r\nRTSP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n',
    ],
    ['an unasked change of protocol, of another version', 'HTTP/2.0 101 Switching Protocols\r\n\r\n'],
  ])('that is %s is INVALID_RESPONSE', async (_, raw) => {
    const {error, server} = await exchangeWith({raw, rawEnd: 'keep'})
    expect(error?.code).toBe('INVALID_RESPONSE')
    expect(error?.where).toBe(server.origin)
    expect(JSON.stringify(error?.toSerialized())).not.toContain('secret')
  })

  it.each(['RTSP/1.0', 'ICE/1.0', 'HTTP/2.0', 'HTTP/0.9', 'HTTP/3.7', 'ICY', '\r\nRTSP/1.0', '\n\nHTTP/2.0'])(
    'that is a success in the words of %j is INVALID_RESPONSE',
    async (version) => {
      const server = await startServer()
      server.route('/a', {raw: `${version} 200 OK\r\nContent-Length: 5\r\n\r\nhello`, rawEnd: 'keep'})
      for (const path of Object.values(PATHS)) {
        expect((await run(startTransport(path), server.url('/a'))).error?.code).toBe('INVALID_RESPONSE')
      }
    },
  )

  it.each(['HTTP/2.0 099 Below', 'RTSP/1.0 101 Other', 'HTTP/1.1 099 Below', 'RTSP/1.0 200 OK', '\r\nHTTP/2.0 200 OK'])(
    '%s is INVALID_RESPONSE byte by byte, too',
    async (line) => {
      const raw = `${line}\r\nContent-Length: 0\r\n\r\n`
      expect((await exchangeWith({raw, rawEnd: 'keep', pieceBytes: 1, pieceDelayMs: 1})).error?.code).toBe(
        'INVALID_RESPONSE',
      )
    },
  )

  it.each([
    ['fin', 'HTTP/1.1 200 OK\r\nContent-Le'],
    ['reset', 'HTTP/1.1 200 OK\r\nContent-Le'],
    ['fin', ''],
    ['reset', ''],
  ] as const)('cut short by a %s is CONNECTION_RESET', async (rawEnd, raw) => {
    expect((await exchangeWith({raw, rawEnd})).error?.code).toBe('CONNECTION_RESET')
  })
})

describe('interim answers', () => {
  it('are swallowed, an unasked 100 Continue too', async () => {
    const {end, receiver} = await exchangeWith({content, interim: [100, 103, 102, 100]})
    expect(receiver.head?.status).toBe(200)
    expect(end?.bodyLength).toBe(SIZE)
    expect(receiver.digest()).toBe(sha256(contentOf(1, SIZE)))
  })

  it('are swallowed when they come byte by byte', async () => {
    const server = await startServer()
    const answer = 'HTTP/1.1 100 Continue\r\nX-A: b\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc'
    server.route('/a', {raw: answer, rawEnd: 'keep', pieceBytes: 1, pieceDelayMs: 1})
    expect((await run(startTransport(), server.url('/a'))).receiver.digest()).toBe(sha256(Buffer.from('abc')))
  })

  it('are swallowed for each request of a connection', async () => {
    const server = await startServer()
    server.route('/a', {content, interim: [100]})
    const transport = startTransport()
    expect((await run(transport, server.url('/a'))).end?.bodyLength).toBe(SIZE)
    expect((await run(transport, server.url('/a'))).end?.bodyLength).toBe(SIZE)
    expect(server.connections).toBe(1)
  })

  it('may be twenty, not more', async () => {
    expect((await exchangeWith({content, interim: Array(20).fill(103)})).end?.bodyLength).toBe(SIZE)
    expect((await exchangeWith({content, interim: Array(21).fill(103)})).error?.code).toBe('INVALID_RESPONSE')
  })

  it('are bounded in size', async () => {
    const raw = `HTTP/1.1 103 Early Hints\r\nLink: ${'x'.repeat(20_000)}`
    expect((await exchangeWith({raw, rawEnd: 'keep'})).error?.code).toBe('INVALID_RESPONSE')
  })

  it('are no end', async () => {
    expect((await exchangeWith({raw: 'HTTP/1.1 100 Continue\r\n\r\n', rawEnd: 'fin'})).error?.code).toBe(
      'CONNECTION_RESET',
    )
  })
})

describe('the end of a body', () => {
  it.each([
    ['length', {content}],
    ['chunked', {content, framing: 'chunked'}],
    ['close', {content, framing: 'close'}],
  ] as const)('by %s is an end', async (framing, script) => {
    const {end, receiver} = await exchangeWith(script)
    expect(end).toEqual({bodyLength: SIZE, framing})
    expect(receiver.digest()).toBe(sha256(contentOf(1, SIZE)))
  })

  it.each([
    ['a missing last chunk', {chunkedEnd: 'missing', cut: 'fin'}],
    ['a missing last chunk, the server having said close', {chunkedEnd: 'missing', close: true}],
    ['a missing end of the trailer section', {chunkedEnd: 'noTrailerEnd', close: true}],
    ['a cut between chunks', {cutAfter: 65_536, cut: 'fin'}],
    ['a cut between chunks, the server having said close', {cutAfter: 65_536, cut: 'fin', close: true}],
  ] as const)('is not %s: TRUNCATED', async (_, script) => {
    const {error, receiver} = await exchangeWith({content, framing: 'chunked', close: true, ...script})
    expect(error?.code).toBe('TRUNCATED')
    expect(error?.details).toEqual({received: receiver.length})
  })

  it('is not a cut inside a chunk: TRUNCATED', async () => {
    const raw = 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n64\r\nonly this'
    const {error, receiver} = await exchangeWith({raw, rawEnd: 'fin'})
    expect(error?.code).toBe('TRUNCATED')
    expect(receiver.length).toBe(9)
  })

  it('is not a malformed chunk: INVALID_RESPONSE', async () => {
    const raw = 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\nzz\r\n'
    expect((await exchangeWith({raw, rawEnd: 'keep'})).error?.code).toBe('INVALID_RESPONSE')
  })

  it.each([1, 1000, SIZE])(
    'is not a reset of a close-delimited body after %i bytes: CONNECTION_RESET',
    async (cutAfter) => {
      const {error, receiver} = await exchangeWith({content, framing: 'close', cutAfter, cut: 'reset'})
      expect(error?.code).toBe('CONNECTION_RESET')
      expect(receiver.digest()).toBe(sha256(contentOf(1, receiver.length)))
    },
  )

  it.each(WAYS_OF_BODIES)(
    'makes what follows it unasked the end of the connection, not of the process: %s',
    async (_, way) => {
      const server = await startServer()
      const raw = 'HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello'
      server.route('/a', {raw: `${raw}more`, rawEnd: 'keep', pieceBytes: raw.length, pieceDelayMs: 20})
      const transport = startTransport(way)
      expect((await run(transport, server.url('/a'))).receiver.digest()).toBe(sha256(Buffer.from('hello')))
      await expect.poll(() => server.requests[0]?.closed).toBe(true)
      server.route('/b', {content})
      expect((await run(transport, server.url('/b'))).end?.bodyLength).toBe(SIZE)
    },
  )

  it.each([
    ['in one piece', PATHS.plain, 1],
    ['in one piece, to the parser', PATHS.parser, 1],
    ['in one piece, past the parser', PATHS.direct, 1],
    ['a little later', PATHS.plain, 20],
    ['a little later, to the parser', PATHS.parser, 20],
    ['a little later, past the parser', PATHS.direct, 20],
  ])('lets no second answer behind it stand for the next request: %s', async (_, way, pieceDelayMs) => {
    const server = await startServer()
    const good = 'HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello'
    const forged = 'HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil'
    const pieceBytes = pieceDelayMs === 1 ? {} : {pieceBytes: good.length, pieceDelayMs}
    server.route('/a', {raw: good + forged, rawEnd: 'keep', ...pieceBytes})
    server.route('/b', {content: Buffer.from('mine')})
    const transport = startTransport(way)
    expect((await run(transport, server.url('/a'))).receiver.digest()).toBe(sha256(Buffer.from('hello')))
    // Whoever asks before the forged answer is there cannot tell it from the true one: HTTP/1.1 has nothing to tell it by.
    await expect.poll(() => server.requests[0]?.closed).toBe(true)
    expect((await run(transport, server.url('/b'))).receiver.digest()).toBe(sha256(Buffer.from('mine')))
    expect(server.connections).toBe(2)
  })

  it.each([
    ['chunks in HTTP/1.0', 'HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nTransfer-Encoding: chunked', 2],
    ['a length in HTTP/1.0', 'HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 15', 1],
    ['chunks in HTTP/1.1', 'HTTP/1.1 200 OK\r\nConnection: keep-alive\r\nTransfer-Encoding: chunked', 1],
  ])('by %s is found, and another answer behind it where there is no doubt of that', async (_, head, connections) => {
    for (const path of Object.values(PATHS)) {
      const server = await startServer()
      server.route('/a', {raw: `${head}\r\n\r\n5\r\nhello\r\n0\r\n\r\n`, rawEnd: 'keep'})
      const transport = startTransport(path)
      for (let exchange = 0; exchange < 2; exchange++) {
        expect((await run(transport, server.url('/a'))).error).toBeUndefined()
      }
      expect(server.connections).toBe(connections)
    }
  })

  it('has bounded trailers', async () => {
    const trailers = `X-Large: ${'x'.repeat(3_000_000)}\r\n`
    const raw = `HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n${trailers}\r\n`
    expect((await exchangeWith({raw, rawEnd: 'keep'})).error?.code).toBe('INVALID_RESPONSE')
  })

  it('is not blown up: what is coded unasked comes as it is', async () => {
    const bomb = gzipSync(Buffer.alloc(64 * 1024 * 1024))
    for (const framing of ['length', 'chunked'] as const) {
      const {end, receiver} = await exchangeWith({content: bomb, framing, headers: [['Content-Encoding', 'gzip']]})
      expect(end?.bodyLength).toBe(bomb.length)
      expect(receiver.digest()).toBe(sha256(bomb))
    }
  })

  it.each([
    ['HEAD', {content}],
    ['GET', {status: 204}],
    ['GET', {status: 304, framing: 'close'}],
  ] as const)('comes with the head where there is no body (%s)', async (method, script) => {
    const {end} = await exchangeWith(script, method)
    expect(end).toEqual({bodyLength: 0, framing: 'none'})
  })
})
