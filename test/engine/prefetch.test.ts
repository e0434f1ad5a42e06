/** The prefetcher on parts in memory, under a simulated clock: when it runs, what holds it up, and what a crash leaves of it. */

import {describe, expect, it} from 'vitest'
import {type Conditions, GOOD_CONDITIONS} from '../../src/domain/conditions.ts'
import {TransferError} from '../../src/domain/errors.ts'
import type {HeaderField} from '../../src/domain/header-fields.ts'
import type {EngineEvent} from '../../src/engine/events.ts'
import type {EngineOptions} from '../../src/engine/options.ts'
import {SimulatedWorld, urlOf} from '../support/simulated-world.ts'

const HOUR = 3_600_000
const IDLE = 10_000

const FRESH: readonly HeaderField[] = [['Cache-Control', 'max-age=360000']]
const STALE: readonly HeaderField[] = [['Cache-Control', 'max-age=0']]

async function makeWorld(options: EngineOptions = {}): Promise<SimulatedWorld> {
  const world = new SimulatedWorld({engine: options})
  for (const n of [1, 2, 3]) world.network.serve(urlOf(n), {seed: n, size: 1000, headers: FRESH})
  world.network.serve(urlOf(9), {seed: 9, size: 80_000})
  await world.open()
  return world
}

function wish(world: SimulatedWorld, ...ns: readonly number[]): Promise<void> {
  return world.engine.prefetcher.setWish({uris: ns.map(urlOf)})
}

function asked(world: SimulatedWorld): readonly string[] {
  return world.network.notes.map(({request}) => request.url)
}

type Ended = EngineEvent & {type: 'prefetch.ended'}

function runs(world: SimulatedWorld): readonly Ended[] {
  return world.process.events.filter((event): event is Ended => event.type === 'prefetch.ended')
}

function outcomes(world: SimulatedWorld): readonly string[] {
  return world.process.events.flatMap((event) => (event.type === 'prefetch.fetched' ? [event.outcome.kind] : []))
}

describe('a run', () => {
  it('begins when nothing was in the way for the idle time, and is not repeated for the same list', async () => {
    const world = await makeWorld()
    void wish(world, 1, 2)
    await world.advance(IDLE - 1)
    expect(asked(world)).toEqual([])
    expect(world.engine.prefetcher.state).toBe('settling')
    await world.until(() => runs(world).length === 1, IDLE)
    expect(asked(world)).toEqual([urlOf(1), urlOf(2)])
    expect(world.engine.prefetcher.state).toBe('scheduled')
    void wish(world)
    void wish(world, 1, 2)
    await world.advance(HOUR)
    expect(runs(world)).toHaveLength(1)
  })

  it('begins at once for what is new on the list', async () => {
    const world = await makeWorld()
    void wish(world, 1)
    await world.until(() => runs(world).length === 1)
    void wish(world, 1, 2)
    await world.until(() => runs(world).length === 2, IDLE + 1000)
    expect(outcomes(world)).toEqual(['stored', 'fresh', 'stored'])
    expect(asked(world)).toEqual([urlOf(1), urlOf(2)])
  })

  it('is repeated after hours, and later the less it brings, a day at most', async () => {
    const world = await makeWorld()
    world.network.serve(urlOf(1), {seed: 1, size: 1000, headers: STALE})
    void wish(world, 1)
    await world.until(() => runs(world).length === 7, 30 * 24 * HOUR)
    const waits = runs(world).map(({at, nextAt}) => (nextAt - at) / HOUR)
    const usual = [4, 4, 8, 16, 24, 24, 24]
    for (const [index, wait] of waits.entries()) {
      expect(wait).toBeGreaterThanOrEqual(usual[index] ?? 0)
      expect(wait).toBeLessThanOrEqual(Math.min(24, (usual[index] ?? 0) * 1.1))
    }
    expect(outcomes(world)).toEqual(['stored', ...Array(6).fill('validated')])
    world.network.serve(urlOf(1), {seed: 4, size: 1000, headers: STALE})
    await world.until(() => runs(world).length === 8, 30 * 24 * HOUR)
    const [last] = runs(world).slice(-1)
    expect(((last?.nextAt ?? 0) - (last?.at ?? 0)) / HOUR).toBeLessThan(5)
  })

  it.each<[string, string, Partial<Conditions>]>([
    ['no network', 'hindered.noNetwork', {connectivity: 'none'}],
    ['a portal', 'hindered.noNetwork', {connectivity: 'constrained'}],
    ['a metered network', 'hindered.costedNetwork', {cost: {...GOOD_CONDITIONS.cost, type: 'fixed'}}],
    ['roaming', 'hindered.costedNetwork', {cost: {...GOOD_CONDITIONS.cost, roaming: true}}],
    [
      'a network near its limit',
      'hindered.costedNetwork',
      {cost: {...GOOD_CONDITIONS.cost, approachingDataLimit: true}},
    ],
    ['a battery', 'hindered.onBattery', {onBattery: true}],
    ['saving power', 'hindered.onBattery', {batterySaver: true}],
  ])('waits for the end of %s', async (_, state, bad) => {
    const world = await makeWorld()
    world.setConditions(bad)
    void wish(world, 1)
    await world.advance(HOUR)
    expect(world.engine.prefetcher.state).toBe(state)
    expect(asked(world)).toEqual([])
    world.setConditions({...GOOD_CONDITIONS, onBattery: false})
    await world.until(() => runs(world).length === 1, IDLE + 1000)
    expect(runs(world)[0]).toMatchObject({counts: {stored: 1}})
  })

  it('is broken off by bad conditions, and goes on from what it stored', async () => {
    const world = await makeWorld()
    void wish(world, 1, 2, 3)
    await world.until(() => outcomes(world).length === 1)
    await world.advance(50)
    expect(world.network.open.size).toBe(1)
    world.setConditions({onBattery: true})
    await world.settle()
    expect(world.network.open.size).toBe(0)
    expect(world.engine.prefetcher.state).toBe('hindered.onBattery')
    world.setConditions({onBattery: false})
    await world.until(() => runs(world).length === 1)
    expect(outcomes(world)).toEqual(['stored', 'fresh', 'stored', 'stored'])
    expect(asked(world)).toEqual([urlOf(1), urlOf(2), urlOf(2), urlOf(3)])
  })

  it('gives way to an operation at once, and waits until none has traffic', async () => {
    const world = await makeWorld({maxConcurrentTransfers: 1, maxConnectionsPerOrigin: 1})
    void wish(world, 1, 2)
    await world.until(() => outcomes(world).length === 1)
    await world.advance(30)
    expect([...world.network.open].map(({url}) => url)).toEqual([urlOf(2)])
    const [entry] = await world.until(world.engine.start([world.draft(9)]))
    await world.settle()
    expect([...world.network.open].map(({url}) => url)).toEqual([urlOf(9)])
    expect(world.engine.prefetcher.state).toBe('hindered.busy')
    await world.until(() => entry?.isOver === true)
    expect(runs(world)).toEqual([])
    await world.until(() => runs(world).length === 1, IDLE + 1000)
    expect(runs(world)[0]).toMatchObject({counts: {fresh: 1, stored: 1}})
  })

  it('backs off when something failed that may pass, and is good when it did', async () => {
    const world = await makeWorld()
    world.network.addFault(urlOf(1), {kind: 'refused'})
    world.network.addFault(urlOf(1), {kind: 'reset', after: 500})
    void wish(world, 1)
    await world.until(() => runs(world).length === 1)
    expect(world.engine.prefetcher.state).toBe('backingOff')
    expect(world.engine.prefetcher.lastSuccessAt).toBeUndefined()
    await world.until(() => runs(world).length === 3, 24 * HOUR)
    const [first, second] = runs(world).map(({at, nextAt}) => (nextAt - at) / 60_000)
    expect(first).toBeGreaterThanOrEqual(15)
    expect(first).toBeLessThanOrEqual(16.5)
    expect(second).toBeGreaterThanOrEqual(30)
    expect(outcomes(world)).toEqual(['failed', 'failed', 'stored'])
    expect(world.engine.prefetcher.lastSuccessAt).toBe(runs(world)[2]?.at)
  })

  it('leaves an origin alone that asks for it, as do the operations', async () => {
    const world = await makeWorld()
    world.network.addFault(urlOf(1), {kind: 'status', status: 503, retryAfterS: 300})
    void wish(world, 1, 2)
    await world.until(() => runs(world).length === 1)
    expect(outcomes(world)).toEqual(['failed', 'failed'])
    expect(asked(world)).toEqual([urlOf(1)])
    const [entry] = await world.until(world.engine.start([world.draft(9)]))
    await world.advance(1000)
    expect(asked(world)).toEqual([urlOf(1)])
    await world.until(() => entry?.isOver === true)
    expect(entry?.record.state).toBe('completed')
  })

  it('gives up what takes too long, and goes on with the next', async () => {
    const world = await makeWorld({prefetch: {fetchTimeoutMs: 60_000}})
    world.network.addFault(urlOf(1), {kind: 'stalled', after: 100})
    void wish(world, 1, 2)
    await world.until(() => runs(world).length === 1)
    expect(outcomes(world)).toEqual(['failed', 'stored'])
    expect(world.network.open.size).toBe(0)
  })

  it('that is asked for begins at once, whatever is in the way', async () => {
    const world = await makeWorld()
    world.setConditions({onBattery: true, cost: {...GOOD_CONDITIONS.cost, roaming: true}})
    void wish(world, 1)
    expect(await world.until(world.engine.prefetcher.run())).toMatchObject({stored: 1})
    void wish(world, 1, 2)
    await world.advance(HOUR)
    expect(world.engine.prefetcher.state).toBe('hindered.costedNetwork')
  })

  it('that is asked for while another list is being fetched is of the new one', async () => {
    const world = await makeWorld()
    void wish(world, 1)
    await world.until(() => world.network.open.size === 1)
    void wish(world, 2)
    const asking = world.engine.prefetcher.run()
    expect(await world.until(asking)).toMatchObject({stored: 1})
    expect(asked(world)).toEqual([urlOf(1), urlOf(2)])
  })

  it('by the index is of what it names, but for this machine’s own addresses', async () => {
    const world = await makeWorld()
    const index = 'http://files.example/index'
    const text = `<PrefetchUris>${[urlOf(1), 'http://127.0.0.1/admin', '/2', 'not one', urlOf(1), 'http://localhost/']
      .map((uri) => `<uri>${uri}</uri>`)
      .join('')}</PrefetchUris>`
    world.network.serve(index, {seed: 0, size: text.length, text, headers: [['Content-Type', 'application/xml']]})
    void world.engine.prefetcher.setWish({uris: [], indirect: index})
    await world.until(() => runs(world).length === 1)
    expect(asked(world)).toEqual([index, urlOf(1)])
    world.network.addFault(index, {kind: 'refused'})
    await world.until(() => runs(world).length === 2, 24 * HOUR)
    expect(world.engine.prefetcher.state).toBe('backingOff')
  })
})

describe('what lasts', () => {
  it.each(['kill', 'power'] as const)(
    'after a %s the list, the time and the next run are what was told',
    async (how) => {
      const world = await makeWorld()
      await world.until(wish(world, 1))
      await world.until(() => runs(world).length === 1)
      const [{nextAt, at} = {nextAt: 0, at: 0}] = runs(world)
      world.crash(how)
      await world.open()
      expect(world.engine.prefetcher.wish).toEqual({uris: [urlOf(1)]})
      expect(world.engine.prefetcher.lastSuccessAt).toBe(at)
      expect(world.engine.prefetcher.state).toBe('scheduled')
      await world.until(() => world.engine.prefetcher.state !== 'scheduled', 24 * HOUR)
      expect(world.clock.now()).toBe(nextAt)
    },
  )

  it('a clock that was set back lets nobody wait longer than the longest wait', async () => {
    const world = await makeWorld()
    void wish(world, 1)
    await world.until(() => runs(world).length === 1)
    await world.settle()
    world.crash('kill')
    world.clock.set(-30 * 24 * HOUR)
    await world.open()
    await world.until(() => runs(world).length === 1, 25 * HOUR)
    await world.close()
  })

  it('a crash in the middle of a run loses nothing that was stored', async () => {
    const world = await makeWorld()
    await world.until(wish(world, 1, 2))
    await world.until(() => outcomes(world).length === 1)
    world.crash('kill')
    await world.open()
    await world.until(() => runs(world).length === 1)
    expect(outcomes(world)).toEqual(['fresh', 'stored'])
  })

  it('a list that is emptied stays empty, and nothing waits for it', async () => {
    const world = await makeWorld()
    void wish(world, 1)
    await world.until(() => runs(world).length === 1)
    await world.until(wish(world))
    expect(world.engine.prefetcher.state).toBe('idle')
    await world.close()
    await world.open()
    expect(world.engine.prefetcher.state).toBe('')
    expect(world.process.clock.pending).toBe(0)
  })

  it('what the store refuses is told when it is there', async () => {
    const world = await makeWorld()
    await world.until(wish(world, 1))
    world.process.store.failNextCommits(new TransferError('DISK_FULL', 'no space is left'), 2)
    await world.until(() => outcomes(world).length === 1)
    await world.settle()
    expect(world.engine.prefetcher.lastSuccessAt).toBeUndefined()
    await world.until(() => runs(world).length === 1)
    expect(world.engine.prefetcher.lastSuccessAt).toBeDefined()
    expect(world.process.complaints).toHaveLength(2)
  })

  it('closing breaks a run off, and rejects who asked for it', async () => {
    const world = await makeWorld()
    void wish(world, 1)
    const asking = world.engine.prefetcher.run()
    asking.catch(() => undefined)
    await world.advance(30)
    expect(world.network.open.size).toBe(1)
    await world.close()
    await expect(asking).rejects.toMatchObject({code: 'CLOSED'})
    expect(world.network.open.size).toBe(0)
  })
})
