/** Uploads: what arrives, what is reported, and what an interruption, a failure, a crash or a changed file makes of them. */

import {existsSync} from 'node:fs'
import {readdir, readlink, rm, truncate, writeFile} from 'node:fs/promises'
import {Readable} from 'node:stream'
import {setFlagsFromString} from 'node:v8'
import {runInNewContext} from 'node:vm'
import {BehaviorSubject, filter, firstValueFrom} from 'rxjs'
import {describe, expect, it} from 'vitest'
import {
  BackgroundTransferBehavior,
  BackgroundTransferContentPart,
  BackgroundTransferEngine,
  BackgroundTransferError,
  BackgroundTransferGroup,
  BackgroundTransferStatus,
  BackgroundUploader,
  type BackgroundUploadProgress,
  type Conditions,
  GOOD_CONDITIONS,
  type RunningUpload,
  type UploadOperation,
  WebErrorStatus,
} from '../../../src/index.ts'
import {contentOf, sha256} from '../../support/content.ts'
import {SinkServer} from '../../support/sink-server.ts'
import {failure, makeWorld, onCleanup, openEngine, type World} from '../harness.ts'

const SIZE = 3_000_000

setFlagsFromString('--expose-gc')
const collectGarbage: () => void = runInNewContext('gc')

interface Bench extends World {
  readonly sink: SinkServer
  readonly uploader: BackgroundUploader
  /** A file of `size` bytes. */
  source(name: string, size?: number): Promise<string>
}

async function makeBench(options: Parameters<typeof makeWorld>[0] = {}): Promise<Bench> {
  const world = await makeWorld(options)
  const sink = await SinkServer.start()
  onCleanup(() => sink.close())
  return {
    ...world,
    sink,
    uploader: world.engine.createUploader(),
    source: async (name, size = SIZE) => {
      await writeFile(world.file(name), contentOf(1, size))
      return world.file(name)
    },
  }
}

/** Every progress that a running upload shows, as it goes. */
function progressOf(running: RunningUpload): readonly BackgroundUploadProgress[] {
  const seen: BackgroundUploadProgress[] = []
  running.progress$.subscribe((operation) => seen.push(operation.progress))
  return seen
}

async function textOf(stream: ReadableStream<Uint8Array>): Promise<string> {
  const chunks: Uint8Array[] = []
  for await (const chunk of stream as unknown as AsyncIterable<Uint8Array>) chunks.push(chunk)
  return Buffer.concat(chunks).toString()
}

async function sends(upload: UploadOperation, running: RunningUpload, bytes: number): Promise<void> {
  await firstValueFrom(running.progress$.pipe(filter(() => upload.progress.bytesSent >= bytes)))
}

/** The n-th and later requests are answered; those before stay unread after their head. */
function holdFirst(sink: SinkServer, count: number): void {
  sink.script = (request, _response, _arrival, nth) => {
    if (nth >= count) return undefined
    request.pause()
    return 'takeOver'
  }
}

describe('17.A construction', () => {
  it('6, 27, U1. a new upload is idle, POST by default,, has a guid, and sends nothing', async () => {
    const {uploader, sink, source} = await makeBench()
    const file = await source('a')
    const upload = uploader.createUpload(sink.url('/a'), file)
    expect(uploader.method).toBe('POST')
    expect(upload).toMatchObject({method: 'POST', sourceFile: file, group: '', priority: 0, costPolicy: 0})
    expect(upload.guid).toMatch(/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/)
    expect(upload.progress.status).toBe(BackgroundTransferStatus.idle)
    expect(upload.getResponseInformation()).toBeNull()
    expect(() => upload.attachAsync()).toThrow('attachAsync')
    expect(() => upload.getResultStreamAt(0)).toThrow('read the result')
    expect(sink.arrivals).toEqual([])
  })

  it.each([
    ['21. an ftp address', 'ftp://127.0.0.1/a'],
    ['no address', 'a'],
  ])('%s is INVALID_ARGUMENT', async (_, uri) => {
    const {uploader, file} = await makeBench()
    expect(() => uploader.createUpload(uri, file('a'))).toThrow(expect.objectContaining({code: 'INVALID_ARGUMENT'}))
    expect((await failure(uploader.createUploadFromStreamAsync(uri, Readable.from(['x'])))).code).toBe(
      'INVALID_ARGUMENT',
    )
  })

  it('what is no file, no list of parts and no stream is INVALID_ARGUMENT', async () => {
    const {uploader, sink} = await makeBench()
    const nothing = null as never
    expect(() => uploader.createUpload(sink.url('/'), nothing)).toThrow('sourceFile')
    expect((await failure(uploader.createUploadAsync(sink.url('/'), nothing))).number).toBe(0x80070057 | 0)
    expect((await failure(uploader.createUploadFromStreamAsync(sink.url('/'), nothing))).number).toBe(0x80070057 | 0)
  })
})

describe('17.H uploads', () => {
  it('17, 119, 165, 177, 178, U2, U4, U5, U6, U7. a file goes as it is, and its answer is kept', async () => {
    const {uploader, sink, source} = await makeBench()
    uploader.setRequestHeader('Filename', 'a.bin')
    const upload = uploader.createUpload(sink.url('/a?x=1'), await source('a'))
    const running = upload.startAsync()
    const seen = progressOf(running)
    expect(await running).toBe(upload)
    const [arrival] = sink.arrivals
    expect(arrival).toMatchObject({method: 'POST', path: '/a?x=1', digest: sha256(contentOf(1, SIZE))})
    expect(arrival?.headers).toMatchObject({'content-length': String(SIZE), filename: 'a.bin'})
    expect(arrival?.headers).not.toHaveProperty('content-type')
    expect(upload.progress).toEqual({
      bytesSent: SIZE,
      totalBytesToSend: SIZE,
      bytesReceived: 64,
      totalBytesToReceive: 0,
      status: BackgroundTransferStatus.completed,
      hasResponseChanged: false,
      hasRestarted: false,
    })
    expect(seen.filter(({hasResponseChanged}) => hasResponseChanged)).toHaveLength(1)
    expect(seen.some(({hasRestarted}) => hasRestarted)).toBe(false)
    expect(upload.getResponseInformation()).toMatchObject({statusCode: 200})
    expect(await textOf(upload.getResultStreamAt(0))).toBe(sha256(contentOf(1, SIZE)))
    expect(await textOf(upload.getResultStreamAt(60))).toBe(sha256(contentOf(1, SIZE)).slice(60))
    expect(() => upload.getResultStreamAt(-1)).toThrow('position')
  })

  it('77, 163, 164. it has no pause, no resume, no new address and no recoverable errors', async () => {
    const world = await makeWorld()
    const upload: object = world.engine.createUploader().createUpload('http://127.0.0.1:9/x', world.file('x'))
    for (const name of ['pause', 'resume', 'recoverableWebErrorStatuses', 'currentWebErrorStatus']) {
      expect(name in upload, name).toBe(false)
    }
    expect(() => Object.assign(upload, {requestedUri: new URL('http://127.0.0.1:9/y')})).toThrow(TypeError)
  })

  it('181. a verb of the caller’s is sent as it is given', async () => {
    const {uploader, sink, source} = await makeBench()
    uploader.method = 'PROPPATCH'
    await uploader.createUpload(sink.url('/a'), await source('a', 10)).startAsync()
    expect(sink.arrivals[0]?.method).toBe('PROPPATCH')
  })

  it('an empty file is an empty body', async () => {
    const {uploader, sink, source} = await makeBench()
    await uploader.createUpload(sink.url('/a'), await source('a', 0)).startAsync()
    expect(sink.arrivals[0]).toMatchObject({received: 0, digest: sha256(Buffer.alloc(0))})
    expect(sink.arrivals[0]?.headers['content-length']).toBe('0')
  })

  it('28, 166, 169, 170, 172, 175. parts arrive as a form with a boundary of ours', async () => {
    const {uploader, sink, source} = await makeBench()
    const named = new BackgroundTransferContentPart('api_key')
    named.setText('ä "x"')
    const first = new BackgroundTransferContentPart('files', 'a "1".bin')
    first.setFile(await source('a', 1000))
    first.setHeader('Content-Type', 'application/x-a')
    const second = new BackgroundTransferContentPart('files', 'b.bin')
    second.setFile(await source('b', 2000))
    const upload = await uploader.createUploadAsync(sink.url('/form'), [named, first, second])
    named.setText('changed later')
    expect(upload.sourceFile).toBeNull()
    await upload.startAsync()
    const [arrival] = sink.arrivals
    const type = arrival?.headers['content-type'] ?? ''
    expect(type).toMatch(/^multipart\/form-data; boundary=[\w-]{10,70}$/)
    const form = await new Response(new Uint8Array(arrival?.body ?? []), {headers: {'Content-Type': type}}).formData()
    expect(form.get('api_key')).toBe('ä "x"')
    const files = form.getAll('files') as File[]
    expect(files.map(({name, type: each}) => [name, each])).toEqual([
      ['a "1".bin', 'application/x-a'],
      ['b.bin', 'text/plain'],
    ])
    expect(sha256(await bytesOf(files[0]))).toBe(sha256(contentOf(1, 1000)))
    expect(sha256(await bytesOf(files[1]))).toBe(sha256(contentOf(1, 2000)))
    expect(upload.progress.totalBytesToSend).toBe(arrival?.received)
  })

  it('167, 168. a sub type, and a boundary of the caller’s, in header and body', async () => {
    const {uploader, sink} = await makeBench()
    const part = new BackgroundTransferContentPart()
    part.setHeader('Content-Id', '<1>')
    part.setText('{}')
    const related = await uploader.createUploadAsync(sink.url('/'), [part], 'related')
    await related.startAsync()
    expect(sink.arrivals[0]?.headers['content-type']).toMatch(/^multipart\/related; boundary=/)
    await (await uploader.createUploadAsync(sink.url('/'), [part], 'related', 'own (1)')).startAsync()
    expect(sink.arrivals[1]?.headers['content-type']).toBe('multipart/related; boundary="own (1)"')
    expect(String(sink.arrivals[1]?.body)).toBe('--own (1)\r\nContent-Id: <1>\r\n\r\n{}\r\n--own (1)--\r\n')
  })

  it('171. a part carries text or a file, never both', () => {
    const part = new BackgroundTransferContentPart('a')
    part.setText('x')
    part.setText('y')
    expect(() => part.setFile('f')).toThrow(expect.objectContaining({code: 'ILLEGAL_STATE', number: 0x8000000e | 0}))
    expect(() => part.setHeader('X-A', 'a\r\nb')).toThrow('line breaks')
  })

  it.each([
    ['173. no parts', [], 'form-data', undefined],
    ['174. a part that carries nothing', [new BackgroundTransferContentPart('a')], 'form-data', undefined],
    ['an empty sub type', [textPart()], '', undefined],
    ['a boundary with a space at its end', [textPart()], 'form-data', 'a '],
    ['a boundary that is too long', [textPart()], 'form-data', 'a'.repeat(71)],
    ['a boundary that a text begins with', [textPart('--own--')], 'form-data', 'own'],
    ['a boundary at a line of a text', [textPart('a\n--own\r\nb')], 'form-data', 'own'],
  ] as const)('%s is INVALID_ARGUMENT', async (_, parts, subType, boundary) => {
    const {uploader, sink} = await makeBench()
    const error = await failure(uploader.createUploadAsync(sink.url('/'), parts, subType, boundary))
    expect(error.number).toBe(0x80070057 | 0)
  })

  it('28, 176. a stream is sent whole, and its private copy goes with the upload', async () => {
    const {uploader, sink, engine, directory} = await makeBench()
    const bytes = contentOf(5, 2_500_000)
    const upload = await uploader.createUploadFromStreamAsync(sink.url('/s'), Readable.from(piecesOf(bytes)))
    expect(upload.sourceFile).toBeNull()
    await upload.startAsync()
    expect(sink.arrivals[0]).toMatchObject({digest: sha256(bytes)})
    await engine.close()
    const again = await openEngine(directory)
    expect(await again.getCurrentUploadsAsync()).toEqual([])
    const {readdir} = await import('node:fs/promises')
    expect((await readdir(`${directory}/.store/spool`)).filter((name) => name.endsWith('.body'))).toEqual([])
  })

  it('a stream that fails, or is given up, is no upload', async () => {
    const {uploader, sink} = await makeBench()
    const failing = Readable.from(
      (async function* () {
        yield Buffer.from('x')
        throw new Error('the source broke')
      })(),
    )
    await expect(uploader.createUploadFromStreamAsync(sink.url('/'), failing)).rejects.toThrow('the source broke')
    const abort = new AbortController()
    const silent = new ReadableStream<Uint8Array>()
    const creating = uploader.createUploadFromStreamAsync(sink.url('/'), silent, {signal: abort.signal})
    abort.abort(new Error('enough'))
    await expect(creating).rejects.toThrow('enough')
    expect(sink.arrivals).toEqual([])
  })

  it('179, 180, U11. a cut sends all of it anew, and says so once', async () => {
    const {uploader, sink, source} = await makeBench()
    sink.script = (request, _response, _arrival, nth) => {
      if (nth >= 2) return undefined
      request.once('data', () => request.socket.resetAndDestroy())
      return 'takeOver'
    }
    const upload = uploader.createUpload(sink.url('/a'), await source('a'))
    const running = upload.startAsync()
    const seen = progressOf(running)
    await running
    expect(sink.arrivals).toHaveLength(3)
    expect(sink.arrivals[2]).toMatchObject({digest: sha256(contentOf(1, SIZE))})
    expect(seen.filter(({hasRestarted}) => hasRestarted)).toHaveLength(2)
    let before = seen[0]
    for (const each of seen) {
      if (!each.hasRestarted) expect(each.bytesSent).toBeGreaterThanOrEqual(before?.bytesSent ?? 0)
      else expect(each.bytesSent).toBe(0)
      before = each
    }
  })

  it('U12. retries that are used up end it', async () => {
    const {uploader, sink, source} = await makeBench()
    sink.script = (request) => {
      request.socket.resetAndDestroy()
      return 'takeOver'
    }
    const upload = uploader.createUpload(sink.url('/a'), await source('a'), {retries: 1})
    expect((await failure(upload.startAsync())).code).toBe('CONNECTION_RESET')
    expect(sink.arrivals).toHaveLength(2)
    expect(upload.progress.status).toBe(BackgroundTransferStatus.error)
  })

  it.each(['PUT', 'POST'])(
    '91. a connection that does not come in time is given up, retried and then final: %s',
    async (method) => {
      const {uploader, source, server} = await makeBench()
      uploader.method = method
      // It takes the TCP connection and never answers the TLS greeting.
      const url = server.url('/a').replace('http:', 'https:')
      const upload = uploader.createUpload(url, await source('a', 10), {retries: 1, connectTimeoutMs: 60})
      const error = await failure(upload.startAsync())
      expect(error.code).toBe('CONNECT_TIMEOUT')
      expect(BackgroundTransferError.getStatus(error.number)).toBe(WebErrorStatus.timeout)
      expect(server.connections).toBe(2)
      expect(upload.progress).toMatchObject({status: BackgroundTransferStatus.error, bytesSent: 0})
    },
  )

  it('91. an answer that does not come is a timeout, retried and then final', async () => {
    const {uploader, sink, source} = await makeBench()
    sink.script = (request) => {
      request.resume()
      return 'takeOver'
    }
    const upload = uploader.createUpload(sink.url('/a'), await source('a', 10), {retries: 1, responseTimeoutMs: 30})
    const error = await failure(upload.startAsync())
    expect(error.code).toBe('RESPONSE_TIMEOUT')
    expect(BackgroundTransferError.getStatus(error.number)).toBe(WebErrorStatus.timeout)
    expect(sink.arrivals).toHaveLength(2)
  })

  it('an upload that is on the wire has no time limit as long as bytes move', async () => {
    const {uploader, sink, source} = await makeBench({checkpointIntervalMs: 10})
    sink.script = (request, response) => {
      request.resume()
      request.on('end', () => {
        // Longer than the stall timeout in all, and never silent for as long.
        let left = 30
        const tick = setInterval(() => {
          response.write('x')
          left -= 1
          if (left > 0) return
          clearInterval(tick)
          response.end()
        }, 10)
      })
      return 'takeOver'
    }
    const upload = uploader.createUpload(sink.url('/a'), await source('a', 10), {stallTimeoutMs: 200})
    await upload.startAsync()
    expect(upload.progress.bytesReceived).toBe(30)
  })

  it('U8. a refusal is an error with its status, and its answer stays readable', async () => {
    const {uploader, sink, source} = await makeBench()
    sink.script = (_request, response) => {
      response.writeHead(403, {'X-Why': 'quota'}).end('over quota')
      return undefined
    }
    const upload = uploader.createUpload(sink.url('/a'), await source('a', 10))
    const error = await failure(upload.startAsync())
    expect(BackgroundTransferError.getStatus(error.number)).toBe(WebErrorStatus.forbidden)
    expect(upload.getResponseInformation()).toMatchObject({statusCode: 403})
    expect(await textOf(upload.getResultStreamAt(0))).toBe('over quota')
    expect(upload.progress.status).toBe(BackgroundTransferStatus.error)
  })

  it('a refusal that comes before the body is sent is told, not waited for', async () => {
    const {uploader, sink, source} = await makeBench()
    sink.script = (request, response) => {
      request.pause()
      response.writeHead(413).end('too large')
      return 'takeOver'
    }
    const upload = uploader.createUpload(sink.url('/a'), await source('a', 30_000_000))
    expect((await failure(upload.startAsync())).details.status).toBe(413)
    expect(await textOf(upload.getResultStreamAt(0))).toBe('too large')
  })

  it.each([
    ['of known length', 'Content-Length: 1000\r\n\r\ntoo lar'],
    ['in chunks', 'Transfer-Encoding: chunked\r\n\r\n7\r\ntoo lar\r\n'],
    ['that its end ends', '\r\ntoo lar'],
  ])('U8. a refusal %s whose end the reset takes along is told by its status, and sent once', async (_, answer) => {
    const {uploader, sink, source} = await makeBench()
    sink.script = ({socket}) => {
      socket.write(`HTTP/1.1 413 Payload Too Large\r\nConnection: close\r\n${answer}`, () => socket.resetAndDestroy())
      return 'takeOver'
    }
    const upload = uploader.createUpload(sink.url('/a'), await source('a'))
    const error = await failure(upload.startAsync())
    expect(error).toMatchObject({code: 'HTTP_STATUS', details: {status: 413}})
    expect(sink.arrivals).toHaveLength(1)
    expect(await textOf(upload.getResultStreamAt(0))).toBe('too lar')
  })

  it.each([
    ['of known length', 'Content-Length: 1000\r\n\r\nyour num', 1000],
    ['in chunks', 'Transfer-Encoding: chunked\r\n\r\n8\r\nyour num\r\n', 0],
  ])('U7. a success %s whose end is cut off is one, and nothing is sent twice', async (_, answer, total) => {
    const {uploader, sink, source} = await makeBench()
    sink.script = (request) => {
      const {socket} = request
      request.resume().on('end', () => socket.write(`HTTP/1.1 201 Created\r\n${answer}`, () => socket.destroy()))
      return 'takeOver'
    }
    const upload = uploader.createUpload(sink.url('/a'), await source('a'))
    await upload.startAsync()
    expect(sink.arrivals).toHaveLength(1)
    expect(upload.getResponseInformation()).toMatchObject({statusCode: 201})
    expect(await textOf(upload.getResultStreamAt(0))).toBe('your num')
    expect(upload.progress).toMatchObject({bytesSent: SIZE, bytesReceived: 8, totalBytesToReceive: total})
  })

  it('U7. a success whose end has not come when the engine closes is complete, and is sent once, also by POST', async () => {
    const {engine, directory, uploader, sink, source} = await makeBench()
    uploader.method = 'POST'
    sink.script = (request) => {
      request
        .resume()
        .on('end', () => request.socket.write('HTTP/1.1 201 Created\r\nContent-Length: 1000\r\n\r\nyour num'))
      return 'takeOver'
    }
    const upload = uploader.createUpload(sink.url('/a'), await source('a'))
    const running = upload.startAsync()
    await expect.poll(() => upload.getResponseInformation()?.statusCode).toBe(201)
    await engine.close()
    await running
    expect(upload.progress).toMatchObject({bytesReceived: 8, totalBytesToReceive: 1000})
    const next = await openEngine(directory)
    expect(await next.queryAsync({states: ['completed']})).toHaveLength(1)
    expect(sink.arrivals).toHaveLength(1)
  })

  it.each([
    ['U7. a success', 201],
    ['U8. a refusal', 403],
  ])('%s whose chunks make no sense from somewhere on is told by its status, and sent once', async (_, status) => {
    const {uploader, sink, source} = await makeBench()
    sink.script = (request) => {
      const answer = `HTTP/1.1 ${status} Said\r\nTransfer-Encoding: chunked\r\n\r\n8\r\nyour num\r\nzz\r\n`
      request.resume().on('end', () => request.socket.write(answer))
      return 'takeOver'
    }
    const upload = uploader.createUpload(sink.url('/a'), await source('a'))
    const outcome = await upload.startAsync().then(
      () => upload.getResponseInformation()?.statusCode,
      ({details}) => details.status,
    )
    expect(outcome).toBe(status)
    expect(sink.arrivals).toHaveLength(1)
    expect(await textOf(upload.getResultStreamAt(0))).toBe('your num')
  })

  it.each([
    ['U7. a success', 201],
    ['U8. a refusal', 403],
  ])('%s that falls silent before its end is told by its status, and sent once', async (_, status) => {
    const {uploader, sink, source} = await makeBench()
    sink.script = (request) => {
      const head = `HTTP/1.1 ${status} Said\r\nContent-Length: 1000\r\n\r\n`
      request.resume().on('end', () => request.socket.write(`${head}your num`))
      return 'takeOver'
    }
    const upload = uploader.createUpload(sink.url('/a'), await source('a'), {stallTimeoutMs: 100})
    const outcome = await upload.startAsync().then(
      () => upload.getResponseInformation()?.statusCode,
      ({details}) => details.status,
    )
    expect(outcome).toBe(status)
    expect(sink.arrivals).toHaveLength(1)
    expect(await textOf(upload.getResultStreamAt(0))).toBe('your num')
  })

  it('a server that asks for quiet once more is left alone by all but the one that asked', async () => {
    const {uploader, sink, source, engine} = await makeBench()
    const file = await source('a', 10)
    sink.script = (request, response, _arrival, nth) => {
      if (nth > 3) return undefined
      request.resume().on('end', () => response.writeHead(503, {'Retry-After': '1'}).end('busy'))
      return 'takeOver'
    }
    const moves: {readonly guid: string; readonly to: string}[] = []
    engine.events$.subscribe((event) => {
      if (event.type === 'operation.moved' && sink.arrivals.length >= 4) moves.push({guid: event.id, to: event.to})
    })
    await Promise.all(['/1', '/2', '/3'].map((path) => uploader.createUpload(sink.url(path), file).startAsync()))
    const [{guid} = {guid: ''}] = moves
    const refused = moves.findIndex(({to}) => to === 'running.weighing')
    expect(refused).toBeGreaterThan(0)
    expect(moves.slice(0, refused).filter((each) => each.guid !== guid)).toEqual([])
  })

  it('U8. a redirect that is refused is told by its reason, also where the reset takes its end along', async () => {
    const {uploader, sink, source} = await makeBench()
    sink.script = ({socket}) => {
      const head = 'HTTP/1.1 307 Temporary Redirect\r\nLocation: mailto:a@b.example\r\nConnection: close\r\n'
      socket.write(`${head}Content-Length: 1000\r\n\r\ntoo lar`, () => socket.resetAndDestroy())
      return 'takeOver'
    }
    const upload = uploader.createUpload(sink.url('/a'), await source('a'))
    const error = await failure(upload.startAsync())
    expect(error).toMatchObject({code: 'REDIRECT_FAILED'})
    expect(sink.arrivals).toHaveLength(1)
  })

  it('a success that comes before the body is sent is none', async () => {
    const {uploader, sink, source} = await makeBench()
    sink.script = (request, response) => {
      request.pause()
      response.writeHead(200).end('fine')
      return 'takeOver'
    }
    const upload = uploader.createUpload(sink.url('/a'), await source('a', 30_000_000), {retries: 0})
    expect((await failure(upload.startAsync())).message).toContain('before it had the whole request')
  })

  it('a redirect to GET that comes before the body is sent is no success either', async () => {
    const {uploader, sink, source} = await makeBench()
    sink.script = (request, response, {path}) => {
      if (path !== '/a') return undefined
      request.pause()
      response.writeHead(303, {Location: '/log-in'}).end()
      return 'takeOver'
    }
    const upload = uploader.createUpload(sink.url('/a'), await source('a', 30_000_000), {retries: 0})
    expect((await failure(upload.startAsync())).message).toContain('before it had the whole request')
    expect(sink.arrivals.map(({path}) => path)).toEqual(['/a'])
  })

  it('a redirect that keeps the method carries the body along; one to GET leaves it behind', async () => {
    const {uploader, sink, source} = await makeBench()
    sink.script = (request, response, {path}) => {
      if (path === '/a') response.writeHead(308, {Location: '/b'}).end()
      // Before it has the body it would not be believed.
      if (path === '/c') request.on('end', () => response.writeHead(303, {Location: '/d'}).end())
      return undefined
    }
    const file = await source('a', 100_000)
    await uploader.createUpload(sink.url('/a'), file).startAsync()
    expect(sink.arrivals.at(-1)).toMatchObject({method: 'POST', path: '/b', received: 100_000})
    await uploader.createUpload(sink.url('/c'), file).startAsync()
    expect(sink.arrivals.at(-1)).toMatchObject({method: 'GET', path: '/d', received: 0})
  })

  it('91. where a redirect leaves the body behind, the head of the answer has its own time, and not that of a body', async () => {
    const {uploader, sink, source} = await makeBench()
    sink.script = (request, response, {path}) => {
      if (path === '/a') request.resume().on('end', () => response.writeHead(303, {Location: '/b'}).end())
      return 'takeOver'
    }
    const options = {retries: 0, stallTimeoutMs: 500, responseTimeoutMs: 1_000}
    const upload = uploader.createUpload(sink.url('/a'), await source('a', 100_000), options)
    expect(await failure(upload.startAsync())).toMatchObject({code: 'RESPONSE_TIMEOUT'})
    expect(sink.arrivals.map(({path}) => path)).toEqual(['/a', '/b'])
  })

  it('U13. cancel rejects with CANCELED and leaves nothing behind', async () => {
    const {uploader, sink} = await makeBench()
    holdFirst(sink, 9)
    const upload = await uploader.createUploadFromStreamAsync(
      sink.url('/a'),
      Readable.from(piecesOf(contentOf(1, SIZE))),
    )
    const running = upload.startAsync()
    await sends(upload, running, 1)
    running.cancel()
    expect((await failure(running)).name).toBe('Canceled')
    expect(upload.progress.status).toBe(BackgroundTransferStatus.canceled)
    expect(sink.arrivals).toHaveLength(1)
  })

  it('U18. a file that is missing, or changed before it is sent anew, is an error', async () => {
    const {uploader, sink, source, file} = await makeBench()
    const missing = await failure(uploader.createUpload(sink.url('/a'), file('none')).startAsync())
    expect(missing).toMatchObject({code: 'SOURCE_MISSING', number: 0x80070002 | 0})
    const path = await source('a', 100_000)
    sink.script = (request) => {
      void truncate(path, 99_999).then(() => request.socket.resetAndDestroy())
      return 'takeOver'
    }
    const changed = await failure(uploader.createUpload(sink.url('/a'), path).startAsync())
    expect(changed.code).toBe('SOURCE_CHANGED')
    expect(sink.arrivals).toHaveLength(1)
  })

  it('is held to its rate, in even steps', async () => {
    const {uploader, sink, source} = await makeBench()
    const upload = uploader.createUpload(sink.url('/a'), await source('a', 100_000), {maxBytesPerSecond: 200_000})
    const seen = progressOf(upload.startAsync())
    await firstValueFrom(upload.status$.pipe(filter((each) => each === BackgroundTransferStatus.completed)))
    expect(sink.arrivals[0]?.received).toBe(100_000)
    expect(new Set(seen.map(({bytesSent}) => bytesSent)).size).toBeGreaterThan(2)
  })
})

describe.skipIf(!existsSync('/proc/self/fd'))('what is being sent', () => {
  it('is let go of when it is answered while it waits for its turn under a limit', async () => {
    const {engine, uploader, sink, source} = await makeBench({maxBytesPerSecond: 20_000, retries: 0})
    sink.script = (request, response) => {
      request.once('data', () => response.writeHead(413).end())
      return 'takeOver'
    }
    const file = await source('a')
    expect((await failure(uploader.createUpload(sink.url('/a'), file).startAsync())).code).toBe('HTTP_STATUS')
    await engine.close()
    const opened = async () => {
      const links = (await readdir('/proc/self/fd')).map((fd) => readlink(`/proc/self/fd/${fd}`).catch(() => ''))
      return (await Promise.all(links)).filter((path) => path === file)
    }
    await expect.poll(opened).toEqual([])
  })
})

describe('13.2 conditions', () => {
  it('U3, U9, U10. a pause of the system interrupts it, and all of it is sent anew afterwards', async () => {
    const conditions$ = new BehaviorSubject<Conditions>({
      ...GOOD_CONDITIONS,
      batterySaver: true,
      foreground: false,
    })
    const {uploader, sink, source} = await makeBench({conditions: {conditions$}})
    holdFirst(sink, 1)
    const upload = uploader.createUpload(sink.url('/a'), await source('a'))
    const running = upload.startAsync()
    const seen = progressOf(running)
    await expect.poll(() => upload.progress.status).toBe(BackgroundTransferStatus.pausedSystemPolicy)
    expect(sink.arrivals).toEqual([])
    conditions$.next(GOOD_CONDITIONS)
    await sends(upload, running, 1)
    conditions$.next({...GOOD_CONDITIONS, batterySaver: true, foreground: false})
    await expect.poll(() => upload.progress.status).toBe(BackgroundTransferStatus.pausedSystemPolicy)
    conditions$.next(GOOD_CONDITIONS)
    await running
    expect(sink.arrivals).toHaveLength(2)
    expect(seen.filter(({hasRestarted}) => hasRestarted)).toHaveLength(1)
  })
})

describe('17.I sessions', () => {
  async function interrupted(method: string) {
    const bench = await makeBench({resumeOnOpen: false})
    const {uploader, sink, source, engine, directory} = bench
    holdFirst(sink, 1)
    uploader.method = method
    const upload = uploader.createUpload(sink.url('/a'), await source('a'))
    const running = upload.startAsync()
    await sends(upload, running, 1)
    await engine.close()
    expect((await failure(running)).code).toBe('CLOSED')
    const next = await openEngine(directory, {resumeOnOpen: false})
    return {...bench, guid: upload.guid, next}
  }

  it('182, U14. PUT is sent anew once it is enumerated', async () => {
    const {next, sink, guid} = await interrupted('PUT')
    const [found] = await next.getCurrentUploadsAsync()
    expect(found?.guid).toBe(guid)
    const running = found?.attachAsync()
    await running
    expect(sink.arrivals).toHaveLength(2)
    expect(sink.arrivals[1]).toMatchObject({digest: sha256(contentOf(1, SIZE))})
  })

  it.each(['POST', 'PROPPATCH'])(
    '183, 184, U15. %s is terminated once it is enumerated, and never sent anew',
    async (method) => {
      const {next, sink, directory} = await interrupted(method)
      const [found] = await next.getCurrentUploadsAsync()
      if (found === undefined) throw new Error('it is not enumerated')
      const error = await failure(found.attachAsync())
      expect(error).toMatchObject({code: 'UPLOAD_TERMINATED', number: 0x800704c7 | 0})
      expect(BackgroundTransferError.getStatus(error.number)).toBe(WebErrorStatus.unknown)
      expect(found.progress.status).toBe(BackgroundTransferStatus.canceled)
      expect(await next.getCurrentUploadsAsync()).toEqual([])
      await next.close()
      const last = await openEngine(directory)
      await last.getCurrentUploadsAsync()
      expect(sink.arrivals).toHaveLength(1)
    },
  )

  it('POST that was never on the wire goes on', async () => {
    const {uploader, sink, source, engine, directory} = await makeBench({maxConcurrentTransfers: 0})
    await uploader.createUpload(sink.url('/a'), await source('a', 10)).startAsync().accepted
    await engine.close()
    const next = await openEngine(directory)
    const [found] = await next.getCurrentUploadsAsync()
    await found?.attachAsync()
    expect(sink.arrivals).toHaveLength(1)
  })

  it('U15. POST whose server could not be reached was never sent, and goes on', async () => {
    const {uploader, sink, source, engine, directory} = await makeBench()
    const url = sink.url('/a')
    await sink.close()
    const isWaiting = firstValueFrom(
      engine.events$.pipe(filter((event) => event.type === 'operation.moved' && event.to === 'running.waitingToRetry')),
    )
    const upload = uploader.createUpload(url, await source('a', 10))
    const running = failure(upload.startAsync())
    await isWaiting
    await engine.close()
    expect((await running).code).toBe('CLOSED')
    const next = await openEngine(directory, {resumeOnOpen: false})
    const [found] = await next.getCurrentUploadsAsync()
    expect(found?.guid).toBe(upload.guid)
    const again = await SinkServer.start(Number(new URL(url).port))
    onCleanup(() => again.close())
    await found?.attachAsync()
    expect(again.arrivals).toHaveLength(1)
    expect(found?.progress.hasRestarted).toBe(false)
  })

  it('188, 189. uploads are enumerated by group, and never among downloads', async () => {
    const {uploader, sink, source, engine, server, file} = await makeBench({maxConcurrentTransfers: 0})
    const path = await source('a', 10)
    const plain = uploader.createUpload(sink.url('/a'), path)
    const group = engine.createGroup('g')
    uploader.transferGroup = group
    const grouped = uploader.createUpload(sink.url('/a'), path)
    const download = engine.createDownloader().createDownload(server.url('/x'), file('x'))
    await Promise.all([plain.startAsync().accepted, grouped.startAsync().accepted, download.startAsync().accepted])
    expect(await engine.getCurrentUploadsAsync()).toEqual([plain])
    expect(await engine.getCurrentUploadsAsync('g')).toEqual([grouped])
    expect(await engine.getCurrentUploadsForTransferGroupAsync(group)).toEqual([grouped])
    expect(await BackgroundUploader.getCurrentUploadsAsync()).toEqual([plain])
    expect(await BackgroundUploader.getCurrentUploadsForTransferGroupAsync(group)).toEqual([grouped])
    expect(await engine.getCurrentDownloadsAsync()).toEqual([download])
    expect(await engine.findUploadAsync(sink.url('/a'), path)).toBe(grouped)
    await expect(engine.getDownloadAsync(plain.guid)).rejects.toMatchObject({code: 'OPERATION_UNKNOWN'})
    expect(await engine.getUploadAsync(plain.guid)).toBe(plain)
  })

  it('U19. attaching to one that has ended settles at once', async () => {
    const {uploader, sink, source} = await makeBench()
    const upload = uploader.createUpload(sink.url('/a'), await source('a', 10))
    await upload.startAsync()
    expect(await upload.attachAsync()).toBe(upload)
    expect(() => upload.startAsync()).toThrow('startAsync')
  })
})

describe('17.J groups', () => {
  it('213. a serialized group takes downloads and uploads in one line', async () => {
    const {uploader, sink, source, engine, server, file} = await makeBench()
    const group = engine.createGroup('one at a time')
    group.transferBehavior = BackgroundTransferBehavior.serialized
    const downloader = engine.createDownloader()
    uploader.transferGroup = group
    downloader.transferGroup = group
    server.route('/d', {content: {seed: 3, size: 1000}})
    let open = 0
    let most = 0
    sink.script = (_request, response) => {
      open += 1
      most = Math.max(most, open + server.requests.filter(({closed, bytesSent}) => !closed && bytesSent < 1000).length)
      response.on('finish', () => {
        open -= 1
      })
      return undefined
    }
    const path = await source('a', 200_000)
    const order: string[] = []
    const note = (name: string) => () => order.push(name)
    await Promise.all([
      uploader.createUpload(sink.url('/1'), path).startAsync().then(note('up 1')),
      downloader.createDownload(server.url('/d'), file('d')).startAsync().then(note('down')),
      uploader.createUpload(sink.url('/2'), path).startAsync().then(note('up 2')),
    ])
    expect(order).toEqual(['up 1', 'down', 'up 2'])
    expect(most).toBe(1)
    expect(BackgroundTransferGroup.createGroup('one at a time')).toBe(group)
  })
})

describe('what is left behind', () => {
  it('goes: a copy whose upload was never started is removed when the engine closes, or opens after a kill', async () => {
    const {uploader, sink, engine, directory} = await makeBench()
    const upload = await uploader.createUploadFromStreamAsync(sink.url('/s'), Readable.from(['never sent']))
    const [name = ''] = await readdir(`${directory}/.store/spool`)
    await engine.close()
    expect(upload.guid).toBe(name.split('.')[0])
    expect(await readdir(`${directory}/.store/spool`)).toEqual([])
    // A kill would have left it.
    await writeFile(`${directory}/.store/spool/${name}`, 'never sent')
    // And that of a client, this.
    await writeFile(`${directory}/.store/spool/${name.replace('.body', '.copy')}`, '')
    const next = await openEngine(directory)
    expect(await readdir(`${directory}/.store/spool`)).toEqual([])
    expect(next).toBeInstanceOf(BackgroundTransferEngine)
    await rm(`${directory}/.store/spool`, {recursive: true})
  })

  it('goes: a stream that is being taken is given up when the engine closes, with what came of it', async () => {
    const {uploader, sink, engine, directory} = await makeBench()
    let isLetGo = false
    const endless = async function* () {
      try {
        for (;;) yield await new Promise<string>((resolve) => setImmediate(resolve, 'more'))
      } finally {
        isLetGo = true
      }
    }
    const creating = failure(uploader.createUploadFromStreamAsync(sink.url('/s'), endless()))
    await expect.poll(() => readdir(`${directory}/.store/spool`).catch(() => [])).toHaveLength(1)
    await engine.close()
    expect(await readdir(`${directory}/.store/spool`)).toEqual([])
    expect((await creating).code).toBe('CLOSED')
    await expect.poll(() => isLetGo).toBe(true)
  })

  it('goes: a copy whose upload nobody has any more is removed, and one that waits to be started is not', async () => {
    const {uploader, sink, directory} = await makeBench()
    const make = (path: string) => uploader.createUploadFromStreamAsync(sink.url(path), Readable.from(['a stream']))
    const kept = await make('/kept')
    await make('/dropped')
    while ((await readdir(`${directory}/.store/spool`)).length > 1) {
      collectGarbage()
      await new Promise((resolve) => setImmediate(resolve))
    }
    await kept.startAsync()
    expect(sink.arrivals.map(({path, received}) => [path, received])).toEqual([['/kept', 8]])
  })
})

async function bytesOf(file: File | undefined): Promise<Uint8Array> {
  return new Uint8Array((await file?.arrayBuffer()) ?? [])
}

function textPart(text = 'x'): BackgroundTransferContentPart {
  const part = new BackgroundTransferContentPart('a')
  part.setText(text)
  return part
}

function* piecesOf(bytes: Buffer): Generator<Buffer> {
  for (let at = 0; at < bytes.length; at += 65_536) yield bytes.subarray(at, at + 65_536)
}
