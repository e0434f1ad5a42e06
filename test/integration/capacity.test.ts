/** Shared capacity on real sockets: what the server sees of limits per origin, of quiet, and of commands for a group. */

import {firstValueFrom, take, toArray} from 'rxjs'
import {expect, it} from 'vitest'
import {createLevelStore} from '../../src/adapters/level/level-store.ts'
import {BackgroundTransferCostPolicy, BackgroundTransferEngine, BackgroundTransferStatus} from '../../src/index.ts'
import {contentOf} from '../support/content.ts'
import {makeWorld, openEngine, receives, requestsFor, startServer, type World} from './harness.ts'

const SIZE = 50_000

function start({engine, file}: World, url: string, name: string, group = '') {
  const downloader = engine.createDownloader()
  downloader.group = group
  const operation = downloader.createDownload(url, file(name))
  return {operation, running: operation.startAsync()}
}

it('never has more requests at one origin than it may', async () => {
  const world = await makeWorld({maxConcurrentTransfers: 20, maxConnectionsPerOrigin: 3})
  const other = await startServer()
  let most = 0
  let mostOther = 0
  const busy = (requests: typeof world.server.requests) =>
    requests.filter(({bytesSent, closed}) => bytesSent < SIZE && !closed).length
  for (let n = 0; n < 30; n++) {
    const script = {content: contentOf(n, SIZE), pieceBytes: 10_000, pieceDelayMs: 1}
    world.server.route(`/${n}`, () => {
      most = Math.max(most, busy(world.server.requests))
      return script
    })
    other.route(`/${n}`, () => {
      mostOther = Math.max(mostOther, busy(other.requests))
      return script
    })
  }
  const all = Array.from({length: 30}, (_, n) => [
    start(world, world.server.url(`/${n}`), `a${n}`).running,
    start(world, other.url(`/${n}`), `b${n}`).running,
  ])
  await Promise.all(all.flat())
  expect(most).toBe(3)
  expect(mostOther).toBe(3)
})

it('sends one probe after each quiet, not fifty', async () => {
  const world = await makeWorld({maxConcurrentTransfers: 50, retries: 20})
  let quiets = 0
  let isOverloaded = true
  let asked = 0
  for (let n = 0; n < 50; n++) {
    world.server.route(`/${n}`, () => {
      asked += 1
      if (!isOverloaded) return {content: contentOf(n, 100)}
      // The first fifty met it together; each one after them is a probe.
      if (asked > 50) quiets += 1
      if (quiets === 2) isOverloaded = false
      return {status: 503, retryAfter: '1'}
    })
  }
  // A bulk is admitted in one go: all of them are on their way before the first answer.
  const all = Array.from({length: 50}, (_, n) => [world.server.url(`/${n}`), world.file(`${n}`)] as const)
  await world.engine.createDownloader().createDownloads(all)
  const completed = async () => (await world.engine.queryAsync({states: ['completed']})).length
  await expect.poll(completed).toBe(50)
  expect(quiets).toBe(2)
  expect(asked).toBe(50 + 2 + 50)
})

it('pauses, resumes and cancels a group as a whole', async () => {
  const world = await makeWorld({maxConcurrentTransfers: 2})
  for (const name of ['a', 'b', 'c']) {
    world.server.route(`/${name}`, [
      {content: contentOf(1, SIZE), etag: '"1"', cutAfter: 20_000, cut: 'stall'},
      {content: contentOf(1, SIZE), etag: '"1"'},
    ])
  }
  const group = world.engine.createGroup('g')
  const [a, b, c] = ['a', 'b', 'c'].map((name) => start(world, world.server.url(`/${name}`), name, 'g'))
  if (a === undefined || b === undefined || c === undefined) throw new Error('nothing was started')
  await Promise.all([receives(a.running, 20_000), receives(b.running, 20_000), c.running.accepted])
  await group.pauseAllAsync()
  const statuses = [a, b, c].map(({operation}) => operation.progress.status)
  expect(statuses).toEqual(Array(3).fill(BackgroundTransferStatus.pausedByApplication))
  expect(requestsFor(world.server, '/c')).toEqual([])
  await group.resumeAllAsync()
  await Promise.all([a.running, b.running, receives(c.running, 20_000)])
  expect(requestsFor(world.server, '/a').at(-1)?.headers.range).toBe('bytes=20000-')
  await group.cancelAllAsync()
  await expect(c.running).rejects.toMatchObject({code: 'CANCELED'})
  expect(await world.names()).toEqual(['a', 'b'])
})

it('holds a rate on the wire, and lets it go', async () => {
  const world = await makeWorld({maxBytesPerSecond: 200_000})
  world.server.route('/a', {content: contentOf(1, 4_000_000), etag: '"1"'})
  const began = performance.now()
  const {running} = start(world, world.server.url('/a'), 'a')
  await receives(running, 400_000)
  // A quarter of a second's burst and one buffer may come at once; a slow machine only takes longer.
  expect(performance.now() - began).toBeGreaterThan(500)
  world.engine.setRateLimit(undefined)
  await running
})

it('forgets by number in the next session, and on request', async () => {
  const world = await makeWorld()
  for (let n = 1; n <= 5; n++) {
    world.server.route(`/${n}`, {content: contentOf(n, 100)})
    await start(world, world.server.url(`/${n}`), `${n}`).running
  }
  // Delivery is noted right behind the promise.
  await expect.poll(async () => (await world.engine.getCurrentDownloadsAsync()).length).toBe(0)
  await world.engine.close()
  const engine = await openEngine(world.directory, {retention: {count: 2}})
  await expect.poll(async () => (await engine.queryAsync()).length).toBe(2)
  const [first] = await engine.queryAsync()
  if (first === undefined) throw new Error('nothing was kept')
  const events = firstValueFrom(engine.events$.pipe(take(1), toArray()))
  await engine.forgetAsync(first.guid)
  expect(await events).toMatchObject([{type: 'operation.forgotten', ids: [first.guid]}])
  await expect(engine.getDownloadAsync(first.guid)).rejects.toMatchObject({code: 'OPERATION_UNKNOWN'})
  expect(await world.names()).toEqual(['1', '2', '3', '4', '5'])
})

it('gives each of a bulk what was asked when it was taken, and those that ask alike the same', async () => {
  const world = await makeWorld({maxConcurrentTransfers: 0})
  const downloader = world.engine.createDownloader()
  const changing = {retries: 1}
  const fixed = Object.freeze({retries: 3})
  function* wishes() {
    const wish = (name: string, options: {readonly retries?: number} = {}) =>
      [world.server.url(`/${name}`), world.file(name), options] as const
    yield wish('a', changing)
    changing.retries = 2
    yield wish('b', changing)
    yield wish('c', fixed)
    yield wish('d', fixed)
    downloader.transferGroup = world.engine.createGroup('other')
    yield wish('e', fixed)
    downloader.costPolicy = BackgroundTransferCostPolicy.always
    yield wish('f', fixed)
    downloader.connections = 4
    yield wish('g', fixed)
    yield wish('h')
    yield wish('sub/', fixed)
  }
  expect(await downloader.createDownloads(wishes())).toBe(9)
  await world.engine.close()
  const store = createLevelStore({directory: world.file('.store'), durability: 'process'})
  await store.open()
  const policies = (await store.query({})).map(({policy}) => policy)
  await store.close()
  const inOther = {costPolicy: 2, group: 'other', connections: 4}
  expect(policies).toEqual([
    {priority: 0, costPolicy: 0, group: '', retries: 1},
    {priority: 0, costPolicy: 0, group: '', retries: 2},
    {priority: 0, costPolicy: 0, group: '', retries: 3},
    {priority: 0, costPolicy: 0, group: '', retries: 3},
    {priority: 0, costPolicy: 0, group: 'other', retries: 3},
    {priority: 0, costPolicy: 2, group: 'other', retries: 3},
    {priority: 0, ...inOther, retries: 3},
    {priority: 0, ...inOther},
    {priority: 0, ...inOther, retries: 3, nameFromServer: true},
  ])
})

it('takes a bulk without handles, and keeps what was accepted when one of it is refused', async () => {
  const world = await makeWorld({maxConcurrentTransfers: 3})
  const downloads = Array.from({length: 40}, (_, n) => {
    world.server.route(`/${n}`, {content: contentOf(n, 100)})
    return [world.server.url(`/${n}`), world.file(`${n}`)] as const
  })
  expect(await world.engine.createDownloader().createDownloads(downloads)).toBe(40)
  await expect.poll(async () => (await world.engine.queryAsync({states: ['completed']})).length).toBe(40)
  await expect(
    world.engine.createDownloader().createDownloads([['gopher://x/', world.file('x')]]),
  ).rejects.toMatchObject({
    code: 'INVALID_ARGUMENT',
  })
  expect(await world.engine.queryAsync({urlPrefix: world.server.url('/3')})).toHaveLength(11)
  expect(BackgroundTransferEngine.default).toBe(world.engine)
})
