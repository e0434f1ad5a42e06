/** Multipart uploads by addresses that the application signs, against a server that speaks S3 and checks the signatures. */

import {createHash} from 'node:crypto'
import {mkdtemp, rm, writeFile} from 'node:fs/promises'
import {tmpdir} from 'node:os'
import {join} from 'node:path'
import {describe, expect, it} from 'vitest'
import {
  type BackgroundTransferEngine,
  type S3MultipartOptions,
  s3Multipart,
  type UploadOperation,
  type UploadProtocol,
} from '../../src/index.ts'
import {contentOf, sha256} from '../support/content.ts'
import {S3Server} from '../support/s3-server.ts'
import {failure, makeDirectory, onCleanup, openEngine} from './harness.ts'

const MIB = 1024 ** 2
const SIZE = 12 * MIB
const CONTENT = contentOf(4, SIZE)

interface Bench {
  readonly s3: S3Server
  readonly source: string
  readonly engine: BackgroundTransferEngine
  readonly protocol: UploadProtocol
  readonly directory: string
  upload(): UploadOperation
}

async function makeBench(options: Partial<S3MultipartOptions> & {readonly content?: Buffer} = {}): Promise<Bench> {
  const {content = CONTENT, ...own} = options
  const directory = await makeDirectory()
  const kept = await mkdtemp(join(tmpdir(), 's3-'))
  const s3 = await S3Server.start(kept)
  onCleanup(async () => {
    await s3.close()
    await rm(kept, {recursive: true, force: true})
  })
  const protocol = s3Multipart({
    name: 'my-bucket',
    create: () => s3.create(),
    partUrl: ({uploadId}, number) => s3.signed('PUT', `partNumber=${number}&uploadId=${uploadId}`),
    completeUrl: async ({uploadId}) => s3.signed('POST', `uploadId=${uploadId}`),
    abortUrl: ({uploadId}) => s3.signed('DELETE', `uploadId=${uploadId}`),
    ...own,
  })
  const engine = await openEngine(directory, {uploadProtocols: [protocol]})
  const source = join(directory, 'video.bin')
  await writeFile(source, content)
  return {
    s3,
    source,
    engine,
    protocol,
    directory,
    upload: () => engine.createUploader().createUpload(s3.url, source, {protocol: 'my-bucket', partBytes: 5 * MIB}),
  }
}

function etagInParts(content: Buffer, partBytes: number): string {
  const parts: Buffer[] = []
  for (let at = 0; at < content.length; at += partBytes) {
    parts.push(
      createHash('md5')
        .update(content.subarray(at, at + partBytes))
        .digest(),
    )
  }
  return `"${createHash('md5').update(Buffer.concat(parts)).digest('hex')}-${parts.length}"`
}

async function digestOf(s3: S3Server): Promise<string | undefined> {
  const object = await s3.object()
  return object === undefined ? undefined : sha256(object)
}

describe('a multipart upload of S3', () => {
  it('goes part by part, and is completed with the ETag of each', async () => {
    const {upload, s3} = await makeBench()
    const operation = upload()
    await operation.startAsync()
    expect(s3.requests).toEqual(['create', 'part 1', 'part 2', 'part 3', 'complete'])
    expect(operation.progress).toMatchObject({bytesSent: SIZE, totalBytesToSend: SIZE})
    expect(await new Response(operation.getResultStreamAt(0)).text()).toContain('CompleteMultipartUploadResult')
    expect(await digestOf(s3)).toBe(sha256(CONTENT))
  })

  it('177. what the protocol has to say beside the bytes does not count as sent', async () => {
    const {upload, s3} = await makeBench()
    const operation = upload()
    const held = new Promise<() => void>((resolve) => {
      s3.script = (request, response, what) => {
        if (what !== 'complete') return undefined
        request.resume().on('end', () => resolve(() => response.writeHead(500).end()))
        return 'answered'
      }
    })
    const running = operation.startAsync()
    const refuse = await held
    expect(operation.progress).toMatchObject({bytesSent: SIZE, totalBytesToSend: SIZE})
    s3.script = () => undefined
    refuse()
    await running
  })

  it('has parts of 5 MiB at least, and nothing is one part', async () => {
    const {upload, s3} = await makeBench({content: Buffer.alloc(0)})
    await upload().startAsync()
    expect(s3.requests).toEqual(['create', 'part 1', 'complete'])
    const {engine, s3: other, source} = await makeBench()
    const options = {protocol: 'my-bucket', partBytes: 1}
    await engine.createUploader().createUpload(other.url, source, options).startAsync()
    expect(other.requests.filter((each) => each.startsWith('part'))).toHaveLength(3)
  })

  it('goes on with the next part in another session', async () => {
    const {upload, s3, engine, protocol, directory} = await makeBench()
    const operation = upload()
    const held = new Promise<void>((resolve) => {
      s3.script = (request, _response, what) => {
        if (what !== 'part 3') return undefined
        request.resume()
        resolve()
        return 'answered'
      }
    })
    operation.startAsync().catch(() => undefined)
    await held
    await engine.close()
    s3.script = () => undefined
    const next = await openEngine(directory, {uploadProtocols: [protocol]})
    await (await next.getUploadAsync(operation.guid)).attachAsync()
    expect(s3.requests).toEqual(['create', 'part 1', 'part 2', 'part 3', 'part 3', 'complete'])
    expect(await digestOf(s3)).toBe(sha256(CONTENT))
  })

  it('asks for a new address when one is too old, and tries a busy server again', async () => {
    const {upload, s3} = await makeBench()
    const answers = new Map([
      ['part 2', 403],
      ['part 3', 503],
      ['complete', 500],
    ])
    s3.script = (request, response, what) => {
      const status = answers.get(what)
      if (status === undefined) return undefined
      answers.delete(what)
      request.resume().on('end', () => response.writeHead(status).end())
      return 'answered'
    }
    await upload().startAsync()
    expect(s3.requests).toEqual(['create', 'part 1', 'part 2', 'part 2', 'part 3', 'part 3', 'complete', 'complete'])
    expect(await digestOf(s3)).toBe(sha256(CONTENT))
  })

  it('does not take a 200 with an error in it for its completion', async () => {
    const {upload, s3} = await makeBench()
    let failures = 1
    s3.script = (request, response, what) => {
      if (what !== 'complete' || failures-- === 0) return undefined
      request.resume().on('end', () => response.end('<Error><Code>InternalError</Code></Error>'))
      return 'answered'
    }
    await upload().startAsync()
    expect(s3.requests.filter((each) => each === 'complete')).toHaveLength(2)
    expect(await digestOf(s3)).toBe(sha256(CONTENT))
  })

  it('is aborted at the server when it is canceled', async () => {
    const {upload, s3} = await makeBench()
    const held = new Promise<void>((resolve) => {
      s3.script = (_request, _response, what) => {
        if (what !== 'part 2') return undefined
        resolve()
        return 'answered'
      }
    })
    const running = upload().startAsync()
    await held
    running.cancel()
    expect((await failure(running)).code).toBe('CANCELED')
    expect(s3.requests.at(-1)).toBe('abort')
  })

  it.each([
    ['is found by the ETag of the object', true],
    ['is told as uncertain, where nobody can ask', false],
  ])('whose completion was not heard %s', async (_, canAsk) => {
    const bench: Bench = await makeBench(canAsk ? {objectUrl: () => bench.s3.signed('HEAD')} : {})
    const {upload, s3} = bench
    let completions = 0
    s3.script = (request, response, what) => {
      if (what === 'HEAD') {
        // s3rver gives an object in parts the ETag of one in a piece; S3 does not.
        response.writeHead(200, {'Content-Length': SIZE, ETag: etagInParts(CONTENT, 5 * MIB)}).end()
        return 'answered'
      }
      if (what !== 'complete') return undefined
      completions += 1
      if (completions === 1) {
        // Done, and the answer is lost on its way.
        response.write = () => true
        response.end = () => response.destroy() as never
        return undefined
      }
      request.resume().on('end', () => response.writeHead(404).end('<Error><Code>NoSuchUpload</Code></Error>'))
      return 'answered'
    }
    const running = upload().startAsync()
    if (canAsk) await running
    else expect(await failure(running)).toMatchObject({code: 'UPLOAD_LOST', retry: 'never'})
    expect(await digestOf(s3)).toBe(sha256(CONTENT))
  })

  it('asks again for the object whose server is busy when it is asked', async () => {
    const bench: Bench = await makeBench({objectUrl: () => bench.s3.signed('HEAD')})
    const {upload, s3} = bench
    let questions = 0
    s3.script = (request, response, what) => {
      if (what === 'HEAD') {
        questions += 1
        const [answer, headers] =
          questions === 1 ? [503, {}] : [200, {'Content-Length': SIZE, ETag: etagInParts(CONTENT, 5 * MIB)}]
        response.writeHead(answer, headers).end()
        return 'answered'
      }
      if (what !== 'complete') return undefined
      request.resume().on('end', () => response.writeHead(404).end('<Error><Code>NoSuchUpload</Code></Error>'))
      return 'answered'
    }
    await upload().startAsync()
    expect(questions).toBe(2)
  })

  it.each(['RequestTimeout', 'ExpiredToken'])(
    'sends a part again that the server refuses with 400 %s',
    async (code) => {
      const {upload, s3} = await makeBench()
      let refusals = 1
      s3.script = (request, response, what) => {
        if (what !== 'part 2' || refusals-- === 0) return undefined
        request.resume().on('end', () => response.writeHead(400).end(`<Error><Code>${code}</Code></Error>`))
        return 'answered'
      }
      await upload().startAsync()
      expect(s3.requests).toEqual(['create', 'part 1', 'part 2', 'part 2', 'part 3', 'complete'])
      expect(await digestOf(s3)).toBe(sha256(CONTENT))
    },
  )

  it('sends a part again that the server refuses with 400, where the reset takes along why', async () => {
    const {upload, s3} = await makeBench()
    let refusals = 1
    s3.script = ({socket}, _, what) => {
      if (what !== 'part 2' || refusals-- === 0) return undefined
      const head = 'HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Length: 100\r\n\r\n'
      socket.write(`${head}<Error><Code>Reque`, () => socket.resetAndDestroy())
      return 'answered'
    }
    await upload().startAsync()
    expect(s3.requests).toEqual(['create', 'part 1', 'part 2', 'part 2', 'part 3', 'complete'])
    expect(await digestOf(s3)).toBe(sha256(CONTENT))
  })

  it('begins anew when the server lost it', async () => {
    const {upload, s3} = await makeBench()
    let losses = 1
    s3.script = (request, response, what) => {
      if (what !== 'part 2' || losses-- === 0) return undefined
      request.resume().on('end', () => response.writeHead(404).end())
      return 'answered'
    }
    await upload().startAsync()
    expect(s3.requests.filter((each) => each === 'create')).toHaveLength(2)
    expect(await digestOf(s3)).toBe(sha256(CONTENT))
  })

  it('whose application cannot sign is tried again, and says so in the end', async () => {
    const {upload, s3} = await makeBench({
      partUrl: () => {
        throw new Error('the keys are gone')
      },
    })
    expect(await failure(upload().startAsync())).toMatchObject({code: 'PROVIDER_FAILED', where: 'my-bucket'})
    expect(s3.requests).toEqual(['create', 'abort'])
  })
})

describe('story 33: a part that fails for good', () => {
  it('is never followed by a completion: what was confirmed counts, and the upload is aborted', async () => {
    const {upload, s3} = await makeBench()
    s3.script = (request, response, what) => {
      if (what !== 'part 2') return undefined
      request.resume().on('end', () => response.writeHead(400).end('<Error><Code>InvalidPart</Code></Error>'))
      return 'answered'
    }
    const operation = upload()
    expect(await failure(operation.startAsync())).toMatchObject({code: 'HTTP_STATUS', details: {status: 400}})
    // The socket took more than that, and a tick may have shown it: what is shown never falls.
    expect(operation.progress.bytesSent).toBeGreaterThanOrEqual(5 * MIB)
    expect(s3.requests).toEqual(['create', 'part 1', 'part 2', 'abort'])
    expect(await s3.object()).toBeUndefined()
  })
})

describe('story 32: the source is edited between two parts', () => {
  it('ends the upload, and nothing of it is completed', async () => {
    const {upload, s3, source} = await makeBench()
    let edits = 1
    s3.script = (request, response, what) => {
      if (what !== 'part 2' || edits-- === 0) return undefined
      // The part is refused while the file changes under it.
      request.resume().on('end', () => {
        void writeFile(source, contentOf(5, SIZE)).then(() => response.writeHead(503).end())
      })
      return 'answered'
    }
    expect((await failure(upload().startAsync())).code).toBe('SOURCE_CHANGED')
    expect(s3.requests).toEqual(['create', 'part 1', 'part 2', 'abort'])
  })
})
