/**
 * Stories of downloads that went wrong in other tools; the numbers are their names. Each asks for what matters in it: the
 * bytes, the requests it took, the bytes fetched twice, the end it came to, and the files that are left.
 */

import {mkdir, open, readdir, rm, truncate} from 'node:fs/promises'
import {join} from 'node:path'
import {gzipSync} from 'node:zlib'
import {beforeAll, describe, expect, it} from 'vitest'
import {createHttpTransport} from '../../src/adapters/http/http-transport.ts'
import {BackgroundTransferStatus, type DownloadOperation} from '../../src/index.ts'
import {runWorker} from '../crash/killed-worker.ts'
import {contentOf, sha256} from '../support/content.ts'
import type {ReceivedRequest, Script} from '../support/faulty-script.ts'
import {bundledProgram} from '../support/shared-build.ts'
import {VALID_CERTIFICATE} from '../support/tls-certificates.ts'
import {
  bytesSent,
  digestOf,
  failure,
  makeDirectory,
  makeWorld,
  namesIn,
  onCleanup,
  openEngine,
  rangesAsked,
  reaches,
  receives,
  requestsFor,
  startServer,
  type World,
} from './harness.ts'

const SIZE = 1_000_003
const OLD = contentOf(1, SIZE)
const NEW = contentOf(2, SIZE)
const CUT = Math.floor(SIZE * 0.37)
const TAG = '"one"'
const WHOLE: Script = {content: OLD, etag: TAG}
/** Clean FINs lose nothing on the way, so that what arrived is known exactly. */
const CUT_SHORT: Script = {...WHOLE, cutAfter: CUT, cut: 'fin'}
const SILENT_AFTER_CUT: Script = {...WHOLE, cutAfter: CUT, cut: 'stall'}

function download(world: World, path = '/file', name = 'file.bin', options = {}): DownloadOperation {
  return world.engine.createDownloader().createDownload(world.server.url(path), world.file(name), options)
}

/** How often the application was told that the download began again. */
function countRestarts(
  operation: DownloadOperation,
  running: ReturnType<DownloadOperation['startAsync']>,
): () => number {
  let restarts = 0
  running.progress$.subscribe(() => {
    if (operation.progress.hasRestarted) restarts += 1
  })
  return () => restarts
}

/** The waits for another try from now on. */
function waitsOf({engine}: World): readonly string[] {
  const waits: string[] = []
  engine.events$.subscribe((event) => {
    if (event.type === 'operation.moved' && event.to === 'running.waitingToRetry') waits.push(event.id)
  })
  return waits
}

function startOf({headers}: ReceivedRequest): number {
  return Number(/^bytes=(\d+)-/.exec(headers.range ?? '')?.[1] ?? 0)
}

describe('story 1: content replaced while away, same size', () => {
  it('starts over when the server says so in mid-download', async () => {
    const world = await makeWorld()
    world.server.route('/file', [CUT_SHORT, {content: NEW, etag: '"two"'}])
    const operation = download(world)
    const running = operation.startAsync()
    const restarts = countRestarts(operation, running)
    await running
    expect(await digestOf(world.file('file.bin'))).toBe(sha256(NEW))
    expect(rangesAsked(world.server, '/file')).toEqual(['', `bytes=${CUT}-|${TAG}`])
    expect(restarts()).toBe(1)
    expect(await world.names()).toEqual(['file.bin'])
  })

  it('starts over when the engine was closed meanwhile', async () => {
    const world = await makeWorld()
    world.server.route('/file', SILENT_AFTER_CUT)
    const first = download(world)
    await receives(first.startAsync(), CUT)
    await world.engine.close()
    world.server.route('/file', {content: NEW, etag: '"two"'})
    const engine = await openEngine(world.directory)
    const operation = await engine.getDownloadAsync(first.guid)
    await operation.attachAsync()
    expect(await digestOf(world.file('file.bin'))).toBe(sha256(NEW))
    expect(rangesAsked(world.server, '/file')).toEqual(['', `bytes=${CUT}-|${TAG}`])
    expect(operation.progress).toMatchObject({bytesReceived: SIZE, totalBytesToReceive: SIZE})
    expect(await world.names()).toEqual(['file.bin'])
  })
})

describe('story 3: the range is ignored, and the full body comes', () => {
  it('takes the body from zero and appends nothing', async () => {
    const world = await makeWorld()
    world.server.route('/file', [CUT_SHORT, {...WHOLE, ranges: 'ignore'}])
    const operation = download(world)
    const running = operation.startAsync()
    const restarts = countRestarts(operation, running)
    await running
    expect(await digestOf(world.file('file.bin'))).toBe(sha256(OLD))
    expect(requestsFor(world.server, '/file').length).toBe(2)
    expect(bytesSent(world.server, '/file')).toBe(SIZE + CUT)
    expect(restarts()).toBe(1)
    expect(await world.names()).toEqual(['file.bin'])
  })
})

describe('story 4, 17.D 83: a 206 that starts elsewhere', () => {
  const floored = Math.floor(CUT / 65_536) * 65_536
  const elsewhere = (start: number, content: Buffer): Script => ({
    ...WHOLE,
    status: 206,
    ranges: 'ignore',
    content: content.subarray(start),
    contentRange: `bytes ${start}-${SIZE - 1}/${SIZE}`,
  })

  it.each([
    ['at the start of a 64 KiB block', floored],
    ['at zero', 0],
  ])('is written where it says when it overlaps what is there, and starts %s', async (_, start) => {
    const world = await makeWorld()
    world.server.route('/file', [CUT_SHORT, elsewhere(start, OLD), {status: 500}])
    const operation = download(world)
    const running = operation.startAsync()
    const restarts = countRestarts(operation, running)
    await running
    expect(await digestOf(world.file('file.bin'))).toBe(sha256(OLD))
    expect(rangesAsked(world.server, '/file')).toEqual(['', `bytes=${CUT}-|${TAG}`])
    expect(restarts()).toBe(0)
    expect(await world.names()).toEqual(['file.bin'])
  })

  it('starts over when the overlap differs, whatever the ETag says', async () => {
    const world = await makeWorld()
    world.server.route('/file', [CUT_SHORT, elsewhere(floored, NEW), {content: NEW, etag: TAG}])
    await download(world).startAsync()
    expect(await digestOf(world.file('file.bin'))).toBe(sha256(NEW))
    expect(rangesAsked(world.server, '/file')).toEqual(['', `bytes=${CUT}-|${TAG}`, ''])
    expect(await world.names()).toEqual(['file.bin'])
  })

  it('starts over when it starts later than asked', async () => {
    const world = await makeWorld()
    world.server.route('/file', [CUT_SHORT, elsewhere(CUT + 1000, OLD), WHOLE])
    await download(world).startAsync()
    expect(await digestOf(world.file('file.bin'))).toBe(sha256(OLD))
    expect(rangesAsked(world.server, '/file')).toEqual(['', `bytes=${CUT}-|${TAG}`, ''])
    expect(await world.names()).toEqual(['file.bin'])
  })
})

describe('story 5: a 200 that carries a part', () => {
  const part: Script = {
    ...WHOLE,
    status: 200,
    ranges: 'ignore',
    content: OLD.subarray(CUT),
    headers: [['Content-Range', `bytes ${CUT}-${SIZE - 1}/${SIZE}`]],
  }

  it('is not written at zero in answer to a resume', async () => {
    const world = await makeWorld()
    world.server.route('/file', [CUT_SHORT, part, WHOLE])
    await download(world).startAsync()
    expect(await digestOf(world.file('file.bin'))).toBe(sha256(OLD))
    expect(requestsFor(world.server, '/file').length).toBe(3)
    expect(await world.names()).toEqual(['file.bin'])
  })

  it('is refused in answer to a first request', async () => {
    const world = await makeWorld()
    world.server.route('/file', part)
    expect(await failure(download(world).startAsync())).toMatchObject({code: 'INVALID_RESPONSE'})
    expect(requestsFor(world.server, '/file').length).toBe(1)
    expect(await world.names()).toEqual([])
  })
})

describe('story 7: an ETag that is weak or changes', () => {
  it('starts over after a cut when it is weak', async () => {
    const world = await makeWorld()
    const weak: Script = {content: OLD, etag: 'W/"x"'}
    world.server.route('/file', [{...weak, cutAfter: CUT, cut: 'fin'}, weak])
    await download(world).startAsync()
    expect(await digestOf(world.file('file.bin'))).toBe(sha256(OLD))
    expect(rangesAsked(world.server, '/file')).toEqual(['', ''])
  })

  it('starts over, and ends, when each request has its own', async () => {
    const world = await makeWorld()
    let asked = 0
    world.server.route('/file', () => {
      asked += 1
      return {content: OLD, etag: `"${asked}"`, ...(asked < 3 ? {cutAfter: CUT, cut: 'fin'} : {})}
    })
    await download(world).startAsync()
    expect(await digestOf(world.file('file.bin'))).toBe(sha256(OLD))
    expect(requestsFor(world.server, '/file').length).toBe(3)
    expect(await world.names()).toEqual(['file.bin'])
  })

  it('gives up after the retries when it also never gets further', async () => {
    const world = await makeWorld()
    let asked = 0
    world.server.route('/file', () => {
      asked += 1
      return {content: OLD, etag: `"${asked}"`, cutAfter: CUT, cut: 'fin'}
    })
    expect(await failure(download(world).startAsync())).toMatchObject({code: 'TRUNCATED'})
    expect(requestsFor(world.server, '/file').length).toBeLessThanOrEqual(5)
  })
})

describe('story 8: compression breaks offsets', () => {
  const coded = gzipSync(OLD)

  it('asks for identity', async () => {
    const world = await makeWorld()
    world.server.route('/file', ({headers}) =>
      headers['accept-encoding']?.includes('gzip') ? {content: coded, headers: [['Content-Encoding', 'gzip']]} : WHOLE,
    )
    await download(world).startAsync()
    expect(await digestOf(world.file('file.bin'))).toBe(sha256(OLD))
    expect(requestsFor(world.server, '/file')[0]?.headers['accept-encoding']).toBe('identity')
  })

  it('never resumes a body that is coded anyway, and stores it as it came', async () => {
    const world = await makeWorld()
    const always: Script = {content: coded, etag: TAG, headers: [['Content-Encoding', 'gzip']]}
    world.server.route('/file', [{...always, cutAfter: CUT, cut: 'fin'}, always])
    const operation = download(world)
    await operation.startAsync()
    expect(await digestOf(world.file('file.bin'))).toBe(sha256(coded))
    expect(rangesAsked(world.server, '/file')).toEqual(['', ''])
    expect(operation.progress.bytesReceived).toBe(coded.length)
  })
})

describe('story 9, 17.D 85: a 416 on a resume', () => {
  it('asks nothing when every byte was here already', async () => {
    const world = await makeWorld()
    world.server.route('/file', {...WHOLE, cutAfter: SIZE, cut: 'stall', contentLength: String(SIZE + 1)})
    const first = download(world)
    await receives(first.startAsync(), SIZE)
    await world.engine.close()
    world.server.route('/file', WHOLE)
    const engine = await openEngine(world.directory)
    await (await engine.getDownloadAsync(first.guid)).attachAsync()
    expect(await digestOf(world.file('file.bin'))).toBe(sha256(OLD))
  })

  it('starts over once when the length was never known', async () => {
    const world = await makeWorld()
    world.server.route('/file', [{...WHOLE, framing: 'chunked', chunkedEnd: 'missing', close: true}, WHOLE])
    await download(world).startAsync()
    expect(await digestOf(world.file('file.bin'))).toBe(sha256(OLD))
    expect(rangesAsked(world.server, '/file')).toEqual(['', `bytes=${SIZE}-|${TAG}`, ''])
    expect(await world.names()).toEqual(['file.bin'])
  })

  it('starts over once when the resource shrank and If-Range is ignored', async () => {
    const world = await makeWorld()
    const shrunk = contentOf(3, CUT - 10)
    const refusing: Script = {status: 416, ranges: 'ignore', headers: [['Content-Range', `bytes */${shrunk.length}`]]}
    world.server.route('/file', [CUT_SHORT, refusing, {content: shrunk, etag: '"two"'}])
    await download(world).startAsync()
    expect(await digestOf(world.file('file.bin'))).toBe(sha256(shrunk))
    expect(requestsFor(world.server, '/file').length).toBe(3)
    expect(await world.names()).toEqual(['file.bin'])
  })
})

describe('story 10: a body that ends too early', () => {
  const CLOSED_EARLY: Script = {content: OLD, cutAfter: CUT, cut: 'fin'}
  it.each<[string, readonly Script[]]>([
    ['by a clean FIN before its length', [CLOSED_EARLY]],
    // A reset takes along what was not read yet, more or less of it: none may bring more than what came before, which is progress.
    ['by a reset', [CLOSED_EARLY, {content: OLD, cutAfter: CUT, cut: 'reset'}]],
    ['without its last chunk', [{content: OLD, framing: 'chunked', chunkedEnd: 'missing', close: true}]],
    ['in its trailer section', [{content: OLD, framing: 'chunked', chunkedEnd: 'noTrailerEnd', close: true}]],
  ])('fails after the retries, %s, without a validator', async (_, scripts) => {
    const world = await makeWorld()
    world.server.route('/file', scripts)
    const operation = download(world)
    const error = await failure(operation.startAsync())
    expect(['TRUNCATED', 'CONNECTION_RESET']).toContain(error.code)
    expect(requestsFor(world.server, '/file').length).toBe(4)
    expect(operation.progress.status).toBe(BackgroundTransferStatus.error)
    expect(await world.names()).not.toContain('file.bin')
  })

  it('goes on from where it was, as long as each try brings something', async () => {
    const world = await makeWorld()
    world.server.route('/file', {...WHOLE, cutAfter: 100_000, cut: 'fin'})
    world.server.route('/file', (request) =>
      startOf(request) > SIZE - 100_000 ? WHOLE : {...WHOLE, cutAfter: 100_000, cut: 'fin'},
    )
    const waits = waitsOf(world)
    await download(world).startAsync()
    expect(await digestOf(world.file('file.bin'))).toBe(sha256(OLD))
    expect(waits).toEqual([])
    expect(requestsFor(world.server, '/file').length).toBe(11)
    expect(bytesSent(world.server, '/file')).toBe(SIZE)
  })
})

describe('17.D the budget of tries', () => {
  it('92. is fifty requests of one start, however much each of them brings', async () => {
    const world = await makeWorld({retryDelayMs: 1})
    world.server.route('/file', () => ({...WHOLE, cutAfter: 1000, cut: 'fin'}))
    const waits = waitsOf(world)
    expect(await failure(download(world).startAsync())).toMatchObject({code: 'TRUNCATED'})
    const asked = rangesAsked(world.server, '/file').map((range) => Number(/\d+/.exec(range)?.[0] ?? 0))
    expect(asked).toEqual(Array.from({length: 50}, (_, n) => n * 1000))
    // The first cut is continued at once; who sends that little again and again is not asked without a pause.
    expect(waits).toHaveLength(48)
    // The bytes stay: whoever asks for it again goes on from there.
    world.server.route('/file', WHOLE)
    await download(world).startAsync()
    expect(rangesAsked(world.server, '/file').at(-1)).toBe(`bytes=50000-|${TAG}`)
    expect(await digestOf(world.file('file.bin'))).toBe(sha256(OLD))
  })
})

describe('story 11: a length that lies', () => {
  it('is no success when it says too much', async () => {
    const world = await makeWorld()
    world.server.route('/file', {content: OLD, contentLength: String(SIZE + 777), close: true})
    expect(await failure(download(world).startAsync())).toMatchObject({code: 'TRUNCATED'})
    expect(await world.names()).not.toContain('file.bin')
  })

  it('bounds the file when it says too little, and the connection is not used again', async () => {
    const world = await makeWorld()
    world.server.route('/file', {content: OLD, contentLength: String(SIZE - 777)})
    world.server.route('/next', {content: NEW})
    const operation = download(world)
    await operation.startAsync()
    await download(world, '/next', 'next.bin').startAsync()
    expect(await digestOf(world.file('file.bin'))).toBe(sha256(OLD.subarray(0, SIZE - 777)))
    expect(await digestOf(world.file('next.bin'))).toBe(sha256(NEW))
    expect(operation.progress.totalBytesToReceive).toBe(SIZE - 777)
  })

  it('is caught by a checksum when it says too little, and nothing is published', async () => {
    const world = await makeWorld()
    world.server.route('/file', {content: OLD, contentLength: String(SIZE - 777)})
    const checksum = {algorithm: 'sha256', hex: sha256(OLD)} as const
    expect(await failure(download(world, '/file', 'file.bin', {checksum}).startAsync())).toMatchObject({
      code: 'CHECKSUM_MISMATCH',
    })
    expect(await world.names()).not.toContain('file.bin')
  })

  it('does not count beside chunks', async () => {
    const world = await makeWorld()
    world.server.route('/file', {content: OLD, framing: 'chunked', contentLength: '777'})
    const operation = download(world)
    const error = await operation.startAsync().then(
      () => undefined,
      (thrown) => thrown,
    )
    // RFC 9112, 6.3: refused as an attempt at smuggling, or read by its chunks; never cut at 777.
    if (error === undefined) expect(await digestOf(world.file('file.bin'))).toBe(sha256(OLD))
    else expect(await world.names()).not.toContain('file.bin')
  })
})

describe('story 12: a retry that throws good bytes away', () => {
  it('fetches little twice after five resets', async () => {
    const size = 24 * 1024 * 1024 + 5
    const step = 4 * 1024 * 1024
    const world = await makeWorld()
    world.server.route('/file', () => {
      const script: Script = {content: {seed: 9, size}, etag: TAG, pieceBytes: 256 * 1024, pieceDelayMs: 1}
      return requestsFor(world.server, '/file').length > 5 ? script : {...script, cutAfter: step, cut: 'reset'}
    })
    await download(world).startAsync()
    expect(await digestOf(world.file('file.bin'))).toBe(sha256(contentOf(9, size)))
    const requests = requestsFor(world.server, '/file')
    for (const [n, request] of requests.entries()) {
      const before = requests[n - 1]
      if (before === undefined) continue
      expect(startOf(before) + before.bytesSent - startOf(request)).toBeLessThanOrEqual(4 * 1024 * 1024)
    }
    expect(requests.length).toBe(6)
    expect(await world.names()).toEqual(['file.bin'])
  })
})

describe('story 13: a retry that doubles bytes in the file', () => {
  it('asks from the bytes that are in the file, after resets in mid-chunk', async () => {
    const world = await makeWorld()
    world.server.route('/file', () => {
      const script: Script = {...WHOLE, framing: 'chunked', pieceBytes: 7_001}
      return requestsFor(world.server, '/file').length > 4 ? script : {...script, cutAfter: 150_001, cut: 'reset'}
    })
    await download(world).startAsync()
    expect(await digestOf(world.file('file.bin'))).toBe(sha256(OLD))
  })
})

describe('story 14: retries after 5xx', () => {
  it('goes through a reset and two 502', async () => {
    const world = await makeWorld()
    world.server.route('/file', [CUT_SHORT, {status: 502}, {status: 502}, WHOLE])
    await download(world).startAsync()
    expect(await digestOf(world.file('file.bin'))).toBe(sha256(OLD))
    expect(rangesAsked(world.server, '/file')).toEqual(['', ...Array(3).fill(`bytes=${CUT}-|${TAG}`)])
    expect(bytesSent(world.server, '/file')).toBe(SIZE)
  })

  it('lets a pause win over the wait, and asks nothing until it is resumed', async () => {
    const world = await makeWorld({retryDelayMs: 60_000})
    world.server.route('/file', [{status: 502}, WHOLE])
    const operation = download(world)
    const running = operation.startAsync()
    await expect.poll(() => operation.explain().next).toMatch(/tries again/)
    operation.pause()
    await reaches(operation, BackgroundTransferStatus.pausedByApplication)
    expect(requestsFor(world.server, '/file').length).toBe(1)
    operation.resume()
    await running
    expect(await digestOf(world.file('file.bin'))).toBe(sha256(OLD))
    expect(requestsFor(world.server, '/file').length).toBe(2)
  })
})

describe('story 15: Retry-After', () => {
  it.each<[string, () => string, number]>([
    ['seconds', () => '1', 1000],
    // A date has no fraction of a second.
    ['a date', () => new Date(Date.now() + 2000).toUTCString(), 900],
  ])('is obeyed in %s', async (_, retryAfter, atLeastMs) => {
    const world = await makeWorld()
    const asked: number[] = []
    world.server.route('/file', () => {
      asked.push(performance.now())
      return asked.length === 1 ? {status: 503, retryAfter: retryAfter()} : WHOLE
    })
    await download(world).startAsync()
    expect(await digestOf(world.file('file.bin'))).toBe(sha256(OLD))
    const [first = 0, second = 0] = asked
    expect(asked.length).toBe(2)
    expect(second - first).toBeGreaterThanOrEqual(atLeastMs)
  })

  it('makes all operations of the host wait', async () => {
    const world = await makeWorld({maxConcurrentTransfers: 5})
    const asked: number[] = []
    for (let n = 0; n < 20; n++) {
      world.server.route(`/${n}`, () => {
        const now = performance.now()
        asked.push(now)
        return now - (asked[0] ?? now) < 1000 ? {status: 503, retryAfter: '1'} : {content: contentOf(n, 1000)}
      })
    }
    await Promise.all(Array.from({length: 20}, (_, n) => download(world, `/${n}`, `${n}.bin`).startAsync()))
    const [first = 0] = asked
    // Those that were on their way when the first answer came are asked again; nobody else came before the time.
    const early = asked.filter((at) => at - first < 1000).length
    expect(early).toBeLessThanOrEqual(5)
    expect(asked.length).toBe(20 + early)
  })

  it('ends the operation when it asks for too much', async () => {
    const world = await makeWorld()
    world.server.route('/file', {status: 503, retryAfter: '86400'})
    const error = await failure(download(world).startAsync())
    expect(error).toMatchObject({code: 'NOT_BEFORE', details: {status: 503}})
    expect(Number(error.details.notBefore)).toBeGreaterThan(Date.now() + 86_000_000)
    expect(requestsFor(world.server, '/file').length).toBe(1)
  })
})

describe('story 16: a body that stops, or dribbles', () => {
  it('is given up after the stall timeout, and resumed', async () => {
    const world = await makeWorld({stallTimeoutMs: 300})
    world.server.route('/file', [SILENT_AFTER_CUT, WHOLE])
    const operation = download(world)
    await operation.startAsync()
    expect(await digestOf(world.file('file.bin'))).toBe(sha256(OLD))
    expect(rangesAsked(world.server, '/file')).toEqual(['', `bytes=${CUT}-|${TAG}`])
    expect(bytesSent(world.server, '/file')).toBe(SIZE)
    await expect.poll(() => requestsFor(world.server, '/file')[0]?.closed).toBe(true)
  })

  it('is left alone as long as it moves, however slowly', async () => {
    const world = await makeWorld({stallTimeoutMs: 400})
    const slow = contentOf(5, 20)
    world.server.route('/file', {content: slow, etag: TAG, pieceBytes: 1, pieceDelayMs: 60})
    await download(world).startAsync()
    expect(await digestOf(world.file('file.bin'))).toBe(sha256(slow))
    expect(requestsFor(world.server, '/file').length).toBe(1)
  })

  it('fails with STALLED when it never goes on', async () => {
    const world = await makeWorld({stallTimeoutMs: 100, retries: 1})
    // Bytes would be progress, and how many are here before the timeout is a matter of speed.
    world.server.route('/file', {content: OLD, cutAfter: 0, cut: 'stall'})
    expect(await failure(download(world).startAsync())).toMatchObject({code: 'STALLED'})
    expect(requestsFor(world.server, '/file').length).toBe(2)
  })
})

describe('story 18: HEAD or a range probe is refused', () => {
  it('needs neither: the first GET is the probe and its body is used', async () => {
    const world = await makeWorld()
    world.server.route('/file', ({method, headers}) =>
      method === 'GET' && headers.range === undefined ? WHOLE : {status: 403},
    )
    await download(world).startAsync()
    expect(await digestOf(world.file('file.bin'))).toBe(sha256(OLD))
    expect(world.server.requests.map(({method}) => method)).toEqual(['GET'])
  })
})

describe('story 23: torn state', () => {
  const size = 6 * 1024 * 1024
  const content = contentOf(23, size)
  const stop = 5 * 1024 * 1024

  /** Five of six MiB are durable, the engine is closed, the part is damaged, and the download goes on. */
  async function damaged(harm: (part: string, side: string) => Promise<void>) {
    const world = await makeWorld()
    world.server.route('/file', {content, etag: TAG, cutAfter: stop, cut: 'stall'})
    const first = download(world)
    await receives(first.startAsync(), stop)
    // What has come may wait for memory to be handed on in, and is asked for again then.
    await expect.poll(() => first.explain().why).toContain(`${stop} bytes are durable`)
    await world.engine.close()
    const names = await readdir(world.directory)
    const at = (suffix: string) => world.file(names.find((name) => name.endsWith(suffix)) ?? '')
    await harm(at('.part'), at('.side'))
    world.server.route('/file', {content, etag: TAG})
    const engine = await openEngine(world.directory)
    await (await engine.getDownloadAsync(first.guid)).attachAsync()
    expect(await digestOf(world.file('file.bin'))).toBe(sha256(content))
    expect(await world.names()).toEqual(['file.bin'])
    const [, second] = requestsFor(world.server, '/file')
    return second === undefined ? -1 : startOf(second)
  }

  it('fetches nothing twice when nothing is torn', async () => {
    expect(await damaged(async () => {})).toBe(stop)
  })

  it('goes back before a block of zeros', async () => {
    const from = await damaged(async (part) => {
      const file = await open(part, 'r+')
      await file.write(Buffer.alloc(4096), 0, 4096, 2 * 1024 * 1024 + 100)
      await file.close()
    })
    expect(from).toBe(2 * 1024 * 1024)
  })

  it('goes back to the end of a part that was cut', async () => {
    const from = await damaged((part) => truncate(part, 3 * 1024 * 1024 + 1))
    expect(from).toBeLessThanOrEqual(3 * 1024 * 1024)
  })

  it('starts over when the part is gone', async () => {
    expect(await damaged((part) => rm(part))).toBe(0)
  })

  it('starts over when the side file is gone', async () => {
    expect(await damaged((_, side) => rm(side))).toBe(0)
  })
})

describe('story 24: a wait or a pause is lost on the way', () => {
  let program: string
  beforeAll(async () => {
    program = await bundledProgram(new URL('../crash/worker.ts', import.meta.url))
  })

  async function plan(names: readonly string[], engine = {}) {
    const directory = await makeDirectory()
    const server = await startServer()
    const downloads = names.map((name) => ({url: server.url(`/${name}`), file: join(directory, name)}))
    return {server, directory, plan: {engine: {directory: join(directory, '.store'), ...engine}, downloads}}
  }

  it('keeps the deadline of a retry over a kill, and asks once', async () => {
    const {server, directory, plan: work} = await plan(['file'])
    const asked: number[] = []
    server.route('/file', () => {
      asked.push(performance.now())
      return asked.length === 1 ? {status: 503, retryAfter: '2'} : WHOLE
    })
    const first = runWorker(program, work, (line, {kill}) => {
      if (line.type === 'state' && line.state === 'waitingToRetry') kill()
    })
    expect(await first.ended).toBe('killed')
    const second = runWorker(program, work, () => undefined)
    expect(await second.ended).toBe('finished')
    expect(second.said).toContainEqual(expect.objectContaining({type: 'outcome', outcome: 'completed'}))
    expect(asked.length).toBe(2)
    expect((asked[1] ?? 0) - (asked[0] ?? 0)).toBeGreaterThanOrEqual(2000)
    expect(await namesIn(directory)).toEqual(['file'])
  })

  it('keeps a pause, and a place in the line, over a kill', async () => {
    const {server, directory, plan: work} = await plan(['running', 'paused', 'queued'], {maxConcurrentTransfers: 1})
    server.route('/running', SILENT_AFTER_CUT)
    server.route('/paused', WHOLE)
    server.route('/queued', WHOLE)
    const first = runWorker(program, work, (line, {command, kill}) => {
      if (line.type === 'accepted' && line.n === 1) command('pause 1')
      if (line.type === 'status' && line.n === 1 && line.status === BackgroundTransferStatus.pausedByApplication) kill()
    })
    expect(await first.ended).toBe('killed')
    server.route('/running', WHOLE)
    const second = runWorker(program, work, (line, {command, said}) => {
      const others = said.filter(({type}) => type === 'outcome').length
      if (line.type === 'outcome' && others === 2) command('resume 1')
    })
    expect(await second.ended).toBe('finished')
    expect(second.said).toContainEqual({type: 'found', n: 1, status: BackgroundTransferStatus.pausedByApplication})
    expect(second.said.filter(({type}) => type === 'outcome')).toMatchObject([
      {n: 0, outcome: 'completed'},
      {n: 2, outcome: 'completed'},
      {n: 1, outcome: 'completed'},
    ])
    expect(await namesIn(directory)).toEqual(['paused', 'queued', 'running'])
  })
})

describe('story 25: operations at once swap identity', () => {
  it('keeps file, progress and result of 50 with the same name apart', async () => {
    const world = await makeWorld({maxConcurrentTransfers: 20})
    const sizes = Array.from({length: 50}, (_, n) => (n * 7919) % 300_000)
    const downloader = world.engine.createDownloader()
    const operations: DownloadOperation[] = []
    for (const [n, size] of sizes.entries()) {
      await mkdir(world.file(String(n)))
      world.server.route(`/${n}/file.bin`, {content: contentOf(n, size), etag: `"${n}"`, pieceBytes: 16_384})
      operations.push(downloader.createDownload(world.server.url(`/${n}/file.bin`), world.file(`${n}/file.bin`)))
    }
    const results = await Promise.all(operations.map((operation) => operation.startAsync()))
    expect(new Set(operations.map(({guid}) => guid)).size).toBe(50)
    for (const [n, size] of sizes.entries()) {
      expect(results[n]).toBe(operations[n])
      expect(results[n]?.progress).toMatchObject({bytesReceived: size, totalBytesToReceive: size})
      expect(await digestOf(world.file(`${n}/file.bin`))).toBe(sha256(contentOf(n, size)))
    }
    expect(world.server.requests.length).toBe(50)
  })
})

describe('story 26: credentials cross to another origin', () => {
  const SECRETS = ['authorization', 'cookie', 'proxy-authorization', 'x-api-key']

  function withSecrets(world: World, url: string): DownloadOperation {
    const operation = world.engine.createDownloader().createDownload(url, world.file('file.bin'))
    for (const name of SECRETS) operation.setRequestHeader(name, 'secret')
    operation.setRequestHeader('X-Plain', 'plain')
    return operation
  }

  it('never sends them after a redirect to another port, nor when the chain returns', async () => {
    const world = await makeWorld()
    const other = await startServer()
    world.server.route('/file', {status: 302, location: other.url('/there')})
    other.route('/there', {status: 307, location: world.server.url('/back')})
    world.server.route('/back', WHOLE)
    await withSecrets(world, world.server.url('/file')).startAsync()
    const [first] = requestsFor(world.server, '/file')
    const [there] = requestsFor(other, '/there')
    const [back] = requestsFor(world.server, '/back')
    for (const name of SECRETS) {
      expect(first?.headers[name], name).toBe('secret')
      expect(there?.headers[name], name).toBeUndefined()
      expect(back?.headers[name], name).toBeUndefined()
    }
    expect(back?.headers['x-plain']).toBe('plain')
    expect(await digestOf(world.file('file.bin'))).toBe(sha256(OLD))
  })

  it('keeps them on the same origin', async () => {
    const world = await makeWorld()
    world.server.route('/file', {status: 302, location: '/there'})
    world.server.route('/there', WHOLE)
    await withSecrets(world, world.server.url('/file')).startAsync()
    expect(requestsFor(world.server, '/there')[0]?.headers.authorization).toBe('secret')
  })

  it('takes user information out of the URL, and does not send it elsewhere', async () => {
    const world = await makeWorld()
    const other = await startServer()
    const asking = {status: 401, headers: [['WWW-Authenticate', 'Basic realm="x"']]} as const
    const away = {status: 302, location: other.url('/there')}
    world.server.route('/file', ({headers}) => (headers.authorization === undefined ? asking : away))
    other.route('/there', WHOLE)
    const url = new URL(world.server.url('/file'))
    url.username = 'me'
    url.password = 'p@ss'
    const operation = world.engine.createDownloader().createDownload(url, world.file('file.bin'))
    expect(operation.requestedUri.href).not.toContain('me')
    await operation.startAsync()
    expect(requestsFor(world.server, '/file').map(({headers}) => headers.authorization)).toEqual([
      undefined,
      `Basic ${Buffer.from('me:p@ss').toString('base64')}`,
    ])
    expect(requestsFor(other, '/there')[0]?.headers.authorization).toBeUndefined()
  })

  it('refuses a redirect from https to http', async () => {
    const transport = createHttpTransport({tls: {ca: VALID_CERTIFICATE.cert}})
    onCleanup(() => transport.close())
    const world = await makeWorld({transport})
    const secure = await startServer({certificate: VALID_CERTIFICATE})
    secure.route('/file', {status: 302, location: world.server.url('/plain')})
    world.server.route('/plain', WHOLE)
    expect(await failure(withSecrets(world, secure.url('/file')).startAsync())).toMatchObject({
      code: 'REDIRECT_INSECURE',
    })
    expect(world.server.requests.length).toBe(0)
    expect(await world.names()).toEqual([])
  })
})

describe('story 17: a signed address that expires', () => {
  it('goes back to the original address for each try', async () => {
    const world = await makeWorld()
    let signed = 0
    world.server.route('/file', () => {
      signed += 1
      return {status: 302, location: `/signed?n=${signed}`}
    })
    world.server.route('/signed', ({path}) => {
      if (!path.endsWith(`=${signed}`)) return {status: 403}
      return signed === 1 ? CUT_SHORT : WHOLE
    })
    const operation = download(world)
    await operation.startAsync()
    expect(await digestOf(world.file('file.bin'))).toBe(sha256(OLD))
    expect(world.server.requests.map(({path}) => path)).toEqual(['/file', '/signed?n=1', '/file', '/signed?n=2'])
    expect(rangesAsked(world.server, '/signed')).toEqual(['', `bytes=${CUT}-|${TAG}`])
    expect(operation.requestedUri.pathname).toBe('/file')
  })
})

describe('story 27: a file name that attacks', () => {
  it('writes where it was told, whatever Content-Disposition says', async () => {
    const world = await makeWorld()
    world.server.route('/file', {
      ...WHOLE,
      headers: [['Content-Disposition', 'attachment; filename="../../evil.bin"']],
    })
    await mkdir(world.file('inner'))
    await download(world, '/file', 'inner/file.bin').startAsync()
    expect(await world.names()).toEqual(['inner'])
    expect(await readdir(world.file('inner'))).toEqual(['file.bin'])
  })

  it('takes long names, and keeps the part beside the file', async () => {
    const world = await makeWorld()
    world.server.route('/file', WHOLE)
    const name = `${'ü'.repeat(125)}.bin`
    await download(world, '/file', name).startAsync()
    expect(await world.names()).toEqual([name])
  })
})

describe('story 29: progress that lies', () => {
  it('never falls but at a restart, never passes the total, and ends at it (invariants 5 and 8)', async () => {
    const world = await makeWorld()
    const slow: Script = {...WHOLE, pieceBytes: 100_000, pieceDelayMs: 15}
    world.server.route('/file', [
      {...slow, cutAfter: 500_000, cut: 'fin'},
      {...slow, cutAfter: 300_000, cut: 'fin'},
      {...slow, content: NEW, etag: '"two"'},
    ])
    const operation = download(world)
    const running = operation.startAsync()
    const seen: {bytes: number; total: number; restarted: boolean}[] = []
    running.progress$.subscribe(({progress}) => {
      seen.push({
        bytes: progress.bytesReceived,
        total: progress.totalBytesToReceive,
        restarted: progress.hasRestarted,
      })
    })
    await running
    for (const [n, {bytes, total, restarted}] of seen.entries()) {
      const before = seen[n - 1]?.bytes ?? 0
      if (!restarted) expect(bytes).toBeGreaterThanOrEqual(before)
      if (total > 0) expect(bytes).toBeLessThanOrEqual(total)
    }
    expect(seen.filter(({restarted}) => restarted).length).toBe(1)
    expect(
      Math.max(
        ...seen
          .slice(
            0,
            seen.findIndex(({restarted}) => restarted),
          )
          .map(({bytes}) => bytes),
      ),
    ).toBeGreaterThanOrEqual(500_000)
    expect(seen.at(-1)).toEqual({bytes: SIZE, total: SIZE, restarted: false})
    expect(await digestOf(world.file('file.bin'))).toBe(sha256(NEW))
  })
})
