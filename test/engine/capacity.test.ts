/** What operations share, on simulated time: rates, origins, slots between groups, and the memory of ended ones. */

import {describe, expect, it} from 'vitest'
import type {OperationEntry} from '../../src/engine/operations/operation-entry.ts'
import type {EngineOptions} from '../../src/engine/options.ts'
import type {RecordWish} from '../support/records.ts'
import {SimulatedWorld, urlOf} from '../support/simulated-world.ts'

/** Bytes a second of one connection, when nothing limits it. */
const WIRE = 400_000

async function worldOf(options: EngineOptions = {}, size = 10_000_000, files = 9): Promise<SimulatedWorld> {
  const world = new SimulatedWorld({engine: options})
  world.network.pieceBytes = WIRE / 10
  for (let n = 1; n <= files; n++) world.network.serve(urlOf(n), {seed: n, size})
  await world.open()
  return world
}

async function start(world: SimulatedWorld, n: number, wish: RecordWish = {}): Promise<OperationEntry> {
  const [entry] = await world.until(world.engine.start([world.draft(n, wish)]))
  if (entry === undefined) throw new Error('nothing was started')
  await world.settle()
  return entry
}

/** Bytes a second that an operation gets over the next `seconds`. */
async function rates(world: SimulatedWorld, entries: readonly OperationEntry[], seconds: number) {
  const before = entries.map((entry) => world.engine.progressOf(entry).received)
  await world.advance(seconds * 1000)
  return entries.map((entry, at) => (world.engine.progressOf(entry).received - (before[at] ?? 0)) / seconds)
}

const sum = (values: readonly number[]) => values.reduce((total, each) => total + each, 0)

/** Within a fifth: pieces and ticks are coarse. */
function expectRate(actual: number, wanted: number): void {
  expect(actual).toBeGreaterThan(wanted * 0.8)
  expect(actual).toBeLessThan(wanted * 1.2)
}

describe('byte rates', () => {
  it('are the wire’s where nothing limits them', async () => {
    const world = await worldOf()
    expectRate(sum(await rates(world, [await start(world, 1)], 10)), WIRE)
    await world.close()
  })

  it('of the engine hold for everything together, are shared, and change while it runs', async () => {
    const world = await worldOf({maxBytesPerSecond: 100_000})
    const entries = [await start(world, 1), await start(world, 2)]
    await world.advance(2_000)
    const limited = await rates(world, entries, 30)
    expectRate(sum(limited), 100_000)
    for (const each of limited) expectRate(each, 50_000)
    world.engine.limitRate(300_000)
    await world.advance(2_000)
    expectRate(sum(await rates(world, entries, 10)), 300_000)
    world.engine.limitRate(undefined)
    await world.advance(1_000)
    expectRate(sum(await rates(world, entries, 5)), 2 * WIRE)
    await world.close()
  })

  it('of a group hold for its members alone, and in the next session', async () => {
    const world = await worldOf()
    await world.until(world.engine.limitGroupRate('slow', 80_000))
    const inGroup = {policy: {group: 'slow'}}
    const slow = [await start(world, 1, inGroup), await start(world, 2, inGroup)]
    const free = await start(world, 3)
    await world.advance(2_000)
    const [one = 0, two = 0, other = 0] = await rates(world, [...slow, free], 10)
    expectRate(one + two, 80_000)
    expectRate(other, WIRE)
    await world.close()
    await world.open()
    expect(world.engine.group('slow').maxBytesPerSecond).toBe(80_000)
    await world.advance(2_000)
    const again = await Promise.all(slow.map(({record}) => world.engine.find(record.id)))
    expectRate(
      sum(
        await rates(
          world,
          again.filter((entry) => entry !== undefined),
          10,
        ),
      ),
      80_000,
    )
    await world.close()
  })

  it('of an operation hold for it alone, and change while it runs', async () => {
    const world = await worldOf()
    const slow = await start(world, 1, {policy: {maxBytesPerSecond: 60_000}})
    const free = await start(world, 2)
    await world.advance(2_000)
    const [limited = 0, other = 0] = await rates(world, [slow, free], 10)
    expectRate(limited, 60_000)
    expectRate(other, WIRE)
    world.engine.changePolicy(slow, {...slow.facts.policy, maxBytesPerSecond: 200_000})
    await world.advance(2_000)
    expectRate(sum(await rates(world, [slow], 10)), 200_000)
    await world.close()
  })

  it('do not count as a stall', async () => {
    const world = await worldOf({maxBytesPerSecond: 2_000, stallTimeoutMs: 5_000})
    const entry = await start(world, 1)
    await world.advance(300_000)
    expect(entry.state).toBe('running')
    expect(entry.facts.attempts).toMatchObject({total: 1, failures: 0})
    await world.close()
  })
})

const OVERLOADED = {kind: 'status', status: 503, retryAfterS: 60} as const

describe('an origin that answers 503 with Retry-After', () => {
  it('is asked by one operation after each quiet, not by all of them', async () => {
    const world = await worldOf({maxConcurrentTransfers: 50, retries: 50}, 1_000, 50)
    for (let n = 1; n <= 50; n++) for (let turn = 0; turn < 20; turn++) world.network.addFault(urlOf(n), OVERLOADED)
    const drafts = Array.from({length: 50}, (_, at) => world.draft(at + 1))
    const entries = await world.until(world.engine.start(drafts))
    await world.advance(1_000)
    expect(world.network.notes).toHaveLength(50)
    for (let quiet = 1; quiet <= 4; quiet++) {
      await world.advance(61_000)
      expect(world.network.notes).toHaveLength(50 + quiet)
    }
    world.network.clearFaults()
    await world.until(() => entries.every(({isOver}) => isOver))
    expect(new Set(entries.map(({record}) => record.state))).toEqual(new Set(['completed']))
    // One that succeeded for all, and then each of the others once.
    expect(world.network.notes).toHaveLength(50 + 4 + 50)
    await world.close()
    expect(world.clock.pending).toBe(0)
  })

  it('does not keep others waiting, and says why it does', async () => {
    const world = await worldOf({maxConcurrentTransfers: 2}, 1_000)
    world.network.addFault(urlOf(1), OVERLOADED)
    const first = await start(world, 1)
    await world.until(() => first.state === 'waitingToRetry')
    const same = await start(world, 2)
    world.network.serve('http://other.example/x', {seed: 3, size: 1_000})
    const other = await start(world, 3, {url: 'http://other.example/x'})
    await world.advance(5_000)
    expect(other.record.state).toBe('completed')
    expect(same.state).toBe('queued')
    expect(world.engine.explain(same).why).toContain('quiet')
    await world.until(() => first.isOver && same.isOver)
    expect(world.network.notes.map(({request}) => request.url)).toEqual([
      urlOf(1),
      'http://other.example/x',
      urlOf(1),
      urlOf(2),
    ])
    await world.close()
  })
})

describe('connections per origin', () => {
  it('bind one origin, and whoever waits behind a crowd of it goes round it', async () => {
    const world = await worldOf({maxConcurrentTransfers: 4, maxConnectionsPerOrigin: 1}, 1_000_000)
    let most = 0
    world.network.onBegin = () => {
      const open = [...world.network.open].filter(({url}) => url.startsWith('http://files.example'))
      most = Math.max(most, open.length)
    }
    const crowd = Array.from({length: 700}, (_, at) =>
      world.draft(at + 1, {url: urlOf(1 + (at % 9)), policy: {group: 'crowd'}}),
    )
    await world.until(world.engine.startMany(crowd))
    world.network.serve('http://other.example/x', {seed: 3, size: 1_000})
    const other = await start(world, 900, {url: 'http://other.example/x', policy: {group: 'crowd'}})
    await world.until(() => other.isOver, 10_000)
    expect(other.record.state).toBe('completed')
    await world.advance(20_000)
    expect(most).toBe(1)
    await world.close()
  })

  it('leave the order of a serialized group alone', async () => {
    const world = await worldOf({maxConcurrentTransfers: 4, maxConnectionsPerOrigin: 1}, 100_000)
    await world.until(world.engine.setBehavior('serial', 1))
    const blocker = await start(world, 1)
    const [next, after] = [
      await start(world, 2, {policy: {group: 'serial'}}),
      await start(world, 3, {policy: {group: 'serial'}, url: 'http://other.example/x'}),
    ]
    world.network.serve('http://other.example/x', {seed: 3, size: 1_000})
    await world.until(() => next.isOver && after.isOver)
    expect(blocker.isOver).toBe(true)
    expect(world.network.notes.map(({request}) => request.url)).toEqual([urlOf(1), urlOf(2), 'http://other.example/x'])
    await world.close()
  })
})

describe('groups', () => {
  it('take turns, whatever their sizes and however many new ones come', async () => {
    const world = await worldOf({maxConcurrentTransfers: 1}, 1_000, 400)
    const big = Array.from({length: 60}, (_, at) => world.draft(at + 1, {policy: {group: 'big'}}))
    await world.until(world.engine.startMany(big))
    // Each turn brings another group of one: they come first in turn, one by one, and never all of them.
    let next = 100
    world.network.onBegin = () => {
      if (next >= 160) return
      next += 1
      void world.engine.startMany([world.draft(next, {policy: {group: `new-${next}`}})])
    }
    await world.until(() => world.network.notes.length >= 40)
    const ofBig = world.network.notes.slice(0, 40).filter(({request}) => Number(request.url.split('/').at(-1)) <= 60)
    expect(ofBig.length).toBeGreaterThan(6)
    expect(ofBig.length).toBeLessThan(28)
    await world.close()
  })

  it('are put away when they are idle, and their settings stay', async () => {
    const world = await worldOf({}, 1_000, 40)
    await world.until(world.engine.setBehavior('kept', 1))
    for (let n = 1; n <= 40; n++) await start(world, n, {policy: {group: n === 1 ? 'kept' : `g${n}`}})
    await world.until(() => world.network.notes.length === 40 && world.network.open.size === 0)
    await world.advance(1_000)
    expect(world.engine.groups()).toEqual([{name: 'kept', behavior: 1, state: 'idle', members: [], line: []}])
    await world.close()
  })

  it('pause, resume and cancel all of their members, and nobody else’s', async () => {
    const world = await worldOf({maxConcurrentTransfers: 2}, 1_000_000)
    const inGroup = {policy: {group: 'g'}}
    const members = [await start(world, 1, inGroup), await start(world, 2, inGroup), await start(world, 3, inGroup)]
    const other = await start(world, 4)
    await world.advance(500)
    await world.until(world.engine.pauseGroup('g'))
    expect(members.map(({record}) => record.state)).toEqual(Array(3).fill('pausedByApplication'))
    await world.advance(200)
    expect(other.state).toBe('running')
    await world.until(world.engine.resumeGroup('g'))
    await world.until(() => members[0]?.isOver === true)
    await world.until(Promise.all([world.engine.pauseGroup('g'), world.engine.cancelGroup('g')]))
    await world.until(() => members.every(({isOver}) => isOver))
    expect(members.map(({record}) => record.state)).toEqual(['completed', 'canceled', 'canceled'])
    await world.until(() => other.isOver)
    expect(other.record.state).toBe('completed')
    await world.close()
    expect(world.disk.names('/downloads').toSorted()).toEqual(['1', '4'])
  })

  it('share no more slots than there are, whoever changes those that are about to go on', async () => {
    const world = await worldOf({maxConcurrentTransfers: 2}, 80_000)
    world.setConditions({connectivity: 'none'})
    const drafts = [1, 2, 3, 4, 5].map((n) => world.draft(n, {policy: {group: `g${n % 3}`}}))
    const entries = await world.until(world.engine.start(drafts))
    await world.until(() => entries.every(({record}) => record.state === 'pausedNoNetwork'))
    let most = 0
    world.engine.events$.subscribe((event) => {
      if (event.type !== 'operation.moved') return
      most = Math.max(most, entries.filter(({state}) => state === 'running').length)
      if (event.to !== 'running.exchanging.active.connecting') return
      for (const entry of entries)
        if (entry.state === 'returning') world.engine.changePolicy(entry, {...entry.facts.policy, retries: 7})
    })
    world.setConditions({connectivity: 'internet'})
    await world.until(() => entries.every(({record}) => record.state === 'completed'))
    expect(most).toBe(2)
    await world.close()
  })

  it('do not carry along what makeCurrent moved and is through', async () => {
    const world = await worldOf({maxConcurrentTransfers: 1}, 1_000, 40)
    await world.until(world.engine.setBehavior('g', 1))
    const entries: OperationEntry[] = []
    for (let n = 1; n <= 20; n++) entries.push(await start(world, n, {policy: {group: 'g'}}))
    // Each time the last but one: what it moves is soon through.
    for (let turn = 0; turn < 8; turn++) {
      const waiting = entries.filter(({state}) => state === 'queued')
      const target = waiting.at(-2)
      if (target === undefined) break
      await world.until(world.engine.makeCurrent(target))
      await world.until(() => target.isOver)
    }
    expect(world.engine.group('g').front?.length ?? 0).toBeLessThan(8)
    await world.until(() => entries.every(({isOver}) => isOver))
    expect(world.engine.group('g').front ?? []).toEqual([])
    expect(new Set(entries.map(({record}) => record.state))).toEqual(new Set(['completed']))
    await world.close()
  })
})

describe('a member that runs', () => {
  it('stands beside the serialized one once it is raised to high, and is not stopped when it is lowered', async () => {
    const world = await worldOf({}, 1_000_000)
    await world.until(world.engine.setBehavior('g', 1))
    const inGroup = {policy: {group: 'g'}}
    const [first, second] = [await start(world, 1, inGroup), await start(world, 2, inGroup)]
    await world.advance(300)
    expect([first.state, second.state]).toEqual(['running', 'queued'])
    world.engine.changePolicy(first, {...first.facts.policy, priority: 1})
    await world.advance(300)
    expect([first.state, second.state]).toEqual(['running', 'running'])
    world.engine.changePolicy(first, {...first.facts.policy, priority: 0})
    const third = await start(world, 3, inGroup)
    await world.advance(300)
    expect([first.state, second.state, third.state]).toEqual(['running', 'running', 'queued'])
    await world.until(() => third.isOver)
    await world.close()
  })
})

describe('retention', () => {
  const ended = async (world: SimulatedWorld) =>
    (await world.until(world.engine.query({states: ['completed']}))).map(({sequence}) => sequence)

  async function complete(world: SimulatedWorld, n: number, isDelivered: boolean): Promise<void> {
    const entry = await start(world, n)
    await world.until(() => entry.isOver)
    if (isDelivered) await world.until(world.engine.markDelivered(entry))
    world.engine.release(entry)
  }

  it('keeps the newest by number, and everything whose outcome reached nobody', async () => {
    const world = await worldOf({retention: {count: 2}}, 1_000)
    for (let n = 1; n <= 6; n++) await complete(world, n, n !== 2)
    await world.close()
    await world.open({retention: {count: 2}})
    await world.advance(1_000)
    expect(await ended(world)).toEqual([2, 5, 6])
    await world.close()
  })

  it('forgets by age', async () => {
    const world = await worldOf({retention: {ageMs: 3_600_000}}, 1_000)
    for (let n = 1; n <= 3; n++) await complete(world, n, true)
    await world.advance(3_000_000)
    await complete(world, 4, true)
    await world.close()
    await world.advance(1_000_000)
    await world.open()
    await world.advance(1_000)
    expect(await ended(world)).toEqual([4])
    await world.close()
  })

  it('keeps everything when the policy is wide', async () => {
    const world = await worldOf({}, 1_000)
    for (let n = 1; n <= 4; n++) await complete(world, n, true)
    await world.close()
    await world.open()
    await world.advance(1_000)
    expect(await ended(world)).toEqual([1, 2, 3, 4])
    await world.close()
  })

  it('forgets on request what has ended, and nothing else', async () => {
    const world = await worldOf({maxConcurrentTransfers: 1}, 1_000_000)
    const [running, queued] = [await start(world, 1), await start(world, 2)]
    for (const {record} of [running, queued]) {
      await expect(world.engine.forget(record.id)).rejects.toMatchObject({code: 'ILLEGAL_STATE'})
    }
    await world.until(() => running.isOver)
    await world.until(world.engine.forget(running.record.id))
    expect(await world.until(world.engine.find(running.record.id))).toBeUndefined()
    expect(world.disk.readFile('/downloads/1')).toHaveLength(1_000_000)
    expect(world.process.events.filter(({type}) => type === 'operation.forgotten')).toHaveLength(1)
    await world.close()
  })
})
