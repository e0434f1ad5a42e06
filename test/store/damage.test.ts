/**
 * The ways in which a store gets damaged, one test each: what the next open says, that nothing wrong is ever read from it,
 * that the indexes agree with what is left, and what `repair` saves. Each starts from a copy of the same two stores.
 */

import {execFileSync} from 'node:child_process'
import {cp, mkdir, mkdtemp, readdir, readFile, rm, truncate, writeFile} from 'node:fs/promises'
import {tmpdir} from 'node:os'
import {join} from 'node:path'
import {afterAll, afterEach, beforeAll, beforeEach, describe, expect, it} from 'vitest'
import {type Database, databasePath, openAt} from '../../src/adapters/level/database.ts'
import {diagnose, repair} from '../../src/adapters/level/doctor.ts'
import {journalKey, memberKey, operationKey, tallyKey} from '../../src/adapters/level/keys.ts'
import {createLevelStore, type LevelStore} from '../../src/adapters/level/level-store.ts'
import {SUSPECT_KEY} from '../../src/adapters/level/schema.ts'
import {sealRecord} from '../../src/adapters/level/stored-record.ts'
import type {OperationRecord} from '../../src/domain/record.ts'
import {journalEntry, operationId, queuedRecord} from '../support/records.ts'
import {mountSmallDisk, unmountDisk} from '../support/small-disk.ts'

const COUNT = 600
const SOUND = {opens: true, damaged: 0, missing: 0, unindexed: 0, orphans: 0, lostWrites: false}

/** Long enough that the log has many blocks. */
const url = (n: number) => `http://127.0.0.1/${'path/'.repeat(40)}${n}`
const queued = (n: number) => queuedRecord(n, {url: url(n)})
const running = (n: number) => queuedRecord(n, {url: url(n), state: 'running'})
const ended = (n: number) => queuedRecord(n, {url: url(n), state: 'completed', endedAt: n})
const lastState = (n: number) => (n % 3 === 0 ? ended(n) : n % 3 === 1 ? running(n) : queued(n))

/** What another process hears that opens the database there, and closes it. */
function openElsewhere(location: string): string {
  const script = `const {Level} = await import('level')
    const database = new Level(process.argv[1], {createIfMissing: false})
    await database.open().then(() => console.log('opened'), (error) => console.log(error.cause?.code))`
  const argv = ['--input-type=module', '-e', script, location]
  return execFileSync(process.execPath, argv, {encoding: 'utf8'}).trim()
}

describe('a damaged store', () => {
  let root: string
  /** All of it in the write-ahead log, in many batches. */
  let logged: string
  /** The same in tables, as after a reopening. */
  let tabled: string
  let directory: string
  let opened: LevelStore | undefined

  const openStore = async () => {
    opened = createLevelStore({directory, durability: 'process'})
    await opened.open()
    return opened
  }
  const filesOf = async (pattern: RegExp) => {
    const names = await readdir(databasePath(directory))
    return names.filter((name) => pattern.test(name)).map((name) => join(databasePath(directory), name))
  }
  const fileOf = async (pattern: RegExp) => {
    const [file] = await filesOf(pattern)
    if (file === undefined) throw new Error(`no file ${pattern}`)
    return file
  }
  const startFrom = (source: string) => cp(source, directory, {recursive: true})

  beforeAll(async () => {
    root = await mkdtemp(join(tmpdir(), 'damaged-store-'))
    logged = join(root, 'logged')
    tabled = join(root, 'tabled')
    const store = createLevelStore({directory: logged, durability: 'process'})
    await store.open()
    for (let n = 1; n <= COUNT; n += 1) {
      await store.create([queued(n)])
      if (n % 3 !== 2) await store.save(running(n))
      if (n % 3 === 0) await store.save(ended(n))
    }
    await store.saveGroup({name: 'g', behavior: 1})
    await store.close()
    await cp(logged, tabled, {recursive: true})
    const again = createLevelStore({directory: tabled, durability: 'process'})
    await again.open()
    await again.close()
  })

  beforeEach(async () => {
    directory = join(await mkdtemp(join(root, 'case-')), 'engine')
    await mkdir(directory)
  })

  afterEach(async () => {
    await opened?.close()
    opened = undefined
  })

  afterAll(() => rm(root, {recursive: true, force: true}))

  /** Every record that can be read is one that was written, and the store takes new ones. */
  async function expectNothingWrong(store: LevelStore): Promise<readonly OperationRecord[]> {
    const records = await store.query({limit: 2 * COUNT})
    for (const record of records) {
      const n = record.sequence
      expect([queued(n), running(n), ended(n)]).toContainEqual(record)
    }
    await store.create([queuedRecord(99_999)])
    expect(await store.get(operationId(99_999))).toEqual(queuedRecord(99_999))
    await store.remove(operationId(99_999))
    return records
  }

  async function expectWhole(store: LevelStore): Promise<void> {
    const records = await store.query({limit: 2 * COUNT})
    expect(records).toEqual(Array.from({length: COUNT}, (_, at) => lastState(at + 1)))
    expect(await store.groups()).toEqual([{name: 'g', behavior: 1}])
    expect(await store.findByFile('/downloads/5')).toBe(operationId(5))
  }

  describe('the log', () => {
    beforeEach(() => startFrom(logged))

    it.each([
      ['cut to its half', (half: number, bytes: Buffer) => bytes.subarray(0, half)],
      ['zero from its half on', (half: number, bytes: Buffer) => bytes.fill(0, half)],
    ])('%s: opens with the older part, which is in order', async (_, damage) => {
      const log = await fileOf(/\.log$/)
      const bytes = await readFile(log)
      await writeFile(log, damage(bytes.length >> 1, bytes))
      const records = await expectNothingWrong(await openStore())
      expect(records.length).toBeGreaterThan(COUNT / 4)
      expect(records.length).toBeLessThan((COUNT * 3) / 4)
      await opened?.close()
      expect(await diagnose(directory)).toMatchObject({...SOUND, records: records.length})
    })

    it.each([1, 2, 3, 4, 5, 6, 7])(
      'with a byte flipped at %d/8: opens, heals the indexes and counts what is gone',
      async (part) => {
        const log = await fileOf(/\.log$/)
        const bytes = await readFile(log)
        const at = Math.floor((bytes.length * part) / 8)
        bytes.writeUInt8(bytes.readUInt8(at) ^ 0x40, at)
        await writeFile(log, bytes)

        const store = await openStore()
        expect(store.diagnostics()).toEqual({damaged: 0, healed: true})
        const records = await expectNothingWrong(store)
        expect(records.length).toBeLessThan(COUNT)
        expect(records.length).toBeGreaterThan(COUNT * 0.8)
        await store.close()
        expect(await diagnose(directory)).toMatchObject({...SOUND, missing: COUNT - records.length})
      },
    )

    it('with a byte flipped, seen by diagnose first: the next open still heals', async () => {
      const log = await fileOf(/\.log$/)
      const bytes = await readFile(log)
      bytes.writeUInt8(bytes.readUInt8(bytes.length >> 1) ^ 0x40, bytes.length >> 1)
      await writeFile(log, bytes)
      const report = await diagnose(directory)
      expect(report).toMatchObject({opens: true, lostWrites: true})
      expect(report.missing + report.orphans + report.unindexed).toBeGreaterThan(0)
      expect((await openStore()).diagnostics().healed).toBe(true)
      await opened?.close()
      expect(await diagnose(directory)).toMatchObject({opens: true, orphans: 0, unindexed: 0, lostWrites: false})
    })

    it('removed: opens empty', async () => {
      await rm(await fileOf(/\.log$/))
      expect(await expectNothingWrong(await openStore())).toEqual([])
    })
  })

  describe('LevelDB’s own files', () => {
    it.each(['logged', 'tabled'])('CURRENT emptied (%s): refuses to open, and repair saves all', async (kind) => {
      await startFrom(kind === 'logged' ? logged : tabled)
      await truncate(join(databasePath(directory), 'CURRENT'))
      await expect(openStore()).rejects.toMatchObject({code: 'STORE_DAMAGED', message: 'the store is damaged'})
      expect(await diagnose(directory)).toMatchObject({
        exists: true,
        opens: false,
        problem: expect.stringContaining('CURRENT'),
      })
      expect(await repair(directory)).toMatchObject({records: COUNT, groups: 1, damaged: 0, missing: 0, added: 0})
      await expectWhole(await openStore())
    })

    it('CURRENT removed, all in the log: opens with everything', async () => {
      await startFrom(logged)
      await rm(join(databasePath(directory), 'CURRENT'))
      await expectWhole(await openStore())
    })

    it('CURRENT removed beside tables: refuses to open, for LevelDB would delete them; repair saves all', async () => {
      await startFrom(tabled)
      await rm(join(databasePath(directory), 'CURRENT'))
      await expect(openStore()).rejects.toMatchObject({code: 'STORE_DAMAGED'})
      expect(await repair(directory)).toMatchObject({records: COUNT, missing: 0})
      await expectWhole(await openStore())
    })

    it.each(['logged', 'tabled'])('MANIFEST emptied (%s): refuses to open, and repair saves all', async (kind) => {
      await startFrom(kind === 'logged' ? logged : tabled)
      await truncate(await fileOf(/^MANIFEST/))
      await expect(openStore()).rejects.toMatchObject({code: 'STORE_DAMAGED'})
      expect(await repair(directory)).toMatchObject({records: COUNT, missing: 0})
      await expectWhole(await openStore())
    })

    it('tables removed: refuses to open, and repair starts afresh with what it is given', async () => {
      await startFrom(tabled)
      for (const table of await filesOf(/\.(ldb|sst)$/)) await rm(table)
      await expect(openStore()).rejects.toMatchObject({code: 'STORE_DAMAGED'})
      const salvaged = [queuedRecord(3, {sequence: 40}), queuedRecord(4, {sequence: 40})]
      expect(await repair(directory, {salvaged})).toMatchObject({records: 0, added: 2})
      const store = await openStore()
      expect((await store.line('', {priorityClass: 1, from: 0, to: 99}, 9)).map(({id}) => id)).toEqual(
        [3, 4].map(operationId),
      )
    })

    it.each([1, 2, 3, 4, 5])(
      'a table with a byte flipped at %d/6: nothing wrong is read, and repair saves the rest',
      async (part) => {
        await startFrom(tabled)
        const table = await fileOf(/\.(ldb|sst)$/)
        const bytes = await readFile(table)
        const at = Math.floor((bytes.length * part) / 6)
        bytes.writeUInt8(bytes.readUInt8(at) ^ 0xff, at)
        await writeFile(table, bytes)

        await openStore()
          .then(expectNothingWrong)
          .catch((error: unknown) => expect(error).toMatchObject({code: 'STORE_DAMAGED'}))
        await opened?.close()
        const report = await repair(directory)
        expect(report.records > COUNT / 2 || report.lostTables === 1, JSON.stringify(report)).toBe(true)
        expect(await diagnose(directory)).toMatchObject({...SOUND, records: report.records})
        const records = await expectNothingWrong(await openStore())
        expect(records).toHaveLength(report.records)
      },
    )
  })

  describe('a record that does not verify', () => {
    const id = operationId(7)

    beforeEach(async () => {
      await startFrom(tabled)
      const database = await openAt(databasePath(directory), false)
      const text = (await database.get(operationKey(id))) ?? ''
      await database.put(operationKey(id), text.replace('127.0.0.1', '127.0.0.2'))
      await database.close()
    })

    it('is refused by get, left out and counted by getMany and query', async () => {
      const store = await openStore()
      await expect(store.get(id)).rejects.toMatchObject({code: 'STORE_DAMAGED', details: {key: operationKey(id)}})
      expect(await store.getMany([id, operationId(8)])).toEqual([undefined, lastState(8)])
      expect(await store.query({limit: 2 * COUNT})).toHaveLength(COUNT - 1)
      expect(await store.query({states: ['running'], limit: COUNT})).toHaveLength(COUNT / 3 - 1)
      expect(store.diagnostics()).toEqual({damaged: 1, healed: false})
      expect(await store.damaged()).toBe(1)
    })

    it('is reported by diagnose and replaced by a save', async () => {
      expect(await diagnose(directory)).toMatchObject({records: COUNT - 1, damaged: 1, missing: 0, orphans: 2})
      const store = await openStore()
      await store.save(ended(7))
      expect(await store.get(id)).toEqual(ended(7))
      expect(await store.active()).not.toContain(id)
      await store.close()
      expect(await diagnose(directory)).toMatchObject({...SOUND, records: COUNT})
    })

    it('is left behind by repair, unless it is given anew', async () => {
      const report = await repair(directory, {salvaged: [queued(7), queued(8)], now: () => 0})
      const keptAs = join(directory, 'store.damaged-1970-01-01T00-00-00.000Z')
      expect(report).toEqual({
        keptAs,
        records: COUNT - 1,
        groups: 1,
        damaged: 1,
        missing: 0,
        added: 1,
        lostTables: 0,
      })
      expect((await readdir(directory)).sort()).toEqual(['store', 'store.damaged-1970-01-01T00-00-00.000Z'])
      const store = await openStore()
      expect(await store.get(id)).toEqual({...queued(7), sequence: COUNT + 1})
      expect(await store.get(operationId(8))).toEqual(lastState(8))
    })
  })

  describe('a journal', () => {
    const id = operationId(7)

    beforeEach(async () => {
      await startFrom(tabled)
      const store = await openStore()
      for (const seq of [1, 2, 3]) await store.save(running(7), [journalEntry(seq)])
      await store.close()
    })

    it('with a segment that does not verify is read without it, and keeps the rest through a repair', async () => {
      const database = await openAt(databasePath(directory), false)
      const text = (await database.get(journalKey(id, 2))) ?? ''
      await database.put(journalKey(id, 2), text.replace('connected', 'concocted'))
      await database.close()
      const store = await openStore()
      expect(await store.journal(id)).toEqual([journalEntry(1), journalEntry(3)])
      expect(store.diagnostics().damaged).toBe(1)
      await store.close()
      expect(await diagnose(directory)).toMatchObject({records: COUNT, damaged: 0, orphans: 1})
      expect(await repair(directory)).toMatchObject({records: COUNT, damaged: 0})
      expect(await diagnose(directory)).toMatchObject({...SOUND, records: COUNT})
      const repaired = await openStore()
      expect(await repaired.journal(id)).toEqual([journalEntry(1), journalEntry(3)])
      expect(await repaired.get(id)).toEqual({...running(7), journalled: 3})
    })

    it('without its operation is an orphan', async () => {
      const database = await openAt(databasePath(directory), false)
      await database.del(operationKey(id))
      await database.close()
      // Its entries in active and files, and three segments.
      expect(await diagnose(directory)).toMatchObject({missing: 1, orphans: 5})
    })
  })

  describe('a tally', () => {
    const ref = {id: operationId(900), purpose: 'completionGroup'} as const
    const member = (n: number, state: OperationRecord['state']) => queuedRecord(n, {state, completionGroup: ref.id})

    beforeEach(async () => {
      const store = await openStore()
      await store.create([member(1, 'queued'), member(2, 'completed')])
      await store.changeTally(ref, {
        kind: 'register',
        task: {taskId: 't', name: '', module: 'file:///t.js', isolation: 'worker', timeoutMs: 1},
      })
      await store.changeTally(ref, {kind: 'close', held: false})
      await store.close()
    })

    async function edit(change: (database: Database) => Promise<void>): Promise<void> {
      const database = await openAt(databasePath(directory), false)
      await change(database)
      await database.close()
    }

    it('counts again what it counted wrong, once the store knows that writes were lost', async () => {
      // As if the batch that ended the first member were there, and the tally's part of it were not.
      await edit(async (database) => {
        await database.put(operationKey(operationId(1)), sealRecord(member(1, 'completed'), 9))
        await database.del(memberKey(ref.id, operationId(2)))
        await database.put(memberKey(ref.id, operationId(3)), '')
      })
      expect(await diagnose(directory)).toMatchObject({orphans: 2, unindexed: 3})
      await edit((database) => database.put(SUSPECT_KEY, '1'))
      const store = await openStore()
      expect(await store.tally(ref.id)).toMatchObject({state: 'due', members: 2, unfinished: 0})
      expect(await store.members(ref.id, undefined, 9)).toEqual([1, 2].map(operationId))
    })

    it('that does not verify is reported, and left alone', async () => {
      await edit(async (database) => database.put(tallyKey(ref.id), 'rotten'))
      expect(await diagnose(directory)).toMatchObject({damaged: 1, unindexed: 0})
      const store = await openStore()
      await store.save(member(1, 'completed'))
      await expect(store.tally(ref.id)).rejects.toMatchObject({code: 'STORE_DAMAGED'})
      expect(await store.tallies()).toEqual([])
      expect(await store.damaged()).toBe(1)
    })

    it('keeps what it stands for through a repair', async () => {
      expect(await repair(directory)).toMatchObject({records: 2, damaged: 0})
      expect(await diagnose(directory)).toMatchObject({...SOUND, records: 2})
      const store = await openStore()
      expect(await store.tally(ref.id)).toMatchObject({state: 'closed', members: 2, unfinished: 1, task: {taskId: 't'}})
      await store.save(member(1, 'failed'))
      expect(await store.tally(ref.id)).toMatchObject({state: 'due'})
    })
  })

  describe('repair', () => {
    it('of a sound store changes nothing', async () => {
      await startFrom(tabled)
      expect(await repair(directory)).toMatchObject({records: COUNT, damaged: 0, missing: 0})
      await expectWhole(await openStore())
    })

    it('and diagnose refuse a store that is open', async () => {
      await startFrom(tabled)
      await openStore()
      await expect(repair(directory)).rejects.toMatchObject({code: 'STORE_LOCKED'})
      await expect(diagnose(directory)).rejects.toMatchObject({code: 'STORE_LOCKED'})
    })

    it('lets nobody open the store before it stands in its place: what such a one wrote would be put aside', async () => {
      await startFrom(tabled)
      const tries: string[] = []
      // The last moment at which the old store has its name.
      const now = () => {
        tries.push(openElsewhere(databasePath(directory)))
        return 0
      }
      await repair(directory, {now})
      tries.push(openElsewhere(databasePath(directory)))
      expect(tries).toEqual(['LEVEL_LOCKED', 'opened'])
      expect((await readdir(directory)).sort()).toEqual(['store', expect.stringContaining('store.damaged-')])
      await expectWhole(await openStore())
    })

    it('of nothing makes a store of what it is given', async () => {
      expect(await diagnose(directory)).toMatchObject({exists: false, opens: false})
      expect(await repair(directory, {salvaged: [queuedRecord(1)]})).not.toHaveProperty('keptAs')
      expect(await (await openStore()).query({})).toEqual([queuedRecord(1)])
    })

    it('that was cut short between its renames is completed by the next open', async () => {
      await startFrom(tabled)
      await mkdir(join(directory, 'repaired'))
      await cp(databasePath(directory), join(directory, 'repaired', 'store'), {recursive: true})
      await rm(databasePath(directory), {recursive: true})
      await expectWhole(await openStore())
    })

    it('that cannot be completed is not taken for an empty store', async ({skip}) => {
      await startFrom(tabled)
      const repaired = join(directory, 'repaired')
      await mkdir(repaired)
      // From one file system to another no directory is moved.
      if (!mountSmallDisk(repaired, 24)) return skip('no file system can be mounted here')
      try {
        await cp(databasePath(directory), join(repaired, 'store'), {recursive: true})
        await rm(databasePath(directory), {recursive: true})
        await expect(createLevelStore({directory, durability: 'process'}).open()).rejects.toThrow('EXDEV')
        await expect(repair(directory)).rejects.toThrow('EXDEV')
        await cp(join(repaired, 'store'), databasePath(directory), {recursive: true})
      } finally {
        unmountDisk(repaired)
      }
      await expectWhole(await openStore())
    })

    it('that fails leaves no copies behind', async () => {
      await startFrom(tabled)
      const unreadable = {...queuedRecord(9999), request: undefined} as unknown as OperationRecord
      await expect(repair(directory, {salvaged: [unreadable]})).rejects.toMatchObject({code: 'INTERNAL'})
      expect(await readdir(directory)).toEqual(['store'])
      await expectWhole(await openStore())
    })
  })
})
