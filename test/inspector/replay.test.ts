/** An export bundle is enough to see an operation's life again: its journal, replayed, goes through the same states. */

import {afterEach, describe, expect, it} from 'vitest'
import type {OperationEntry} from '../../src/engine/operations/operation-entry.ts'
import {exportBundle} from '../../src/inspector/bundle.ts'
import type {ExportBundle} from '../../src/inspector/protocol.ts'
import {SimulatedWorld, urlOf} from '../support/simulated-world.ts'
import {replay} from './replay.ts'

let world: SimulatedWorld

afterEach(() => world.close())

async function opened(seed: number): Promise<SimulatedWorld> {
  world = new SimulatedWorld({seed, engine: {retries: 3, stallTimeoutMs: 5_000, connectTimeoutMs: 5_000}})
  world.network.serve(urlOf(1), {seed: 1, size: 60_000})
  await world.open()
  return world
}

async function start(): Promise<OperationEntry> {
  const [entry] = await world.until(world.engine.start([world.draft(1)]))
  if (entry === undefined) throw new Error('nothing was started')
  return entry
}

const isAt = (entry: OperationEntry, path: string) => world.until(() => entry.path === path)
const TRANSFERRING = 'running.exchanging.active.transferring'

/** As somebody else would get it. */
async function bundleOf(entry: OperationEntry): Promise<ExportBundle> {
  await world.settle()
  // It reads the package's own files too, which takes no simulated time.
  return JSON.parse(JSON.stringify(await exportBundle(world.engine, entry.record.id)))
}

async function expectReplays(entry: OperationEntry, rebirths = 0): Promise<readonly string[]> {
  const {record, journal} = await bundleOf(entry)
  const replayed = replay(record, journal)
  expect(replayed.path).toEqual(journal.map(({to}) => to))
  expect(replayed.rebirths).toBe(rebirths)
  expect(journal.at(-1)?.state).toBe(record.state)
  return journal.map(({to}) => to)
}

describe('a replayed journal', () => {
  it('of a plain download', async () => {
    await opened(1)
    const entry = await start()
    await world.until(() => entry.isOver)
    expect(await expectReplays(entry)).toEqual([
      'running.exchanging.active.connecting',
      'running.exchanging.active.awaitingResponse',
      TRANSFERRING,
      'running.finishing.verifying',
      'running.finishing.committing',
      'running.finishing.publishing',
      'completed',
    ])
  })

  it('of refusals, cuts, a stall and waits between them', async () => {
    await opened(2)
    world.network.addFault(urlOf(1), {kind: 'refused'})
    world.network.addFault(urlOf(1), {kind: 'reset', after: 20_000})
    world.network.addFault(urlOf(1), {kind: 'stalled', after: 8_000})
    world.network.addFault(urlOf(1), {kind: 'status', status: 503, retryAfterS: 2})
    const entry = await start()
    await world.until(() => entry.isOver)
    const path = await expectReplays(entry)
    expect(path.filter((each) => each === 'running.waitingToRetry').length).toBeGreaterThan(1)
    expect(path.at(-1)).toBe('completed')
  })

  it('of one that never connects, and fails', async () => {
    await opened(3)
    for (let n = 0; n < 9; n += 1) world.network.addFault(urlOf(1), {kind: 'neverConnects'})
    const entry = await start()
    await world.until(() => entry.isOver)
    expect((await expectReplays(entry)).at(-1)).toBe('failed')
  })

  it('of pauses by the application, the network, the cost and the battery, and a cancellation', async () => {
    await opened(4)
    const entry = await start()
    await isAt(entry, TRANSFERRING)
    world.engine.pause(entry)
    await isAt(entry, 'paused.byApplication')
    await world.settle()
    world.engine.resume(entry)
    await isAt(entry, TRANSFERRING)
    world.setConditions({connectivity: 'none'})
    await isAt(entry, 'paused.noNetwork')
    world.setConditions({connectivity: 'internet'})
    await isAt(entry, TRANSFERRING)
    world.setConditions({batterySaver: true, foreground: false})
    await isAt(entry, 'paused.systemPolicy')
    world.setConditions({batterySaver: false, foreground: true})
    await isAt(entry, TRANSFERRING)
    world.engine.cancel(entry)
    await world.until(() => entry.isOver)
    const path = await expectReplays(entry)
    for (const each of ['paused.byApplication', 'paused.noNetwork', 'paused.systemPolicy', 'running.returning']) {
      expect(path).toContain(each)
    }
    expect(path.at(-1)).toBe('canceled')
  })

  it('of a resource that changed under it', async () => {
    await opened(5)
    world.network.addFault(urlOf(1), {kind: 'reset', after: 30_000})
    const entry = await start()
    await world.until(() => entry.path === 'running.waitingToRetry' || entry.record.evidence.ranges.length > 0)
    world.network.serve(urlOf(1), {seed: 9, size: 50_000})
    await world.until(() => entry.isOver)
    const path = await expectReplays(entry)
    expect(path.some((each) => each.endsWith('recordingRestart') || each === 'running.startingOver')).toBe(true)
  })

  it('of a process that died in mid-transfer', async () => {
    await opened(6)
    world.network.addFault(urlOf(1), {kind: 'reset', after: 10_000})
    const first = await start()
    await world.until(() => first.record.evidence.ranges.length > 0 && first.path === TRANSFERRING)
    const {id} = first.record
    world.crash('kill')
    await world.open()
    const entry = await world.until(world.engine.find(id))
    if (entry === undefined) throw new Error('it is lost')
    await world.until(() => entry.isOver)
    const {journal, record} = await bundleOf(entry)
    expect(journal.map(({seq}) => seq)).toEqual(journal.map((_, at) => at + 1))
    const replayed = replay(record, journal)
    expect(replayed.path).toEqual(journal.map(({to}) => to))
    expect(replayed.rebirths).toBe(1)
  })
})
