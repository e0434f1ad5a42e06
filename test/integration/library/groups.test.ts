/** The namespace's checklist, 17.J: groups, priority, order. Numbers are the items'. */

import {describe, expect, it} from 'vitest'
import {
  BackgroundTransferBehavior,
  BackgroundTransferGroup,
  BackgroundTransferPriority,
  BackgroundTransferStatus,
  type DownloadOperation,
} from '../../../src/index.ts'
import {contentOf, sha256} from '../../support/content.ts'
import {
  bytesSent,
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

const SIZE = 100_000
const STOP = 40_000
const {idle, running: RUNNING, completed} = BackgroundTransferStatus

/** Says `contentOf(n, SIZE)` for /n. */
function serve({server}: World, names: readonly string[]): void {
  for (const [n, name] of names.entries()) server.route(`/${name}`, {content: contentOf(n, SIZE), etag: `"${n}"`})
}

/** Stops in the middle of its body until the route changes. */
function stall({server}: World, name: string): void {
  server.route(`/${name}`, {content: contentOf(0, SIZE), etag: '"0"', cutAfter: STOP, cut: 'stall'})
}

function creator({engine, server, file}: World, group = 'g', behavior?: BackgroundTransferBehavior) {
  const downloader = engine.createDownloader()
  downloader.transferGroup = engine.createGroup(group)
  if (behavior !== undefined) downloader.transferGroup.transferBehavior = behavior
  return (name: string): DownloadOperation => downloader.createDownload(server.url(`/${name}`), file(name))
}

/** The order in which the server was asked for the first time. */
function order({server}: World): readonly string[] {
  return [...new Set(server.requests.map(({path}) => path.slice(1)))]
}

async function abandon(running: ReturnType<DownloadOperation['startAsync']>): Promise<void> {
  running.cancel()
  await failure(running)
}

describe('17.J groups, priority, order', () => {
  it('205, 206, 207, 208. one group per name, parallel at first, the same through every reference', async () => {
    const {engine} = await makeWorld()
    const group = engine.createGroup('g')
    expect(engine.createGroup('g')).toBe(group)
    expect(BackgroundTransferGroup.createGroup('g')).toBe(group)
    expect(engine.createGroup('G')).not.toBe(group)
    expect(group).toMatchObject({name: 'g', transferBehavior: BackgroundTransferBehavior.parallel})
    group.transferBehavior = BackgroundTransferBehavior.serialized
    expect(engine.createGroup('g').transferBehavior).toBe(BackgroundTransferBehavior.serialized)
  })

  it('209. a group keeps its behavior in the next session', async () => {
    const world = await makeWorld()
    world.engine.createGroup('g').transferBehavior = BackgroundTransferBehavior.serialized
    await world.engine.close()
    const engine = await openEngine(world.directory)
    expect(engine.createGroup('g').transferBehavior).toBe(BackgroundTransferBehavior.serialized)
  })

  it('211. a serialized group runs one default member at a time', async () => {
    const world = await makeWorld()
    serve(world, ['a', 'b', 'c'])
    stall(world, 'a')
    const create = creator(world, 'g', BackgroundTransferBehavior.serialized)
    const [a, b, c] = [create('a'), create('b'), create('c')]
    const first = a.startAsync()
    const others = [b.startAsync(), c.startAsync()]
    await Promise.all([receives(first, STOP), ...others.map(({accepted}) => accepted)])
    expect([a, b, c].map(({progress}) => progress.status)).toEqual([RUNNING, idle, idle])
    expect(b.explain().why).toContain('serialized')
    expect(order(world)).toEqual(['a'])
    await abandon(first)
    await Promise.all(others)
    expect(order(world)).toEqual(['a', 'b', 'c'])
  })

  it('212. a parallel group runs several', async () => {
    const world = await makeWorld()
    stall(world, 'a')
    stall(world, 'b')
    const create = creator(world)
    const all = [create('a').startAsync(), create('b').startAsync()]
    await Promise.all(all.map((running) => receives(running, STOP)))
    await Promise.all(all.map(abandon))
  })

  it('214. a high member may run beside the current one', async () => {
    const world = await makeWorld()
    serve(world, ['a', 'urgent'])
    stall(world, 'a')
    const create = creator(world, 'g', BackgroundTransferBehavior.serialized)
    const first = create('a').startAsync()
    await receives(first, STOP)
    const urgent = create('urgent')
    urgent.priority = BackgroundTransferPriority.high
    await urgent.startAsync()
    await abandon(first)
  })

  it('O28. a low member counts against the limit', async () => {
    const world = await makeWorld()
    serve(world, ['a', 'low'])
    stall(world, 'a')
    const create = creator(world, 'g', BackgroundTransferBehavior.serialized)
    const first = create('a').startAsync()
    await receives(first, STOP)
    const low = create('low')
    low.priority = BackgroundTransferPriority.low
    const running = low.startAsync()
    await running.accepted
    expect(low.progress.status).toBe(idle)
    await abandon(first)
    await running
  })

  it('215. default members run in the order in which they were started', async () => {
    const world = await makeWorld()
    const names = Array.from({length: 40}, (_, n) => `file-${n}`)
    serve(world, names)
    const create = creator(world, 'g', BackgroundTransferBehavior.serialized)
    await Promise.all(names.map((name) => create(name).startAsync()))
    expect(order(world)).toEqual(names)
  })

  it('216. a failed member does not block the next', async () => {
    const world = await makeWorld()
    serve(world, ['b'])
    const create = creator(world, 'g', BackgroundTransferBehavior.serialized)
    const first = failure(create('missing').startAsync())
    await create('b').startAsync()
    expect((await first).code).toBe('HTTP_STATUS')
  })

  it('217, 218, 219. high before default before low, whatever the order of starting', async () => {
    const world = await makeWorld({maxConcurrentTransfers: 1})
    const names = ['low', 'default', 'high', 'default-2', 'high-2', 'low-2']
    serve(world, names)
    stall(world, 'blocker')
    const downloader = world.engine.createDownloader()
    const create = (name: string) => downloader.createDownload(world.server.url(`/${name}`), world.file(name))
    const blocker = create('blocker').startAsync()
    await receives(blocker, STOP)
    const all = names.map((name) => {
      const operation = create(name)
      const [word = 'default'] = name.split('-')
      operation.priority = BackgroundTransferPriority[word as 'low' | 'default' | 'high']
      return operation.startAsync()
    })
    await Promise.all(all.map(({accepted}) => accepted))
    await abandon(blocker)
    await Promise.all(all)
    expect(order(world)).toEqual(['blocker', 'high', 'high-2', 'default', 'default-2', 'low', 'low-2'])
  })

  it('a queued operation whose priority rises goes behind those of its new class', async () => {
    const world = await makeWorld({maxConcurrentTransfers: 1})
    const names = ['a', 'b', 'high']
    serve(world, names)
    stall(world, 'blocker')
    const downloader = world.engine.createDownloader()
    const create = (name: string) => downloader.createDownload(world.server.url(`/${name}`), world.file(name))
    const blocker = create('blocker').startAsync()
    await receives(blocker, STOP)
    const [a, b, high] = [create('a'), create('b'), create('high')]
    high.priority = BackgroundTransferPriority.high
    const all = [a.startAsync(), b.startAsync(), high.startAsync()]
    await Promise.all(all.map(({accepted}) => accepted))
    b.priority = BackgroundTransferPriority.high
    expect(b.priority).toBe(BackgroundTransferPriority.high)
    await abandon(blocker)
    await Promise.all(all)
    expect(order(world)).toEqual(['blocker', 'high', 'b', 'a'])
  })

  it('220, 221, 223, 224. makeCurrent brings a member and those behind it to the front; the current one gives way', async () => {
    const world = await makeWorld()
    const names = ['a', 'b', 'c', 'd', 'e']
    serve(world, names)
    stall(world, 'a')
    const create = creator(world, 'g', BackgroundTransferBehavior.serialized)
    const operations = new Map(names.map((name) => [name, create(name)]))
    const all = [...operations.values()].map((operation) => operation.startAsync())
    const [first] = all
    if (first === undefined) throw new Error('nothing was started')
    await receives(first, STOP)
    await Promise.all(all.map(({accepted}) => accepted))
    operations.get('d')?.makeCurrentInTransferGroup()
    const a = operations.get('a')
    if (a === undefined) throw new Error('nothing was started')
    await reaches(a, idle)
    serve(world, names)
    await Promise.all(all)
    const later = world.server.requests.map(({path}) => path.slice(1)).slice(1)
    expect(later).toEqual(['d', 'e', 'a', 'b', 'c'])
    expect(rangesAsked(world.server, '/a')).toEqual(['', `bytes=${STOP}-|"0"`])
    expect(bytesSent(world.server, '/a')).toBe(SIZE)
    expect(await digestOf(world.file('a'))).toBe(sha256(contentOf(0, SIZE)))
  })

  it('moves one member alone, and nobody gives way', async () => {
    const world = await makeWorld()
    const names = ['a', 'b', 'c', 'd']
    serve(world, names)
    stall(world, 'a')
    const create = creator(world, 'g', BackgroundTransferBehavior.serialized)
    const [a, b, c, d] = names.map((name) => create(name))
    if (a === undefined || b === undefined || c === undefined || d === undefined) throw new Error('nothing was created')
    expect(() => d.moveInTransferGroupAsync('up')).toThrow(expect.objectContaining({code: 'ILLEGAL_STATE'}))
    const first = a.startAsync()
    await receives(first, STOP)
    const all = [first, ...[b, c, d].map((operation) => operation.startAsync())]
    await Promise.all(all.map(({accepted}) => accepted))
    await d.moveInTransferGroupAsync('up')
    await b.moveInTransferGroupAsync({before: c.guid})
    await b.moveInTransferGroupAsync('last')
    await expect(d.moveInTransferGroupAsync('up')).rejects.toMatchObject({code: 'ILLEGAL_STATE'})
    await expect(a.moveInTransferGroupAsync('down')).rejects.toMatchObject({code: 'ILLEGAL_STATE'})
    expect(() => d.moveInTransferGroupAsync('aside' as never)).toThrow(
      expect.objectContaining({code: 'INVALID_ARGUMENT'}),
    )
    a.pause()
    serve(world, names)
    await reaches(a, BackgroundTransferStatus.pausedByApplication)
    a.resume()
    await Promise.all(all)
    expect(order(world)).toEqual(['a', 'd', 'c', 'b'])
  })

  it('222. makeCurrent without a group, or before the start, does nothing', async () => {
    const world = await makeWorld()
    serve(world, ['a'])
    const operation = world.engine.createDownloader().createDownload(world.server.url('/a'), world.file('a'))
    operation.makeCurrentInTransferGroup()
    const running = operation.startAsync()
    operation.makeCurrentInTransferGroup()
    await running
    operation.makeCurrentInTransferGroup()
    expect(operation.progress.status).toBe(completed)
  })

  it('a paused member gives up its place in a serialized group', async () => {
    const world = await makeWorld()
    serve(world, ['a', 'b'])
    stall(world, 'a')
    const create = creator(world, 'g', BackgroundTransferBehavior.serialized)
    const [a, b] = [create('a'), create('b')]
    const first = a.startAsync()
    await receives(first, STOP)
    const second = b.startAsync()
    await second.accepted
    a.pause()
    await second
    serve(world, ['a'])
    a.resume()
    await first
    expect(order(world)).toEqual(['a', 'b'])
  })

  it('a member that waits for its next try keeps its place in a serialized group', async () => {
    const world = await makeWorld({retryDelayMs: 60_000})
    serve(world, ['b'])
    world.server.route('/a', {status: 503})
    const create = creator(world, 'g', BackgroundTransferBehavior.serialized)
    const a = create('a')
    const first = a.startAsync()
    const b = create('b')
    const second = b.startAsync()
    await expect.poll(() => a.explain().next).toMatch(/tries again/)
    await second.accepted
    expect(b.progress.status).toBe(idle)
    expect(requestsFor(world.server, '/b')).toEqual([])
    await abandon(first)
    await second
  })
})
