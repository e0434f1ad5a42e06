/** Single members moved within their line: the order that comes of it, also across a restart, and what is refused. */

import {describe, expect, it} from 'vitest'
import type {LineMove} from '../../src/domain/line-move.ts'
import type {OperationEntry} from '../../src/engine/operations/operation-entry.ts'
import type {EngineOptions} from '../../src/engine/options.ts'
import {operationId} from '../support/records.ts'
import {SimulatedWorld} from '../support/simulated-world.ts'

const NAMES = ['a', 'b', 'c', 'd', 'e'] as const
type Name = (typeof NAMES)[number]

/** The members wait in one group, in an engine that admits nobody. */
async function waiting(group: string, priorities: readonly (0 | 1 | 2)[] = []): Promise<SimulatedWorld> {
  const world = new SimulatedWorld({engine: {maxConcurrentTransfers: 0}})
  await world.open()
  const drafts = NAMES.map((name, at) => {
    world.network.serve(`http://files.example/${name}`, {seed: at, size: 100})
    const policy = {group, priority: priorities[at] ?? 0}
    return world.draft(at + 1, {url: `http://files.example/${name}`, policy})
  })
  await world.until(world.engine.startMany(drafts))
  return world
}

async function entryOf(world: SimulatedWorld, name: Name): Promise<OperationEntry> {
  const entry = await world.until(world.engine.find(operationId(NAMES.indexOf(name) + 1)))
  if (entry === undefined) throw new Error('there is no such member')
  return entry
}

async function move(world: SimulatedWorld, name: Name, to: LineMove): Promise<void> {
  await world.until(world.engine.move(await entryOf(world, name), to))
}

async function reopen(world: SimulatedWorld, options: EngineOptions): Promise<void> {
  await world.close()
  await world.open(options)
}

/** Lets one after another run, and says who was asked for. */
async function orderOf(world: SimulatedWorld): Promise<string> {
  await reopen(world, {maxConcurrentTransfers: 1})
  await world.until(() => world.network.notes.length === NAMES.length && world.network.open.size === 0)
  await world.close()
  return world.network.notes.map(({request}) => new URL(request.url).pathname.slice(1)).join('')
}

const inLine = (world: SimulatedWorld, group: string) =>
  world.engine
    .groups()
    .find(({name}) => name === group)
    ?.line.map((id) => NAMES[Number(id.slice(-2)) - 1])
    .join('')

describe('a member that waits', () => {
  it('moves up and down by one, and the order outlives the engine', async () => {
    const world = await waiting('g')
    await move(world, 'd', 'up')
    expect(inLine(world, 'g')).toBe('abdce')
    await move(world, 'a', 'down')
    await move(world, 'a', 'down')
    expect(inLine(world, 'g')).toBe('bdace')
    expect(await orderOf(world)).toBe('bdace')
  })

  it('goes to the first place, to the last, and before another, and no other moves', async () => {
    const world = await waiting('g')
    await move(world, 'c', 'first')
    await move(world, 'c', 'first')
    await move(world, 'b', 'last')
    await move(world, 'b', 'last')
    await move(world, 'e', {before: operationId(4)})
    expect(inLine(world, 'g')).toBe('caedb')
    expect(await orderOf(world)).toBe('caedb')
  })

  it('passes priorities, in a line without a group too', async () => {
    const world = await waiting('', [0, 0, 0, 1, 2])
    expect(inLine(world, '')).toBe('dabce')
    await move(world, 'a', 'up')
    await move(world, 'e', 'up')
    expect(inLine(world, '')).toBe('adbec')
    expect(await orderOf(world)).toBe('adbec')
  })

  it('counts each move from where the last one ended', async () => {
    const world = await waiting('g')
    const entry = await entryOf(world, 'e')
    await world.until(Promise.all(Array.from({length: 3}, () => world.engine.move(entry, 'up'))))
    expect(inLine(world, 'g')).toBe('aebcd')
    await world.close()
  })

  it('passes those that wait only: whoever is paused meanwhile is not counted', async () => {
    const world = await waiting('g')
    const paused = await entryOf(world, 'c')
    world.engine.pause(paused)
    const entry = await entryOf(world, 'd')
    await world.until(
      Promise.all([world.engine.move(entry, 'up'), world.until(() => paused.record.state !== 'queued')]),
    )
    expect(inLine(world, 'g')).toBe('adbe')
    await world.close()
  })

  it('can be moved where nobody takes part yet (resumeOnOpen: false), and those that were attached keep the new order', async () => {
    const world = await waiting('g')
    await reopen(world, {maxConcurrentTransfers: 0, resumeOnOpen: false})
    for (const name of ['a', 'd'] as const) world.engine.attach(await entryOf(world, name))
    await move(world, 'd', 'first')
    expect(inLine(world, 'g')).toBe('da')
    expect(await orderOf(world)).toBe('dabce')
  })

  it('is refused a place that there is not, and says why', async () => {
    const world = await waiting('g')
    const refused = (name: Name, to: LineMove) =>
      expect(move(world, name, to)).rejects.toMatchObject({code: 'ILLEGAL_STATE'})
    await refused('a', 'up')
    await refused('e', 'down')
    await refused('a', {before: operationId(9)})
    const paused = await entryOf(world, 'b')
    world.engine.pause(paused)
    await world.until(() => paused.record.state === 'pausedByApplication')
    await refused('b', 'up')
    await refused('a', {before: operationId(2)})
    expect(inLine(world, 'g')).toBe('acde')
    await world.close()
  })
})
