/** Exchanges that go without undici: the same bytes out, the same outcome for whatever comes back, and undici for what is odd. */

import {subscribe, unsubscribe} from 'node:diagnostics_channel'
import {once} from 'node:events'
import {type AddressInfo, createServer, type Server, type Socket} from 'node:net'
import {setImmediate as turn} from 'node:timers/promises'
import fc from 'fast-check'
import {afterEach, beforeEach, describe, expect, it} from 'vitest'
import {createHttpTransport} from '../../src/adapters/http/http-transport.ts'
import {TransferError} from '../../src/domain/errors.ts'
import type {ExchangeRequest, RequestBody} from '../../src/ports/transport.ts'
import {contentOf, sha256} from '../support/content.ts'
import {run, startServer, startTransport} from './harness.ts'

/** Requests that undici was asked for. */
let asked = 0
const count = () => {
  asked += 1
}

beforeEach(() => {
  asked = 0
  subscribe('undici:request:create', count)
})

afterEach(() => unsubscribe('undici:request:create', count))

const servers: Server[] = []

afterEach(() => {
  for (const server of servers.splice(0)) server.close()
})

/** Has each connection to itself, once a request is there, of which `head` has the body, too. */
async function listen(serve: (socket: Socket, head: string) => void): Promise<string> {
  const server = createServer((socket) => {
    let text = ''
    socket.on('error', () => {})
    socket.setNoDelay(true)
    socket.on('data', (bytes) => {
      text += bytes.toString('latin1')
      const [head = '', ...rest] = text.split(/(?<=\r\n\r\n)/)
      const length = Number(/^content-length: (\d+)\r$/im.exec(head)?.[1] ?? 0)
      if (!head.endsWith('\r\n\r\n') || rest.join('').length < length) return
      const whole = text
      text = ''
      serve(socket, whole)
    })
  }).listen(0, '127.0.0.1')
  servers.push(server)
  await once(server, 'listening')
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

/** What both ways make of it, as plain data. */
async function bothWays(url: string, request: Partial<ExchangeRequest> = {}) {
  const outcomes: unknown[] = []
  for (const undiciOnly of [false, true]) {
    const transport = createHttpTransport({}, {undiciOnly})
    const {receiver, end, error} = await run(transport, url, {request})
    const {code, details, message} = error ?? {}
    // Memory is lent before there are bytes, which may never come.
    const calls = receiver.calls.filter((call) => call !== 'lend' && call !== 'release')
    outcomes.push({head: receiver.head, calls, end, code, details, message, body: receiver.digest()})
    await transport.close()
  }
  return outcomes
}

const NAMES = [
  'Range',
  'accept',
  'X-A',
  'Host',
  'connection',
  'Expect',
  'Content-Length',
  'TE',
  'upgrade',
  'X B',
  '',
  'X-\u00e9',
]
const VALUES = [
  'bytes=0-',
  '*/*',
  '',
  ' a\tb ',
  'gr\u00fc\u00df',
  'close',
  'keep-alive',
  '0',
  'a\r\nb',
  'a\nb',
  'a\0',
  '\u0100',
  '127.0.0.1',
]

describe('a GET without a body', () => {
  it('goes out as undici would write it, or is refused as undici refuses it', async () => {
    const heads: string[] = []
    const origin = await listen((socket, head) => {
      heads.push(head)
      socket.end('HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n')
    })
    const field = fc.tuple(fc.constantFrom(...NAMES), fc.constantFrom(...VALUES))
    await fc.assert(
      fc.asyncProperty(
        fc.webPath(),
        fc.webQueryParameters(),
        fc.array(field, {maxLength: 4}),
        async (path, query, headers) => {
          heads.length = 0
          const [ours, theirs] = await bothWays(`${origin}${path}?${query}`, {headers})
          expect(ours).toEqual(theirs)
          const [first, second] = heads
          expect(first).toEqual(second)
        },
      ),
      {numRuns: 60},
    )
  })

  it('asks undici nothing where its answer is plain, and keeps its connection, whatever the size', async () => {
    const server = await startServer()
    const transport = startTransport()
    for (const size of [0, 1, 16_384, 3_000_000]) {
      server.route(`/${size}`, {content: {seed: 1, size}})
      const {end, receiver} = await run(transport, server.url(`/${size}`), {bufferBytes: 65_536})
      expect(end).toEqual({bodyLength: size, framing: 'length'})
      expect(receiver.digest()).toBe(sha256(contentOf(1, size)))
    }
    server.route('/304', {status: 304, framing: 'close'})
    expect((await run(transport, server.url('/304'))).end?.framing).toBe('none')
    expect(server.connections).toBe(1)
    expect(asked).toBe(0)
  })

  it('leaves its connection to undici where the answer is odd, and to whatever is asked then', async () => {
    const server = await startServer()
    server.route('/plain', {content: {seed: 1, size: 1000}})
    server.route('/chunked', {content: {seed: 2, size: 1000}, framing: 'chunked'})
    const transport = startTransport()
    for (const [name, seed, soFar] of [
      ['plain', 1, 0],
      ['chunked', 2, 1],
      ['plain', 1, 2],
      ['chunked', 2, 3],
    ] as const) {
      const {receiver} = await run(transport, server.url(`/${name}`))
      expect(receiver.digest()).toBe(sha256(contentOf(seed, 1000)))
      expect(receiver.connections).toBe(1)
      expect(asked).toBe(soFar)
    }
    expect(server.connections).toBe(1)
  })

  it.each(['POST', 'HEAD'])('leaves its connection to a %s', async (method) => {
    const server = await startServer()
    server.route('/a', {content: {seed: 1, size: 1000}})
    const transport = startTransport()
    await run(transport, server.url('/a'))
    expect((await run(transport, server.url('/a'), {request: {method}})).error).toBeUndefined()
    expect(server.connections).toBe(1)
    expect(asked).toBe(1)
  })
})

/** In pieces of three bytes. */
function bodyOf(text: string): RequestBody {
  return {
    length: text.length,
    chunks: async function* () {
      for (let at = 0; at < text.length; at += 3) yield Buffer.from(text.slice(at, at + 3))
    },
  }
}

describe('a request with a body', () => {
  it('goes out as undici would write it, or is refused as undici refuses it', async () => {
    const heads: string[] = []
    const origin = await listen((socket, head) => {
      heads.push(head)
      socket.end('HTTP/1.1 201 Created\r\nContent-Length: 0\r\n\r\n')
    })
    const field = fc.tuple(fc.constantFrom(...NAMES), fc.constantFrom(...VALUES))
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom('PUT', 'POST', 'PATCH', 'put', 'DELETE', 'GET'),
        fc.constantFrom('', 'a', 'hello, server'),
        fc.array(field, {maxLength: 3}),
        async (method, body, headers) => {
          heads.length = 0
          const [ours, theirs] = await bothWays(`${origin}/a`, {method, headers, body: bodyOf(body)})
          expect(ours).toEqual(theirs)
          const [first, second] = heads
          expect(first).toEqual(second)
        },
      ),
      {numRuns: 60},
    )
  })

  it.each(['PUT', 'POST', 'PATCH'])(
    'asks undici nothing where its answer is plain, and keeps its connection: %s',
    async (method) => {
      const used = new Set<Socket>()
      const origin = await listen((socket) => {
        used.add(socket)
        socket.write('HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello')
      })
      const transport = startTransport()
      for (const body of ['', 'a', 'hello, server']) {
        const {exchange, end} = await run(transport, origin, {request: {method, body: bodyOf(body)}})
        expect(end).toEqual({bodyLength: 5, framing: 'length'})
        expect(exchange.sent).toBe(body.length)
      }
      expect(used.size).toBe(1)
      expect(asked).toBe(0)
    },
  )

  it('gives its connection up where undici had to read the answer, which knows nothing of the body', async () => {
    const used = new Set<Socket>()
    const origin = await listen((socket) => {
      used.add(socket)
      socket.write('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n')
    })
    const transport = startTransport()
    for (let round = 1; round <= 2; round++) {
      const {receiver, exchange} = await run(transport, origin, {request: {method: 'PUT', body: bodyOf('hello')}})
      expect(receiver.digest()).toBe(sha256(Buffer.from('hello')))
      expect(exchange.sent).toBe(5)
      expect(used.size).toBe(round)
    }
  })

  it.each([
    ['plain', 'Content-Length: 5\r\n\r\nhello', ''],
    ['odd', 'Transfer-Encoding: chunked\r\n\r\n', '5\r\nhello\r\n0\r\n\r\n'],
  ])('goes on while its answer comes, which may end when the server has all of it: %s', async (_, head, end) => {
    const length = 3_000_000
    const server = createServer((socket) => {
      let got = 0
      socket.on('error', () => {})
      socket.on('data', (bytes) => {
        if (got === 0) socket.write(`HTTP/1.1 200 OK\r\n${end === '' ? '' : head}`)
        got += bytes.length
        if (got > length) socket.write(end === '' ? head : end)
      })
    }).listen(0, '127.0.0.1')
    servers.push(server)
    await once(server, 'listening')
    const body: RequestBody = {
      length,
      chunks: async function* () {
        for (let at = 0; at < length; at += 100_000) {
          await turn()
          yield Buffer.alloc(100_000)
        }
      },
    }
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
    const {receiver, exchange, error} = await run(startTransport(), url, {request: {method: 'POST', body}})
    expect(error).toBeUndefined()
    expect(receiver.digest()).toBe(sha256(Buffer.from('hello')))
    expect([exchange.sent, exchange.given]).toEqual([length, length])
  })

  it('sends nothing before there is something of its body', async () => {
    let got = 0
    const server = createServer((socket) => socket.on('error', () => {}).on('data', ({length}) => (got += length)))
    servers.push(server.listen(0, '127.0.0.1'))
    await once(server, 'listening')
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
    const body: RequestBody = {
      length: 5,
      // biome-ignore lint/correctness/useYield: it fails first
      chunks: async function* () {
        await turn()
        throw new TransferError('SOURCE_MISSING', 'gone')
      },
    }
    for (const outcome of await bothWays(url, {method: 'PUT', body}))
      expect(outcome).toMatchObject({code: 'SOURCE_MISSING'})
    expect(got).toBe(0)
  })

  it('that is empty, and was answered before it went out, does not go out any more', async () => {
    const heads: string[] = []
    let first: Socket | undefined
    const server = createServer((socket) => {
      first ??= socket
      socket.on('error', () => {})
      socket.on('data', (bytes) => {
        heads.push(bytes.toString('latin1').split(' HTTP')[0] ?? '')
        socket.write('HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello')
      })
    }).listen(0, '127.0.0.1')
    servers.push(server)
    await once(server, 'listening')
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
    let endReading: (() => void) | undefined
    const body: RequestBody = {
      length: 0,
      chunks: async function* () {
        await new Promise<void>((resolve) => {
          endReading = resolve
        })
      },
    }
    const transport = startTransport()
    const running = run(transport, url, {request: {method: 'PUT', body}})
    await expect.poll(() => endReading !== undefined && first !== undefined).toBe(true)
    first?.write('HTTP/1.1 408 Request Timeout\r\nContent-Length: 0\r\n\r\n')
    expect((await running).receiver.head?.status).toBe(408)
    const next = run(transport, url)
    endReading?.()
    expect((await next).error).toBeUndefined()
    expect(heads).toEqual(['GET /'])
  })

  it.each([
    ['longer', 4],
    ['shorter', 6],
  ])('does not end well where its body is %s than it was said to be', async (_, length) => {
    const origin = await listen((socket) => socket.write('HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello'))
    const outcomes = await bothWays(origin, {method: 'PUT', body: {...bodyOf('hello'), length}})
    for (const outcome of outcomes) expect(outcome).toMatchObject({code: 'SOURCE_CHANGED'})
  })

  it.each([
    ['plain', 'Content-Length: 5\r\n\r\nhello'],
    ['odd', 'Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n'],
  ])('that is answered in its middle is not gone on with: %s', async (_, rest) => {
    const used = new Set<Socket>()
    let given = 0
    const server = createServer((socket) => {
      used.add(socket)
      socket.on('error', () => {})
      socket.once('data', () => socket.write(`HTTP/1.1 413 Too Large\r\n${rest}`))
    }).listen(0, '127.0.0.1')
    servers.push(server)
    await once(server, 'listening')
    const transport = startTransport()
    const endless: RequestBody = {
      length: 1_000_000_000,
      chunks: async function* () {
        for (;;) {
          await turn()
          given += 1
          yield Buffer.from('a')
        }
      },
    }
    for (let round = 1; round <= 2; round++) {
      const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
      const {receiver, error} = await run(transport, url, {request: {method: 'PUT', body: endless}})
      expect(error).toBeUndefined()
      expect(receiver.head?.status).toBe(413)
      expect(receiver.digest()).toBe(sha256(Buffer.from('hello')))
      expect(used.size).toBe(round)
    }
    const before = given
    for (let turns = 0; turns < 10; turns++) await turn()
    expect(given).toBeLessThanOrEqual(before + 1)
  })
})

const LINES = [
  [
    'Content-Length: 5',
    'Content-Length: 5',
    'content-length:5 \t',
    'CONTENT-LENGTH: 005',
    'Content-Length: 3',
    'Content-Length: 9',
  ],
  [
    'Content-Length: 0',
    'Content-Length: +5',
    'Content-Length: 5, 5',
    'Content-Length: 0x5',
    'Content-Length: ',
    'Content-Length : 5',
  ],
  [
    'Transfer-Encoding: chunked',
    'Transfer-Encoding: gzip',
    'transfer-encoding: identity',
    'Content-Length: 99999999999999999999',
  ],
  [
    'Connection: close',
    'Connection: close ',
    'Connection:\tclose',
    'Content-Length:\t5',
    'Connection: keep-alive',
    'Connection: upgrade',
    'connection: Keep-Alive, x',
    'Proxy-Connection: close',
  ],
  [
    'Keep-Alive: timeout=5',
    'Upgrade: h2c',
    'Trailer: X-A',
    'ETag: "a"',
    'X-A: gr\xfc\xdf',
    'X-A: ',
    'X-A:',
    'X-A:\t b\t ',
  ],
  [
    'X A: b',
    'X-A : b',
    ': b',
    'X-A',
    ' folded',
    '\tfolded',
    'X-A: a\x00b',
    'X-A: a\x7fb',
    'X-A: a\rb',
    'X-A: a\nX-B: b',
    'X-(: b',
  ],
  [`X-A: ${'a'.repeat(9000)}`, 'Set-Cookie: a=b', 'Content-Type: text/plain; charset="a"'],
].flat()
const STATUS_LINES = [
  ...[
    'HTTP/1.1 200 OK',
    'HTTP/1.1 200 OK',
    'HTTP/1.1 206 Partial Content',
    'HTTP/1.1 204 No Content',
    'HTTP/1.1 304 Not Modified',
  ],
  ...[
    'HTTP/1.1 404 ',
    'HTTP/1.1 503',
    'HTTP/1.0 200 OK',
    'HTTP/1.1  200 OK',
    'HTTP/1.1 20 OK',
    'HTTP/1.1 2000 OK',
    'HTTP/1.1 600 X',
  ],
  ...[
    'HTTP/1.1 200 gr\xfc\xdf',
    'HTTP/1.1 200 O\x00K',
    'HTTP/1.1 200 O\x7fK',
    'http/1.1 200 OK',
    'HTTP/2.0 200 OK',
    'HTTP/1.1\t200 OK',
    '',
  ],
  ...['HTTP/1.1 103 Early Hints', 'HTTP/1.1 101 Switching Protocols', 'HTTP/1.1 099 X', 'SSH-2.0-OpenSSH_9.6'],
]
const BODIES = [
  'hello',
  'hello',
  'hello',
  '',
  'hel',
  'hello and more',
  'helloHTTP/1.1 200 OK\r\n\r\n',
  '5\r\nhello\r\n0\r\n\r\n',
  '5\r\nhel',
]

/** Mostly valid lines, sometimes not; and now and then one byte of it all is another one, or is not there. */
const answer = fc
  .record({
    interim: fc.constantFrom('', '', '', 'HTTP/1.1 100 Continue\r\n\r\n', 'HTTP/1.1 103 X\r\nLink: a\r\n\r\n'),
    status: fc.oneof({weight: 3, arbitrary: fc.constant('HTTP/1.1 200 OK')}, fc.constantFrom(...STATUS_LINES)),
    length: fc.constantFrom('Content-Length: 5\r\n', 'Content-Length: 5\r\n', ''),
    lines: fc.array(fc.constantFrom(...LINES), {maxLength: 4}),
    body: fc.constantFrom(...BODIES),
    change: fc.option(
      fc.record({
        at: fc.nat(300),
        kind: fc.constantFrom('replace', 'insert', 'remove', 'cut'),
        by: fc.constantFrom('\0', '\t', '\n', '\r', ' ', ':', '\x7f', '\xff', '5', 'X', '\r\n'),
      }),
      {freq: 3},
    ),
  })
  .map(({interim, status, length, lines, body, change}) => {
    const whole = `${interim}${[status, ...lines].map((line) => `${line}\r\n`).join('')}${length}\r\n${body}`
    if (change === null) return whole
    const {kind, by} = change
    const at = change.at % whole.length
    const [before, after] = [whole.slice(0, at), whole.slice(at)]
    if (kind === 'cut') return before
    return before + (kind === 'remove' ? '' : by) + (kind === 'insert' ? after : after.slice(1))
  })

describe('an answer', () => {
  it.each<[string, Partial<ExchangeRequest>]>([
    ['a GET', {}],
    ['a PUT', {method: 'PUT', body: bodyOf('hello, server')}],
  ])('means the same by either reader, however it is cut into pieces: to %s', async (_, request) => {
    let pieces: readonly Buffer[] = []
    const origin = await listen(async (socket) => {
      for (const piece of pieces) {
        socket.write(piece)
        await turn()
      }
      socket.end()
    })
    let plain = 0
    let runs = 0
    await fc.assert(
      fc.asyncProperty(answer, fc.array(fc.nat(400), {maxLength: 5}), async (text, cuts) => {
        const bytes = Buffer.from(text, 'latin1')
        const places = [0, ...cuts.map((cut) => cut % (bytes.length + 1)).sort((a, b) => a - b), bytes.length]
        pieces = places
          .slice(1)
          .map((end, index) => bytes.subarray(places[index], end))
          .filter(({length}) => length > 0)
        const before = asked
        const [ours, theirs] = await bothWays(`${origin}/a`, request)
        runs += 1
        if (asked === before + 1) plain += 1
        expect(ours).toEqual(theirs)
      }),
      {numRuns: 250},
    )
    // Else it would have compared undici with itself.
    expect(plain).toBeGreaterThan(runs / 10)
  })

  it('may be odd and large: it goes past the parser of undici all the same', async () => {
    const size = 5_000_000
    const origin = await listen((socket) => {
      socket.write(`HTTP/1.0 200 OK\r\nContent-Length: ${size}\r\n\r\n`)
      socket.write(contentOf(1, size))
    })
    const {receiver, end} = await run(startTransport(), origin, {bufferBytes: 65_536})
    expect(end).toEqual({bodyLength: size, framing: 'length'})
    expect(receiver.digest()).toBe(sha256(contentOf(1, size)))
  })

  it.each([
    ['whose head has no end', 'X-A: a\r\n'.repeat(6000)],
    ['whose field has no end', `X-A: ${'a'.repeat(20_000)}`],
  ])('%s has a limit, piece by piece too', async (_, endless) => {
    const origin = await listen(async (socket) => {
      socket.write('HTTP/1.1 200 OK\r\n')
      for (let at = 0; at < endless.length && !socket.destroyed; at += 1000) {
        await turn()
        socket.write(endless.slice(at, at + 1000))
      }
    })
    expect((await run(startTransport(), origin)).error).toMatchObject({code: 'INVALID_RESPONSE'})
  })

  it.each([
    ['Keep-Alive: timeout=2', 2],
    ['Keep-Alive: timeout=60', 1],
    ['Connection: close', 2],
    ['Connection: keep-alive', 1],
  ])('says with “%s” whether its connection is used again', async (line, connections) => {
    const used = new Set<Socket>()
    const origin = await listen((socket) => {
      used.add(socket)
      socket.write(`HTTP/1.1 200 OK\r\n${line}\r\nContent-Length: 5\r\n\r\nhello`)
    })
    const transport = startTransport()
    await run(transport, origin)
    await run(transport, origin)
    expect(used.size).toBe(connections)
    expect(asked).toBe(0)
  })

  it('says when an idle connection is closed: two seconds before the server would', async () => {
    const closed: Promise<unknown>[] = []
    const origin = await listen((socket) => {
      closed.push(once(socket, 'close'))
      socket.write('HTTP/1.1 200 OK\r\nKeep-Alive: timeout=3\r\nContent-Length: 5\r\n\r\nhello')
      socket.on('end', () => socket.end())
    })
    await run(startTransport(), origin)
    await closed[0]
  })

  it.each(['forged', 'end'] as const)('is not what came before the request: %s', async (what) => {
    const sockets: Socket[] = []
    const origin = await listen((socket, head) => {
      sockets.push(socket)
      const body = head.startsWith('GET /b') ? 'mine' : 'hello'
      socket.write(`HTTP/1.1 200 OK\r\nContent-Length: ${body.length}\r\n\r\n${body}`)
    })
    const transport = startTransport()
    await run(transport, `${origin}/a`)
    // The kernel has it when the next request is asked for, and the event loop has not seen it yet.
    if (what === 'end') sockets[0]?.end()
    else sockets[0]?.write('HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil')
    const {receiver} = await run(transport, `${origin}/b`)
    expect(receiver.digest()).toBe(sha256(Buffer.from('mine')))
    expect(receiver.connections).toBe(1)
    expect(new Set(sockets).size).toBe(2)
  })
})
