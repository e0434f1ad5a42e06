/** The namespace's checklist, 17.D: the wire protocol. Numbers are the items'. */

import {once} from 'node:events'
import {writeFile} from 'node:fs/promises'
import {Worker} from 'node:worker_threads'
import {describe, expect, it} from 'vitest'
import {createHttpTransport} from '../../../src/adapters/http/http-transport.ts'
import {
  BackgroundTransferError,
  BackgroundTransferStatus,
  type DownloadOperation,
  PasswordCredential,
  WebErrorStatus,
} from '../../../src/index.ts'
import {contentOf, sha256} from '../../support/content.ts'
import {FtpServer} from '../../support/ftp-server.ts'
import {VALID_CERTIFICATE} from '../../support/tls-certificates.ts'
import {
  bytesSent,
  digestOf,
  failure,
  makeWorld,
  onCleanup,
  rangesAsked,
  reaches,
  receives,
  requestsFor,
  startServer,
  type World,
} from '../harness.ts'

const SIZE = 300_000
const CUT = 100_000
const BYTES = contentOf(1, SIZE)
const WHOLE = {content: BYTES, etag: '"a,b\\c"'} as const
const CUT_SHORT = {...WHOLE, cutAfter: CUT, cut: 'fin'} as const

function create({engine, server, file}: World, path = '/a', name = 'a'): DownloadOperation {
  return engine.createDownloader().createDownload(server.url(path), file(name))
}

describe('17.D wire protocol', () => {
  it('80, 81, 86. a cut is followed by Range from the first missing byte and the ETag, byte for byte', async () => {
    const world = await makeWorld()
    world.server.route('/a', [CUT_SHORT, WHOLE])
    await create(world).startAsync()
    expect(rangesAsked(world.server, '/a')).toEqual(['', `bytes=${CUT}-|${WHOLE.etag}`])
    expect(bytesSent(world.server, '/a')).toBe(SIZE)
    expect(await digestOf(world.file('a'))).toBe(sha256(BYTES))
  })

  it('81. a Last-Modified that is old enough serves as well', async () => {
    const world = await makeWorld()
    const lastModified = 'Sun, 06 Nov 1994 08:49:37 GMT'
    const dated = {content: BYTES, lastModified, headers: [['Date', new Date().toUTCString()]] as const}
    world.server.route('/a', [{...dated, cutAfter: CUT, cut: 'fin'}, dated])
    await create(world).startAsync()
    expect(rangesAsked(world.server, '/a')).toEqual(['', `bytes=${CUT}-|${lastModified}`])
    expect(await digestOf(world.file('a'))).toBe(sha256(BYTES))
  })

  it('82. without a validator it starts over', async () => {
    const world = await makeWorld()
    world.server.route('/a', [{content: BYTES, cutAfter: CUT, cut: 'fin'}, {content: BYTES}])
    await create(world).startAsync()
    expect(rangesAsked(world.server, '/a')).toEqual(['', ''])
    expect(await digestOf(world.file('a'))).toBe(sha256(BYTES))
  })

  it('87, 88, 107, 108. each new response is told once, and is another object', async () => {
    const world = await makeWorld()
    world.server.route('/a', [CUT_SHORT, {...WHOLE, pieceBytes: 30_000, pieceDelayMs: 25}])
    const operation = create(world)
    const running = operation.startAsync()
    const changes: unknown[] = []
    running.progress$.subscribe(({progress}) => {
      const response = operation.getResponseInformation()
      expect(operation.getResponseInformation()).toBe(response)
      if (progress.hasResponseChanged) changes.push(response)
    })
    await running
    expect(changes.length).toBe(2)
    expect(changes[0]).not.toBe(changes[1])
    expect(operation.getResponseInformation()).toBe(changes[1])
  })

  it('89, 92, 93. a connection that does not come in time is given up, four times in all', async () => {
    const world = await makeWorld({connectTimeoutMs: 60})
    // A server that takes the TCP connection and never answers the TLS greeting.
    world.server.route('/a', WHOLE)
    const url = world.server.url('/a').replace('http:', 'https:')
    const operation = world.engine.createDownloader().createDownload(url, world.file('a'))
    const error = await failure(operation.startAsync())
    expect(error.code).toBe('CONNECT_TIMEOUT')
    expect(BackgroundTransferError.getStatus(error.number)).toBe(WebErrorStatus.timeout)
    expect(world.server.connections).toBe(4)
  })

  it('90, 92, 93. a request without a response is given up, four times in all', async () => {
    const world = await makeWorld({responseTimeoutMs: 60})
    world.server.route('/a', {beforeHead: 'stall'})
    const operation = create(world)
    const error = await failure(operation.startAsync())
    expect(error.code).toBe('RESPONSE_TIMEOUT')
    expect(error.hresult).toBe(0x80072ee2)
    expect(BackgroundTransferError.getStatus(error.number)).toBe(WebErrorStatus.timeout)
    expect(requestsFor(world.server, '/a').length).toBe(4)
    expect(operation.progress.status).toBe(BackgroundTransferStatus.error)
    await expect.poll(() => requestsFor(world.server, '/a').every(({closed}) => closed)).toBe(true)
  })

  it('90. an answer that came while this process stood still for as long as that is read', async () => {
    const steps = new Int32Array(new SharedArrayBuffer(4))
    const [BEGUN, ANSWERED] = [1, 2]
    const server = new Worker(
      `const {createServer} = require('node:http')
      const {parentPort, workerData: steps} = require('node:worker_threads')
      const server = createServer((_, response) => {
        parentPort.postMessage('asked')
        Atomics.wait(steps, 0, 0)
        response.end('hello', () => {
          Atomics.store(steps, 0, ${ANSWERED})
          Atomics.notify(steps, 0)
        })
      })
      server.listen(0, '127.0.0.1', () => parentPort.postMessage(server.address().port))`,
      {eval: true, workerData: steps},
    )
    onCleanup(async () => void (await server.terminate()))
    const [port] = await once(server, 'message')
    // Time enough for the request to come there, on a slow machine too.
    const responseTimeoutMs = 1_000
    server.once('message', () => {
      Atomics.store(steps, 0, BEGUN)
      Atomics.notify(steps, 0)
      // No timeout of a test would end a wait without an end.
      Atomics.wait(steps, 0, BEGUN, 10_000)
      Atomics.wait(steps, 0, ANSWERED, responseTimeoutMs + 200)
    })
    const world = await makeWorld({responseTimeoutMs})
    const operation = world.engine.createDownloader().createDownload(`http://127.0.0.1:${port}/`, world.file('a'))
    await operation.startAsync()
    expect(operation.describe().attempts).toBe(1)
  })

  it.each([400, 401, 403, 404, 405, 406, 409, 410, 411, 412, 414, 415, 417, 422, 451, 501, 505])(
    '96. %i is not tried again',
    async (status) => {
      const world = await makeWorld()
      world.server.route('/a', {status})
      const operation = create(world)
      const error = await failure(operation.startAsync())
      expect(error).toMatchObject({code: 'HTTP_STATUS', hresult: 0x80190000 + status})
      expect(requestsFor(world.server, '/a').length).toBe(1)
    },
  )

  it.each([408, 425, 429, 500, 502, 503, 504])('%i is tried again (our retry table)', async (status) => {
    const world = await makeWorld()
    world.server.route('/a', [{status}, {status}, WHOLE])
    await create(world).startAsync()
    expect(requestsFor(world.server, '/a').length).toBe(3)
    expect(await digestOf(world.file('a'))).toBe(sha256(BYTES))
  })

  it.each([
    ['length', {hold: {after: 3, until: new Promise<void>(() => undefined)}}],
    ['chunks', {hold: {after: 3, until: new Promise<void>(() => undefined)}, framing: 'chunked'}],
  ] as const)(
    '90, 111. a redirect and a refusal whose bodies do not end, told by %s, are what their heads say',
    async (_, framing) => {
      const world = await makeWorld({responseTimeoutMs: 500, retries: 0})
      const endless = {content: contentOf(2, 10), pieceBytes: 3, ...framing}
      world.server.route('/a', {...endless, status: 302, location: '/b'})
      world.server.route('/b', WHOLE)
      world.server.route('/c', {...endless, status: 404})
      await create(world).startAsync()
      expect(await digestOf(world.file('a'))).toBe(sha256(BYTES))
      expect(await failure(create(world, '/c', 'c').startAsync())).toMatchObject({
        code: 'HTTP_STATUS',
        details: {status: 404},
      })
      expect(world.server.requests.map(({path}) => path)).toEqual(['/a', '/b', '/c'])
    },
  )

  it('97, 98. ActualUri is where the answer came from; RequestedUri stays', async () => {
    const world = await makeWorld()
    world.server.route('/a', WHOLE)
    world.server.route('/moved', {status: 301, location: '/a'})
    const plain = create(world, '/a', 'plain')
    await plain.startAsync()
    expect(plain.getResponseInformation()?.actualUri.href).toBe(world.server.url('/a'))
    const moved = create(world, '/moved', 'moved')
    await moved.startAsync()
    expect(moved.getResponseInformation()?.actualUri.href).toBe(world.server.url('/a'))
    expect(moved.requestedUri.href).toBe(world.server.url('/moved'))
  })

  it('99, 100, 101. header names keep their spelling and case; values their inner spaces', async () => {
    const world = await makeWorld()
    world.server.route('/a', {
      ...WHOLE,
      headers: [
        ['x-LOUD', '  two  words '],
        ['X-Twice', '1'],
        ['X-Twice', '2'],
      ],
    })
    const operation = create(world)
    await operation.startAsync()
    const headers = operation.getResponseInformation()?.headers
    expect(headers?.get('x-LOUD')).toBe('two  words')
    expect(headers?.get('X-Loud')).toBeUndefined()
    expect(headers?.get('X-Twice')).toBe('1, 2')
    expect(headers?.get('Content-Length')).toBe(String(SIZE))
    expect(headers?.get('content-length')).toBeUndefined()
  })

  it('102. the status is 200 for a plain download, and 206 after a resume', async () => {
    const world = await makeWorld()
    world.server.route('/a', WHOLE)
    world.server.route('/b', [CUT_SHORT, WHOLE])
    const plain = create(world)
    await plain.startAsync()
    const resumed = create(world, '/b', 'b')
    await resumed.startAsync()
    expect(plain.getResponseInformation()?.statusCode).toBe(200)
    expect(resumed.getResponseInformation()?.statusCode).toBe(206)
  })

  it.each<[string, object, boolean]>([
    ['ranges and a strong ETag', {etag: '"x"'}, true],
    ['no validator', {}, false],
    ['a weak ETag', {etag: 'W/"x"'}, false],
    ['Accept-Ranges: none', {etag: '"x"', ranges: 'ignore', headers: [['Accept-Ranges', 'none']]}, false],
  ])('103. IsResumable with %s', async (_, script, isResumable) => {
    const world = await makeWorld()
    world.server.route('/a', {content: BYTES, ...script})
    const operation = create(world)
    await operation.startAsync()
    expect(operation.getResponseInformation()?.isResumable).toBe(isResumable)
  })

  it('104, 105. no response before it begins, nor when none came', async () => {
    const world = await makeWorld({retries: 0})
    world.server.route('/a', {beforeHead: 'reset'})
    const operation = create(world)
    expect(operation.getResponseInformation()).toBeNull()
    await failure(operation.startAsync())
    expect(operation.getResponseInformation()).toBeNull()
  })

  it('111. a 401 without credentials is Unauthorized', async () => {
    const world = await makeWorld()
    world.server.route('/a', {status: 401, headers: [['WWW-Authenticate', 'Basic realm="x"']]})
    const error = await failure(create(world).startAsync())
    expect(BackgroundTransferError.getStatus(error.number)).toBe(WebErrorStatus.unauthorized)
  })

  it('113. no secret stands in the store in clear: of the request, of its address, of the answer, of where it was sent on', async () => {
    const {readdir, readFile} = await import('node:fs/promises')
    const world = await makeWorld()
    const elsewhere = await startServer()
    world.server.route('/a', {status: 302, location: elsewhere.url('/signed?sig=s3cret-location')})
    elsewhere.route('/signed', {
      ...WHOLE,
      cutAfter: CUT,
      cut: 'stall',
      headers: [
        ['Set-Cookie', 'session=s3cret-cookie; Path=/'],
        ['X-Auth-Token', 's3cret-answer'],
        ['Link', '<https://cdn.example/a?sig=s3cret-link>; rel=next'],
        ['X-Plain', 'in clear'],
      ],
    })
    const address = new URL(world.server.url('/a'))
    address.username = 'ann'
    address.password = 's3cret-password'
    const operation = world.engine.createDownloader().createDownload(address, world.file('a'))
    operation.setRequestHeader('Authorization', 'Bearer s3cret-header')
    operation.setRequestHeader('Cookie', 'session=s3cret-sent')
    const running = operation.startAsync()
    await receives(running, CUT)
    operation.pause()
    await reaches(operation, BackgroundTransferStatus.pausedByApplication)
    // The application sees what came.
    const seen = operation.getResponseInformation()
    expect(seen?.actualUri.href).toContain('s3cret-location')
    expect(seen?.headers.get('Set-Cookie')).toContain('s3cret-cookie')
    await world.engine.close()
    let plain = 0
    for (const name of await readdir(world.file('.'), {recursive: true})) {
      const found = await readFile(world.file(name)).catch(() => Buffer.alloc(0))
      expect(found.includes('s3cret'), name).toBe(false)
      if (found.includes('X-Plain')) plain += 1
    }
    expect(plain, 'the answer was written').toBeGreaterThan(0)
  })

  it('114. a redirect from https to http is HttpsToHttpOnRedirection, and is not followed', async () => {
    const transport = createHttpTransport({tls: {ca: VALID_CERTIFICATE.cert}})
    onCleanup(() => transport.close())
    const world = await makeWorld({transport})
    const secure = await startServer({certificate: VALID_CERTIFICATE})
    secure.route('/a', {status: 302, location: world.server.url('/a')})
    const download = world.engine.createDownloader().createDownload(secure.url('/a'), world.file('a'))
    const error = await failure(download.startAsync())
    expect(BackgroundTransferError.getStatus(error.number)).toBe(WebErrorStatus.httpsToHttpOnRedirection)
    expect(world.server.requests.length).toBe(0)
  })

  it('redirects are bounded, and a loop ends', async () => {
    const world = await makeWorld()
    const other = await startServer()
    world.server.route('/a', {status: 302, location: other.url('/b')})
    other.route('/b', {status: 302, location: world.server.url('/a')})
    expect(await failure(create(world).startAsync())).toMatchObject({code: 'REDIRECT_FAILED'})
    expect(world.server.requests.length + other.requests.length).toBe(21)
  })

  it.each([
    ['without an address', {}],
    ['to ftp', {location: 'ftp://127.0.0.1/a'}],
    ['to a file', {location: 'file:///etc/passwd'}],
    ['to data', {location: 'data:text/plain,evil'}],
  ])('a redirect %s fails, and an upload is not sent on by it either', async (_, where) => {
    const world = await makeWorld()
    const ftp = await FtpServer.start({content: Buffer.from('evil')})
    onCleanup(() => ftp.close())
    const location = 'location' in where ? where.location.replace('ftp://127.0.0.1/a', ftp.url('/a')) : undefined
    for (const status of [302, 307]) {
      world.server.route(`/${status}`, {status, ...(location === undefined ? {} : {location})})
    }
    const downloader = world.engine.createDownloader()
    downloader.serverCredential = new PasswordCredential('files', 'ann', 's3cret')
    downloader.setRequestHeader('X-Api-Key', 's3cret')
    const download = downloader.createDownload(world.server.url('/302'), world.file('a'))
    expect((await failure(download.startAsync())).code).toBe('REDIRECT_FAILED')
    expect(await world.names()).toEqual([])
    await writeFile(world.file('source'), 'hello')
    const upload = world.engine.createUploader().createUpload(world.server.url('/307'), world.file('source'))
    expect((await failure(upload.startAsync())).code).toBe('REDIRECT_FAILED')
    expect(ftp.commands).toEqual([])
  })

  it('204 is an empty file, 205 and 304 are failures', async () => {
    const world = await makeWorld()
    for (const status of [204, 205, 304]) world.server.route(`/${status}`, {status})
    await create(world, '/204', 'empty').startAsync()
    expect(await digestOf(world.file('empty'))).toBe(sha256(Buffer.alloc(0)))
    expect((await failure(create(world, '/205', 'a').startAsync())).details.status).toBe(205)
    expect((await failure(create(world, '/304', 'b').startAsync())).details.status).toBe(304)
  })
})
