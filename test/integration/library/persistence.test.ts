/** The namespace's checklist, 17.I: persistence and enumeration. Numbers are the items'. Kills are test/crash's business. */

import {rm} from 'node:fs/promises'
import {join} from 'node:path'
import {describe, expect, it} from 'vitest'
import {
  BackgroundDownloader,
  BackgroundTransferCostPolicy,
  type BackgroundTransferGroup,
  BackgroundTransferPriority,
  BackgroundTransferStatus,
  type DownloadOperation,
} from '../../../src/index.ts'
import {contentOf, sha256} from '../../support/content.ts'
import {
  digestOf,
  failure,
  makeClientWorld,
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
const {completed, idle, pausedByApplication} = BackgroundTransferStatus

function create({engine, server, file}: World, name: string, group = ''): DownloadOperation {
  const downloader = engine.createDownloader()
  downloader.group = group
  return downloader.createDownload(server.url('/a'), file(name))
}

const guids = (operations: readonly DownloadOperation[]) => operations.map(({guid}) => guid).sort()

describe('17.I persistence and enumeration', () => {
  it('185, 186, 187, 190. enumeration by group; the same object as in the session that started it', async () => {
    const world = await makeWorld()
    world.server.route('/a', STALLED)
    const [plain, one, other] = [create(world, 'plain'), create(world, 'one', 'g'), create(world, 'other', 'h')]
    const large = create(world, 'large', 'G')
    for (const operation of [plain, one, other, large]) await operation.startAsync().accepted
    const {engine} = world
    const [found, ...rest] = await engine.getCurrentDownloadsAsync()
    expect(rest).toEqual([])
    expect(found).toBe(plain)
    expect(guids(await engine.getCurrentDownloadsAsync(''))).toEqual([plain.guid])
    expect(guids(await engine.getCurrentDownloadsAsync('g'))).toEqual([one.guid])
    expect(guids(await engine.getCurrentDownloadsAsync('G'))).toEqual([large.guid])
    expect(guids(await engine.getCurrentDownloadsForTransferGroupAsync(engine.createGroup('h')))).toEqual([other.guid])
    expect(await engine.getCurrentDownloadsAsync('none')).toEqual([])
  })

  it('187. what is no group of the engine is refused', async () => {
    const world = await makeWorld()
    const {engine} = world
    const elsewhere = (await openEngine(world.file('other'))).createGroup('g')
    for (const wrong of [null, 'g', elsewhere] as unknown as BackgroundTransferGroup[]) {
      expect((await failure(engine.getCurrentDownloadsForTransferGroupAsync(wrong))).code).toBe('INVALID_ARGUMENT')
    }
    expect(await BackgroundDownloader.getCurrentDownloadsForTransferGroupAsync(engine.createGroup('g'))).toEqual([])
  })

  it('refuses a page of so many that is no whole number', async () => {
    const world = await makeWorld()
    world.server.route('/a', STALLED)
    const operation = create(world, 'a')
    await operation.startAsync().accepted
    const {engine} = world
    for (const limit of [2.5, -1, Number.NaN]) {
      expect((await failure(engine.queryAsync({limit}))).code).toBe('INVALID_ARGUMENT')
      expect((await failure(engine.journalAsync(operation.guid, {limit}))).code).toBe('INVALID_ARGUMENT')
      expect((await failure(engine.journalAsync(operation.guid, {before: limit}))).code).toBe('INVALID_ARGUMENT')
    }
    expect(await engine.queryAsync({limit: 0})).toEqual([])
    expect(await engine.journalAsync(operation.guid, {limit: 0})).toEqual([])
  })

  it('tells pages of any length, over a host, too', async () => {
    for (const world of [await makeWorld(), await makeClientWorld()]) {
      world.server.route('/a', STALLED)
      const operation = create(world, 'a')
      await operation.startAsync().accepted
      const page = await world.engine.queryAsync({limit: 1_000_000})
      expect(page.map(({guid}) => guid)).toEqual([operation.guid])
    }
  })

  it('200. an application whose state was removed has no operations any more', async () => {
    const world = await makeWorld()
    world.server.route('/a', STALLED)
    for (const [name, group] of [['a'], ['b', 'g']] as const) await create(world, name, group).startAsync().accepted
    await world.engine.close()
    await rm(join(world.directory, '.store'), {recursive: true})
    const engine = await openEngine(world.directory)
    expect(await engine.getCurrentDownloadsAsync()).toEqual([])
    expect(await engine.getCurrentDownloadsAsync('g')).toEqual([])
    expect(await engine.queryAsync()).toEqual([])
  })

  it('202. no application sees the operations of another', async () => {
    const world = await makeWorld()
    world.server.route('/a', STALLED)
    const mine = create(world, 'mine')
    await mine.startAsync().accepted
    const other = await openEngine(world.file('other'))
    const theirs = other.createDownloader().createDownload(world.server.url('/a'), world.file('theirs'))
    await theirs.startAsync().accepted
    expect(guids(await other.getCurrentDownloadsAsync())).toEqual([theirs.guid])
    expect(guids(await world.engine.getCurrentDownloadsAsync())).toEqual([mine.guid])
    expect((await failure(other.getDownloadAsync(mine.guid))).code).toBe('OPERATION_UNKNOWN')
  })

  it('191, 192. the next session finds it, as it was', async () => {
    const world = await makeWorld()
    world.server.route('/a', STALLED)
    const downloader = world.engine.createDownloader()
    downloader.group = 'g'
    downloader.method = 'REPORT'
    downloader.costPolicy = BackgroundTransferCostPolicy.always
    downloader.setRequestHeader('X-Mine', 'kept')
    downloader.setRequestHeader('Authorization', 'Bearer kept')
    const operation = downloader.createDownload(world.server.url('/a?q=1'), world.file('a'))
    operation.priority = BackgroundTransferPriority.high
    await receives(operation.startAsync(), HALF)
    await world.engine.close()
    world.server.route('/a', WHOLE)
    const engine = await openEngine(world.directory, {resumeOnOpen: false})
    const [found, ...others] = await engine.getCurrentDownloadsAsync('g')
    expect(others).toEqual([])
    if (found === undefined) throw new Error('it is gone')
    expect(found).toMatchObject({
      guid: operation.guid,
      method: 'REPORT',
      resultFile: world.file('a'),
      group: 'g',
      priority: BackgroundTransferPriority.high,
      costPolicy: BackgroundTransferCostPolicy.always,
    })
    expect(found.requestedUri.href).toBe(world.server.url('/a?q=1'))
    expect(found.progress).toMatchObject({status: idle, bytesReceived: HALF, totalBytesToReceive: SIZE})
    await found.attachAsync()
    const [, second] = requestsFor(world.server, '/a')
    expect(second).toMatchObject({method: 'REPORT', headers: {'x-mine': 'kept', authorization: 'Bearer kept'}})
  })

  it('193, 194. with resumeOnOpen false nothing goes on before attachAsync, which tells progress and the end', async () => {
    const world = await makeWorld()
    world.server.route('/a', STALLED)
    const [first, second] = [create(world, 'first'), create(world, 'second')]
    await receives(first.startAsync(), HALF)
    await receives(second.startAsync(), HALF)
    await world.engine.close()
    world.server.route('/a', {...WHOLE, pieceBytes: 20_000, pieceDelayMs: 15})
    const engine = await openEngine(world.directory, {resumeOnOpen: false})
    const found = await engine.getDownloadAsync(first.guid)
    const running = found.attachAsync()
    const counts: number[] = []
    running.progress$.subscribe(({progress}) => counts.push(progress.bytesReceived))
    expect(await running).toBe(found)
    expect(counts[0]).toBe(HALF)
    expect(counts.at(-1)).toBe(SIZE)
    expect(await digestOf(world.file('first'))).toBe(sha256(BYTES))
    // The other one stands still, although a slot was free all the time.
    expect((await engine.getDownloadAsync(second.guid)).progress.status).toBe(idle)
    expect(world.server.requests.length).toBe(3)
    await engine.resumeAllAsync()
    await (await engine.getDownloadAsync(second.guid)).attachAsync()
    expect(await digestOf(world.file('second'))).toBe(sha256(BYTES))
  })

  it('resumeOnOpen (ours, the default): what ran goes on by itself', async () => {
    const world = await makeWorld()
    world.server.route('/a', STALLED)
    const operation = create(world, 'a')
    await receives(operation.startAsync(), HALF)
    await world.engine.close()
    world.server.route('/a', WHOLE)
    const engine = await openEngine(world.directory)
    await expect.poll(async () => (await engine.queryAsync())[0]?.status).toBe('completed')
    expect(rangesAsked(world.server, '/a')).toEqual(['', `bytes=${HALF}-|"1"`])
  })

  it('195, 196, 197. what ended unseen is enumerated until its outcome is delivered', async () => {
    const world = await makeWorld()
    world.server.route('/a', STALLED)
    const good = create(world, 'good')
    await receives(good.startAsync(), HALF)
    await world.engine.close()
    world.server.route('/a', WHOLE)
    const second = await openEngine(world.directory)
    await expect.poll(async () => (await second.queryAsync())[0]?.status).toBe('completed')
    await second.close()
    const third = await openEngine(world.directory)
    const [found, ...others] = await third.getCurrentDownloadsAsync()
    expect(others).toEqual([])
    expect(found).toMatchObject({guid: good.guid, progress: {status: completed, bytesReceived: SIZE}})
    expect(await found?.attachAsync()).toBe(found)
    expect(await third.getCurrentDownloadsAsync()).toEqual([])
  })

  it('196. a failure that nobody saw is delivered as it was', async () => {
    const world = await makeWorld()
    await world.engine.createDownloader().createDownloads([[world.server.url('/missing'), world.file('a')]])
    await expect.poll(async () => (await world.engine.queryAsync())[0]?.status).toBe('error')
    await world.engine.close()
    const engine = await openEngine(world.directory)
    const [found] = await engine.getCurrentDownloadsAsync()
    if (found === undefined) throw new Error('it is gone')
    expect(await failure(found.attachAsync())).toMatchObject({code: 'HTTP_STATUS', details: {status: 404}})
    expect(await engine.getCurrentDownloadsAsync()).toEqual([])
  })

  it('198. what nobody attaches to is never dropped', async () => {
    const world = await makeWorld()
    world.server.route('/a', STALLED)
    const operation = create(world, 'a')
    await receives(operation.startAsync(), HALF)
    operation.pause()
    await reaches(operation, pausedByApplication)
    await world.engine.close()
    for (let session = 0; session < 3; session++) {
      const engine = await openEngine(world.directory)
      expect(guids(await engine.getCurrentDownloadsAsync())).toEqual([operation.guid])
      await engine.close()
    }
  })

  it('203. what was never started is not enumerated', async () => {
    const world = await makeWorld()
    create(world, 'a')
    expect(await world.engine.getCurrentDownloadsAsync()).toEqual([])
    await world.engine.close()
    const engine = await openEngine(world.directory)
    expect(await engine.getCurrentDownloadsAsync()).toEqual([])
  })

  it('204. attaching to all of them lets them go on at once', async () => {
    const world = await makeWorld()
    world.server.route('/a', STALLED)
    for (const name of ['a', 'b', 'c']) await receives(create(world, name).startAsync(), HALF)
    await world.engine.close()
    world.server.route('/a', (request) => ({...STALLED, cutAfter: request.headers.range === undefined ? 0 : 50_000}))
    const engine = await openEngine(world.directory, {resumeOnOpen: false})
    const running = (await engine.getCurrentDownloadsAsync()).map((operation) => operation.attachAsync())
    await Promise.all(running.map((each) => receives(each, HALF + 50_000)))
    expect(world.server.requests.filter(({closed}) => !closed).length).toBe(3)
  })

  it('a store that is open is refused to a second engine, which names the holder', async () => {
    const world = await makeWorld()
    const error = await failure(openEngine(world.directory))
    expect(error.code).toBe('STORE_LOCKED')
    expect(error.message).toContain(String(process.pid))
  })

  it('a failed get that is repeated goes on from the bytes that are here', async () => {
    const world = await makeWorld({retries: 0})
    world.server.route('/a', [{...WHOLE, cutAfter: HALF, cut: 'fin'}, {status: 500}, WHOLE])
    expect((await failure(create(world, 'a').startAsync())).code).toBe('HTTP_STATUS')
    expect((await world.names()).length).toBe(2)
    await create(world, 'a').startAsync()
    expect(rangesAsked(world.server, '/a')).toEqual(['', `bytes=${HALF}-|"1"`, `bytes=${HALF}-|"1"`])
    expect(await digestOf(world.file('a'))).toBe(sha256(BYTES))
    expect(await world.names()).toEqual(['a'])
  })

  it('a failed get that is repeated fetches afresh, once, where the bytes that are here are wrong', async () => {
    const world = await makeWorld({retries: 0})
    const wrong = {...WHOLE, content: contentOf(2, SIZE)}
    world.server.route('/a', [{...wrong, cutAfter: HALF, cut: 'fin'}, {status: 500}, WHOLE])
    const checksum = {algorithm: 'sha256', hex: sha256(BYTES)} as const
    const get = () =>
      world.engine.createDownloader().createDownload(world.server.url('/a'), world.file('a'), {checksum}).startAsync()
    expect((await failure(get())).code).toBe('HTTP_STATUS')
    await get()
    expect(rangesAsked(world.server, '/a')).toEqual(['', `bytes=${HALF}-|"1"`, `bytes=${HALF}-|"1"`, ''])
    expect(await digestOf(world.file('a'))).toBe(sha256(BYTES))
  })

  it('forgetAsync takes ended operations alone, and leaves the file', async () => {
    const world = await makeWorld()
    world.server.route('/a', STALLED)
    const operation = create(world, 'a')
    const running = operation.startAsync()
    await receives(running, HALF)
    expect((await failure(world.engine.forgetAsync(operation.guid))).code).toBe('ILLEGAL_STATE')
    world.server.route('/a', WHOLE)
    operation.pause()
    await reaches(operation, pausedByApplication)
    operation.resume()
    await running
    await world.engine.forgetAsync(operation.guid)
    expect((await failure(world.engine.getDownloadAsync(operation.guid))).code).toBe('OPERATION_UNKNOWN')
    expect(await world.names()).toEqual(['a'])
  })

  it('filesOnRecordAsync tells the files of operations, running or over, from all others', async () => {
    const world = await makeWorld()
    world.server.route('/a', [STALLED, WHOLE])
    const running = create(world, 'a').startAsync()
    await receives(running, HALF)
    await create(world, 'b').startAsync()
    const others = Array.from({length: 2500}, (_, n) => world.file(`other ${n}`))
    const files = [world.file('a'), ...others, world.file('b')]
    expect(await world.engine.filesOnRecordAsync(files)).toEqual(new Set([world.file('a'), world.file('b')]))
    expect(await world.engine.filesOnRecordAsync([])).toEqual(new Set())
    running.cancel()
    expect((await failure(running)).code).toBe('CANCELED')
  })

  it('calls on a closed engine throw CLOSED', async () => {
    const world = await makeWorld()
    const operation = create(world, 'a')
    await world.engine.close()
    expect((await failure(operation.startAsync())).code).toBe('CLOSED')
    expect((await failure(world.engine.queryAsync())).code).toBe('CLOSED')
    expect((await failure(world.engine.getCurrentDownloadsAsync())).code).toBe('CLOSED')
    expect((await failure(world.engine.findByFileAsync('/x'))).code).toBe('CLOSED')
    expect((await failure(world.engine.filesOnRecordAsync(['/x']))).code).toBe('CLOSED')
  })
})
