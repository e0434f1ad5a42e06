/** Request bodies: sent whole and counted, answered early, given up, broken, and read from files in flat memory. */

import {createHash} from 'node:crypto'
import {once} from 'node:events'
import {mkdtemp, open, rm, truncate, utimes, writeFile} from 'node:fs/promises'
import {createServer, type IncomingMessage, type RequestListener} from 'node:http'
import {createServer as createSecureServer} from 'node:https'
import type {AddressInfo} from 'node:net'
import {tmpdir} from 'node:os'
import {join} from 'node:path'
import type {Dispatcher} from 'undici'
import {afterEach, beforeEach, describe, expect, it} from 'vitest'
import {createContentSource} from '../../src/adapters/file/content-source.ts'
import {TransferError} from '../../src/domain/errors.ts'
import type {RequestContent} from '../../src/domain/request-content.ts'
import type {Exchange, RequestBody} from '../../src/ports/transport.ts'
import {contentOf, sha256} from '../support/content.ts'
import {VALID_CERTIFICATE} from '../support/tls-certificates.ts'
import {run, type Scheme, startTransport} from './harness.ts'

const MIB = 1024 ** 2

let directory: string
const servers: {close(): unknown; closeAllConnections(): void}[] = []

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'request-body-'))
})

afterEach(async () => {
  for (const server of servers.splice(0)) {
    server.closeAllConnections()
    server.close()
  }
  await rm(directory, {recursive: true, force: true})
})

async function serve(listener: RequestListener, scheme: Scheme = 'http'): Promise<string> {
  const server =
    scheme === 'https'
      ? createSecureServer({cert: VALID_CERTIFICATE.cert, key: VALID_CERTIFICATE.key}, listener)
      : createServer(listener)
  servers.push(server)
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return `${scheme}://127.0.0.1:${(server.address() as AddressInfo).port}/`
}

/** Answers with the length and the digest of what it got. */
const digester: RequestListener = (request, response) => {
  void digestOf(request).then((text) => response.end(text))
}

async function digestOf(request: IncomingMessage): Promise<string> {
  const hash = createHash('sha256')
  let length = 0
  for await (const chunk of request) {
    hash.update(chunk)
    length += chunk.length
  }
  return `${request.headers['content-length']} ${length} ${hash.digest('hex')}`
}

function bodyOf(bytes: Buffer, chunkBytes = bytes.length): RequestBody {
  return {
    length: bytes.length,
    chunks: async function* () {
      for (let at = 0; at < bytes.length; at += chunkBytes) yield bytes.subarray(at, at + chunkBytes)
    },
  }
}

const source = () => createContentSource({spoolDirectory: directory})

async function fileBody(content: RequestContent): Promise<RequestBody> {
  return source().body(content, await source().inspect(content))
}

describe.each([
  ['http', 'by us'],
  ['http', 'by undici'],
  ['https', 'by us'],
  ['https', 'by undici'],
] as const)('a request body over %s, written %s', (scheme, way) => {
  it.each([
    ['empty', 0, 1],
    ['one byte', 1, 1],
    ['in small chunks', 200_000, 1000],
    ['large', 5 * MIB + 17, 3 * MIB],
  ])('arrives whole and is counted: %s', async (_, size, chunkBytes) => {
    const url = await serve(digester, scheme)
    const bytes = contentOf(1, size)
    const transport = startTransport({undiciOnly: way === 'by undici'})
    for (let round = 0; round < 2; round++) {
      const {exchange, receiver, error} = await run(transport, url, {
        request: {method: 'PUT', body: bodyOf(bytes, chunkBytes)},
      })
      expect(error).toBeUndefined()
      expect(receiver.length).toBe(`${size} ${size} `.length + 64)
      expect(receiver.digest()).toBe(sha256(Buffer.from(`${size} ${size} ${sha256(bytes)}`)))
      expect(exchange.sent).toBe(size)
      expect(exchange.given).toBe(size)
    }
  })
})

describe('a request body', () => {
  it.each(['GET', 'DELETE', 'PROPFIND'])('goes with %s too, as it is spelled', async (method) => {
    const methods: (string | undefined)[] = []
    const url = await serve((request, response) => {
      methods.push(request.method)
      digester(request, response)
    })
    const bytes = contentOf(1, 100_000)
    const {error} = await run(startTransport(), url, {request: {method, body: bodyOf(bytes)}})
    expect(error).toBeUndefined()
    expect(methods).toEqual([method])
  })

  it('answered with 413 before it is sent is given up, and its answer read', async () => {
    const url = await serve((request, response) => {
      request.pause()
      response.writeHead(413, {'Content-Type': 'text/plain'}).end('too large')
    })
    const bytes = contentOf(1, 40 * MIB)
    const {exchange, receiver, end, error} = await run(startTransport(), url, {
      request: {method: 'PUT', body: bodyOf(bytes, MIB)},
    })
    expect(error).toBeUndefined()
    expect(end?.bodyLength).toBe(9)
    expect(receiver.head?.status).toBe(413)
    expect(exchange.sent).toBeLessThan(bytes.length)
    expect(exchange.given).toBeLessThan(bytes.length)
  })

  it('answered at its last byte counts as handed over, before anyone says that the connection took it', async () => {
    const bytes = contentOf(1, 3 * MIB)
    const dispatcher = {
      dispatch: (options: {readonly body: AsyncIterable<Buffer>}, handler: Dispatcher.DispatchHandler) => {
        const controller = {rawHeaders: ['Content-Length', '0'].map((text) => Buffer.from(text))} as never
        void (async () => {
          handler.onRequestStart?.(controller, {})
          const chunks = options.body[Symbol.asyncIterator]()
          for (let taken = 0; taken < bytes.length; ) taken += (await chunks.next()).value.length
          handler.onResponseStart?.(controller, 200, {}, 'OK')
          handler.onResponseEnd?.(controller, {})
        })()
        return true
      },
    } as unknown as Dispatcher
    const {exchange, error, receiver} = await run(startTransport({dispatcher}), 'http://127.0.0.1:9/', {
      request: {method: 'PUT', body: bodyOf(bytes, MIB)},
    })
    expect(error).toBeUndefined()
    expect(receiver.head?.status).toBe(200)
    expect(exchange.sent).toBeLessThan(bytes.length)
    expect(exchange.given).toBe(bytes.length)
  })

  it('counts what the kernel took, and no more, while the server does not read', async () => {
    let request: IncomingMessage | undefined
    const url = await serve((incoming) => {
      request = incoming.pause()
    })
    const abort = new AbortController()
    const bytes = contentOf(1, 64 * MIB)
    let live: {readonly sent: number} | undefined
    const running = run(startTransport(), url, {
      request: {method: 'PUT', body: bodyOf(bytes, MIB)},
      signal: abort.signal,
      onStart: (exchange) => {
        live = exchange
      },
    })
    await expect.poll(() => request !== undefined && (live?.sent ?? 0) > 0).toBe(true)
    expect(live?.sent).toBeLessThan(bytes.length)
    abort.abort()
    expect((await running).error?.code).toBe('CANCELED')
  })

  it.each([
    ['http', 'by us'],
    ['http', 'by undici'],
    ['https', 'by us'],
    ['https', 'by undici'],
  ] as const)('counts what the kernel took of a write that is on its way: over %s, %s', async (scheme, way) => {
    const url = await serve((incoming) => incoming.pause(), scheme)
    const abort = new AbortController()
    let live: Exchange | undefined
    // Not one that the kernel's memory is a multiple of.
    const running = run(startTransport({undiciOnly: way === 'by undici'}), url, {
      request: {method: 'PUT', body: bodyOf(contentOf(1, 64 * MIB), 50_001)},
      signal: abort.signal,
      onStart: (exchange) => {
        live = exchange
      },
    })
    const onItsWay = () => (live === undefined ? 0 : live.given - live.sent)
    await expect.poll(() => onItsWay() > 0 && onItsWay() < 50_001).toBe(true)
    abort.abort()
    expect((await running).error?.code).toBe('CANCELED')
  })

  it('whose reading fails ends the exchange with that failure, and the connection', async () => {
    let received = 0
    const url = await serve((request) => {
      request.on('data', (chunk) => {
        received += chunk.length
      })
      request.on('error', () => undefined)
    })
    const failing: RequestBody = {
      length: 2 * MIB,
      chunks: async function* () {
        yield contentOf(1, MIB)
        throw new TransferError('SOURCE_CHANGED', 'the file changed')
      },
    }
    const {error} = await run(startTransport(), url, {request: {method: 'PUT', body: failing}})
    expect(error?.code).toBe('SOURCE_CHANGED')
    expect(received).toBeLessThanOrEqual(MIB)
  })

  it('is left when the exchange is aborted: what it holds is given back', async () => {
    const url = await serve((request) => request.pause())
    const abort = new AbortController()
    let closed = false
    const endless: RequestBody = {
      length: 1000 * MIB,
      chunks: async function* () {
        try {
          for (;;) yield Buffer.alloc(MIB)
        } finally {
          closed = true
        }
      },
    }
    const running = run(startTransport(), url, {
      request: {method: 'PUT', body: endless},
      signal: abort.signal,
      onStart: (exchange) =>
        void expect
          .poll(() => exchange.sent)
          .toBeGreaterThan(0)
          .then(() => abort.abort()),
    })
    expect((await running).error?.code).toBe('CANCELED')
    await expect.poll(() => closed).toBe(true)
  })
})

describe('content from files', () => {
  it('is text, files and a copy in the spool, one after another, from any byte to any other', async () => {
    const file = join(directory, 'file.bin')
    await writeFile(file, contentOf(1, 3 * MIB + 5))
    await writeFile(join(directory, 'copy.body'), contentOf(2, 1000))
    const content: RequestContent = {
      pieces: [
        {kind: 'text', text: 'äöü\r\n'},
        {kind: 'file', file},
        {kind: 'text', text: ''},
        {kind: 'spool', name: 'copy.body', size: 1000},
        {kind: 'text', text: 'end'},
      ],
    }
    const whole = Buffer.concat([
      Buffer.from('äöü\r\n'),
      contentOf(1, 3 * MIB + 5),
      contentOf(2, 1000),
      Buffer.from('end'),
    ])
    const facts = await source().inspect(content)
    expect(facts.length).toBe(whole.length)
    for (const [from, to] of [
      [0, whole.length],
      [3, 9],
      [8, 8],
      [MIB, 2 * MIB + 1],
      [whole.length - 500, whole.length - 1],
    ] as const) {
      const body = source().body(content, facts, from, to)
      const chunks: Buffer[] = []
      for await (const chunk of body.chunks()) chunks.push(Buffer.from(chunk))
      expect(body.length).toBe(to - from)
      expect(Buffer.concat(chunks).equals(whole.subarray(from, to))).toBe(true)
    }
  })

  it('that is missing, no regular file, or not as it was before is said so', async () => {
    const file = join(directory, 'file.bin')
    const content: RequestContent = {pieces: [{kind: 'file', file}]}
    await expect(source().inspect(content)).rejects.toMatchObject({code: 'SOURCE_MISSING', where: file})
    await expect(source().inspect({pieces: [{kind: 'file', file: directory}]})).rejects.toMatchObject({
      code: 'FILE_ACCESS',
      message: 'a directory cannot be sent',
    })
    await writeFile(file, contentOf(1, 1000))
    const facts = await source().inspect(content)
    expect(await source().inspect(content, facts)).toEqual(facts)
    await truncate(file, 999)
    await expect(source().inspect(content, facts)).rejects.toMatchObject({code: 'SOURCE_CHANGED', where: file})
  })

  it('that was changed within, with its old size and time, is told by its ends', async () => {
    const file = join(directory, 'file.bin')
    await writeFile(file, contentOf(1, 300_000))
    await utimes(file, 1000, 1000)
    const content: RequestContent = {pieces: [{kind: 'file', file}]}
    const facts = await source().inspect(content)
    const handle = await open(file, 'r+')
    await handle.write('x', 299_999)
    await handle.close()
    await utimes(file, 1000, 1000)
    await expect(source().inspect(content, facts)).rejects.toMatchObject({code: 'SOURCE_CHANGED'})
  })

  it('that changes while it is sent is never sent to its end', async () => {
    let received = 0
    const url = await serve((request, response) => {
      request.on('data', (chunk) => {
        received += chunk.length
      })
      request.on('end', () => response.end('whole'))
      request.on('error', () => undefined)
    })
    const file = join(directory, 'file.bin')
    await writeFile(file, contentOf(1, 4 * MIB))
    const {length, chunks} = await fileBody({pieces: [{kind: 'file', file}]})
    const body: RequestBody = {
      length,
      chunks: async function* () {
        let isFirst = true
        for await (const chunk of chunks()) {
          yield chunk
          if (isFirst) await utimes(file, 1000, 1000)
          isFirst = false
        }
      },
    }
    const {error} = await run(startTransport(), url, {request: {method: 'PUT', body}})
    expect(error).toMatchObject({code: 'SOURCE_CHANGED', where: file})
    expect(received).toBeLessThan(4 * MIB)
  })

  it('of 256 MiB is sent in flat memory', async () => {
    const url = await serve((request, response) => {
      let received = 0
      request.on('data', (chunk) => {
        received += chunk.length
      })
      request.on('end', () => response.end(String(received)))
    })
    const file = join(directory, 'sparse.bin')
    await writeFile(file, '')
    await truncate(file, 256 * MIB)
    const body = await fileBody({
      pieces: [
        {kind: 'text', text: 'head'},
        {kind: 'file', file},
      ],
    })
    const before = process.memoryUsage.rss()
    let most = 0
    const {exchange, receiver} = await run(startTransport(), url, {
      request: {method: 'POST', body},
      onStart: (started) => {
        const watch = setInterval(() => {
          most = Math.max(most, process.memoryUsage.rss())
        }, 20)
        started.finished.finally(() => clearInterval(watch)).catch(() => undefined)
      },
    })
    expect(receiver.head?.status).toBe(200)
    expect(exchange.sent).toBe(256 * MIB + 4)
    // Client and server together: far below what is sent.
    expect(most - before).toBeLessThan(128 * MIB)
  })
})
