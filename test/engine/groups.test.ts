/** More groups than are kept awake: the order in which they are served, and that each of them can be commanded. */

import {describe, expect, it, vi} from 'vitest'
import {TransferError} from '../../src/domain/errors.ts'
import type {GroupRecord} from '../../src/domain/record.ts'
import {MOST_AWAKE} from '../../src/engine/admission/groups.ts'
import type {OperationEntry} from '../../src/engine/operations/operation-entry.ts'
import type {EngineOptions} from '../../src/engine/options.ts'
import type {RecordWish} from '../support/records.ts'
import {SimulatedWorld} from '../support/simulated-world.ts'

const MANY = MOST_AWAKE + 24

/** The address of a group's member. */
const url = (group: number, member: number, host = 'files.example') => `http://${host}/${group}/${member}`
const nameOf = (group: number) => `group ${String(group).padStart(4, '0')}`

interface Wish {
  readonly group: number
  readonly member: number
  readonly host?: string
  readonly priority?: 0 | 1 | 2
}

function draft(world: SimulatedWorld, {group, member, host, priority = 0}: Wish) {
  const wish: RecordWish = {url: url(group, member, host), policy: {group: nameOf(group), priority}}
  world.network.serve(url(group, member, host), {seed: group, size: 1_000})
  return world.draft(10 * group + member + 1, wish)
}

/** A store in which these groups wait, in an engine that was just opened on it. */
async function waiting(wishes: readonly Wish[], options: EngineOptions = {}): Promise<SimulatedWorld> {
  const world = new SimulatedWorld({engine: {maxConcurrentTransfers: 1, ...options}})
  await world.open({maxConcurrentTransfers: 0})
  await world.until(world.engine.startMany(wishes.map((wish) => draft(world, wish))))
  await world.close()
  await world.open()
  return world
}

function members(groups: number, count: number): readonly Wish[] {
  return Array.from({length: groups * count}, (_, at) => ({group: at % groups, member: Math.floor(at / groups)}))
}

/** With a look at the groups in its store. */
async function watched() {
  const world = new SimulatedWorld({engine: {maxConcurrentTransfers: 1}})
  let groups: () => Promise<readonly GroupRecord[]> = async () => []
  world.onStore = (store) => {
    groups = () => store.groups()
  }
  await world.open()
  return {world, stored: () => world.until(groups())}
}

/** Three members of a group, of which the last one is moved to the front, to their end. */
async function runReordered(world: SimulatedWorld, group: number): Promise<void> {
  const drafts = [0, 1, 2].map((member) => draft(world, {group, member}))
  const entries = await world.until(world.engine.start(drafts))
  await world.until(world.engine.makeCurrent(await entryOf(world, group, 2)))
  expect(world.engine.groupRecords().map(({name}) => name)).toContain(nameOf(group))
  await world.until(() => entries.every(({isOver}) => isOver))
  for (const entry of entries) world.engine.release(entry)
}

const asked = (world: SimulatedWorld) => world.network.notes.map(({request}) => new URL(request.url).pathname)
const awake = (world: SimulatedWorld) => world.engine.groups().filter(({line}) => line.length > 0).length

async function entryOf(world: SimulatedWorld, group: number, member: number): Promise<OperationEntry> {
  const [entry] = await world.until(world.engine.findMany({group: nameOf(group), urlPrefix: url(group, member)}))
  if (entry === undefined) throw new Error('there is no such member')
  return entry
}

describe('many groups', () => {
  it('are served in turn, each once before any a second time, and only some are awake', async () => {
    const world = await waiting(members(MANY, 2))
    expect(world.engine.groups()).toHaveLength(MANY)
    let most = awake(world)
    world.network.onBegin = () => {
      most = Math.max(most, awake(world))
    }
    await world.until(() => asked(world).length === 2 * MANY && world.network.open.size === 0)
    const rounds = [0, 1].map((member) => Array.from({length: MANY}, (_, group) => `/${group}/${member}`))
    expect(asked(world)).toEqual(rounds.flat())
    expect(most).toBeLessThanOrEqual(MOST_AWAKE + 1)
    await world.advance(10)
    expect(world.engine.groups()).toEqual([])
    await world.close()
  })

  it('leave nothing behind when they are done, but for the settings that they have', async () => {
    const {world, stored} = await watched()
    for (let group = 0; group < 20; group++) {
      await world.until(world.engine.setBehavior(nameOf(group), 1))
      await world.until(world.engine.limitGroupRate(nameOf(group), 1_000_000))
      await runReordered(world, group)
      await world.until(world.engine.limitGroupRate(nameOf(group), undefined))
      if (group > 0) await world.until(world.engine.setBehavior(nameOf(group), 0))
    }
    await world.advance(10)
    expect(world.engine.groupRecords().map(({name, behavior}) => [name, behavior])).toEqual([[nameOf(0), 1]])
    expect(await stored()).toHaveLength(1)
    await world.close()
  })

  it('keep no order of a line that has run out', async () => {
    const {world, stored} = await watched()
    for (let group = 0; group < 20; group++) {
      await runReordered(world, group)
    }
    await world.advance(10)
    expect(world.engine.groupRecords()).toEqual([])
    expect(await stored()).toEqual([])
    await world.close()
  })

  /** What was asked for, in order, and the whole history of events. */
  async function historyOf(seed: number, maxConcurrentTransfers: number) {
    const world = new SimulatedWorld({seed, mostDelayMs: 9, engine: {maxConcurrentTransfers}})
    await world.open({maxConcurrentTransfers: 0})
    await world.until(world.engine.startMany(members(MANY, 1).map((wish) => draft(world, wish))))
    await world.close()
    await world.open()
    await world.until(() => asked(world).length === MANY && world.network.open.size === 0)
    const events = JSON.stringify(world.process.events)
    await world.close()
    return {order: asked(world), events}
  }

  it('are served in the same order however late the store answers', async () => {
    const order = Array.from({length: MANY}, (_, group) => `/${group}/0`)
    for (const seed of [1, 2, 3]) expect((await historyOf(seed, 1)).order).toEqual(order)
  })

  it('have the same history for the same inputs and seed', async () => {
    const [first, again] = [await historyOf(7, 3), await historyOf(7, 3)]
    expect(first.events.length).toBeGreaterThan(10_000)
    expect(again).toEqual(first)
  })

  it('go by the class of their first member, known or not', async () => {
    const world = await waiting([...members(MANY, 1), {group: MANY - 1, member: 1, priority: 1}])
    await world.until(() => asked(world).length === 1)
    expect(asked(world)).toEqual([`/${MANY - 1}/1`])
    await world.until(world.engine.startMany([draft(world, {group: MANY - 2, member: 1, priority: 1})]))
    await world.until(() => asked(world).length === 3)
    // What was on its way when the High one came was admitted before it.
    expect(asked(world).slice(1, 3)).toContain(`/${MANY - 2}/1`)
    await world.close()
  })

  it('can be commanded while they sleep', async () => {
    const world = await waiting(members(MANY, 3), {maxConcurrentTransfers: 1})
    const group = MANY - 1
    await world.until(world.engine.setBehavior(nameOf(group), 1))
    const [first, second, third] = [
      await entryOf(world, group, 0),
      await entryOf(world, group, 1),
      await entryOf(world, group, 2),
    ]
    await world.until(world.engine.makeCurrent(third))
    world.engine.pause(second)
    await world.until(() => second.record.state === 'pausedByApplication')
    await world.until(world.engine.pauseGroup(nameOf(group - 1)))
    await world.until(world.engine.cancelGroup(nameOf(group - 2)))
    await world.until(() => first.isOver && third.isOver)
    const own = asked(world).filter((path) => path.startsWith(`/${group}/`))
    expect(own).toEqual([`/${group}/2`, `/${group}/0`])
    await world.until(world.engine.resumeGroup(nameOf(group - 1)))
    world.engine.resume(second)
    await world.until(() => second.isOver, 3_600_000)
    await world.until(() => asked(world).length === 3 * MANY - 3)
    expect(asked(world).some((path) => path.startsWith(`/${group - 2}/`))).toBe(false)
    await world.close()
  })

  it('whose origin takes nobody do not keep others waiting, and are served when it does', async () => {
    const crowd = members(MANY, 1)
    const others = Array.from({length: 5}, (_, at) => ({group: MANY + at, member: 0, host: 'other.example'}))
    const world = await waiting([...crowd, ...others], {maxConcurrentTransfers: 2, maxConnectionsPerOrigin: 1})
    let most = 0
    world.network.onBegin = () => {
      most = Math.max(most, [...world.network.open].filter((each) => each.url.includes('files.example')).length)
    }
    await world.until(() => asked(world).length === 6)
    const ofOthers = asked(world).filter((path) => Number(path.split('/')[1]) >= MANY)
    expect(ofOthers.length).toBeGreaterThanOrEqual(2)
    await world.until(() => asked(world).length === MANY + 5 && world.network.open.size === 0)
    expect(most).toBe(1)
    await world.close()
  })

  it('with members that hold their places do not run a second of a serialized one', async () => {
    const world = await waiting([], {maxConcurrentTransfers: 4})
    for (let group = 0; group < MANY; group++) await world.until(world.engine.setBehavior(nameOf(group), 1))
    for (let group = 0; group < MANY; group++) {
      for (const member of [0, 1]) draft(world, {group, member})
      world.network.addFault(url(group, 0), {kind: 'status', status: 500})
    }
    let rivals = 0
    world.network.onBegin = () => {
      const groups = [...world.network.open].map((each) => each.url.split('/').at(-2))
      if (new Set(groups).size < groups.length) rivals += 1
    }
    await world.until(world.engine.startMany(members(MANY, 2).map((wish) => draft(world, wish))))
    await world.until(() => asked(world).length === 3 * MANY && world.network.open.size === 0)
    expect(rivals).toBe(0)
    for (let group = 0; group < MANY; group++) {
      const own = asked(world).filter((path) => path.startsWith(`/${group}/`))
      expect(own).toEqual([`/${group}/0`, `/${group}/0`, `/${group}/1`])
    }
    await world.close()
  })
})

describe('a command for a group', () => {
  it('reaches a member whose last step the store has refused to write, as it reaches the others', async () => {
    const world = await waiting(members(1, 2))
    const refusal = new TransferError('DISK_FAILED', 'the store’s disk failed')
    const entry = await entryOf(world, 0, 0)
    await world.until(() => entry.record.state === 'running')
    world.process.store.failNextCommits(refusal, 1)
    world.engine.pause(entry)
    await world.until(() => entry.state === 'pausedByApplication')
    expect(entry.record.state).toBe('running')
    await world.until(world.engine.resumeGroup(nameOf(0)))
    expect(entry.state).not.toBe('pausedByApplication')

    await world.until(world.engine.pauseGroup(nameOf(0)))
    world.process.store.failNextCommits(refusal, 1)
    world.engine.resume(entry)
    expect([entry.state, entry.record.state]).toEqual(['queued', 'pausedByApplication'])
    await world.until(world.engine.pauseGroup(nameOf(0)))
    expect(entry.record.state).toBe('pausedByApplication')
    expect(world.network.open.size).toBe(0)
    await world.close()
  })
})

describe('a pause of a group', () => {
  it('reaches who runs again after a pause of the system, although the store does not say so', async () => {
    const world = new SimulatedWorld()
    world.network.serve(url(0, 0), {seed: 1, size: 10_000_000})
    await world.open()
    const [entry] = await world.until(
      world.engine.start([world.draft(1, {url: url(0, 0), policy: {group: nameOf(0)}})]),
    )
    await world.advance(300)
    world.setConditions({connectivity: 'none'})
    await world.until(() => entry?.record.state === 'pausedNoNetwork')
    world.setConditions({connectivity: 'internet'})
    await world.until(() => entry?.record.state === 'running')
    await world.until(world.engine.pauseGroup(nameOf(0)))
    expect(entry?.record.state).toBe('pausedByApplication')
    expect(world.network.open.size).toBe(0)
    await world.close()
  })
})

describe('a command for a group that a member is carrying out already', () => {
  async function running(seed: number) {
    const world = new SimulatedWorld({seed, mostDelayMs: 50})
    world.network.serve(url(0, 0), {seed: 1, size: 10_000_000})
    await world.open()
    const [entry] = await world.until(
      world.engine.start([world.draft(1, {url: url(0, 0), policy: {group: nameOf(0)}})]),
    )
    if (entry === undefined) throw new Error('nothing was started')
    await world.until(() => entry.record.state === 'running' && entry.counts.received > 0)
    return {world, entry}
  }

  it('waits until its pause is durable', async () => {
    for (const seed of [1, 2, 3]) {
      for (const state of ['running', 'pausedByApplication']) {
        const {world, entry} = await running(seed)
        world.engine.pause(entry)
        await world.until(() => entry.state === state)
        expect(entry.record.state).toBe('running')
        await world.until(world.engine.pauseGroup(nameOf(0)))
        expect(entry.record.state).toBe('pausedByApplication')
        await world.close()
      }
    }
  })

  it('waits until its cancellation is durable', async () => {
    for (const seed of [1, 2, 3]) {
      const {world, entry} = await running(seed)
      world.engine.cancel(entry)
      expect(entry.state).toBe('canceling')
      await world.until(world.engine.cancelGroup(nameOf(0)))
      expect(entry.record.state).toBe('canceled')
      await world.close()
    }
  })
})

describe('a command for one that has ended, before its end is told', () => {
  it('is refused, as it is afterwards', async () => {
    const world = new SimulatedWorld({mostDelayMs: 50})
    await world.open()
    const [entry] = await world.until(world.engine.start([draft(world, {group: 0, member: 0})]))
    if (entry === undefined) throw new Error('nothing was started')
    await world.until(() => entry.state === 'completed')
    expect(entry.record.state).not.toBe('completed')
    const change = () => world.engine.changePolicy(entry, {...entry.facts.policy, costPolicy: 2})
    expect(change).toThrow(expect.objectContaining({code: 'ILLEGAL_STATE'}))
    await world.until(() => entry.record.state === 'completed')
    expect(change).toThrow(expect.objectContaining({code: 'ILLEGAL_STATE'}))
    await world.close()
  })
})

describe('a command for a group that comes right behind another one', () => {
  const group = nameOf(0)
  const wish = {group: 0, member: 0}

  /** The first of them runs, and two wait behind it. */
  async function three(seed: number) {
    const world = new SimulatedWorld({seed, mostDelayMs: 50, engine: {maxConcurrentTransfers: 1}})
    await world.open()
    const drafts = [0, 1, 2].map((member) => draft(world, {group: 0, member}))
    for (const {request} of drafts) world.network.serve(request.url, {seed: 1, size: 80_000})
    const entries = await world.until(world.engine.start(drafts))
    await world.until(() => entries[0]?.record.state === 'running')
    return {world, entries}
  }

  it('waits until the resume of a member is durable', async () => {
    for (const seed of [1, 2, 3]) {
      const world = new SimulatedWorld({seed, mostDelayMs: 50, engine: {maxConcurrentTransfers: 0}})
      await world.open()
      const [entry] = await world.until(world.engine.start([draft(world, wish)]))
      if (entry === undefined) throw new Error('nothing was started')
      await world.until(world.engine.pauseGroup(group))
      world.engine.resume(entry)
      await world.until(world.engine.resumeGroup(group))
      world.crash('kill')
      await world.open()
      expect((await entryOf(world, 0, 0)).record.state).toBe('queued')
      await world.close()
    }
  })

  it.each([
    {name: 'pause, resume', commands: ['pauseGroup', 'resumeGroup'], states: ['running', 'queued', 'queued']},
    {
      name: 'pause, resume, pause',
      commands: ['pauseGroup', 'resumeGroup', 'pauseGroup'],
      states: Array(3).fill('pausedByApplication'),
    },
    {
      name: 'pause, resume, pause, resume',
      commands: ['pauseGroup', 'resumeGroup', 'pauseGroup', 'resumeGroup'],
      states: ['running', 'queued', 'queued'],
    },
    {
      name: 'pause, resume, cancel',
      commands: ['pauseGroup', 'resumeGroup', 'cancelGroup'],
      states: Array(3).fill('canceled'),
    },
  ] as const)('leaves its members as the last one says: $name', async ({commands, states}) => {
    for (const seed of [1, 2, 3]) {
      const {world, entries} = await three(seed)
      await world.until(Promise.all(commands.map((command) => world.engine[command](group))))
      await world.until(() => entries.every(({record}, at) => record.state === states[at]))
      await world.close()
    }
  })

  it('leaves alone who is commanded by itself after it: resumed', async () => {
    for (const seed of [1, 2, 3]) {
      const {world, entries} = await three(seed)
      const [first] = entries
      const paused = world.engine.pauseGroup(group)
      if (first !== undefined) world.engine.resume(first)
      await world.until(paused)
      await world.until(() => first?.record.state === 'running')
      expect(entries.map(({record}) => record.state)).toEqual(['running', 'pausedByApplication', 'pausedByApplication'])
      await world.close()
    }
  })

  it('leaves alone who is commanded by itself after it: paused', async () => {
    for (const seed of [1, 2, 3]) {
      const {world, entries} = await three(seed)
      const [first] = entries
      const resumed = world.engine.resumeGroup(group)
      if (first !== undefined) world.engine.pause(first)
      await world.until(resumed)
      await world.until(() => first?.record.state === 'pausedByApplication')
      await world.until(() => entries[1]?.record.state === 'running')
      await world.close()
    }
  })

  it('moves those that are there at once, however long a start takes', async () => {
    const world = new SimulatedWorld()
    await world.open()
    const large = draft(world, wish)
    world.network.serve(large.request.url, {seed: 1, size: 80_000})
    const [entry] = await world.until(world.engine.start([large]))
    await world.until(() => entry?.record.state === 'running')
    let release = () => {}
    const released = new Promise<void>((resolve) => {
      release = resolve
    })
    const {store} = world.process
    const create = store.create.bind(store)
    vi.spyOn(store, 'create').mockImplementation(async (records) => {
      await released
      await create(records)
    })
    const other = world.engine.start([draft(world, {group: 1, member: 0})])
    const paused = world.engine.pauseGroup(group)
    await world.advance(100)
    expect(entry?.record.state).toBe('pausedByApplication')
    release()
    await world.until(other)
    await world.until(paused)
    await world.close()
  })

  it.each([
    ['the same application', 'mine'],
    ['another application', 'theirs'],
  ])('moves those that are there at once, also while an earlier one waits for a start: of %s', async (_, app) => {
    const world = new SimulatedWorld()
    await world.open()
    const large = {...draft(world, wish), app}
    world.network.serve(large.request.url, {seed: 1, size: 80_000})
    const [entry] = await world.until(world.engine.start([large]))
    await world.until(() => entry?.record.state === 'running')
    const {store} = world.process
    let release = () => {}
    const released = new Promise<void>((resolve) => {
      release = resolve
    })
    const create = store.create.bind(store)
    vi.spyOn(store, 'create').mockImplementation(async (records) => {
      await released
      await create(records)
    })
    const other = world.engine.start([draft(world, {group: 1, member: 0})])
    const resumed = world.engine.resumeGroup(group, 'mine')
    const paused = world.engine.pauseGroup(group, app)
    await world.advance(100)
    expect(entry?.record.state).toBe('pausedByApplication')
    release()
    await world.until(Promise.all([other, resumed, paused]))
    expect(entry?.record.state).toBe('pausedByApplication')
    await world.close()
  })

  it.each([
    ['pauseGroup', 'pausedByApplication'],
    ['cancelGroup', 'canceled'],
  ] as const)('reaches a member whose start is not durable yet: %s', async (command, state) => {
    for (const seed of [1, 2, 3]) {
      const world = new SimulatedWorld({seed, mostDelayMs: 50})
      await world.open()
      const started = world.engine.start([draft(world, wish)])
      await world.until(world.engine[command](group))
      const [entry] = await world.until(started)
      expect(entry?.record.state).toBe(state)
      expect(asked(world)).toEqual([])
      await world.close()
    }
  })
})

describe('a command for a group that is not carried out when the engine closes', () => {
  const refusal = new TransferError('DISK_FAILED', 'the store’s disk failed')

  const codeOf = (done: Promise<void>) =>
    done.then(
      () => 'carried out',
      (error: unknown) => (error instanceof TransferError ? error.code : error),
    )

  /** A member that moves bytes, or is paused, in a store that takes nothing more. */
  async function refusing(seed: number, state: 'running' | 'pausedByApplication') {
    const world = new SimulatedWorld({seed, mostDelayMs: 50})
    world.network.serve(url(0, 0), {seed: 1, size: 10_000_000})
    await world.open()
    const [entry] = await world.until(
      world.engine.start([world.draft(1, {url: url(0, 0), policy: {group: nameOf(0)}})]),
    )
    if (entry === undefined) throw new Error('nothing was started')
    await world.until(() => entry.record.state === 'running' && entry.counts.received > 0)
    if (state === 'pausedByApplication') await world.until(world.engine.pauseGroup(nameOf(0)))
    world.process.store.failNextCommits(refusal, Number.POSITIVE_INFINITY)
    return {world, entry}
  }

  it('rejects with CLOSED when the store did not take what the command made of a member', async () => {
    for (const seed of [1, 2, 3]) {
      for (const kind of ['pause', 'resume', 'cancel'] as const) {
        const {world} = await refusing(seed, kind === 'resume' ? 'pausedByApplication' : 'running')
        const outcome = codeOf(world.engine[`${kind}Group`](nameOf(0)))
        await world.advance(1_000)
        await world.close()
        await world.advance(1_000)
        expect([kind, await outcome]).toEqual([kind, 'CLOSED'])
      }
    }
  })

  it('rejects with CLOSED when the store did not take what a member was asked before, alone', async () => {
    for (const seed of [1, 2, 3]) {
      for (const kind of ['pause', 'cancel'] as const) {
        const {world, entry} = await refusing(seed, 'running')
        world.engine[kind](entry)
        const outcome = codeOf(world.engine[`${kind}Group`](nameOf(0)))
        await world.advance(1_000)
        await world.close()
        await world.advance(1_000)
        expect([kind, await outcome]).toEqual([kind, 'CLOSED'])
      }
    }
  })

  it('touches no file of a member whom the store names when the engine has stopped', async () => {
    for (const seed of [1, 2, 3]) {
      const world = new SimulatedWorld({seed, mostDelayMs: 50, engine: {maxConcurrentTransfers: 0}})
      await world.open()
      await world.until(world.engine.start([draft(world, {group: 0, member: 0})]))
      const outcome = codeOf(world.engine.cancelGroup(nameOf(0)))
      await world.settle()
      await world.close()
      const touched: string[] = []
      world.beforeDiskCall = (call) => touched.push(call)
      await world.advance(1_000)
      expect([await outcome, touched]).toEqual(['CLOSED', []])
    }
  })
})

describe('a line that cannot be read', () => {
  it('is read again after a while, and nobody else waits for it', async () => {
    const world = new SimulatedWorld({engine: {maxConcurrentTransfers: 1}})
    await world.open({maxConcurrentTransfers: 0})
    await world.until(world.engine.startMany(members(2, 1).map((wish) => draft(world, wish))))
    await world.close()
    const opened = world.open()
    world.process.store.failNextLines(new TransferError('DISK_FAILED', 'the disk failed'))
    await opened
    await world.until(() => asked(world).length === 1 && world.network.open.size === 0)
    expect(asked(world)).toEqual(['/1/0'])
    await world.until(() => asked(world).length === 2)
    expect(asked(world)).toEqual(['/1/0', '/0/0'])
    expect(world.process.complaints.join()).toContain('the waiting line could not be read')
    await world.close()
    expect(world.clock.pending).toBe(0)
  })

  it('makes nobody wait beyond the end of the engine who wanted to be the first in it', async () => {
    const world = new SimulatedWorld({engine: {maxConcurrentTransfers: 1}})
    await world.open({maxConcurrentTransfers: 0})
    await world.until(world.engine.startMany(members(2, 1).map((wish) => draft(world, wish))))
    await world.close()
    const opened = world.open({maxConcurrentTransfers: 0})
    world.process.store.failNextLines(new TransferError('DISK_FAILED', 'the disk failed'), Number.POSITIVE_INFINITY)
    await opened
    const [record] = await world.until(world.engine.query({limit: 1}))
    const entry = record && (await world.until(world.engine.find(record.id)))
    if (entry === undefined) throw new Error('there is no operation')
    const refused = world.engine.makeCurrent(entry).catch((error: unknown) => error)
    await world.settle()
    await world.close()
    expect(await refused).toMatchObject({code: 'DISK_FAILED'})
  })
})
