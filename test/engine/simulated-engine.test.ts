/** The whole engine on parts in memory, under a simulated clock: one scenario a test. */

import {describe, expect, it} from 'vitest'
import {GOOD_CONDITIONS} from '../../src/domain/conditions.ts'
import {TransferError} from '../../src/domain/errors.ts'
import type {OperationId} from '../../src/domain/operation-id.ts'
import type {EngineEvent} from '../../src/engine/events.ts'
import type {OperationNotice} from '../../src/engine/operations/followed-notices.ts'
import type {OperationEntry} from '../../src/engine/operations/operation-entry.ts'
import type {EngineOptions} from '../../src/engine/options.ts'
import {contentOf} from '../support/content.ts'
import {operationId, type RecordWish} from '../support/records.ts'
import {SimulatedWorld, urlOf, type WorldOptions} from '../support/simulated-world.ts'

const SIZE = 80_000

/** A world in which files 1 to 9 are there to be fetched, 40,960 bytes a second each. */
async function worldOf(options: EngineOptions = {}, more: WorldOptions = {}): Promise<SimulatedWorld> {
  const world = new SimulatedWorld({...more, engine: options})
  for (let n = 1; n <= 9; n++) world.network.serve(urlOf(n), {seed: n, size: SIZE})
  await world.open()
  return world
}

async function start(world: SimulatedWorld, n: number, wish: RecordWish = {}): Promise<OperationEntry> {
  const [entry] = await world.until(world.engine.start([world.draft(n, wish)]))
  if (entry === undefined) throw new Error('nothing was started')
  await world.settle()
  return entry
}

async function find(world: SimulatedWorld, id: OperationId): Promise<OperationEntry> {
  const entry = await world.until(world.engine.find(id))
  if (entry === undefined) throw new Error('it is not there')
  return entry
}

/** Leaves 50,000 bytes behind. */
async function failInMidBody(world: SimulatedWorld, n: number): Promise<OperationEntry> {
  world.network.addFault(urlOf(n), {kind: 'reset', after: 50_000})
  world.network.addFault(urlOf(n), {kind: 'refused'})
  const entry = await start(world, n)
  await world.until(() => entry.isOver)
  expect(entry.record).toMatchObject({state: 'failed', evidence: {ranges: [[0, 50_000]]}})
  return entry
}

const PART_OF_1 = ['.1.00000001.1.part', '.1.00000001.1.side']

function liveActors(world: SimulatedWorld, count: number): number {
  let live = 0
  for (let n = 1; n <= count; n++) if (world.engine.live(operationId(n))?.actor !== undefined) live += 1
  return live
}

describe('a byte rate', () => {
  it.each([
    ['of one operation', {}, {policy: {maxBytesPerSecond: 10_000}}],
    ['of the engine', {maxBytesPerSecond: 10_000}, {}],
  ] as const)('%s is kept', async (_, options, wish) => {
    const world = await worldOf(options)
    const before = world.clock.now()
    const entry = await start(world, 1, wish)
    await world.until(() => entry.isOver)
    expect(entry.record.state).toBe('completed')
    // Without the limit the network takes two seconds.
    expect(world.clock.now() - before).toBeGreaterThan(5_000)
  })
})

describe('a download', () => {
  it('comes whole, under its name, and leaves nothing beside it', async () => {
    const world = await worldOf()
    const entry = await start(world, 1)
    await world.until(() => entry.isOver)
    expect(entry.record.state).toBe('completed')
    expect(world.disk.readFile('/downloads/1')?.equals(contentOf(1, SIZE))).toBe(true)
    await world.close()
    expect(world.disk.names('/downloads')).toEqual(['1'])
    expect(world.disk.openFiles).toBe(0)
    expect(world.clock.pending).toBe(0)
  })

  it('that is empty is a file too', async () => {
    const world = await worldOf()
    world.network.serve(urlOf(1), {seed: 1, size: 0})
    const entry = await start(world, 1)
    await world.until(() => entry.isOver)
    expect(entry.record.state).toBe('completed')
    expect(world.disk.readFile('/downloads/1')).toHaveLength(0)
    expect(entry.record.attempts.total).toBe(1)
  })

  it('follows a redirect, from the first address again after a cut', async () => {
    const world = await worldOf()
    world.network.serve(urlOf(8), {seed: 0, size: 0, redirect: urlOf(1)})
    world.network.addFault(urlOf(1), {kind: 'reset', after: 50_000})
    const entry = await start(world, 8, {file: '/downloads/1'})
    await world.until(() => entry.isOver)
    expect(world.network.notes.map(({request, status}) => [request.url.at(-1), status])).toEqual([
      ['8', 302],
      ['1', 200],
      ['8', 302],
      ['1', 206],
    ])
    expect(world.disk.readFile('/downloads/1')?.equals(contentOf(1, SIZE))).toBe(true)
  })
})

describe('an origin that asks for quiet', () => {
  it('is asked by one operation afterwards, although an older answer goes on all the time', async () => {
    const world = await worldOf({maxConcurrentTransfers: 10})
    world.network.serve(urlOf(9), {seed: 9, size: 10_000_000})
    await start(world, 9)
    await world.advance(1_000)
    for (let n = 1; n <= 5; n++) {
      world.network.addFault(urlOf(n), {kind: 'status', status: 503, retryAfterS: 30})
      world.network.addFault(urlOf(n), {kind: 'status', status: 503, retryAfterS: 30})
      await start(world, n)
    }
    await world.advance(20_000)
    const asked = world.network.notes.length
    await world.advance(15_000)
    expect(world.network.notes.length - asked).toBe(1)
  })
})

describe('memory', () => {
  it('holds an actor for what runs, not for what waits', async () => {
    const world = await worldOf({maxConcurrentTransfers: 5})
    const count = 1_000
    for (let n = 1; n <= count; n++) world.network.serve(urlOf(n), {seed: n, size: 1_000})
    const drafts = Array.from({length: count}, (_, index) => world.draft(index + 1))
    await world.until(world.engine.startMany(drafts))
    await world.settle()
    expect(liveActors(world, count)).toBe(5)
    let most = 0
    let entries = 0
    world.onStep = () => {
      most = Math.max(most, liveActors(world, count))
      entries = drafts.filter(({id}) => world.engine.live(id) !== undefined).length
    }
    let completed = 0
    world.onEvent = (event) => {
      if (event.type === 'operation.moved' && event.state === 'completed') completed += 1
    }
    await world.until(() => completed >= 100)
    // One that ended is there until its end was told.
    expect(most).toBeLessThanOrEqual(10)
    expect(entries).toBeLessThanOrEqual(10)
    await world.close()
  })

  it('has one entry for each operation, and lets go of it when nobody follows', async () => {
    const world = await worldOf({maxConcurrentTransfers: 1})
    await start(world, 1)
    const waiting = await start(world, 2)
    expect(await find(world, waiting.record.id)).toBe(waiting)
    world.engine.release(waiting)
    expect(world.engine.live(waiting.record.id)).toBe(waiting)
    world.engine.release(waiting)
    expect(world.engine.live(waiting.record.id)).toBeUndefined()
    const again = await find(world, waiting.record.id)
    expect(again).not.toBe(waiting)
    expect(again.record).toEqual(waiting.record)
  })
})

describe('finding an operation', () => {
  it('gives the one entry there is, also when another holder lets go of it meanwhile', async () => {
    const world = await worldOf({maxConcurrentTransfers: 0})
    const {engine} = world
    const {id} = (await start(world, 1)).record
    const held = await find(world, id)
    engine.release(held)
    const looking = engine.find(id)
    engine.release(held)
    const found = await looking
    expect(engine.live(id)).toBe(found)
  })

  it('never gives what was put away while it was being read', async () => {
    const world = await worldOf({maxConcurrentTransfers: 1}, {mostDelayMs: 7})
    const {engine} = world
    engine.release(await start(world, 1))
    const waiting = await start(world, 2)
    const {id} = waiting.record
    engine.release(waiting)
    expect(engine.live(id)).toBeUndefined()
    // Of many reads one ends first: whom it finds is paused and put away before the last one ends.
    const found: string[] = []
    await world.until(
      Promise.all(
        Array.from({length: 40}, async (_, turn) => {
          const entry = await engine.find(id)
          if (entry === undefined || entry !== engine.live(id)) throw new Error(`look ${turn} found another`)
          if (found.length === 0) engine.pause(entry)
          found.push(entry.record.state)
          engine.release(entry)
        }),
      ),
    )
    const paused = found.indexOf('pausedByApplication')
    expect(paused).toBeGreaterThan(0)
    expect(new Set(found.slice(paused))).toEqual(new Set(['pausedByApplication']))
  })
})

describe('a new session', () => {
  it('keeps the deadline of a retry', async () => {
    const world = await worldOf()
    world.network.addFault(urlOf(1), {kind: 'status', status: 503, retryAfterS: 120})
    const entry = await start(world, 1)
    await world.until(() => entry.state === 'waitingToRetry')
    const retryAt = entry.record.retryAt ?? 0
    await world.close()
    await world.advance(60_000)
    await world.open()
    await world.advance(59_000)
    expect(world.network.notes).toHaveLength(1)
    await world.until(() => world.network.notes.length === 2)
    expect(world.network.notes[1]?.at).toBeGreaterThanOrEqual(retryAt)
    expect(world.network.notes[1]?.at).toBeLessThan(retryAt + 1_000)
  })

  it('tries at once when somebody does not want to wait, and never by the old deadline', async () => {
    const world = await worldOf()
    world.network.addFault(urlOf(1), {kind: 'status', status: 500})
    const entry = await start(world, 1)
    expect(() => world.engine.retry(entry)).toThrow(expect.objectContaining({code: 'ILLEGAL_STATE'}))
    await world.until(() => entry.state === 'waitingToRetry')
    await world.close()
    await world.open()
    const again = await find(world, entry.record.id)
    const {retryAt = 0} = again.record
    expect(retryAt).toBeGreaterThan(world.clock.now())
    world.network.addFault(urlOf(1), {kind: 'status', status: 503, retryAfterS: 120})
    world.engine.retry(again)
    await world.until(() => world.network.notes.length === 2)
    expect(world.network.notes[1]?.at).toBeLessThan(retryAt)
    await world.until(() => again.state === 'waitingToRetry')
    await world.advance(60_000)
    expect(world.network.notes).toHaveLength(2)
  })

  it('tries at once when the deadline passed meanwhile', async () => {
    const world = await worldOf()
    world.network.addFault(urlOf(1), {kind: 'status', status: 503, retryAfterS: 120})
    const entry = await start(world, 1)
    await world.until(() => entry.state === 'waitingToRetry')
    world.crash('power')
    await world.advance(300_000)
    await world.open()
    await world.advance(100)
    expect(world.network.notes).toHaveLength(2)
  })

  it('with resumeOnOpen false waits for attach, operation by operation', async () => {
    const world = await worldOf()
    const running = await start(world, 1)
    const other = await start(world, 2)
    await world.advance(1_200)
    world.crash('kill')
    const before = world.network.notes.length
    await world.open({resumeOnOpen: false})
    await world.advance(10_000)
    expect(world.network.notes).toHaveLength(before)
    const attached = await find(world, running.record.id)
    expect(world.engine.explain(attached).why).toBe('it is queued, and nothing has set it going in this session')
    world.engine.attach(attached)
    await world.until(() => attached.isOver)
    expect(attached.record.state).toBe('completed')
    const left = await find(world, other.record.id)
    expect(left.record.state).toBe('queued')
    await world.until(world.engine.resumeAll())
    await world.until(() => left.isOver)
    expect(left.record.state).toBe('completed')
  })

  it('with resumeOnOpen false lets nothing go on by a mere change of what waits', async () => {
    const world = await worldOf({maxConcurrentTransfers: 3})
    world.network.addFault(urlOf(2), {kind: 'status', status: 503, retryAfterS: 60})
    const ids = [await start(world, 1), await start(world, 2), await start(world, 3)].map(({record}) => record.id)
    await world.advance(200)
    world.crash('kill')
    world.setConditions({connectivity: 'none'})
    await world.open({resumeOnOpen: true, maxConcurrentTransfers: 3})
    await world.advance(100)
    world.crash('kill')
    world.setConditions({connectivity: 'internet'})
    await world.open({resumeOnOpen: false})
    const before = world.network.notes.length
    const entries = await Promise.all(ids.map((id) => find(world, id)))
    expect(entries.map(({state}) => state)).toEqual(['pausedNoNetwork', 'waitingToRetry', 'pausedNoNetwork'])
    for (const entry of entries) world.engine.changePolicy(entry, {...entry.facts.policy, costPolicy: 2})
    await world.advance(120_000)
    expect(world.network.notes).toHaveLength(before)
    for (const entry of entries) world.engine.attach(entry)
    await world.until(() => entries.every(({isOver}) => isOver))
    expect(entries.map(({record}) => record.state)).toEqual(['completed', 'completed', 'completed'])
  })

  it('with resumeOnOpen false a queued one whose priority changes keeps waiting', async () => {
    const world = await worldOf({maxConcurrentTransfers: 0})
    const {record} = await start(world, 1)
    await world.close()
    await world.open({resumeOnOpen: false, maxConcurrentTransfers: 3})
    const entry = await find(world, record.id)
    world.engine.changePolicy(entry, {...entry.facts.policy, priority: 1})
    await world.advance(10_000)
    expect(world.network.notes).toEqual([])
    expect(entry.record).toMatchObject({state: 'queued', policy: {priority: 1}})
    world.engine.attach(entry)
    await world.until(() => entry.isOver)
    expect(entry.record.state).toBe('completed')
  })

  it('with resumeOnOpen false starts what is new at once', async () => {
    const world = await worldOf({resumeOnOpen: false})
    const entry = await start(world, 1)
    await world.until(() => entry.isOver)
    expect(entry.record.state).toBe('completed')
  })

  it('goes on from the durable bytes after a power cut', async () => {
    const world = await worldOf()
    const {record} = await start(world, 1)
    await world.advance(1_500)
    world.crash('power')
    await world.open()
    const entry = await find(world, record.id)
    await world.until(() => entry.isOver)
    const last = world.network.notes.at(-1)
    expect(last?.status).toBe(206)
    expect(last?.request.headers).toContainEqual(['Range', 'bytes=40960-'])
    expect(world.disk.readFile('/downloads/1')?.equals(contentOf(1, SIZE))).toBe(true)
  })

  it('finds the pauses of the system as they are, without a moment of running', async () => {
    const world = await worldOf()
    const {record} = await start(world, 1)
    world.setConditions({connectivity: 'none'})
    await world.advance(1_000)
    await world.close()
    const states: string[] = []
    world.onEvent = (event) => {
      if (event.type === 'operation.moved') states.push(event.state)
    }
    await world.open()
    await world.advance(1_000)
    expect(states.filter((state) => state !== 'pausedNoNetwork')).toEqual([])
    world.setConditions({connectivity: 'internet'})
    const entry = await find(world, record.id)
    await world.until(() => entry.isOver)
    expect(entry.record.state).toBe('completed')
  })
})

describe('explain', () => {
  it('says who stands before a waiting one', async () => {
    const world = await worldOf({maxConcurrentTransfers: 1})
    await start(world, 1)
    const second = await start(world, 2)
    const third = await start(world, 3)
    expect(world.engine.explain(second)).toEqual({
      why: 'every slot of the engine is taken',
      next: 'it starts when one frees',
    })
    expect(world.engine.explain(third).why).toBe('one operation of its group stands before it')
  })

  it('says that a serialized group has somebody running', async () => {
    const world = await worldOf()
    await world.until(world.engine.setBehavior('episodes', 1))
    await start(world, 1, {policy: {group: 'episodes'}})
    const second = await start(world, 2, {policy: {group: 'episodes'}})
    expect(world.engine.explain(second).why).toBe('another member of the serialized group episodes goes first')
  })

  it('says what a pause waits for', async () => {
    const world = await worldOf()
    const entry = await start(world, 1)
    world.engine.pause(entry)
    await world.advance(10)
    expect(world.engine.explain(entry)).toEqual({why: 'the application paused it', next: 'resume it'})
    world.engine.resume(entry)
    world.setConditions({connectivity: 'none'})
    await world.advance(10)
    expect(world.engine.explain(entry)).toEqual({
      why: 'there is no network',
      next: 'it goes on by itself when the network is back',
    })
  })

  it('counts down to the next try', async () => {
    const world = await worldOf()
    world.network.addFault(urlOf(1), {kind: 'status', status: 503, retryAfterS: 30})
    const entry = await start(world, 1)
    await world.until(() => entry.state === 'waitingToRetry')
    await world.advance(10_000)
    expect(world.engine.explain(entry)).toMatchObject({
      why: expect.stringContaining('503'),
      next: expect.stringMatching(/^it tries again in (19|20|21) s \(1 failed in a row\)$/),
    })
  })
})

describe('close', () => {
  it('makes what runs durable and queues it', async () => {
    const world = await worldOf()
    const entry = await start(world, 1)
    await world.advance(1_550)
    await world.close()
    expect(entry.record.state).toBe('queued')
    // Nothing of what had come is lost, although the last checkpoint was half a second old.
    expect(entry.record.evidence.ranges).toEqual([[0, 65_536]])
    expect(world.network.open.size).toBe(0)
    expect(world.disk.openFiles).toBe(0)
    expect(world.clock.pending).toBe(0)
    expect(() => world.process).toThrow()
  })

  it('is idempotent, and refuses what comes after', async () => {
    const world = await worldOf()
    const {engine} = world
    const entry = await start(world, 1)
    const first = engine.close()
    await world.until(Promise.all([first, engine.close()]))
    await engine.close()
    expect(() => engine.pause(entry)).toThrow(expect.objectContaining({code: 'CLOSED'}))
    await expect(engine.start([world.draft(2)])).rejects.toMatchObject({code: 'CLOSED'})
    await expect(engine.find(entry.record.id)).rejects.toMatchObject({code: 'CLOSED'})
  })

  it('during open ends it with CLOSED', async () => {
    const world = await worldOf()
    await world.close()
    const opening = world.open()
    world.engine.close()
    await expect(opening).rejects.toMatchObject({code: 'CLOSED'})
    await world.settle()
    await world.open()
  })
})

describe('progress', () => {
  it('is told at most ten times a second, and the last notice has the final counters', async () => {
    const world = await worldOf({}, {seed: 3})
    world.network.pieceBytes = 512
    world.network.pieceDelayMs = 7
    const told: (EngineEvent & {type: 'progress'})[] = []
    world.onEvent = (event) => {
      if (event.type === 'progress') told.push(event)
    }
    const entry = await start(world, 1)
    const notices: OperationNotice[] = []
    const counts: number[] = []
    const count = () => counts.push(world.engine.progressOf(entry).received)
    entry.notices.subscribe((notice) => {
      notices.push(notice)
      count()
    })
    entry.notices.listen({moved: count})
    await world.until(() => entry.isOver)
    expect(told.length).toBeGreaterThan(5)
    for (const [index, {at}] of told.entries()) {
      expect(at - (told[index - 1]?.at ?? Number.NEGATIVE_INFINITY)).toBeGreaterThanOrEqual(100)
    }
    expect(counts.length).toBeGreaterThan(told.length)
    expect(counts).toEqual(counts.toSorted((a, b) => a - b))
    expect(notices.at(-1)?.record.state).toBe('completed')
    expect(world.engine.progressOf(entry)).toEqual({received: SIZE, total: SIZE})
  })
})

describe('a store that refuses', () => {
  it('is told of; nothing settles that a crash could take back; and then it goes on', async () => {
    const world = await worldOf()
    const entry = await start(world, 1)
    const failures: EngineEvent[] = []
    world.onEvent = (event) => {
      if (event.type === 'store.failed') failures.push(event)
    }
    world.process.store.failNextCommits(new TransferError('DISK_FULL', 'the store’s disk is full'), 1)
    world.engine.pause(entry)
    await world.advance(100)
    expect(failures).toMatchObject([{id: entry.record.id, message: 'the store’s disk is full'}])
    expect(entry.state).toBe('pausedByApplication')
    expect(entry.record.state, 'what was told').not.toBe('pausedByApplication')
    await world.advance(5_000)
    expect(entry.record.state).toBe('pausedByApplication')
    world.engine.resume(entry)
    await world.until(() => entry.isOver)
    expect(entry.record.state).toBe('completed')
  })

  it('the intent to publish is asked again, and nothing fails for it', async () => {
    const world = await worldOf({}, {mostDelayMs: 5})
    const entry = await start(world, 1)
    await world.until(() => entry.path === 'running.finishing.verifying')
    world.process.store.failNextCommits(new TransferError('DISK_FAILED', 'the store’s disk failed'), 2)
    await world.until(() => entry.isOver)
    expect(entry.record.state).toBe('completed')
    expect(world.disk.names('/downloads')).toEqual(['1'])
  })

  it('does not keep the engine from closing', async () => {
    const world = await worldOf()
    const entry = await start(world, 1)
    world.process.store.failNextCommits(new TransferError('DISK_FAILED', 'the store’s disk failed'), 1_000)
    world.engine.pause(entry)
    await world.close()
    expect(world.clock.pending).toBe(0)
  })

  it('is told of nothing more by an engine that closes: neither what was refused, nor what came after it', async () => {
    const world = await worldOf({maxConcurrentTransfers: 0})
    const entry = await start(world, 1)
    world.process.store.failNextCommits(new TransferError('DISK_FAILED', 'the store’s disk failed'), 1_000)
    world.engine.changePolicy(entry, {...entry.facts.policy, retries: 7})
    await world.settle()
    world.setConditions({connectivity: 'none'})
    await world.settle()
    await world.close()
    expect(entry.record.policy.retries).toBeUndefined()
  })

  it('refuses a start, and the file is free again', async () => {
    const world = await worldOf()
    world.process.store.failNextCommits(new TransferError('DISK_FULL', 'the store’s disk is full'), 1)
    await expect(world.engine.start([world.draft(1)])).rejects.toMatchObject({code: 'DISK_FULL'})
    const entry = await start(world, 1)
    await world.until(() => entry.isOver)
    expect(entry.record.state).toBe('completed')
  })
})

describe('commands', () => {
  it('cancel in the middle of a write leaves nothing beside the file', async () => {
    for (let seed = 1; seed <= 6; seed++) {
      const world = new SimulatedWorld({seed, mostDelayMs: 7})
      world.network.pieceBytes = 65_536
      world.network.pieceDelayMs = 10
      world.network.serve(urlOf(1), {seed: 1, size: 2_000_000})
      await world.open()
      const entry = await start(world, 1)
      await world.advance(100 + 20 * seed)
      world.engine.cancel(entry)
      await world.until(() => entry.isOver)
      await world.advance(1_000)
      expect(world.disk.names('/downloads')).toEqual([])
      await world.close()
    }
  })

  it('cancel by whoever is told of the answer leaves nothing beside the file', async () => {
    const world = await worldOf()
    const entry = await start(world, 1)
    world.engine.events$.subscribe((event) => {
      if (event.type === 'operation.moved' && event.to.endsWith('.transferring')) world.engine.cancel(entry)
    })
    await world.until(() => entry.isOver)
    await world.advance(1_000)
    expect(entry.record.state).toBe('canceled')
    expect(world.disk.names('/downloads')).toEqual([])
    await world.close()
  })

  it('cancel has no effect when it is on its way, too late, or over', async () => {
    const world = await worldOf({}, {mostDelayMs: 5})
    const entry = await start(world, 1)
    await world.until(() => entry.state === 'publishing')
    await world.until(() => entry.snapshot?.matches({running: {finishing: 'publishing'}}) === true)
    world.engine.cancel(entry)
    await world.until(() => entry.isOver)
    world.engine.cancel(entry)
    expect(entry.record.state).toBe('completed')
    const other = await start(world, 2)
    world.engine.cancel(other)
    world.engine.cancel(other)
    await world.until(() => other.isOver)
    expect(other.record.state).toBe('canceled')
    expect(world.disk.names('/downloads')).toEqual(['1'])
  })

  it('resumeAll leaves alone what runs already', async () => {
    const world = await worldOf({maxConcurrentTransfers: 1})
    world.network.addFault(urlOf(1), {kind: 'refused'})
    const entry = await start(world, 1)
    await world.until(() => world.network.notes.length === 2)
    await start(world, 2)
    // The record still says that it waits to retry: that it runs again is not worth a write.
    expect(world.storeDisk.read().get(entry.record.id)?.state).toBe('waitingToRetry')
    await world.until(world.engine.resumeAll())
    await world.advance(500)
    expect(world.network.open.size).toBe(1)
    expect(world.network.notes).toHaveLength(2)
  })

  it('makeCurrent of who is paused meanwhile displaces nobody later', async () => {
    const world = await worldOf()
    await world.until(world.engine.setBehavior('episodes', 1))
    const member = {policy: {group: 'episodes'}}
    const [first, second, third] = [
      await start(world, 1, member),
      await start(world, 2, member),
      await start(world, 3, member),
    ]
    await world.until(world.engine.makeCurrent(first))
    world.engine.pause(first)
    await world.until(() => first.state === 'pausedByApplication')
    world.engine.resume(first)
    await world.until(() => [first, second, third].every(({isOver}) => isOver))
    const order = world.network.notes.map(({request}) => request.url.at(-1))
    expect(order).toEqual(['1', '2', '3', '1'])
  })

  it('one file has one writer', async () => {
    const world = await worldOf()
    const entry = await start(world, 1)
    const second = {...world.draft(2), target: world.draft(1).target}
    await expect(world.engine.start([second])).rejects.toMatchObject({
      code: 'DESTINATION_BUSY',
      details: {guid: entry.record.id},
    })
  })

  it('a failed download is continued by the next for the same address and file', async () => {
    const world = await worldOf({retries: 0})
    await failInMidBody(world, 1)
    const {id: _, ...draft} = world.draft(1)
    const [second] = await world.until(world.engine.start([{...draft, id: operationId(77)}]))
    await world.until(() => second?.isOver === true)
    expect(second?.record.state).toBe('completed')
    expect(world.network.notes.at(-1)?.request.headers).toContainEqual(['Range', 'bytes=50000-'])
    expect(world.disk.readFile('/downloads/1')?.equals(contentOf(1, SIZE))).toBe(true)
    expect(world.disk.names('/downloads')).toEqual(['1'])
  })

  it('a failed download is started again as it was, and nothing else is', async () => {
    const world = await worldOf({retries: 0})
    const failed = await failInMidBody(world, 1)
    const again = await world.until(world.engine.startAgain(failed))
    expect(again.record.id).not.toBe(failed.record.id)
    await expect(world.engine.startAgain(again)).rejects.toMatchObject({code: 'ILLEGAL_STATE'})
    await expect(world.engine.startAgain(failed)).rejects.toMatchObject({code: 'DESTINATION_BUSY'})
    await world.until(() => again.isOver)
    expect(world.network.notes.at(-1)?.request.headers).toContainEqual(['Range', 'bytes=50000-'])
    expect(world.disk.readFile('/downloads/1')?.equals(contentOf(1, SIZE))).toBe(true)
  })

  it('a failed one keeps its part until another address is asked for the file', async () => {
    const world = await worldOf({retries: 0})
    await failInMidBody(world, 1)
    expect(world.disk.names('/downloads')).toEqual(PART_OF_1)
    const second = await start(world, 2, {file: '/downloads/1'})
    await world.until(() => second.isOver)
    expect(world.disk.names('/downloads')).toEqual(['1'])
  })

  it('a failed one that is forgotten leaves nothing', async () => {
    const world = await worldOf({retries: 0})
    const first = await failInMidBody(world, 1)
    await world.until(world.engine.forget(first.record.id))
    expect(world.disk.names('/downloads')).toEqual([])
    const {id: _, ...draft} = world.draft(1)
    const [second] = await world.until(world.engine.start([{...draft, id: operationId(77)}]))
    await world.until(() => second?.isOver === true)
    expect(world.network.notes.at(-1)?.status).toBe(200)
  })

  it('a failed one that is forgotten leaves its part to whoever adopted it', async () => {
    const world = await worldOf({retries: 0})
    const first = await failInMidBody(world, 1)
    const {id: _, ...draft} = world.draft(1)
    const [second] = await world.until(world.engine.start([{...draft, id: operationId(77)}]))
    await world.until(world.engine.forget(first.record.id))
    await world.until(() => second?.isOver === true)
    expect(world.network.notes.at(-1)?.request.headers).toContainEqual(['Range', 'bytes=50000-'])
    expect(world.network.notes).toHaveLength(3)
    expect(world.disk.names('/downloads')).toEqual(['1'])
  })

  it('what retention forgets takes its part along', async () => {
    const world = await worldOf({retries: 0})
    const first = await failInMidBody(world, 1)
    await world.until(world.engine.markDelivered(first))
    await world.close()
    await world.open({retention: {count: 0}})
    await world.until(() => world.disk.names('/downloads').length === 0)
    await world.advance(100)
    expect(await world.until(world.engine.find(first.record.id))).toBeUndefined()
  })

  it('what was forgotten before its end was delivered does not come back', async () => {
    const world = await worldOf()
    const entry = await start(world, 1)
    await world.until(() => entry.isOver)
    const forgotten = world.engine.forget(entry.record.id)
    await world.until(Promise.all([forgotten, world.engine.markDelivered(entry)]))
    expect(await world.until(world.engine.find(entry.record.id))).toBeUndefined()
  })

  it('an end is acknowledged when that is durable, also behind a promise whose note of it is still being written', async () => {
    const world = await worldOf({}, {mostDelayMs: 50})
    const entry = await start(world, 1)
    await world.until(() => entry.isOver)
    void world.engine.markDelivered(entry)
    await world.until(world.engine.markDelivered(entry))
    world.crash('kill')
    await world.open()
    expect((await find(world, entry.record.id)).record.delivered).toBe(true)
  })

  it('an end that the store did not note is not acknowledged, to nobody who asked for it, and is another time', async () => {
    const world = await worldOf()
    const entry = await start(world, 1)
    await world.until(() => entry.isOver)
    world.process.store.failNextCommits(new TransferError('DISK_FULL', 'the disk is full'))
    const asked = [world.engine.markDelivered(entry), world.engine.markDelivered(entry)]
    const answers = await world.until(Promise.allSettled(asked))
    expect(answers).toMatchObject([{reason: {code: 'DISK_FULL'}}, {reason: {code: 'DISK_FULL'}}])
    expect(entry.record.delivered).toBeUndefined()
    await world.until(world.engine.markDelivered(entry))
    world.crash('kill')
    await world.open()
    expect((await find(world, entry.record.id)).record.delivered).toBe(true)
  })

  it('what the store took although it refused it is started another time, once, and goes on where it stands', async () => {
    for (const ms of [0, 20_000]) {
      const world = await worldOf({}, {mostDelayMs: 5})
      world.network.serve(urlOf(1), {size: 1000, seed: 1})
      const draft = {...world.draft(1), id: world.engine.newId()}
      world.faults.arm({port: 'store', only: 'create', skip: 0, count: 1, how: 'answerLost', code: 'EIO'})
      await expect(world.until(world.engine.start([draft]))).rejects.toMatchObject({code: 'DISK_FAILED'})
      // Whoever reads the line meanwhile finds it there.
      world.network.serve(urlOf(2), {size: 1000, seed: 2})
      if (ms > 0) await start(world, 2)
      await world.advance(ms)
      const [entry] = await world.until(world.engine.start([draft]))
      await world.until(() => entry?.isOver === true)
      expect(entry?.record.state).toBe('completed')
      expect(world.network.notes.filter(({request}) => request.url === urlOf(1))).toHaveLength(1)
    }
  })

  it('conditions of the moment decide for what is started', async () => {
    const world = await worldOf()
    world.setConditions({...GOOD_CONDITIONS, connectivity: 'none'})
    const entry = await start(world, 1)
    await world.advance(10)
    expect(entry.record.state).toBe('pausedNoNetwork')
    expect(world.network.notes).toEqual([])
  })
})
