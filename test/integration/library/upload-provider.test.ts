/** beforeAttempt of uploads: what does not last is asked for before each request, plain or by a protocol, and kept nowhere. */

import {execFileSync} from 'node:child_process'
import {mkdtemp, rm, writeFile} from 'node:fs/promises'
import type {IncomingHttpHeaders} from 'node:http'
import {tmpdir} from 'node:os'
import {join} from 'node:path'
import {describe, expect, it} from 'vitest'
import {
  type AttemptProviders,
  BackgroundTransferStatus,
  type ComingAttempt,
  PasswordCredential,
  s3Multipart,
  type UploadOptions,
} from '../../../src/index.ts'
import {contentOf, sha256} from '../../support/content.ts'
import {ResumableServer} from '../../support/resumable-server.ts'
import {S3Server} from '../../support/s3-server.ts'
import {SinkServer} from '../../support/sink-server.ts'
import {TusServer} from '../../support/tus-server.ts'
import {failure, makeDirectory, makeWorld, onCleanup, openEngine, type World} from '../harness.ts'

const SIZE = 50_000
const BYTES = contentOf(5, SIZE)
const SECRET = 'sig-7b6a5c4d'

type EngineWish = Parameters<typeof makeWorld>[0]

interface Bench extends World {
  readonly sink: SinkServer
  readonly source: string
  upload(
    uri: string,
    options?: UploadOptions,
    method?: string,
  ): ReturnType<ReturnType<World['engine']['createUploader']>['createUpload']>
}

async function makeBench(beforeAttempt: AttemptProviders, more: EngineWish = {}): Promise<Bench> {
  const world = await makeWorld({beforeAttempt, ...more})
  const sink = await SinkServer.start()
  onCleanup(() => sink.close())
  const source = world.file('source.bin')
  await writeFile(source, BYTES)
  return {
    ...world,
    sink,
    source,
    upload: (uri, options, method = 'POST') => {
      const uploader = world.engine.createUploader()
      uploader.method = method
      uploader.beforeAttempt = 'vault'
      return uploader.createUpload(uri, source, options)
    },
  }
}

/** Answers `status` to the first requests, and takes the others. */
function refuse(sink: SinkServer, count: number, status: number): void {
  sink.script = (request, response, _arrival, nth) => {
    if (nth >= count) return undefined
    request.resume().on('end', () => response.writeHead(status).end())
    return 'takeOver'
  }
}

/** A promise, and a provider's function that says when it is called and waits for ever. */
function never() {
  let begun = () => {}
  const began = new Promise<void>((resolve) => {
    begun = resolve
  })
  const wait = ({signal}: {readonly signal: AbortSignal}) => {
    begun()
    return new Promise<never>((_, reject) => {
      signal.addEventListener('abort', () => reject(new Error('gave up')))
    })
  }
  return {began, wait}
}

describe('beforeAttempt of a plain upload', () => {
  it.each(['PUT', 'POST'])(
    'gives %s a token and an address for each try, and a refusal is another try',
    async (method) => {
      const asked: ComingAttempt[] = []
      const bench = await makeBench({
        vault: {
          headers: () => ({Authorization: `Bearer ${asked.length}`}),
          url: (coming) => {
            asked.push(coming)
            return bench.sink.url(`/signed?sig=${SECRET}${asked.length}`)
          },
        },
      })
      refuse(bench.sink, 1, 403)
      const operation = bench.upload(bench.sink.url('/files'), {}, method)
      await operation.startAsync()
      expect(bench.sink.arrivals.map(({path}) => path)).toEqual([`/signed?sig=${SECRET}1`, `/signed?sig=${SECRET}2`])
      expect(bench.sink.arrivals.at(-1)).toMatchObject({method, digest: sha256(BYTES)})
      expect(asked.map(({attempt, url, guid}) => [attempt, url, guid])).toEqual([
        [1, bench.sink.url('/files'), operation.guid],
        [2, bench.sink.url('/files'), operation.guid],
      ])
      expect(asked[1]?.lastError).toMatchObject({code: 'HTTP_STATUS', details: {status: 403}})
      expect(operation.getResponseInformation()?.actualUri.href).toBe(bench.sink.url('/signed?sig=***'))
    },
  )

  it('is one call for an upload and a download that ask at once', async () => {
    let calls = 0
    let answer: (headers: Record<string, string>) => void = () => {}
    const bench = await makeBench({
      vault: {
        headers: () => {
          calls += 1
          return new Promise((resolve) => {
            answer = resolve
          })
        },
      },
    })
    bench.server.route('/file', ({headers}) => (headers['x-pass'] === SECRET ? {content: BYTES} : {status: 401}))
    const upload = bench.upload(bench.sink.url('/files'))
    const downloader = bench.engine.createDownloader()
    downloader.beforeAttempt = 'vault'
    const download = downloader.createDownload(bench.server.url('/file'), bench.file('a'))
    const ended = [upload.startAsync(), download.startAsync()]
    const paths = new Map<string, string>()
    await new Promise<void>((resolve) => {
      bench.engine.events$.subscribe((event) => {
        if (event.type !== 'operation.moved') return
        paths.set(event.id, event.to)
        if ([...paths.values()].filter((path) => path === 'running.refreshing').length === 2) resolve()
      })
    })
    answer({'X-Pass': SECRET})
    await Promise.all(ended)
    expect(calls).toBe(1)
    expect(bench.sink.arrivals[0]?.headers['x-pass']).toBe(SECRET)
  })

  it('tells another address nothing that was not given for it, and a redirect elsewhere nothing of what was given', async () => {
    const bench = await makeBench({
      vault: {
        headers: () => ({'X-Shard': SECRET}),
        url: () => bench.sink.url('/signed').replace('127.0.0.1', 'localhost'),
      },
    })
    bench.sink.script = (request, response, {path}) => {
      if (path !== '/signed') return undefined
      request.resume().on('end', () => response.writeHead(307, {Location: bench.sink.url('/last')}).end())
      return 'takeOver'
    }
    const uploader = bench.engine.createUploader()
    uploader.beforeAttempt = 'vault'
    uploader.setRequestHeader('Authorization', 'own')
    uploader.serverCredential = new PasswordCredential('files', 'ann', 'own-password')
    await uploader.createUpload(bench.sink.url('/files'), bench.source).startAsync()
    const [signed, last] = bench.sink.arrivals
    expect(signed?.headers).toMatchObject({'x-shard': SECRET})
    expect(signed?.headers).not.toHaveProperty('authorization')
    expect(last?.headers).not.toHaveProperty('x-shard')
    expect(last).toMatchObject({path: '/last', digest: sha256(BYTES)})
  })

  it('is kept nowhere, fails the try where it throws, and quotes nothing', async () => {
    let calls = 0
    const bench = await makeBench(
      {
        vault: {
          headers: () => {
            calls += 1
            if (calls === 2) throw new RangeError(`no ${SECRET}`)
            return {'X-Shard': `${SECRET}-h`}
          },
          url: () => bench.sink.url(`/signed?sig=${SECRET}`),
        },
      },
      {retries: 1},
    )
    refuse(bench.sink, 1, 503)
    const operation = bench.upload(bench.sink.url('/files'))
    const error = await failure(operation.startAsync())
    expect(error).toMatchObject({code: 'PROVIDER_FAILED', where: 'vault', details: {thrown: 'RangeError'}})
    expect(bench.sink.arrivals.length).toBe(1)
    expect(JSON.stringify([error.toSerialized(), await bench.engine.exportAsync(operation.guid)])).not.toContain(SECRET)
    await bench.engine.close()
    const found = () => execFileSync('grep', ['-rlF', SECRET, join(bench.directory, '.store')])
    expect(found).toThrow(expect.objectContaining({status: 1}))
  })

  it('has its time, and holds up no cancel', async () => {
    const {began, wait} = never()
    const bench = await makeBench({vault: {url: wait}}, {beforeAttemptTimeoutMs: 20, retries: 0})
    expect((await failure(bench.upload(bench.sink.url('/files')).startAsync())).code).toBe('PROVIDER_TIMEOUT')
    await began
    const patient = await makeBench({vault: {url: wait}})
    const operation = patient.upload(patient.sink.url('/files'))
    const running = operation.startAsync()
    const ended = failure(running)
    running.cancel()
    expect((await ended).code).toBe('CANCELED')
    expect(operation.progress.status).toBe(BackgroundTransferStatus.canceled)
    expect([...bench.sink.arrivals, ...patient.sink.arrivals]).toEqual([])
  })

  it('that did not answer before the process ended sent nothing: a POST goes on in the next session', async () => {
    const {began, wait} = never()
    const bench = await makeBench({vault: {headers: wait}})
    const operation = bench.upload(bench.sink.url('/files'))
    operation.startAsync().catch(() => undefined)
    await began
    await bench.engine.close()
    const next = await openEngine(bench.directory, {beforeAttempt: {vault: {headers: () => ({'X-Pass': SECRET})}}})
    await (await next.getUploadAsync(operation.guid)).attachAsync()
    expect(bench.sink.arrivals).toMatchObject([{headers: {'x-pass': SECRET}, digest: sha256(BYTES)}])
  })

  it('is refused under a name that the engine does not know', async () => {
    const bench = await makeBench({})
    expect((await failure(bench.upload(bench.sink.url('/files')).startAsync())).code).toBe('PROVIDER_UNKNOWN')
    expect(() => {
      bench.engine.createUploader().beforeAttempt = ''
    }).toThrow(expect.objectContaining({code: 'INVALID_ARGUMENT'}))
  })
})

/** Counts what it gave, and knows what is still good. */
function tokens() {
  let given = 0
  const used: string[] = []
  return {
    headers: () => ({Authorization: `Bearer ${++given}`}),
    /** Whether the request brings one that was given for it alone. */
    isGood: ({authorization = ''}: IncomingHttpHeaders) => {
      const isGood = authorization === `Bearer ${given}` && !used.includes(authorization)
      used.push(authorization)
      return isGood
    },
    get given() {
      return given
    },
  }
}

async function serveTus(): Promise<TusServer> {
  const kept = await mkdtemp(join(tmpdir(), 'tus-'))
  const tus = await TusServer.start(kept)
  onCleanup(async () => {
    await tus.close()
    await rm(kept, {recursive: true, force: true})
  })
  return tus
}

describe('beforeAttempt of an upload by a protocol', () => {
  it('gives each request of tus a token of its own, the last one that removes it, too', async () => {
    const vault = tokens()
    const bench = await makeBench({vault})
    const tus = await serveTus()
    tus.script = ({headers}, response) => {
      if (vault.isGood(headers)) return undefined
      response.writeHead(401).end()
      return 'answered'
    }
    await bench.upload(tus.url, {protocol: 'tus', partBytes: SIZE / 2}).startAsync()
    expect(tus.methods()).toEqual(['OPTIONS', 'POST', 'PATCH', 'PATCH'])
    expect(vault.given).toBe(4)

    const held = new Promise<void>((resolve) => {
      tus.script = ({method, headers}, response) => {
        if (!vault.isGood(headers)) {
          response.writeHead(401).end()
          return 'answered'
        }
        if (method !== 'PATCH') return undefined
        resolve()
        return 'answered'
      }
    })
    const running = bench.upload(tus.url, {protocol: 'tus'}).startAsync()
    const ended = failure(running)
    await held
    running.cancel()
    await ended
    expect(tus.requests.at(-1)?.method).toBe('DELETE')
    expect(tus.requests.at(-1)?.headers.authorization).toBe(`Bearer ${vault.given}`)
  })

  it('makes it at the address that was given, and goes on at its own', async () => {
    const tus = await serveTus()
    const asked: number[] = []
    const bench = await makeBench({
      vault: {
        url: ({url, attempt}) => {
          asked.push(attempt)
          return `${url}?sig=${SECRET}`
        },
      },
    })
    const operation = bench.upload(tus.url, {protocol: 'tus'})
    await operation.startAsync()
    expect(tus.requests.map(({url}) => url.includes(SECRET))).toEqual([true, true, false])
    expect(asked).toEqual([1, 1, 1])
    expect(JSON.stringify(await bench.engine.exportAsync(operation.guid))).not.toContain(SECRET)
  })

  it('gives the draft its token, and a token that is refused in its midst is asked for anew', async () => {
    const vault = tokens()
    const bench = await makeBench({vault})
    const resumable = await ResumableServer.start({maxAppendBytes: SIZE / 2})
    onCleanup(() => resumable.close())
    let refused = 0
    resumable.script = (request, response) => {
      const isSecondPart = request.headers['upload-offset'] === String(SIZE / 2)
      if (vault.isGood(request.headers) && !(isSecondPart && refused++ === 0)) return undefined
      request.resume().on('end', () => response.writeHead(401).end())
      return 'answered'
    }
    await bench.upload(resumable.url, {protocol: 'httpbis-9'}).startAsync()
    expect(resumable.methods()).toEqual(['OPTIONS', 'POST', 'PATCH', 'PATCH', 'HEAD', 'PATCH'])
    expect(sha256([...resumable.uploads.values()][0]?.bytes ?? Buffer.alloc(0))).toBe(sha256(BYTES))
    expect(resumable.breaches).toEqual([])
  })

  it('tells what signs for S3 the address that was given, and sends no token beside a signature', async () => {
    const directory = await makeDirectory()
    const s3 = await S3Server.start(directory)
    onCleanup(() => s3.close())
    const headers: IncomingHttpHeaders[] = []
    s3.script = (request) => {
      headers.push(request.headers)
      return undefined
    }
    const told: string[] = []
    const bucket = s3Multipart({
      name: 'my-bucket',
      create: ({url}) => {
        told.push(url)
        return s3.create()
      },
      partUrl: ({uploadId}, number) => s3.signed('PUT', `partNumber=${number}&uploadId=${uploadId}`),
      completeUrl: ({uploadId}) => s3.signed('POST', `uploadId=${uploadId}`),
    })
    const bench = await makeBench(
      {vault: {headers: () => ({Authorization: 'Bearer 1'}), url: ({url}) => `${url}?sig=${SECRET}`}},
      {uploadProtocols: [bucket]},
    )
    await bench.upload(s3.url, {protocol: 'my-bucket'}).startAsync()
    expect(told).toEqual([`${s3.url}?sig=${SECRET}`])
    expect(headers.some((each) => each.authorization !== undefined)).toBe(false)
    expect(sha256((await s3.object()) ?? Buffer.alloc(0))).toBe(sha256(BYTES))
  })
})

describe('17.F credentials of an upload by a protocol', () => {
  it('a server that puts it on another host hears no credential and no secret there, even when it asks', async () => {
    const bench = await makeBench({vault: {headers: () => ({'X-Shard': SECRET})}})
    const thief = await SinkServer.start()
    onCleanup(() => thief.close())
    thief.script = (request, response) => {
      request.resume().on('end', () => response.writeHead(401, {'WWW-Authenticate': 'Basic realm="give"'}).end())
      return 'takeOver'
    }
    bench.sink.script = (request, response) => {
      request.resume().on('end', () => response.writeHead(201, {Location: thief.url('/up/1')}).end())
      return 'takeOver'
    }
    const uploader = bench.engine.createUploader()
    uploader.beforeAttempt = 'vault'
    uploader.serverCredential = new PasswordCredential('files', 'ann', 'own-password')
    uploader.setRequestHeader('X-Api-Key', 'own-key')
    const operation = uploader.createUpload(bench.sink.url('/files'), bench.source, {protocol: 'tus', retries: 0})
    await failure(operation.startAsync())
    expect(thief.arrivals.length).toBeGreaterThan(0)
    for (const {headers} of thief.arrivals) {
      expect(Object.keys(headers)).not.toEqual(expect.arrayContaining(['authorization']))
      expect(JSON.stringify(headers)).not.toMatch(/own-|sig-|YW5u/)
    }
  })
})
