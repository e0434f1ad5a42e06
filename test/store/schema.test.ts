/** The store's format: a newer one is refused, an older one is brought up, and the released ones stay readable. */

import {mkdtemp, readdir, readFile, rm} from 'node:fs/promises'
import {tmpdir} from 'node:os'
import {join} from 'node:path'
import {afterEach, beforeEach, describe, expect, it} from 'vitest'
import {type Database, databasePath, openAt} from '../../src/adapters/level/database.ts'
import {diagnose, repair} from '../../src/adapters/level/doctor.ts'
import {SCHEMA_KEY} from '../../src/adapters/level/keys.ts'
import {createLevelStore} from '../../src/adapters/level/level-store.ts'
import {migrate, SCHEMA_VERSION} from '../../src/adapters/level/schema.ts'
import {operationId, queuedRecord} from '../support/records.ts'
import {fixtureGroups, fixtureRecords} from './fixtures/v1-records.ts'
import {buildLevelHouse, type LevelHouse} from './store-house.ts'

describe('the format version', () => {
  let house: LevelHouse

  beforeEach(async () => {
    house = await buildLevelHouse()
    const store = house.next()
    await store.open()
    await store.create([queuedRecord(1)])
    await store.close()
  })

  afterEach(() => house.dispose())

  async function edit(change: (database: Database) => Promise<void>): Promise<void> {
    const database = await openAt(databasePath(house.directory), false)
    await change(database)
    await database.close()
  }

  it('is refused when it is newer, and the lock is given back', async () => {
    await edit((database) => database.put(SCHEMA_KEY, String(SCHEMA_VERSION + 1)))
    await expect(house.next().open()).rejects.toMatchObject({
      code: 'STORE_TOO_NEW',
      message: `the store has format ${SCHEMA_VERSION + 1}; this version knows ${SCHEMA_VERSION}`,
    })
    await edit((database) => database.put(SCHEMA_KEY, String(SCHEMA_VERSION)))
    const store = house.next()
    expect(await store.open()).toMatchObject({operations: 1})
    await store.close()
  })

  it('is refused by the doctor, too, when it is newer: nothing is put in its place', async () => {
    await edit((database) => database.put(SCHEMA_KEY, String(SCHEMA_VERSION + 1)))
    const before = await readdir(house.directory)
    await expect(diagnose(house.directory)).rejects.toMatchObject({code: 'STORE_TOO_NEW'})
    await expect(repair(house.directory)).rejects.toMatchObject({code: 'STORE_TOO_NEW', where: house.directory})
    expect(await readdir(house.directory)).toEqual(before)
    await edit(async (database) => expect(await database.get(SCHEMA_KEY)).toBe(String(SCHEMA_VERSION + 1)))
  })

  it.each(['', 'x', '0', '1.5'])('is damage when it reads %j, which the doctor tells and mends', async (text) => {
    await edit((database) => database.put(SCHEMA_KEY, text))
    await expect(house.next().open()).rejects.toMatchObject({code: 'STORE_DAMAGED'})
    const problem = 'the store’s format version is unreadable'
    expect(await diagnose(house.directory)).toMatchObject({opens: true, problem, records: 1})
    expect(await repair(house.directory)).toMatchObject({records: 1, damaged: 0})
    const store = house.next()
    expect(await store.open()).toMatchObject({operations: 1})
    await store.close()
  })

  it('is written again when it was lost beside records', async () => {
    await edit((database) => database.del(SCHEMA_KEY))
    const store = house.next()
    expect(await store.open()).toMatchObject({operations: 1})
    expect(store.diagnostics().healed).toBe(true)
    expect(await store.get(operationId(1))).toEqual(queuedRecord(1))
    await store.close()
  })

  it('is brought up step by step, each step once', async () => {
    const steps: number[] = []
    const migrations = [2, 3].map((to) => ({
      to,
      run: async (database: Database) => {
        expect(Number(await database.get(SCHEMA_KEY))).toBe(to - 1)
        steps.push(to)
      },
    }))
    await edit(async (database) => {
      expect(await migrate(database, 'here', 3, migrations)).toBe(true)
      expect(await migrate(database, 'here', 3, migrations)).toBe(true)
      expect(await database.get(SCHEMA_KEY)).toBe('3')
    })
    expect(steps).toEqual([2, 3])
  })

  it('goes on at the step that failed', async () => {
    let isBroken = true
    const migrations = [2, 3].map((to) => ({
      to,
      run: async () => {
        if (to === 3 && isBroken) throw new Error('broken off')
      },
    }))
    await edit(async (database) => {
      await expect(migrate(database, 'here', 3, migrations)).rejects.toThrow('broken off')
      expect(await database.get(SCHEMA_KEY)).toBe('2')
      isBroken = false
      await migrate(database, 'here', 3, migrations)
      expect(await database.get(SCHEMA_KEY)).toBe('3')
    })
  })
})

describe('a store of format 1, as released', () => {
  let directory: string

  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'fixture-store-'))
    const fixture: readonly [string, string][] = JSON.parse(
      await readFile(new URL('./fixtures/v1.json', import.meta.url), 'utf8'),
    )
    const database = await openAt(databasePath(directory), true)
    await database.batch(fixture.map(([key, value]) => ({type: 'put', key, value})))
    await database.close()
  })

  afterEach(() => rm(directory, {recursive: true, force: true}))

  it('is read as it was written', async () => {
    const store = createLevelStore({directory, durability: 'process'})
    expect(await store.open()).toEqual({operations: fixtureRecords.length, lastSequence: 12})
    expect(await store.query({})).toStrictEqual(fixtureRecords)
    expect(await store.groups()).toStrictEqual(fixtureGroups)
    expect(await store.active()).toEqual([operationId(3), operationId(4)])
    expect(await store.line('Grüße/1', {priorityClass: 0, from: 0, to: 99}, 9)).toEqual([
      {id: operationId(2), priorityClass: 0, sequence: 2},
    ])
    expect((await store.waitingGroups()).map(({name}) => name)).toEqual(['', 'Grüße/1'])
    expect(await store.findByFile('/home/jürgen/Ein Bild (1).jpg')).toBe(operationId(2))
    await store.close()
  })

  it('is sound', async () => {
    expect(await diagnose(directory)).toEqual({
      exists: true,
      opens: true,
      records: fixtureRecords.length,
      damaged: 0,
      missing: 0,
      unindexed: 0,
      orphans: 0,
      lostWrites: false,
    })
  })
})
