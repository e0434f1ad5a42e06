/** Resumable Uploads for HTTP (the draft, interop version 9), against a strict server that was written from its text. */

import {writeFile} from 'node:fs/promises'
import {afterEach, describe, expect, it} from 'vitest'
import type {BackgroundTransferEngine, UploadOperation} from '../../src/index.ts'
import {contentOf, sha256} from '../support/content.ts'
import {ResumableServer, type ResumableServerOptions} from '../support/resumable-server.ts'
import {failure, makeWorld, onCleanup, openEngine, type World} from './harness.ts'

const SIZE = 5_000_000
const CUT_AT = 2_000_000
const CONTENT = contentOf(3, SIZE)

interface Bench extends World {
  readonly resumable: ResumableServer
  readonly source: string
  upload(engine?: BackgroundTransferEngine): UploadOperation
}

let breaches: readonly string[] = []

afterEach(() => {
  expect(breaches).toEqual([])
})

async function makeBench(options: ResumableServerOptions & {readonly content?: Buffer} = {}): Promise<Bench> {
  const world = await makeWorld()
  const resumable = await ResumableServer.start(options)
  onCleanup(() => resumable.close())
  breaches = resumable.breaches
  const source = world.file('source.bin')
  await writeFile(source, options.content ?? CONTENT)
  return {
    ...world,
    resumable,
    source,
    upload: (engine = world.engine) => {
      const uploader = engine.createUploader()
      uploader.setRequestHeader('Content-Type', 'video/mp4')
      return uploader.createUpload(resumable.url, source, {protocol: 'httpbis-9'})
    },
  }
}

function kept({resumable}: Bench): string | undefined {
  const [upload] = [...resumable.uploads.values()].slice(-1)
  return upload?.isComplete ? sha256(upload.bytes) : undefined
}

async function textOf(operation: UploadOperation): Promise<string> {
  return new Response(operation.getResultStreamAt(0)).text()
}

describe('an upload by the draft', () => {
  it('is created empty, sent and completed, and answered by the resource that it was for', async () => {
    const bench = await makeBench()
    const operation = bench.upload()
    await operation.startAsync()
    expect(bench.resumable.methods()).toEqual(['OPTIONS', 'POST', 'PATCH'])
    expect([...bench.resumable.uploads.values()][0]?.contentType).toBe('video/mp4')
    expect(kept(bench)).toBe(sha256(CONTENT))
    expect(operation.getResponseInformation()?.statusCode).toBe(200)
    expect(await textOf(operation)).toBe('video 1')
  })

  it('of nothing is completed by a request without content', async () => {
    const bench = await makeBench({content: Buffer.alloc(0)})
    await bench.upload().startAsync()
    expect(kept(bench)).toBe(sha256(Buffer.alloc(0)))
  })

  it('goes in pieces that the server takes', async () => {
    const bench = await makeBench({maxAppendBytes: 2_000_000})
    await bench.upload().startAsync()
    expect(bench.resumable.offsets()).toEqual([0, 2_000_000, 4_000_000])
    expect(kept(bench)).toBe(sha256(CONTENT))
  })

  it('goes on behind what the server has, after a cut and in another session', async () => {
    const bench = await makeBench()
    const {resumable, engine, directory} = bench
    const operation = bench.upload()
    const cut = resumable.cutAfter(CUT_AT)
    operation.startAsync().catch(() => undefined)
    await cut
    await engine.close()
    const next = await openEngine(directory)
    await (await next.getUploadAsync(operation.guid)).attachAsync()
    expect(resumable.methods().filter((method) => method === 'POST')).toHaveLength(1)
    expect(resumable.offsets().at(-1)).toBeGreaterThan(0)
    expect(kept(bench)).toBe(sha256(CONTENT))
  })

  it('whose last answer was lost is found complete by the question', async () => {
    const bench = await makeBench()
    const {resumable} = bench
    resumable.script = (request, response, nth) => {
      if (request.method !== 'PATCH' || nth > 0) return undefined
      // The server took all of it, and the connection is gone before it can say so.
      const [upload] = resumable.uploads.values()
      if (upload === undefined) return undefined
      request.on('data', (chunk: Buffer) => {
        upload.bytes = Buffer.concat([upload.bytes, chunk])
      })
      request.on('end', () => {
        upload.isComplete = true
        response.destroy()
      })
      return 'answered'
    }
    await bench.upload().startAsync()
    expect(resumable.methods()).toEqual(['OPTIONS', 'POST', 'PATCH', 'HEAD'])
    expect(kept(bench)).toBe(sha256(CONTENT))
  })

  it.each([
    ['409', 'PATCH', 409, 1],
    ['423 to the question', 'HEAD', 423, 0],
    ['502 to the question', 'HEAD', 502, 0],
  ] as const)('asks again after %s, and never begins anew', async (_, method, status, which) => {
    const bench = await makeBench()
    const {resumable} = bench
    const cut = resumable.cutAfter(CUT_AT)
    resumable.script = (request, response, nth) => {
      if (request.method !== method || nth !== which) return undefined
      response.writeHead(status).end()
      return 'answered'
    }
    const running = bench.upload().startAsync()
    await cut
    await running
    expect(resumable.methods().filter((each) => each === 'POST')).toHaveLength(1)
    expect(kept(bench)).toBe(sha256(CONTENT))
  })

  it('that the server lost is made anew', async () => {
    const bench = await makeBench()
    const {resumable} = bench
    const cut = resumable.cutAfter(CUT_AT)
    const running = bench.upload().startAsync()
    await cut
    resumable.uploads.clear()
    await running
    expect(resumable.methods().filter((each) => each === 'POST')).toHaveLength(2)
    expect(kept(bench)).toBe(sha256(CONTENT))
  })

  it('is deleted at the server when it is canceled', async () => {
    const bench = await makeBench()
    const {resumable} = bench
    const cut = resumable.cutAfter(CUT_AT)
    resumable.script = (request) => (request.method === 'HEAD' ? 'answered' : undefined)
    const running = bench.upload().startAsync()
    await cut
    running.cancel()
    expect((await failure(running)).code).toBe('CANCELED')
    expect(resumable.methods().at(-1)).toBe('DELETE')
    expect(resumable.uploads.size).toBe(0)
  })

  it('is never whole where a server calls a part of it complete', async () => {
    const bench = await makeBench({maxAppendBytes: 2_000_000})
    bench.resumable.script = (request, response, nth) => {
      if (request.method !== 'PATCH' || nth > 0) return undefined
      request.resume().on('end', () => response.writeHead(200, {'Upload-Complete': '?1'}).end())
      return 'answered'
    }
    expect(await failure(bench.upload().startAsync())).toMatchObject({code: 'INVALID_RESPONSE'})
  })

  it('is never whole where a server says that it is, and that it has less', async () => {
    const bench = await makeBench()
    const {resumable} = bench
    const cut = resumable.cutAfter(CUT_AT)
    resumable.script = (request, response) => {
      if (request.method !== 'HEAD') return undefined
      response.writeHead(204, {'Upload-Complete': '?1', 'Upload-Offset': '2000000'}).end()
      return 'answered'
    }
    const running = failure(bench.upload().startAsync())
    await cut
    expect(await running).toMatchObject({code: 'INVALID_RESPONSE'})
  })

  it('that was processed in vain fails, and is not sent again', async () => {
    const bench = await makeBench()
    const {resumable} = bench
    resumable.script = (request, response) => {
      if (request.method !== 'PATCH') return undefined
      request.resume().on('end', () => response.writeHead(500, {'Upload-Complete': '?1'}).end('no room for videos'))
      return 'answered'
    }
    const operation = bench.upload()
    expect(await failure(operation.startAsync())).toMatchObject({code: 'HTTP_STATUS', details: {status: 500}})
    expect(resumable.offsets()).toEqual([0])
    expect(await textOf(operation)).toBe('no room for videos')
  })

  it('whose creation is refused ends with that status, also where the refusal falls silent', async () => {
    const {resumable, engine, source} = await makeBench()
    resumable.script = (request, response) => {
      if (request.method !== 'POST') return undefined
      request.resume().on('end', () => response.writeHead(403, {'Content-Length': '1000'}).write('no more vid'))
      return 'answered'
    }
    const options = {protocol: 'httpbis-9', stallTimeoutMs: 100}
    const operation = engine.createUploader().createUpload(resumable.url, source, options)
    expect(await failure(operation.startAsync())).toMatchObject({code: 'HTTP_STATUS', details: {status: 403}})
    expect(resumable.methods()).toEqual(['OPTIONS', 'POST'])
    expect(await textOf(operation)).toBe('no more vid')
  })

  it('to a server that offers no resumption is NOT_SUPPORTED, before an empty request is taken for it', async () => {
    const {upload, resumable} = await makeBench({isPlain: true})
    expect((await failure(upload().startAsync())).code).toBe('NOT_SUPPORTED')
    expect(resumable.methods()).toEqual(['OPTIONS'])
  })
})
