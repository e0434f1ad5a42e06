/** Small files that a batch carries by way of redirects: followed as charts follow them, and nobody is asked for nothing. */

import {describe, expect, it} from 'vitest'
import {type SimulatedWorld, urlOf} from '../support/simulated-world.ts'
import {
  asked,
  CHAINS,
  expectWhole,
  SIZE,
  serve,
  start,
  WRITTEN_SIZE,
  watchOver,
  withSecrets,
  worldOf,
} from './small-files-stand.ts'

const SECRETS = ['authorization', 'x-api-key']

type Chain = keyof typeof CHAINS

async function worldOfChains(chains: Readonly<Record<number, Chain>>, resource: {size?: number} = {}, after = 0) {
  const world = await worldOf(0, after)
  for (const [n, chain] of Object.entries(chains)) {
    serve(world, CHAINS[chain](Number(n)), {seed: Number(n), size: SIZE, ...resource})
  }
  return world
}

const urlsAsked = (world: SimulatedWorld) => world.network.notes.map(({request}) => request.url)

describe('a batch of small files', () => {
  it.each(['sameOrigin', 'anotherOrigin', 'twoHops', 'toTls'] as const)(
    'carries one that is redirected, and asks each address once: %s',
    async (chain) => {
      const world = await worldOfChains({1: chain})
      const entry = await start(world, 1)
      const isCarried = watchOver(world, entry)
      await expectWhole(world, entry, 1)
      expect(isCarried()).toBe(true)
      const urls = CHAINS[chain](1).map(asked)
      expect(urlsAsked(world)).toEqual(urls)
      expect(entry.record.response?.url).toBe(urls.at(-1))
      expect(entry.record.request.url).toBe(urls[0])
      await world.close()
    },
  )

  it('takes the name from where it was redirected to', async () => {
    const world = await worldOfChains({1: 'anotherOrigin'})
    const [entry] = await world.until(world.engine.start([world.draft(1, {policy: {nameFromServer: true}})]))
    if (entry === undefined) throw new Error('nothing was started')
    const isCarried = watchOver(world, entry)
    await expectWhole(world, entry, 1)
    expect(isCarried()).toBe(true)
    expect(entry.record.resultFile).toBe('/downloads/name-1')
    await world.close()
  })

  it.each(['anotherOrigin', 'twoHops'] as const)(
    'tells no secret to another origin, nor on the way back: %s',
    async (chain) => {
      const world = await worldOfChains({1: chain})
      const [entry] = await world.until(world.engine.start([withSecrets(world.draft(1))]))
      if (entry === undefined) throw new Error('nothing was started')
      const isCarried = watchOver(world, entry)
      await expectWhole(world, entry, 1)
      expect(isCarried()).toBe(true)
      const told = world.network.notes.map(({request}) =>
        request.headers
          .map(([name]) => name.toLowerCase())
          .filter((name) => name === 'x-open' || SECRETS.includes(name)),
      )
      const [first, ...others] = told
      expect(first).toEqual(['x-open', ...SECRETS])
      for (const names of others) expect(names).toEqual(['x-open'])
      await world.close()
    },
  )

  it.each([
    ['loop', 'REDIRECT_FAILED', 21],
    ['toAnotherScheme', 'REDIRECT_FAILED', 1],
    ['nowhere', 'REDIRECT_FAILED', 1],
    ['fromTls', 'REDIRECT_INSECURE', 1],
  ] as const)('fails where a redirect is not followed, and asks nobody again: %s', async (chain, code, requests) => {
    const world = await worldOfChains({1: chain})
    const [entry] = await world.until(world.engine.start([world.draft(1, {url: CHAINS[chain](1)[0] ?? ''})]))
    if (entry === undefined) throw new Error('nothing was started')
    await world.advance(30)
    expect(entry.actor).toBeUndefined()
    await world.until(() => entry.isOver)
    expect(entry.record).toMatchObject({state: 'failed', error: {code}, attempts: {total: 1}})
    expect(world.network.notes).toHaveLength(requests)
    expect(world.disk.names('/downloads')).toEqual([])
    await world.close()
  })

  it('is for servers whose redirects led to so many plain small files in a row', async () => {
    const world = await worldOfChains({1: 'anotherOrigin', 2: 'sameOrigin', 3: 'twoHops'}, {}, 2)
    for (const [n, isCarried] of [
      [1, false],
      [2, false],
      [3, true],
    ] as const) {
      const entry = await start(world, n)
      await world.advance(30)
      expect(entry.actor === undefined).toBe(isCarried)
      await expectWhole(world, entry, n)
    }
    expect(world.network.notes).toHaveLength(7)
    await world.close()
  })

  it('leaves a server to charts that redirects to what is large', async () => {
    const world = await worldOfChains({1: 'anotherOrigin', 3: 'anotherOrigin'}, {}, 1)
    await expectWhole(world, await start(world, 1), 1)
    const size = 9 * 1024 * 1024
    world.network.pieceBytes = 1024 * 1024
    serve(world, CHAINS.anotherOrigin(2), {seed: 2, size})
    await expectWhole(world, await start(world, 2), 2, size)
    expect(urlsAsked(world).filter((url) => url === urlOf(2))).toHaveLength(2)
    const next = await start(world, 3)
    await world.advance(30)
    expect(next.actor).toBeDefined()
    await world.close()
  })

  it('lets each address that is asked take its time', async () => {
    const world = await worldOfChains({1: 'twoHops'})
    world.network.latencyMs = 700
    const entry = await start(world, 1)
    const isCarried = watchOver(world, entry)
    await expectWhole(world, entry, 1)
    expect(isCarried()).toBe(true)
    await world.close()
  })

  it.each([{kind: 'neverConnects'}, {kind: 'neverAnswers'}, {kind: 'stalled', after: 100}] as const)(
    'lets go of one that meets %o where it was redirected to, before its chart would have given it up',
    async (fault) => {
      const world = await worldOfChains({1: 'anotherOrigin'})
      const [, target = ''] = CHAINS.anotherOrigin(1)
      world.network.addFault(target, fault)
      const policy = {connectTimeoutMs: 4_000, responseTimeoutMs: 4_000, stallTimeoutMs: 4_000}
      const [entry] = await world.until(world.engine.start([world.draft(1, {policy})]))
      if (entry === undefined) throw new Error('nothing was started')
      await expectWhole(world, entry, 1)
      const {notes} = world.network
      expect(urlsAsked(world)).toEqual([urlOf(1), target, urlOf(1), target])
      expect((notes[2]?.at ?? 0) - (notes[1]?.at ?? 0)).toBeLessThanOrEqual(4_000)
      expect(entry.record.attempts.failures).toBe(0)
      await world.close()
    },
  )

  it('54. goes on where it is by the same way with what came of a larger file', async () => {
    const world = await worldOfChains({1: 'anotherOrigin'}, {size: WRITTEN_SIZE})
    world.network.pieceBytes = 100_000
    const [, target = ''] = CHAINS.anotherOrigin(1)
    world.network.addFault(target, {kind: 'reset', after: 700_000})
    await expectWhole(world, await start(world, 1), 1, WRITTEN_SIZE)
    const ranges = world.network.notes.map(({request}) => request.headers.find(([name]) => name === 'Range')?.[1])
    expect(urlsAsked(world)).toEqual([urlOf(1), target, urlOf(1), target])
    expect(ranges).toEqual([undefined, undefined, 'bytes=700000-', 'bytes=700000-'])
    await world.close()
  })

  it('mixes no versions where it is redirected elsewhere the second time', async () => {
    const world = await worldOfChains({1: 'anotherOrigin'}, {size: WRITTEN_SIZE})
    world.network.pieceBytes = 100_000
    const [, target = ''] = CHAINS.anotherOrigin(1)
    world.network.addFault(target, {kind: 'reset', after: 700_000})
    const entry = await start(world, 1)
    await world.advance(500)
    serve(world, CHAINS.twoHops(1), {seed: 2, size: WRITTEN_SIZE})
    await expectWhole(world, entry, 2, WRITTEN_SIZE)
    await world.close()
  })

  it('asks nobody any more for one that is taken away by whoever hears of its redirect', async () => {
    const world = await worldOfChains({1: 'anotherOrigin', 2: 'anotherOrigin'})
    const [paused, canceled] = [await start(world, 1), await start(world, 2)]
    world.engine.events$.subscribe((event) => {
      if (event.type !== 'operation.moved' || event.because !== 'attempt.redirected') return
      if (event.id === paused.record.id) world.engine.pause(paused)
      else world.engine.cancel(canceled)
    })
    await world.until(() => paused.record.state === 'pausedByApplication' && canceled.isOver)
    await world.advance(1_000)
    expect(canceled.record.state).toBe('canceled')
    const [, second] = CHAINS.anotherOrigin(2)
    expect(urlsAsked(world)).not.toContain(second)
    expect(world.network.open.size).toBe(0)
    await world.close()
  })

  it('takes a command, and the end of the engine, at any moment of the way', async () => {
    for (let ms = 0; ms <= 260; ms += 10) {
      const world = await worldOfChains({1: 'twoHops', 2: 'twoHops', 3: 'twoHops'})
      const [canceled, paused, other] = [await start(world, 1), await start(world, 2), await start(world, 3)]
      await world.advance(ms)
      if (!canceled.isOver) world.engine.cancel(canceled)
      if (!paused.isOver) world.engine.pause(paused)
      await world.settle()
      await world.until(() => canceled.isOver)
      if (!paused.isOver) world.engine.resume(paused)
      await expectWhole(world, paused, 2)
      await expectWhole(world, other, 3)
      const names = world.disk.names('/downloads').filter((name) => name.includes(canceled.record.id))
      expect(names).toEqual([])
      await world.close()
    }
    for (let ms = 0; ms <= 260; ms += 10) {
      const world = await worldOfChains({1: 'twoHops'})
      const {record} = await start(world, 1)
      await world.advance(ms)
      if (ms % 20 === 0) await world.close()
      else world.crash('power')
      await world.open()
      const again = await world.until(world.engine.find(record.id))
      if (again === undefined) throw new Error('it is gone')
      await expectWhole(world, again, 1)
      await world.close()
    }
  })

  it('closes the gates that charts close: those of the servers that were asked', async () => {
    const orders = []
    for (const smallFilesAfter of [0, Number.POSITIVE_INFINITY]) {
      const engine = {maxConcurrentTransfers: 3, maxConnectionsPerOrigin: 1}
      const world = await worldOf(0, smallFilesAfter, {}, engine)
      const [, busy = ''] = CHAINS.anotherOrigin(1)
      for (const n of [1, 2]) serve(world, CHAINS.anotherOrigin(n), {seed: n, size: SIZE})
      serve(world, ['http://elsewhere.example/3'], {seed: 3, size: SIZE})
      world.network.addFault(busy, {kind: 'status', status: 429, retryAfterS: 5})
      const drafts = [1, 2, 3].map((n) => world.draft(n, n === 3 ? {url: 'http://elsewhere.example/3'} : {}))
      const entries = await world.until(world.engine.start(drafts))
      await world.until(() => entries.every(({isOver}) => isOver))
      expect(entries.map(({record}) => record.state)).toEqual(['completed', 'completed', 'completed'])
      const began = world.network.notes[0]?.at ?? 0
      orders.push(world.network.notes.map(({request, at}) => [request.url, at - began >= 5_000]))
      await world.close()
    }
    expect(orders[0]).toEqual(orders[1])
    // Elsewhere somebody is asked while the first one waits for its answer from there, and nobody here before the quiet is over.
    expect(orders[0]?.filter(([, isLate]) => isLate === false).map(([url]) => url)).toEqual([
      urlOf(1),
      'http://elsewhere.example/3',
      CHAINS.anotherOrigin(1)[1],
    ])
  })

  it('gives back every slot, wherever redirects lead', async () => {
    const chains = Object.keys(CHAINS) as Chain[]
    const all = Array.from({length: 30}, (_, n) => [n + 1, chains[n % chains.length] ?? 'none'] as const)
    const world = await worldOfChains(Object.fromEntries(all))
    const drafts = all.map(([n, chain]) => world.draft(n, {url: CHAINS[chain](n)[0] ?? ''}))
    const entries = await world.until(world.engine.start(drafts))
    await world.until(() => entries.every(({isOver}) => isOver))
    expect(world.engine.groups().flatMap(({members}) => members)).toEqual([])
    expect(world.network.open.size).toBe(0)
    await world.close()
  })
})
