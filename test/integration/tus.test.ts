/** Resumable uploads by tus, against the real server: what goes over the wire, and what a cut, a crash or a conflict makes of it. */

import {createHash} from 'node:crypto'
import {mkdtemp, readdir, readFile, rm, writeFile} from 'node:fs/promises'
import {createServer, type IncomingMessage, type ServerResponse} from 'node:http'
import type {AddressInfo} from 'node:net'
import {tmpdir} from 'node:os'
import {join} from 'node:path'
import {filter, firstValueFrom} from 'rxjs'
import {describe, expect, it} from 'vitest'
import {
  type BackgroundTransferEngine,
  BackgroundTransferStatus,
  type BackgroundUploadProgress,
  type RunningUpload,
  type UploadOperation,
} from '../../src/index.ts'
import {contentOf, sha256} from '../support/content.ts'
import {TusServer} from '../support/tus-server.ts'
import {failure, makeWorld, onCleanup, openEngine, type World} from './harness.ts'

const SIZE = 5_000_000
const CUT_AT = 2_000_000

interface Bench extends World {
  readonly tus: TusServer
  readonly source: string
  readonly moves: string[]
  upload(engine?: BackgroundTransferEngine): UploadOperation
  /** SHA-256 of what the server keeps; undefined where it keeps nothing. */
  stored(): Promise<string | undefined>
}

async function makeBench(options: {readonly expiresMs?: number; readonly size?: number} = {}): Promise<Bench> {
  const world = await makeWorld()
  const kept = await mkdtemp(join(tmpdir(), 'tus-'))
  const tus = await TusServer.start(kept, options)
  onCleanup(async () => {
    await tus.close()
    await rm(kept, {recursive: true, force: true})
  })
  const source = world.file('source.bin')
  await writeFile(source, contentOf(3, options.size ?? SIZE))
  const moves: string[] = []
  world.engine.events$.subscribe((event) => {
    if (event.type === 'operation.moved') moves.push(event.to)
  })
  return {
    ...world,
    tus,
    source,
    moves,
    upload: (engine = world.engine) => engine.createUploader().createUpload(tus.url, source, {protocol: 'tus'}),
    stored: async () => {
      const [name] = (await readdir(kept)).filter((each) => !each.endsWith('.json'))
      return name === undefined ? undefined : sha256(await readFile(join(kept, name)))
    },
  }
}

function progressOf(running: RunningUpload): readonly BackgroundUploadProgress[] {
  const seen: BackgroundUploadProgress[] = []
  running.progress$.subscribe((operation) => seen.push(operation.progress))
  return seen
}

/** The record of the next upload that waits for its next try. */
async function waiting(engine: BackgroundTransferEngine) {
  const event = await firstValueFrom(
    engine.events$.pipe(filter((event) => event.type === 'operation.moved' && event.state === 'waitingToRetry')),
  )
  if (event.type !== 'operation.moved') throw new Error('another event')
  return event.record
}

describe('an upload by tus', () => {
  it('is created, sent and confirmed, step by step', async () => {
    const {upload, tus, stored, moves} = await makeBench()
    const operation = upload()
    const running = operation.startAsync()
    const seen = progressOf(running)
    await running
    expect(tus.methods()).toEqual(['OPTIONS', 'POST', 'PATCH'])
    const [, created] = tus.requests
    expect(created?.headers).toMatchObject({
      'tus-resumable': '1.0.0',
      'upload-length': String(SIZE),
      'upload-metadata': `filename ${Buffer.from('source.bin').toString('base64')}`,
    })
    expect(moves.filter((to) => to.startsWith('running.stepping'))).toEqual(
      expect.arrayContaining([
        'running.stepping.discovering.connecting',
        'running.stepping.creating.connecting',
        'running.stepping.appending.connecting',
      ]),
    )
    expect(await stored()).toBe(sha256(contentOf(3, SIZE)))
    expect(operation.progress).toMatchObject({bytesSent: SIZE, totalBytesToSend: SIZE})
    expect(operation.getResponseInformation()?.statusCode).toBe(204)
    expect(seen.some(({hasRestarted}) => hasRestarted)).toBe(false)
  })

  it.each([
    [503, '1'],
    [429, undefined],
  ])('waits where the question what the server offers is answered with %i', async (status, retryAfter) => {
    const {upload, tus, moves} = await makeBench()
    tus.script = ({method}, response, nth) => {
      if (method !== 'OPTIONS' || nth > 0) return undefined
      response.writeHead(status, retryAfter === undefined ? {} : {'Retry-After': retryAfter}).end()
      return 'answered'
    }
    await upload().startAsync()
    expect(tus.methods()).toEqual(['OPTIONS', 'OPTIONS', 'POST', 'PATCH'])
    expect(moves).toContain('running.waitingToRetry')
  })

  it('of nothing is whole when it is created', async () => {
    const {upload, tus, stored} = await makeBench({size: 0})
    await upload().startAsync()
    expect(tus.methods()).toEqual(['OPTIONS', 'POST'])
    expect(await stored()).toBe(sha256(Buffer.alloc(0)))
  })

  it('that is cut goes on behind what the server has, and its count never falls', async () => {
    const {upload, tus, stored} = await makeBench()
    const cut = tus.cutAfter(CUT_AT)
    const running = upload().startAsync()
    const seen = progressOf(running)
    await cut
    await running
    expect(tus.methods()).toEqual(['OPTIONS', 'POST', 'PATCH', 'HEAD', 'PATCH'])
    const [first, second = 0] = tus.offsets()
    expect(first).toBe(0)
    expect(second).toBeGreaterThan(0)
    expect(second).toBeLessThan(CUT_AT)
    expect(await stored()).toBe(sha256(contentOf(3, SIZE)))
    expect(seen.some(({hasRestarted}) => hasRestarted)).toBe(false)
  })

  it('goes on in another session, also as POST, and also with a server that was started anew', async () => {
    const {upload, tus, stored, engine, directory} = await makeBench()
    const operation = upload()
    const cut = tus.cutAfter(CUT_AT)
    const running = operation.startAsync()
    running.catch(() => undefined)
    await cut
    await engine.close()
    // What came before the cut has to be read before the server ends.
    await expect.poll(stored).not.toBe(sha256(Buffer.alloc(0)))
    await tus.down()
    await tus.up()
    const next = await openEngine(directory)
    const found = await next.getUploadAsync(operation.guid)
    await found.attachAsync()
    expect(tus.methods().filter((method) => method === 'POST')).toHaveLength(1)
    expect(tus.offsets().at(-1)).toBeGreaterThan(0)
    expect(await stored()).toBe(sha256(contentOf(3, SIZE)))
  })

  it('keeps until when the server keeps it', async () => {
    const {upload, tus, engine} = await makeBench({expiresMs: 3_600_000})
    tus.script = ({method}, response) => {
      if (method !== 'PATCH') return undefined
      response.writeHead(503, {'Retry-After': '60'}).end()
      return 'answered'
    }
    upload()
      .startAsync()
      .catch(() => undefined)
    const {expiresAt = 0} = (await waiting(engine)).sending?.resumable ?? {}
    expect(expiresAt).toBeGreaterThan(Date.now() + 3_000_000)
    expect(expiresAt).toBeLessThan(Date.now() + 4_000_000)
  })

  it('ends the quiet that its server asked for by the answer to its first step, and not by its last byte', async () => {
    const {upload, tus, stored} = await makeBench()
    const held = new Promise<ServerResponse>((resolve) => {
      tus.script = ({method}, response, nth) => {
        if (method !== 'PATCH' || nth > 1) return undefined
        if (nth === 0) response.writeHead(503, {'Retry-After': '1'}).end()
        else resolve(response)
        return 'answered'
      }
    })
    const running = upload().startAsync()
    const response = await held
    await upload().startAsync()
    response.destroy()
    await running
    expect(await stored()).toBe(sha256(contentOf(3, SIZE)))
  })

  it('is terminated at the server when it is canceled', async () => {
    const {upload, tus, stored} = await makeBench()
    const operation = upload()
    const cut = tus.cutAfter(CUT_AT)
    // From the cut on the server is busy: it waits for its next try.
    tus.script = ({method}, response) => {
      if (method !== 'HEAD') return undefined
      response.writeHead(503, {'Retry-After': '60'}).end()
      return 'answered'
    }
    const running = operation.startAsync()
    await cut
    await firstValueFrom(operation.status$.pipe(filter((status) => status === BackgroundTransferStatus.running)))
    running.cancel()
    expect((await failure(running)).code).toBe('CANCELED')
    expect(tus.methods().at(-1)).toBe('DELETE')
    expect(await stored()).toBeUndefined()
  })

  it('is not waited for by a cancel when its server is silent', async () => {
    const {tus, source, directory} = await makeBench()
    const engine = await openEngine(join(directory, 'other'), {responseTimeoutMs: 200})
    tus.script = ({method}) => (method === 'DELETE' ? 'answered' : undefined)
    const operation = engine.createUploader().createUpload(tus.url, source, {protocol: 'tus'})
    const cut = tus.cutAfter(CUT_AT)
    const running = operation.startAsync()
    await cut
    running.cancel()
    expect((await failure(running)).code).toBe('CANCELED')
  })

  it.each([403, 404, 410])('that the server says %i of is made anew, and says so once', async (status) => {
    const {upload, tus} = await makeBench()
    const cut = tus.cutAfter(CUT_AT)
    tus.script = ({method}, response, nth) => {
      if (method !== 'HEAD' || nth > 0) return undefined
      response.writeHead(status).end()
      return 'answered'
    }
    const operation = upload()
    const running = operation.startAsync()
    const seen = progressOf(running)
    await cut
    await running
    expect(tus.methods().filter((each) => each === 'POST')).toHaveLength(2)
    expect(tus.offsets().at(-1)).toBe(0)
    expect(seen.filter(({hasRestarted}) => hasRestarted)).toHaveLength(1)
    expect(operation.progress.bytesSent).toBe(SIZE)
  })

  it('ends when the server loses it again and again', async () => {
    const {upload, tus} = await makeBench()
    tus.script = ({method}, response) => {
      if (method !== 'HEAD' && method !== 'PATCH') return undefined
      response.writeHead(404).end()
      return 'answered'
    }
    const {code, where} = await failure(upload().startAsync())
    expect(code).toMatch(/^(UPLOAD_LOST|HTTP_STATUS)$/)
    expect(where).toContain('/files/')
  })

  it('ends when the server takes its bytes and never has more', async () => {
    const {upload, tus} = await makeBench()
    tus.script = ({method}, response) => {
      const end = () => response.writeHead(204, {'Upload-Offset': '0'}).end()
      return method === 'PATCH' && response.req.resume().on('end', end) ? 'answered' : undefined
    }
    expect((await failure(upload().startAsync())).code).toBe('INVALID_RESPONSE')
  })

  it('by a protocol that nobody registered is NOT_SUPPORTED', async () => {
    const {engine, source, tus} = await makeBench()
    const upload = engine.createUploader().createUpload(tus.url, source, {protocol: 'carrier-pigeon'})
    expect(await failure(upload.startAsync())).toMatchObject({code: 'NOT_SUPPORTED', where: 'carrier-pigeon'})
    expect(tus.requests).toEqual([])
  })

  it('ends with what the server says to its creation', async () => {
    const {upload, tus} = await makeBench()
    tus.script = ({method}, response) => {
      if (method !== 'POST') return undefined
      response.writeHead(413).end('too large')
      return 'answered'
    }
    const operation = upload()
    expect(await failure(operation.startAsync())).toMatchObject({code: 'HTTP_STATUS', details: {status: 413}})
    expect(operation.getResponseInformation()?.statusCode).toBe(413)
  })
})

describe('story 32: the source of an upload is edited', () => {
  it('a source that changed, in its midst too, is never gone on with', async () => {
    const {upload, tus, stored, source} = await makeBench()
    const cut = tus.cutAfter(CUT_AT)
    const running = upload().startAsync()
    const bytes = contentOf(3, SIZE)
    bytes.write('changed', SIZE / 2)
    await cut
    await writeFile(source, bytes)
    expect((await failure(running)).code).toBe('SOURCE_CHANGED')
    // What the server has of it is of no use to anybody.
    expect(tus.methods().at(-1)).toBe('DELETE')
    expect(await stored()).toBeUndefined()
  })
})

describe('story 34: conflicts, locks and errors about the offset', () => {
  it.each([
    ['409 with an offset', 'PATCH', 409, {'Upload-Offset': '0'}],
    ['409 without one', 'PATCH', 409, {}],
    ['423 to an append', 'PATCH', 423, {}],
    ['423 to the question', 'HEAD', 423, {}],
    ['502 to the question', 'HEAD', 502, {}],
    ['404 to an append, which the question does not repeat', 'PATCH', 404, {}],
  ] as const)('%s: it asks, waits and goes on, and never begins anew', async (_, method, status, headers) => {
    const {upload, tus, stored} = await makeBench()
    // The first append is cut, so that there is something to ask about.
    const cut = tus.cutAfter(CUT_AT)
    tus.script = (request, response, nth) => {
      const isIt = request.method === method && nth === (method === 'PATCH' ? 1 : 0)
      if (!isIt) return undefined
      response.writeHead(status, headers).end()
      return 'answered'
    }
    const running = upload().startAsync()
    const seen = progressOf(running)
    await cut
    await running
    expect(tus.methods().filter((each) => each === 'POST')).toHaveLength(1)
    expect(tus.offsets().at(-1)).toBeGreaterThan(0)
    expect(await stored()).toBe(sha256(contentOf(3, SIZE)))
    expect(seen.some(({hasRestarted}) => hasRestarted)).toBe(false)
  })
})

describe('the checksum of tus', () => {
  it('goes with each part where the server offers it, and a part that came damaged is sent again', async () => {
    const {engine, source} = await makeBench()
    const parts: {readonly at: number; readonly bytes: Buffer; readonly isRight: boolean}[] = []
    let offset = 0
    let patches = 0
    const server = createServer((request, response) => {
      void (async () => {
        const bytes = await bodyOf(request)
        switch (request.method) {
          case 'OPTIONS':
            response.writeHead(204, {'Tus-Extension': 'creation,checksum', 'Tus-Checksum-Algorithm': 'md5,sha1'})
            break
          case 'POST':
            response.writeHead(201, {Location: '/files/1'})
            break
          case 'HEAD':
            response.writeHead(200, {'Upload-Offset': String(offset)})
            break
          default: {
            patches += 1
            const sha1 = createHash('sha1').update(bytes).digest('base64')
            const isRight = request.headers['upload-checksum'] === `sha1 ${sha1}`
            parts.push({at: offset, bytes, isRight})
            if (patches !== 2) offset += bytes.length
            response.writeHead(patches === 2 ? 460 : 204, {'Upload-Offset': String(offset)})
          }
        }
        response.end()
      })()
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    onCleanup(async () => {
      server.closeAllConnections()
      server.close()
    })
    const {port} = server.address() as AddressInfo
    const options = {protocol: 'tus', partBytes: 2_000_000}
    const upload = engine.createUploader().createUpload(`http://127.0.0.1:${port}/files`, source, options)
    await upload.startAsync()
    expect(parts.map(({at, bytes}) => [at, bytes.length])).toEqual([
      [0, 2_000_000],
      [2_000_000, 2_000_000],
      [2_000_000, 2_000_000],
      [4_000_000, 1_000_000],
    ])
    expect(parts.every(({isRight}) => isRight)).toBe(true)
  })
})

async function bodyOf(request: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = []
  for await (const chunk of request) chunks.push(chunk)
  return Buffer.concat(chunks)
}
