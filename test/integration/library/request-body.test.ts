/** The namespace's checklist, 17.A: downloads whose requests carry a body (2.1, 9.3). Numbers are the items'. */

import {readdir, writeFile} from 'node:fs/promises'
import {join} from 'node:path'
import {Readable} from 'node:stream'
import {describe, expect, it} from 'vitest'
import {BackgroundTransferStatus, type DownloadOperation} from '../../../src/index.ts'
import {contentOf, sha256} from '../../support/content.ts'
import {
  digestOf,
  failure,
  makeWorld,
  openEngine,
  rangesAsked,
  reaches,
  receives,
  requestsFor,
  type World,
} from '../harness.ts'

const SIZE = 300_000
const HALF = 100_000
const BYTES = contentOf(1, SIZE)
const WHOLE = {content: BYTES, etag: '"1"'} as const
const STALLED = {...WHOLE, cutAfter: HALF, cut: 'stall'} as const
const QUESTION = contentOf(9, 200_000)

/** Digests of what each request of a path carried. */
function carried({server}: World, path = '/a'): readonly string[] {
  return requestsFor(server, path).map(({body}) => sha256(body))
}

async function createWithFile(world: World): Promise<DownloadOperation> {
  await writeFile(world.file('question'), QUESTION)
  return world.engine.createDownloader().createDownload(world.server.url('/a'), world.file('a'), world.file('question'))
}

async function* inPieces(bytes: Buffer): AsyncIterable<Uint8Array> {
  for (let at = 0; at < bytes.length; at += 7_000) yield bytes.subarray(at, at + 7_000)
}

function spooled({directory}: World): Promise<readonly string[]> {
  return readdir(join(directory, '.store', 'spool')).catch(() => [])
}

describe('17.A downloads with a request body', () => {
  it('30, 32. a file is sent as the body, and the method is GET unless it was changed', async () => {
    const world = await makeWorld()
    world.server.route('/a', WHOLE)
    const operation = await createWithFile(world)
    expect(operation.method).toBe('GET')
    await operation.startAsync()
    const [request] = requestsFor(world.server, '/a')
    expect(request).toMatchObject({method: 'GET', headers: {'content-length': String(QUESTION.length)}})
    expect(carried(world)).toEqual([sha256(QUESTION)])
    expect(await digestOf(world.file('a'))).toBe(sha256(BYTES))
    expect(await digestOf(world.file('question'))).toBe(sha256(QUESTION))
    expect(operation.getResponseInformation()?.isResumable).toBe(false)
  })

  it.each<[string, () => AsyncIterable<Uint8Array>]>([
    ['an async iterable', () => inPieces(QUESTION)],
    ['a Node.js stream', () => Readable.from(inPieces(QUESTION))],
    ['a web stream', () => Readable.toWeb(Readable.from(inPieces(QUESTION))) as AsyncIterable<Uint8Array>],
  ])('31, 32. %s is sent as the body', async (_, make) => {
    const world = await makeWorld()
    world.server.route('/a', WHOLE)
    const downloader = world.engine.createDownloader()
    const operation = await downloader.createDownloadAsync(world.server.url('/a'), world.file('a'), make())
    expect(world.server.connections).toBe(0)
    expect(operation.progress.status).toBe(BackgroundTransferStatus.idle)
    await operation.startAsync()
    expect(requestsFor(world.server, '/a')[0]?.method).toBe('GET')
    expect(carried(world)).toEqual([sha256(QUESTION)])
    await expect.poll(() => spooled(world)).toEqual([])
  })

  it('31. the copy of a stream outlives the session, and each try reads it anew', async () => {
    const world = await makeWorld()
    world.server.route('/a', STALLED)
    const downloader = world.engine.createDownloader()
    downloader.method = 'PUT'
    const operation = await downloader.createDownloadAsync(world.server.url('/a'), world.file('a'), inPieces(QUESTION))
    await receives(operation.startAsync(), HALF)
    await world.engine.close()
    world.server.route('/a', [{status: 503}, WHOLE])
    const engine = await openEngine(world.directory)
    await (await engine.getDownloadAsync(operation.guid)).attachAsync()
    expect(requestsFor(world.server, '/a').map(({method}) => method)).toEqual(['PUT', 'PUT', 'PUT'])
    expect(carried(world)).toEqual(Array(3).fill(sha256(QUESTION)))
    expect(await digestOf(world.file('a'))).toBe(sha256(BYTES))
    await expect.poll(() => spooled(world)).toEqual([])
  })

  it('9.3. with a body nothing is asked for in part: a pause starts over, and reads the file as it is then', async () => {
    const world = await makeWorld()
    world.server.route('/a', [STALLED, WHOLE])
    const operation = await createWithFile(world)
    const running = operation.startAsync()
    const restarts: boolean[] = []
    running.progress$.subscribe(({progress}) => restarts.push(progress.hasRestarted))
    await receives(running, HALF)
    operation.pause()
    await reaches(operation, BackgroundTransferStatus.pausedByApplication)
    const other = contentOf(10, 50_000)
    await writeFile(world.file('question'), other)
    operation.resume()
    await running
    expect(rangesAsked(world.server, '/a')).toEqual(['', ''])
    expect(carried(world)).toEqual([sha256(QUESTION), sha256(other)])
    expect(restarts.filter(Boolean).length).toBe(1)
    expect(await digestOf(world.file('a'))).toBe(sha256(BYTES))
  })

  it.each([
    [307, 'GET', true],
    [302, 'GET', true],
    [303, 'GET', false],
    [302, 'POST', false],
    [308, 'POST', true],
  ])('30. a redirect by %i of %s carries the body along: %s', async (status, method, isKept) => {
    const world = await makeWorld()
    world.server.route('/a', {status, location: world.server.url('/b')})
    world.server.route('/b', WHOLE)
    await writeFile(world.file('question'), QUESTION)
    const downloader = world.engine.createDownloader()
    downloader.method = method
    await downloader.createDownload(world.server.url('/a'), world.file('a'), world.file('question')).startAsync()
    expect(carried(world, '/b')).toEqual([sha256(isKept ? QUESTION : Buffer.alloc(0))])
  })

  it('30. a file that is not there fails the download, before anything is sent', async () => {
    const world = await makeWorld()
    world.server.route('/a', WHOLE)
    const downloader = world.engine.createDownloader()
    const operation = downloader.createDownload(world.server.url('/a'), world.file('a'), world.file('none'))
    expect(await failure(operation.startAsync())).toMatchObject({code: 'SOURCE_MISSING', hresult: 0x80070002})
    expect(requestsFor(world.server, '/a')).toEqual([])
  })

  it('31. a stream that fails, is given up, or is none makes no download, and leaves nothing', async () => {
    const world = await makeWorld()
    const downloader = world.engine.createDownloader()
    const create = (stream: AsyncIterable<Uint8Array>, signal?: AbortSignal) =>
      downloader.createDownloadAsync(world.server.url('/a'), world.file('a'), stream, signal ? {signal} : {})
    const failing = async function* () {
      yield QUESTION
      throw new Error('no more')
    }
    await expect(create(failing())).rejects.toThrow('no more')
    const controller = new AbortController()
    const endless = async function* () {
      for (;;) {
        yield QUESTION
        controller.abort(new Error('enough'))
      }
    }
    await expect(create(endless(), controller.signal)).rejects.toThrow('enough')
    for (const wrong of [null, undefined, 'text', 5] as unknown as AsyncIterable<Uint8Array>[]) {
      expect((await failure(create(wrong))).code).toBe('INVALID_ARGUMENT')
    }
    expect(await spooled(world)).toEqual([])
  })

  it('31. the copy for a download that was never started goes when the engine closes', async () => {
    const world = await makeWorld()
    const downloader = world.engine.createDownloader()
    await downloader.createDownloadAsync(world.server.url('/a'), world.file('a'), inPieces(QUESTION))
    expect((await spooled(world)).length).toBe(1)
    await world.engine.close()
    expect(await spooled(world)).toEqual([])
  })

  it('a download with a body does not go on from the part of a failed one', async () => {
    const world = await makeWorld({retries: 0})
    world.server.route('/a', [{...WHOLE, cutAfter: HALF, cut: 'fin'}, {status: 500}, WHOLE])
    const plain = world.engine.createDownloader().createDownload(world.server.url('/a'), world.file('a'))
    expect((await failure(plain.startAsync())).code).toBe('HTTP_STATUS')
    const operation = await createWithFile(world)
    await operation.startAsync()
    expect(rangesAsked(world.server, '/a').at(-1)).toBe('')
    expect(await digestOf(world.file('a'))).toBe(sha256(BYTES))
  })

  it.each(['', null])('19. a body file named %j is refused', async (file) => {
    const world = await makeWorld()
    const create = () =>
      world.engine.createDownloader().createDownload(world.server.url('/a'), world.file('a'), file as string)
    expect(create).toThrow(expect.objectContaining({code: 'INVALID_ARGUMENT'}))
  })
})
