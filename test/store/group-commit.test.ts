/** Group commit: what is told and when, what a batch holds, and how the store goes on after a batch that failed. */

import fc from 'fast-check'
import {afterAll, afterEach, beforeAll, beforeEach, describe, expect, it} from 'vitest'
import {diagnose} from '../../src/adapters/level/doctor.ts'
import type {LevelStore} from '../../src/adapters/level/level-store.ts'
import {PendingWrites, Ticket} from '../../src/adapters/level/pending-writes.ts'
import {startChild} from '../support/child-program.ts'
import {operationId, queuedRecord} from '../support/records.ts'
import {compiledProgram} from '../support/shared-build.ts'
import {QuickDatabase} from './quick-database.ts'
import {buildLevelHouse, type LevelHouse} from './store-house.ts'

describe('the order of acknowledgements', () => {
  let house: LevelHouse
  let store: LevelStore

  beforeEach(async () => {
    house = await buildLevelHouse()
    store = house.next()
    await store.open()
  })

  afterEach(async () => {
    await store.close()
    await house.dispose()
  })

  it('is the order of the saves of an operation, and when one is told, it or a newer one is there', async () => {
    let run = 0
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.record({id: fc.nat(3), pause: fc.nat(2)}), {minLength: 1, maxLength: 40}),
        async (steps) => {
          run += 1
          const told = new Map<number, number[]>()
          const saves: Promise<void>[] = []
          for (const [at, {id, pause}] of steps.entries()) {
            const n = run * 10 + id
            const save = store.save(queuedRecord(n, {state: 'running', createdAt: at})).then(async () => {
              told.set(n, [...(told.get(n) ?? []), at])
              expect((await store.get(operationId(n)))?.createdAt).toBeGreaterThanOrEqual(at)
            })
            saves.push(save)
            for (let turn = 0; turn < pause; turn += 1) await new Promise(setImmediate)
          }
          await Promise.all(saves)
          for (const [n, order] of told) {
            expect(order).toEqual(steps.flatMap(({id}, at) => (run * 10 + id === n ? [at] : [])))
          }
        },
      ),
      {numRuns: 30},
    )
  })
})

describe('whoever waits', () => {
  const way = fc.constantFrom('now', 'soon', 'flush')
  const step = fc.record({id: fc.nat(2), way, turns: fc.nat(2)})
  const scripts = fc.array(fc.array(step, {maxLength: 6}), {minLength: 1, maxLength: 6})
  const fates = fc.array(fc.record({turns: fc.nat(2), fails: fc.boolean()}), {maxLength: 8})

  it('is told, of one batch after the other, and of success when it or a newer one is written', async () => {
    await fc.assert(
      fc.asyncProperty(scripts, fates, async (callers, batches) => {
        const database = new QuickDatabase(batches)
        const {commit} = database
        let newest = 0
        const save = async (n: number, when: 'now' | 'soon') => {
          newest += 1
          const createdAt = newest
          const saved = commit.pending.save(queuedRecord(n, {createdAt}))
          if (when === 'now') commit.wake()
          else commit.wakeSoon()
          const isSaved = await saved.then(
            () => true,
            () => false,
          )
          if (isSaved) expect(database.record(operationId(n))?.createdAt).toBeGreaterThanOrEqual(createdAt)
        }
        const call = async (script: (typeof callers)[number]) => {
          for (const {id, way, turns} of script) {
            await (way === 'flush' ? commit.flush().catch(() => undefined) : save(id, way))
            for (let turn = 0; turn < turns; turn += 1) await new Promise(setImmediate)
          }
        }
        await Promise.all(callers.map(call))
        await commit.ended()
        expect(commit.pending.isEmpty).toBe(true)
        expect(database.mostAtOnce).toBeLessThanOrEqual(1)
      }),
      {numRuns: 200},
    )
  })
})

describe('what may wait a moment', () => {
  it('holds nobody up who comes after it went with others', async () => {
    const {commit} = new QuickDatabase()
    const noted = commit.pending.save(queuedRecord(1))
    commit.wakeSoon()
    const saved = commit.pending.save(queuedRecord(2))
    commit.wake()
    await Promise.all([noted, saved])
    // It would have gone by itself now.
    await new Promise((resolve) => setImmediate(resolve))
    const later = commit.pending.save(queuedRecord(3))
    commit.wake()
    await later
  })

  it('goes into the batch of what comes later in the same turn', async () => {
    const house = await buildLevelHouse()
    const store = house.next()
    try {
      await store.open()
      await store.create([queuedRecord(1)])
      const told: string[] = []
      const noted = store.saveSoon(queuedRecord(1, {state: 'completed', endedAt: 1})).then(() => told.push('noted'))
      for (let hop = 0; hop < 20; hop += 1) await Promise.resolve()
      const created = store.create([queuedRecord(2)]).then(() => told.push('created'))
      await Promise.all([noted, created])
      // Of one batch the creations are told first.
      expect(told).toEqual(['created', 'noted'])
    } finally {
      await store.close()
      await house.dispose()
    }
  })
})

describe('waiting writes', () => {
  it('hold one change per operation, the newest, with everybody who waits', () => {
    const pending = new PendingWrites()
    void pending.save(queuedRecord(1))
    void pending.save(queuedRecord(1, {state: 'running'}))
    void pending.remove(operationId(2))
    const {changes} = pending.take(10)
    expect([...changes.values()].map(({content, tickets}) => [content.kind, tickets.length])).toEqual([
      ['save', 2],
      ['remove', 1],
    ])
    expect(pending.isEmpty).toBe(true)
  })

  it('let so many creations into a batch, and all else', () => {
    const pending = new PendingWrites()
    void pending.create([1, 2, 3, 4, 5].map((n) => queuedRecord(n)))
    void pending.save(queuedRecord(6))
    expect([...pending.take(2).changes.keys()]).toEqual([1, 2, 6].map(operationId))
    expect([...pending.take(2).changes.keys()]).toEqual([3, 4].map(operationId))
    expect([...pending.take(2).changes.keys()]).toEqual([operationId(5)])
  })

  it('reject with the first failure, once', async () => {
    const ticket = new Ticket(2)
    ticket.fail(new Error('first'))
    ticket.done()
    ticket.fail(new Error('second'))
    await expect(ticket.promise).rejects.toMatchObject({code: 'INTERNAL', message: 'unexpected failure: first'})
  })
})

describe('a batch that fails', () => {
  let program: string
  let house: LevelHouse

  beforeAll(async () => {
    program = await compiledProgram(new URL('./full-disk-writer.ts', import.meta.url))
    house = await buildLevelHouse()
  })

  afterAll(async () => {
    await house.dispose()
  })

  it('fails all who waited for it as DISK_FULL, and the store goes on', async () => {
    // A limit of the system on the size of a file: the log cannot grow beyond it.
    const child = startChild(program, [house.directory], ['sh', '-c', 'ulimit -f 200 && exec "$0" "$@"'])
    const {value} = await child.lines.next()
    const report = JSON.parse(value)
    expect(report.failures).toBe(3)
    expect(report.readable).toBe(3)
    expect(new Set(report.refused.map(({code}: {code: string}) => code))).toEqual(new Set(['DISK_FULL']))
    expect(report.refused).toHaveLength(15)
    expect(report.lastSequence).toBeGreaterThan(Math.max(...report.refused.map(({n}: {n: number}) => n)))

    const {records} = await diagnose(house.directory)
    expect(await diagnose(house.directory)).toMatchObject({damaged: 0, missing: 0, unindexed: 0, orphans: 0})
    expect(records).toBeGreaterThanOrEqual(report.acknowledged.length)
    const store = house.next()
    await store.open()
    const found = await store.getMany(report.acknowledged.map(operationId))
    expect(found.every((record) => record !== undefined)).toBe(true)
    await store.close()
  })
})
