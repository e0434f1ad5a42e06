/** Random access: streams that read a download in any order, and move its fetching to where they read. */

import {filter, firstValueFrom} from 'rxjs'
import {describe, expect, it} from 'vitest'
import {
  type BackgroundTransferRangesDownloadedEventArgs,
  BackgroundTransferStatus,
  type Deferral,
  type DownloadOperation,
  TransferError,
  WebErrorStatus,
} from '../../../src/index.ts'
import {contentOf, sha256} from '../../support/content.ts'
import type {Script} from '../../support/faulty-script.ts'
import {digestOf, failure, makeWorld, openEngine, rangesAsked, reaches, requestsFor, type World} from '../harness.ts'

const KIB = 1024
const MIB = 1024 * KIB
const SIZE = 8 * MIB + 5
const FILM = contentOf(1, SIZE)
const OTHER = contentOf(2, SIZE)
const MODIFIED = 'Thu, 01 Jan 2015 00:00:00 GMT'
const DATE: readonly [string, string] = ['Date', 'Thu, 01 Jan 2026 00:00:00 GMT']
const WHOLE: Script = {content: FILM, etag: '"one"', headers: [['Content-Type', 'video/mp4']]}
/** Slow enough that what is read is not there before it is asked for. */
const SLOWLY = {pieceBytes: 32 * KIB, pieceDelayMs: 4}
const SLOW: Script = {...WHOLE, ...SLOWLY}
/** Its version is its date alone. */
const DATED: Script = {content: FILM, lastModified: MODIFIED, headers: [DATE]}

function create(world: World, path = '/film'): DownloadOperation {
  const operation = world.engine.createDownloader().createDownload(world.server.url(path), world.file('film.mp4'))
  operation.isRandomAccessRequired = true
  return operation
}

async function open(operation: DownloadOperation) {
  return operation.getResultRandomAccessStreamReference().openReadAsync()
}

function thrown(call: () => unknown): TransferError | undefined {
  try {
    call()
  } catch (error) {
    if (error instanceof TransferError) return error
    throw error
  }
  return undefined
}

const isAt = (bytes: Uint8Array, position: number) =>
  FILM.subarray(position, position + bytes.length).equals(Buffer.from(bytes))

/** First byte of each range that was asked for. */
function starts(world: World): readonly number[] {
  return rangesAsked(world.server, '/film').map((asked) => Number(/^bytes=(\d+)-/.exec(asked)?.[1]))
}

describe('17.F random access', () => {
  it('120, 121, 122. is off by default, set before the start alone, and required for the reference', async () => {
    const world = await makeWorld()
    world.server.route('/film', WHOLE)
    const operation = world.engine.createDownloader().createDownload(world.server.url('/film'), world.file('film.mp4'))
    expect(operation.isRandomAccessRequired).toBe(false)
    expect(thrown(() => operation.getResultRandomAccessStreamReference())).toMatchObject({code: 'ILLEGAL_STATE'})
    operation.isRandomAccessRequired = true
    expect(operation.isRandomAccessRequired).toBe(true)
    const running = operation.startAsync()
    const late = thrown(() => {
      operation.isRandomAccessRequired = false
    })
    expect(late).toMatchObject({code: 'ILLEGAL_STATE', hresult: 0x8000000e})
    expect(late?.message).toContain('isRandomAccessRequired')
    await running
    expect(operation.isRandomAccessRequired).toBe(true)
  })

  it('9.4. is for GET without a body: anything else is INVALID_ARGUMENT at the start', async () => {
    const world = await makeWorld()
    const downloader = world.engine.createDownloader()
    downloader.method = 'POST'
    const operation = downloader.createDownload(world.server.url('/film'), world.file('film.mp4'))
    operation.isRandomAccessRequired = true
    expect(thrown(() => operation.startAsync())).toMatchObject({code: 'INVALID_ARGUMENT'})
    expect(world.server.requests).toEqual([])
  })

  it('123, 128. a player opens before the start, reads head, tail and middle, and plays through', async () => {
    const world = await makeWorld()
    world.server.route('/film', SLOW)
    const operation = create(world)
    const stream = await open(operation)
    expect([stream.size, stream.position, stream.contentType]).toEqual([0, 0, ''])
    const head = stream.readAsync(64 * KIB)
    const running = operation.startAsync()
    expect(isAt(await head, 0)).toBe(true)
    expect([stream.size, stream.position, stream.contentType]).toEqual([SIZE, 64 * KIB, 'video/mp4'])
    const tail = SIZE - 100 * KIB
    stream.seek(tail)
    const index = await stream.readAsync(200 * KIB)
    expect(index.length).toBe(100 * KIB)
    expect(isAt(index, tail)).toBe(true)
    const middle = 4 * MIB
    stream.seek(middle)
    expect(isAt(await stream.readAsync(256 * KIB), middle)).toBe(true)
    expect(operation.progress.status).toBe(BackgroundTransferStatus.running)
    for (let at = middle + 256 * KIB; at < SIZE; at += 512 * KIB) {
      expect(isAt(await stream.readAsync(512 * KIB), at)).toBe(true)
    }
    expect(await stream.readAsync(1)).toHaveLength(0)
    await running
    expect(await digestOf(world.file('film.mp4'))).toBe(sha256(FILM))
    const asked = starts(world)
    expect(asked[0]).toBe(0)
    expect(asked[1]).toBe(tail)
    expect(asked).toContain(middle)
    // Between two seeks, and at last, the hole behind the head is filled.
    expect(asked.length).toBeLessThanOrEqual(5)
    expect(asked.filter((at) => at < middle).length).toBeGreaterThanOrEqual(2)
    expect(new Set(asked).size).toBe(asked.length)
    stream.close()
  })

  it('124, 125, 126, 127. streams have positions of their own, and a seek takes effect with the next read', async () => {
    const world = await makeWorld()
    world.server.route('/film', SLOW)
    const operation = create(world)
    const running = operation.startAsync()
    const [one, two] = [await open(operation), await open(operation)]
    one.seek(5 * MIB)
    expect([one.position, two.position]).toEqual([5 * MIB, 0])
    const far = one.readAsync(10)
    one.seek(7)
    expect(thrown(() => void one.readAsync(1))).toMatchObject({code: 'ILLEGAL_STATE'})
    expect(isAt(await two.readAsync(10), 0)).toBe(true)
    expect(isAt(await far, 5 * MIB)).toBe(true)
    expect([one.position, two.position]).toEqual([7, 10])
    expect(isAt(await one.readAsync(10), 7)).toBe(true)
    running.cancel()
    await failure(running)
  })

  it('128. readers that wait in several places have their turn in the order in which they came', async () => {
    const world = await makeWorld()
    world.server.route('/film', SLOW)
    const operation = create(world)
    const running = operation.startAsync()
    const ends: number[] = []
    const places = [6 * MIB, 2 * MIB, 4 * MIB]
    const streams = await Promise.all(places.map(() => open(operation)))
    await (await open(operation)).readAsync(1)
    await Promise.all(
      streams.map(async (stream, n) => {
        const at = places[n] ?? 0
        stream.seek(at)
        expect(isAt(await stream.readAsync(100), at)).toBe(true)
        ends.push(at)
      }),
    )
    expect(ends).toEqual(places)
    expect(starts(world).slice(0, 4)).toEqual([0, ...places])
    running.cancel()
    await failure(running)
  })

  it('129. a read that is given up leaves the download running, and the stream where it was', async () => {
    const world = await makeWorld()
    world.server.route('/film', {...WHOLE, cutAfter: MIB, cut: 'stall'})
    const operation = create(world)
    const running = operation.startAsync()
    const stream = await open(operation)
    await stream.readAsync(10)
    stream.seek(2 * MIB)
    const given = new AbortController()
    const pending = stream.readAsync(2 * MIB, {signal: given.signal})
    const reason = new Error('enough')
    given.abort(reason)
    await expect(pending).rejects.toBe(reason)
    expect(stream.position).toBe(2 * MIB)
    expect(operation.progress.status).toBe(BackgroundTransferStatus.running)
    stream.seek(0)
    expect(isAt(await stream.readAsync(20), 0)).toBe(true)
    stream.seek(4 * MIB)
    const closed = stream.readAsync(2 * MIB)
    stream.close()
    stream.close()
    expect(await failure(closed)).toMatchObject({code: 'CLOSED'})
    expect(await failure(stream.readAsync(1))).toMatchObject({code: 'CLOSED'})
    expect(thrown(() => stream.seek(0))).toMatchObject({code: 'CLOSED'})
    running.cancel()
    await failure(running)
  })

  it('130, 131, 132. a server without ranges, or without a length, fails it, and serves a sequential download', async () => {
    const world = await makeWorld()
    world.server.route('/film', {...WHOLE, ranges: 'ignore'})
    world.server.route('/endless', {...WHOLE, ranges: 'ignore', framing: 'chunked'})
    const rangeless = create(world)
    expect(await failure(rangeless.startAsync())).toMatchObject({code: 'INSUFFICIENT_RANGE_SUPPORT'})
    expect(rangeless.currentWebErrorStatus).toBe(WebErrorStatus.insufficientRangeSupport)
    const endless = create(world, '/endless')
    expect(await failure(endless.startAsync())).toMatchObject({code: 'MISSING_CONTENT_LENGTH'})
    expect(endless.currentWebErrorStatus).toBe(WebErrorStatus.missingContentLengthSupport)
    for (const path of ['/film', '/endless']) {
      const name = world.file(`sequential${path.length}`)
      await world.engine.createDownloader().createDownload(world.server.url(path), name).startAsync()
      expect(await digestOf(name)).toBe(sha256(FILM))
    }
  })

  it('133, 134, 135, 136. ranges are sorted and merged, none is fetched twice, and all of them make the end', async () => {
    const world = await makeWorld()
    world.server.route('/film', SLOW)
    const operation = create(world)
    expect(operation.getDownloadedRanges()).toEqual([])
    const running = operation.startAsync()
    const stream = await open(operation)
    for (const at of [6 * MIB, 2 * MIB, 4 * MIB]) {
      stream.seek(at)
      await stream.readAsync(10)
    }
    const ranges = operation.getDownloadedRanges()
    expect(ranges.length).toBeGreaterThanOrEqual(3)
    for (const [n, {offset, length}] of ranges.entries()) {
      expect(length).toBeGreaterThan(0)
      const before = ranges[n - 1]
      if (before !== undefined) expect(offset).toBeGreaterThan(before.offset + before.length)
    }
    for (const at of [2 * MIB, 4 * MIB, 6 * MIB]) {
      expect(ranges.some(({offset, length}) => offset <= at && at + 10 <= offset + length)).toBe(true)
    }
    expect(operation.progress.status).toBe(BackgroundTransferStatus.running)
    await running
    expect(operation.getDownloadedRanges()).toEqual([{offset: 0, length: SIZE}])
    expect(await digestOf(world.file('film.mp4'))).toBe(sha256(FILM))
    const asked = starts(world)
    expect(new Set(asked).size).toBe(asked.length)
  })

  it.each<readonly [string, Script, Script]>([
    ['ETag', WHOLE, {...WHOLE, content: OTHER, etag: '"two"'}],
    ['Last-Modified', DATED, {...DATED, content: OTHER, lastModified: 'Fri, 02 Jan 2015 00:00:00 GMT'}],
  ])(
    '139. another version begins anew, told by %s: a stream that gave bytes hears of it once, and goes on in the new one',
    async (_, before, after) => {
      const world = await makeWorld()
      let serves: Script = {...before, ...SLOWLY}
      world.server.route('/film', () => serves)
      const operation = create(world)
      const running = operation.startAsync()
      const stream = await open(operation)
      expect(isAt(await stream.readAsync(10), 0)).toBe(true)
      serves = after
      stream.seek(6 * MIB)
      expect(await failure(stream.readAsync(10))).toMatchObject({code: 'DOWNLOAD_RESTARTED'})
      stream.seek(6 * MIB)
      expect(Buffer.from(await stream.readAsync(10))).toEqual(OTHER.subarray(6 * MIB, 6 * MIB + 10))
      await running
      expect(await digestOf(world.file('film.mp4'))).toBe(sha256(OTHER))
    },
  )

  it('goes on over a pause and a closed engine with what was fetched in any order', async () => {
    const world = await makeWorld()
    world.server.route('/film', {...WHOLE, cutAfter: 512 * KIB, cut: 'stall'})
    const first = create(world)
    first.startAsync().catch(() => undefined)
    const stream = await open(first)
    for (const at of [0, 6 * MIB, 3 * MIB]) {
      stream.seek(at)
      await stream.readAsync(300 * KIB)
    }
    await world.engine.close()
    const before = requestsFor(world.server, '/film').length
    world.server.route('/film', WHOLE)
    const engine = await openEngine(world.directory)
    const operation = await engine.getDownloadAsync(first.guid)
    expect(operation.isRandomAccessRequired).toBe(true)
    await operation.attachAsync()
    expect(await digestOf(world.file('film.mp4'))).toBe(sha256(FILM))
    const sent = requestsFor(world.server, '/film').slice(before)
    expect(sent.reduce((sum, {bytesSent}) => sum + bytesSent, 0)).toBeLessThanOrEqual(SIZE - 900 * KIB)
  })
})

describe('17.F after a restart', () => {
  it('145. it goes on without attachAsync, and a sequential download waits for it (D51)', async () => {
    const world = await makeWorld()
    const stalled: Script = {...WHOLE, cutAfter: MIB, cut: 'stall'}
    for (const path of ['/film', '/waits']) world.server.route(path, stalled)
    const film = create(world)
    const waits = world.engine.createDownloader().createDownload(world.server.url('/waits'), world.file('waits'))
    const ended = [film, waits].map((operation) => failure(operation.startAsync()))
    await (await open(film)).readAsync(10)
    await firstValueFrom(waits.rangesDownloaded)
    await world.engine.close()
    for (const error of await Promise.all(ended)) expect(error.code).toBe('CLOSED')
    for (const path of ['/film', '/waits']) world.server.route(path, WHOLE)
    const before = requestsFor(world.server, '/waits').length
    const engine = await openEngine(world.directory, {resumeOnOpen: false})
    await firstValueFrom(
      engine.events$.pipe(filter((event) => event.type === 'operation.moved' && event.state === 'completed')),
    )
    expect(await digestOf(world.file('film.mp4'))).toBe(sha256(FILM))
    expect(await (await engine.getDownloadAsync(film.guid)).attachAsync()).toMatchObject({guid: film.guid})
    expect(requestsFor(world.server, '/waits').length).toBe(before)
    await (await engine.getDownloadAsync(waits.guid)).attachAsync()
    expect(await digestOf(world.file('waits'))).toBe(sha256(FILM))
  })

  it('waits as well in an engine that resumes nothing', async () => {
    const world = await makeWorld()
    world.server.route('/film', {...WHOLE, cutAfter: MIB, cut: 'stall'})
    const film = create(world)
    const ended = failure(film.startAsync())
    await (await open(film)).readAsync(10)
    await world.engine.close()
    await ended
    const before = requestsFor(world.server, '/film').length
    const engine = await openEngine(world.directory, {resumeOnOpen: 'nothing'})
    const operation = await engine.getDownloadAsync(film.guid)
    expect(operation.explain().next).toMatch(/attach/)
    expect(requestsFor(world.server, '/film').length).toBe(before)
  })
})

describe('17.G another address', () => {
  const dated: Script = {...WHOLE, lastModified: MODIFIED, headers: [DATE]}

  async function moved(next: Script) {
    const world = await makeWorld()
    world.server.route('/film', {...dated, cutAfter: MIB, cut: 'stall'})
    world.server.route('/moved', next)
    const operation = create(world)
    const running = operation.startAsync()
    const stream = await open(operation)
    await stream.readAsync(MIB)
    operation.pause()
    await reaches(operation, BackgroundTransferStatus.pausedByApplication)
    operation.requestedUri = new URL(world.server.url('/moved'))
    operation.resume()
    await running
    return {world, first: rangesAsked(world.server, '/moved')[0]}
  }

  it('159. a random access download goes on there when Last-Modified and size are the same', async () => {
    const {world, first} = await moved({...dated, etag: '"other"'})
    expect(first).toMatch(/^bytes=\d{7}-/)
    expect(await digestOf(world.file('film.mp4'))).toBe(sha256(FILM))
  })

  it.each<[string, Script]>([
    ['Last-Modified', {...dated, content: OTHER, lastModified: 'Fri, 02 Jan 2015 00:00:00 GMT'}],
    ['size', {...dated, content: OTHER.subarray(0, SIZE - 1)}],
  ])('160. and starts over when the %s is another', async (_, next) => {
    const {world} = await moved(next)
    const content = next.content as Buffer
    expect(await digestOf(world.file('film.mp4'))).toBe(sha256(content))
  })
})

describe('17.F RangesDownloaded', () => {
  function startOn(world: World) {
    const operation = create(world)
    const events: BackgroundTransferRangesDownloadedEventArgs[] = []
    return {operation, events}
  }

  it('137, 138. tells what came in since the event before, and a restart in the first event behind it', async () => {
    const world = await makeWorld()
    let serves: Script = SLOW
    world.server.route('/film', () => serves)
    const {operation, events} = startOn(world)
    operation.rangesDownloaded.subscribe((event) => events.push(event))
    const running = operation.startAsync()
    const stream = await open(operation)
    await stream.readAsync(10)
    await firstValueFrom(operation.rangesDownloaded)
    serves = {...WHOLE, content: OTHER, etag: '"two"'}
    stream.seek(6 * MIB)
    await failure(stream.readAsync(10))
    await running
    const restart = events.findIndex(({wasDownloadRestarted}) => wasDownloadRestarted)
    expect(restart).toBeGreaterThan(0)
    expect(events.filter(({wasDownloadRestarted}) => wasDownloadRestarted).length).toBe(1)
    const since = events.slice(restart).flatMap(({addedRanges}) => addedRanges)
    expect(since.reduce((sum, {length}) => sum + length, 0)).toBe(SIZE)
    const sorted = since.toSorted((a, b) => a.offset - b.offset)
    for (const [n, {offset, length}] of sorted.entries()) {
      const next = sorted[n + 1]
      if (next !== undefined) expect(offset + length).toBe(next.offset)
    }
  })

  it('140, 141, 142, 144. holds events back while a deferral is open, merges them, and minds a second complete', async () => {
    const world = await makeWorld()
    world.server.route('/film', SLOW)
    const {operation, events} = startOn(world)
    let deferral: Deferral | undefined
    const told = new Promise<void>((resolve) => {
      operation.addEventListener('rangesdownloaded', (event) => {
        expect(event.target).toBe(operation)
        events.push(event)
        if (events.length === 1) {
          deferral = event.getDeferral()
          resolve()
        }
      })
    })
    await operation.startAsync()
    await told
    expect(events.length).toBe(1)
    deferral?.complete()
    expect(thrown(() => deferral?.complete())).toMatchObject({code: 'ILLEGAL_STATE'})
    deferral?.close()
    deferral?.close()
    await new Promise((resolve) => setImmediate(resolve))
    expect(events.length).toBe(2)
    const all = events.flatMap(({addedRanges}) => addedRanges)
    expect(all.reduce((sum, {length}) => sum + length, 0)).toBe(SIZE)
  })

  it('143, 9.4. without a deferral the next event comes half a second later at the soonest', async () => {
    const world = await makeWorld()
    world.server.route('/film', {...SLOW, pieceDelayMs: 8})
    const {operation} = startOn(world)
    const times: number[] = []
    operation.rangesDownloaded.subscribe(() => times.push(performance.now()))
    await operation.startAsync()
    expect(times.length).toBeGreaterThanOrEqual(3)
    // The first comes with the change to running, and the last with the end.
    for (let n = 2; n < times.length - 1; n++) expect((times[n] ?? 0) - (times[n - 1] ?? 0)).toBeGreaterThan(450)
  })

  it('O36. a handler that throws is reported, holds nothing back and harms nothing', async () => {
    const world = await makeWorld()
    world.server.route('/film', WHOLE)
    const {operation} = startOn(world)
    // The test runner listens, too, and would take it for a failure of its own.
    const listeners = process.listeners('uncaughtException')
    process.removeAllListeners('uncaughtException')
    const reported = new Promise((resolve) => process.once('uncaughtException', resolve))
    let calls = 0
    operation.addEventListener('rangesdownloaded', (event) => {
      event.getDeferral()
      calls += 1
      if (calls === 1) throw new Error('of the application')
    })
    await operation.startAsync()
    expect(await reported).toMatchObject({message: 'of the application'})
    for (const listener of listeners) process.on('uncaughtException', listener)
    expect(await digestOf(world.file('film.mp4'))).toBe(sha256(FILM))
  })

  it('O35. is raised for a sequential download, too, and a removed listener hears nothing', async () => {
    const world = await makeWorld()
    world.server.route('/film', WHOLE)
    const operation = world.engine.createDownloader().createDownload(world.server.url('/film'), world.file('film.mp4'))
    let heard = 0
    const removed = () => {
      heard += 1
    }
    operation.addEventListener('rangesdownloaded', removed)
    operation.removeEventListener('rangesdownloaded', removed)
    const last = firstValueFrom(
      operation.rangesDownloaded.pipe(filter(({addedRanges}) => addedRanges.some(({length}) => length > 0))),
    )
    await operation.startAsync()
    expect((await last).wasDownloadRestarted).toBe(false)
    expect(heard).toBe(0)
    expect(thrown(() => operation.addEventListener('progress' as never, removed))).toMatchObject({
      code: 'INVALID_ARGUMENT',
    })
  })
})
