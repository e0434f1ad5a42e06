/** The store on Level keeps the contract, in both durabilities, and what it alone promises. */

import {readdir, readFile, stat} from 'node:fs/promises'
import {join} from 'node:path'
import {afterEach, beforeEach, describe, expect, it, vi} from 'vitest'
import {Connection} from '../../src/adapters/level/connection.ts'
import type {LevelStore} from '../../src/adapters/level/level-store.ts'
import type {OperationRecord} from '../../src/domain/record.ts'
import {operationId, queuedRecord} from '../support/records.ts'
import {describeRecordStore} from './record-store.contract.ts'
import {buildLevelHouse, type LevelHouse} from './store-house.ts'

describeRecordStore('LevelStore (process)', () => buildLevelHouse('process'))
describeRecordStore('LevelStore (power)', () => buildLevelHouse('power'))

const pausedOf = (record: OperationRecord): OperationRecord => ({...record, state: 'pausedByApplication'})
const queuedOf = (record: OperationRecord): OperationRecord => ({...record, state: 'queued'})

describe('the store on Level', () => {
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

  it('keeps its directories closed to others', async () => {
    for (const path of [house.directory, join(house.directory, 'store')]) {
      expect((await stat(path)).mode & 0o777).toBe(0o700)
    }
    expect((await stat(join(house.directory, 'holder.json'))).mode & 0o777).toBe(0o600)
  })

  it('names its holder while it is open, without arguments, and takes the note back', async () => {
    const holder = JSON.parse(await readFile(join(house.directory, 'holder.json'), 'utf8'))
    expect(holder).toMatchObject({pid: process.pid, command: 'test'})
    await store.close()
    expect(await readdir(house.directory)).toEqual(['store'])
  })

  it('says who has the store when it is open in the same process', async () => {
    await expect(house.next().open()).rejects.toMatchObject({
      code: 'STORE_LOCKED',
      message: expect.stringContaining(`in use by process ${process.pid} (test), since `),
      advice: 'this process itself has it open: use that engine, or close it first',
    })
  })

  it('a second open of one store is refused', async () => {
    await expect(store.open()).rejects.toMatchObject({code: 'ILLEGAL_STATE'})
  })

  it('is closed when a write fails while others wait behind it', async () => {
    const write = vi.spyOn(Connection.prototype, 'current')
    try {
      write.mockRejectedValueOnce(new Error('No space left on device'))
      const bulks = Array.from({length: 5}, (_, bulk) =>
        store.create(Array.from({length: 1000}, (__, at) => queuedRecord(bulk * 1000 + at + 1))),
      )
      const settled = Promise.allSettled(bulks)
      await store.close()
      expect(await settled).toMatchObject([{status: 'rejected', reason: {code: 'DISK_FULL'}}, {}, {}, {}, {}])
    } finally {
      write.mockRestore()
    }
    store = house.next()
    await store.open()
  })

  it('finds an operation once that moves from one index to another while a query reads them', async () => {
    const [waits, paused] = [queuedRecord(1), queuedRecord(2, {state: 'pausedByApplication'})]
    await store.create([waits, paused])
    const scanned = vi.spyOn(Connection.prototype, 'read').mockImplementationOnce(async function (
      this: Connection,
      use,
    ) {
      const database = await this.current()
      let reads = 0
      const iterator: typeof database.iterator = database.iterator.bind(database)
      const moving = new Proxy(database, {
        get(target, name) {
          if (name !== 'iterator') {
            const value = Reflect.get(target, name, target)
            return typeof value === 'function' ? value.bind(target) : value
          }
          return (...options: Parameters<typeof iterator>) => {
            const found = iterator(...options)
            const all = found.all.bind(found)
            // Both change places once the first index was read.
            found.all = async () => {
              const entries = await all()
              reads += 1
              if (reads === 1) await Promise.all([store.save(pausedOf(waits)), store.save(queuedOf(paused))])
              return entries
            }
            return found
          }
        },
      })
      return use(moving)
    })
    const found = await store.query({states: ['queued', 'pausedByApplication']})
    expect(scanned).toHaveBeenCalled()
    scanned.mockRestore()
    expect(found.map(({sequence}) => sequence)).toEqual([1, 2])
  })

  it('finds few among many by index and many by walking', async () => {
    const records = Array.from({length: 7000}, (_, at) => queuedRecord(at + 1))
    records[6500] = queuedRecord(6501, {state: 'failed', endedAt: 1})
    await store.create(records)
    expect(await store.query({states: ['failed']})).toEqual([records[6500]])
    const page = await store.query({states: ['queued'], after: operationId(6499), limit: 3})
    expect(page.map(({sequence}) => sequence)).toEqual([6500, 6502, 6503])
  })

  it('lets a save pass a bulk creation', async () => {
    await store.create([queuedRecord(9001)])
    let isBulkDone = false
    const bulk = store.create(Array.from({length: 9000}, (_, at) => queuedRecord(at + 1))).then(() => {
      isBulkDone = true
    })
    await store.save(queuedRecord(9001, {state: 'running'}))
    expect(isBulkDone).toBe(false)
    expect(await store.active()).toEqual([operationId(9001)])
    await bulk
  })

  it('creates no operation twice, in bulk, in a later session or in a batch with newer ones', async () => {
    const bulk = (from: number, to: number, file: string) =>
      Array.from({length: to - from}, (_, at) => queuedRecord(from + at, {file: `/${file}/${from + at}`}))
    await store.create(bulk(1000, 1300, 'first'))
    await store.create(bulk(1200, 1500, 'second'))
    // Smaller than what is there, and yet unknown.
    await store.create(bulk(500, 700, 'third'))
    await store.close()
    store = house.next()
    expect(await store.open()).toMatchObject({operations: 700})
    await store.create(bulk(400, 1700, 'fourth'))
    const fileOf = async (n: number) => (await store.get(operationId(n)))?.target.file
    expect(await Promise.all([400, 500, 699, 700, 1000, 1299, 1300, 1499, 1500].map(fileOf))).toEqual([
      '/fourth/400',
      '/third/500',
      '/third/699',
      '/fourth/700',
      '/first/1000',
      '/first/1299',
      '/second/1300',
      '/second/1499',
      '/fourth/1500',
    ])
    expect(await store.findByFile('/fourth/1200')).toBeUndefined()
  })

  it('creates anew what was removed, newest or not', async () => {
    await store.create(Array.from({length: 200}, (_, at) => queuedRecord(at + 1)))
    await Promise.all([store.remove(operationId(7)), store.remove(operationId(200))])
    await store.create(Array.from({length: 200}, (_, at) => queuedRecord(at + 1, {file: `/again/${at + 1}`})))
    const files = (await store.getMany([6, 7, 200].map(operationId))).map((record) => record?.target.file)
    expect(files).toEqual(['/downloads/6', '/again/7', '/again/200'])
  })

  it('saves what it has created beyond what it remembers', async () => {
    const many = Array.from({length: 17_000}, (_, at) => queuedRecord(at + 1))
    await store.create(many)
    for (const n of [1, 17_000]) {
      await store.save(queuedRecord(n, {state: 'failed', endedAt: n}))
      await store.save(queuedRecord(n, {state: 'queued', sequence: 20_000 + n}))
    }
    expect(await store.query({states: ['failed']})).toEqual([])
    const line = await store.line('', {priorityClass: 1, from: 16_999, to: Number.MAX_SAFE_INTEGER}, 10)
    expect(line.map(({sequence}) => sequence)).toEqual([16_999, 20_001, 37_000])
  })
})
