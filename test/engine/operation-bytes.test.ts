/** Reading a download while its chart is ahead of what was told, on parts in memory, under a simulated clock. */

import {describe, expect, it} from 'vitest'
import type {LifeState} from '../../src/domain/status.ts'
import type {OperationEntry} from '../../src/engine/operations/operation-entry.ts'
import {contentOf} from '../support/content.ts'
import type {MemoryDisk} from '../support/memory-disk.ts'
import {operationId} from '../support/records.ts'
import {SimulatedWorld, urlOf} from '../support/simulated-world.ts'

const SIZE = 80_000
const CONTENT = contentOf(1, SIZE)

/** A download whose record is not written once its state is `state`, until `release` is called. */
async function heldBefore(state: LifeState) {
  const world = new SimulatedWorld()
  world.network.serve(urlOf(1), {seed: 1, size: SIZE})
  let release = () => {}
  let isHeld = false
  const released = new Promise<void>((resolve) => {
    release = resolve
  })
  world.onStore = (store) => {
    const save = store.save.bind(store)
    store.save = async (record, entries) => {
      if (record.state === state) {
        isHeld = true
        await released
      }
      await save(record, entries)
    }
  }
  await world.open()
  const [entry] = await world.until(world.engine.start([world.draft(1, {})]))
  return {world, entry: entry as OperationEntry, release, held: () => isHeld}
}

/** What a read that begins now comes to. */
function reading(world: SimulatedWorld, entry: OperationEntry, position = 0) {
  const into = Buffer.alloc(1000)
  const outcome: {is?: unknown} = {}
  const source = world.engine.bytesOf(entry)
  const done = source.read(into, position).then(
    (count) => {
      outcome.is = into.subarray(0, count)
    },
    (error) => {
      outcome.is = error.code
    },
  )
  return {outcome, done: done.finally(() => source.close())}
}

describe('bytes that are read for the first time', () => {
  it('after a part took its name, and before that is durable, come from the file once it is', async () => {
    const {world, entry, release, held} = await heldBefore('completed')
    await world.until(held)
    expect(world.disk.names('/downloads')).toEqual(['1'])
    const {outcome, done} = reading(world, entry)
    await world.settle()
    expect(outcome).toEqual({})
    release()
    await world.until(done)
    expect(outcome.is).toEqual(CONTENT.subarray(0, 1000))
    await world.close()
  })

  it('while the part is closed and looked at before it takes its name, come once it is', async () => {
    const world = new SimulatedWorld()
    world.network.serve(urlOf(1), {seed: 1, size: SIZE})
    await world.open()
    const [entry] = await world.until(world.engine.start([world.draft(1, {})]))
    world.faults.arm({port: 'disk', only: 'fsync', skip: 0, count: 1, how: 'late', code: 'EIO'})
    await world.until(() => entry?.path === 'running.finishing.verifying' && world.faults.met.size > 0)
    const {outcome, done} = reading(world, entry as OperationEntry, SIZE - 1000)
    await world.settle()
    expect(outcome).toEqual({})
    world.faults.answer()
    await world.until(done)
    expect(outcome.is).toEqual(CONTENT.subarray(SIZE - 1000))
    await world.close()
  })

  it('after a canceled part was removed, and before that is durable, fail as the download does', async () => {
    const {world, entry, release, held} = await heldBefore('canceled')
    await world.advance(1500)
    world.engine.cancel(entry)
    await world.until(held)
    expect(world.disk.names('/downloads')).toEqual([])
    const {outcome, done} = reading(world, entry)
    await world.settle()
    expect(outcome).toEqual({})
    release()
    await world.until(done)
    expect(outcome.is).toBe('CANCELED')
    await world.close()
  })
})

/** With a download of the file that is paused in the midst of it. */
async function pausedHalfway(): Promise<SimulatedWorld> {
  const world = new SimulatedWorld()
  world.network.serve(urlOf(1), {seed: 1, size: SIZE})
  await world.open()
  const [started] = await world.until(world.engine.start([world.draft(1, {})]))
  await world.advance(1500)
  world.engine.pause(started as OperationEntry)
  await world.until(() => started?.record.state === 'pausedByApplication')
  return world
}

describe('bytes of a download that rests', () => {
  it('are those that were written to its part, or none: also where nobody has opened that since a crash', async () => {
    const world = await pausedHalfway()
    world.crash('kill')
    await world.open()
    const entry = (await world.until(world.engine.find(operationId(1)))) as OperationEntry
    const sound = reading(world, entry)
    await world.until(sound.done)
    expect(sound.outcome.is).toEqual(CONTENT.subarray(0, 1000))
    world.crash('kill')
    const part = world.disk.names('/downloads').find((name) => name.endsWith('.part'))
    const length = world.disk.readFile(`/downloads/${part}`)?.length ?? 0
    world.disk.writeFile(`/downloads/${part}`, Buffer.alloc(length))
    await world.open()
    const again = (await world.until(world.engine.find(operationId(1)))) as OperationEntry
    const source = world.engine.bytesOf(again)
    const into = Buffer.alloc(1000)
    await expect(world.until(source.read(into, 0))).rejects.toMatchObject({code: 'PART_LOST'})
    // One that was opened before, and is read only when it is whole.
    world.engine.resume(again)
    await world.until(() => again.isOver)
    expect(await world.until(source.read(into, 0))).toBe(1000)
    expect(into.equals(CONTENT.subarray(0, 1000))).toBe(true)
    source.close()
    await world.close()
  })
})

describe('bytes that are read on', () => {
  it('are never of another version, also where nothing of the first one was durable', async () => {
    const world = new SimulatedWorld()
    world.network.serve(urlOf(1), {seed: 1, size: SIZE})
    await world.open()
    const [entry] = await world.until(world.engine.start([world.draft(1, {})]))
    const source = world.engine.bytesOf(entry as OperationEntry)
    const into = Buffer.alloc(1000)
    const first = await world.until(source.read(into, 0))
    expect(into.subarray(0, first).equals(CONTENT.subarray(0, first))).toBe(true)
    world.failDisk(['fdatasync', 'fsync'], 'ENOSPC', Number.POSITIVE_INFINITY)
    await world.until(() => entry?.record.state === 'pausedForStorage')
    expect(entry?.record.evidence.ranges).toEqual([])
    world.healDisk()
    world.network.serve(urlOf(1), {seed: 2, size: SIZE})
    await world.until(() => entry?.isOver === true)
    expect(entry?.record.state).toBe('completed')
    await expect(source.read(into, first)).rejects.toMatchObject({code: 'DOWNLOAD_RESTARTED'})
    // Once: from here on it reads the version that there is.
    const second = await world.until(source.read(into, first))
    expect(into.subarray(0, second).equals(contentOf(2, SIZE).subarray(first, first + second))).toBe(true)
    source.close()
    await world.close()
  })

  it.each([
    ['was damaged', (disk: MemoryDisk, part: string) => disk.writeFile(part, Buffer.alloc(SIZE))],
    ['was removed', (disk: MemoryDisk, part: string) => disk.removeFile(part)],
  ])('are never of another version, also where a part that was read of before it went on %s', async (_, spoil) => {
    const world = await pausedHalfway()
    await world.close()
    await world.open()
    const entry = await world.until(world.engine.find(operationId(1)))
    const source = world.engine.bytesOf(entry as OperationEntry)
    const into = Buffer.alloc(1000)
    const first = await world.until(source.read(into, 0))
    expect(into.subarray(0, first).equals(CONTENT.subarray(0, first))).toBe(true)
    const part = world.disk.names('/downloads').find((name) => name.endsWith('.part'))
    spoil(world.disk, `/downloads/${part}`)
    world.network.serve(urlOf(1), {seed: 2, size: SIZE})
    world.engine.resume(entry as OperationEntry)
    await world.until(() => entry?.isOver === true)
    expect(entry?.record.state).toBe('completed')
    await expect(source.read(into, first)).rejects.toMatchObject({code: 'DOWNLOAD_RESTARTED'})
    // From here on it reads the version that there is.
    const second = await world.until(source.read(into, first))
    expect(into.subarray(0, second).equals(contentOf(2, SIZE).subarray(first, first + second))).toBe(true)
    source.close()
    await world.close()
  })

  it('go on where what came is durable, and the version is the same', async () => {
    const world = new SimulatedWorld()
    world.network.serve(urlOf(1), {seed: 1, size: SIZE})
    await world.open()
    const [entry] = await world.until(world.engine.start([world.draft(1, {})]))
    const source = world.engine.bytesOf(entry as OperationEntry)
    const into = Buffer.alloc(1000)
    const first = await world.until(source.read(into, 0))
    world.engine.pause(entry as OperationEntry)
    await world.until(() => entry?.record.state === 'pausedByApplication')
    world.engine.resume(entry as OperationEntry)
    await world.until(() => entry?.isOver === true)
    const second = await world.until(source.read(into, first))
    expect(into.subarray(0, second).equals(CONTENT.subarray(first, first + second))).toBe(true)
    source.close()
    await world.close()
  })
})
