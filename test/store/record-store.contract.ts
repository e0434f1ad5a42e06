/** What every RecordStore must do. Run by the real store and by the memory store. */

import {afterEach, beforeEach, describe, expect, it} from 'vitest'
import type {OperationRecord} from '../../src/domain/record.ts'
import type {RecordStore} from '../../src/ports/record-store.ts'
import {journalEntry, operationId, queuedRecord, type RecordWish} from '../support/records.ts'

/** One place where stores can be opened, one after another. */
export interface StoreHouse {
  /** A store that is not open yet. */
  next(): RecordStore
  dispose(): Promise<void>
}

const WHOLE_CLASS = {priorityClass: 1, from: 0, to: Number.MAX_SAFE_INTEGER} as const

export function describeRecordStore(name: string, build: () => Promise<StoreHouse>): void {
  describe(`${name} as a RecordStore`, () => {
    let house: StoreHouse
    let store: RecordStore

    beforeEach(async () => {
      house = await build()
      store = house.next()
      await store.open()
    })

    afterEach(async () => {
      await store.close()
      await house.dispose()
    })

    async function reopen() {
      await store.close()
      store = house.next()
      return store.open()
    }

    const running = (n: number): OperationRecord => queuedRecord(n, {state: 'running'})
    const completed = (n: number): OperationRecord => queuedRecord(n, {state: 'completed', endedAt: 5000 + n})
    const lineOf = async (group: string) => (await store.line(group, WHOLE_CLASS, 100)).map(({id}) => id)

    describe('opening and closing', () => {
      it('starts empty', async () => {
        expect(await reopen()).toEqual({lastSequence: 0, operations: 0})
        expect(await store.active()).toEqual([])
        expect(await store.waitingGroups()).toEqual([])
        expect(await store.query({})).toEqual([])
        expect(await store.groups()).toEqual([])
      })

      it('counts operations and remembers the highest sequence, also of removed ones', async () => {
        await store.create([queuedRecord(1), queuedRecord(2), queuedRecord(7)])
        await store.save(completed(2))
        await store.remove(operationId(7))
        expect(await reopen()).toEqual({lastSequence: 7, operations: 2})
      })

      it('keeps records, indexes and groups', async () => {
        await store.create([queuedRecord(1), queuedRecord(2), queuedRecord(3)])
        await store.save(running(2))
        await store.save(completed(3))
        await store.saveGroup({name: 'g', behavior: 1})
        await reopen()
        expect(await store.get(operationId(2))).toEqual(running(2))
        expect(await lineOf('')).toEqual([operationId(1)])
        expect(await store.active()).toEqual([operationId(2)])
        expect(await store.active(['running'])).toEqual([operationId(2)])
        expect(await store.active(['waitingToRetry'])).toEqual([])
        expect(await store.query({states: ['completed']})).toEqual([completed(3)])
        expect(await store.groups()).toEqual([{name: 'g', behavior: 1}])
      })

      it('lets only one in at a time', async () => {
        const second = house.next()
        await expect(second.open()).rejects.toMatchObject({code: 'STORE_LOCKED'})
        await second.close()
        expect(await store.get(operationId(1))).toBeUndefined()
      })

      it('closes twice, and what was accepted before is durable', async () => {
        const saved = store.save(queuedRecord(1))
        await Promise.all([store.close(), store.close()])
        await saved
        expect(await reopen()).toMatchObject({operations: 1})
      })

      it('closed while it opens, it lets the next one in', async () => {
        await store.close()
        const early = house.next()
        const opening = early.open().catch(() => {})
        await early.close()
        await opening
        await reopen()
        expect(await store.active()).toEqual([])
      })

      it('refuses to work when closed', async () => {
        await store.close()
        await expect(store.save(queuedRecord(1))).rejects.toMatchObject({code: 'CLOSED'})
        await expect(store.get(operationId(1))).rejects.toMatchObject({code: 'CLOSED'})
        await expect(store.line('', WHOLE_CLASS, 1)).rejects.toMatchObject({code: 'CLOSED'})
        await expect(store.open()).rejects.toMatchObject({code: 'CLOSED'})
      })
    })

    describe('creating', () => {
      it('leaves an operation that is there as it is', async () => {
        await store.create([queuedRecord(1)])
        await store.save(running(1))
        await store.create([queuedRecord(1), queuedRecord(2)])
        expect(await store.get(operationId(1))).toEqual(running(1))
        expect(await store.active()).toEqual([operationId(1)])
        expect(await lineOf('')).toEqual([operationId(2)])
        expect(await reopen()).toMatchObject({operations: 2})
      })

      it('takes the first of two with one id', async () => {
        const other = queuedRecord(1, {file: '/other'})
        await Promise.all([store.create([queuedRecord(1)]), store.create([other])])
        expect(await store.get(operationId(1))).toEqual(queuedRecord(1))
        expect(await store.findByFile('/other')).toBeUndefined()
      })

      it('takes nothing', async () => {
        await store.create([])
        expect(await store.query({})).toEqual([])
      })

      it('takes more than a batch, in any state', async () => {
        const records = Array.from({length: 2500}, (_, at) =>
          at % 5 === 0 ? completed(at + 1) : at % 5 === 1 ? running(at + 1) : queuedRecord(at + 1),
        )
        await store.create(records)
        expect(await store.active()).toHaveLength(500)
        expect(await store.line('', WHOLE_CLASS, 5000)).toHaveLength(1500)
        expect(await store.query({limit: 5000})).toEqual(records)
        expect(await reopen()).toEqual({lastSequence: 2500, operations: 2500})
      })
    })

    describe('saving', () => {
      it('moves an operation through the indexes', async () => {
        await store.create([queuedRecord(1)])
        await store.save(running(1))
        expect(await lineOf('')).toEqual([])
        expect(await store.waitingGroups()).toEqual([])
        expect(await store.active()).toEqual([operationId(1)])
        await store.save(queuedRecord(1))
        expect(await lineOf('')).toEqual([operationId(1)])
        expect(await store.active()).toEqual([])
        await store.save(completed(1))
        expect(await lineOf('')).toEqual([])
        expect(await store.query({states: ['completed']})).toEqual([completed(1)])
        await store.save({...completed(1), delivered: true})
        expect(await store.query({states: ['completed']})).toEqual([{...completed(1), delivered: true}])
      })

      it('moves an operation in the line when priority, group or sequence change', async () => {
        await store.create([queuedRecord(1)])
        await store.save(queuedRecord(1, {policy: {priority: 1, group: 'a'}, sequence: 9}))
        expect(await lineOf('')).toEqual([])
        expect(await store.line('a', {...WHOLE_CLASS, priorityClass: 0}, 9)).toEqual([
          {id: operationId(1), priorityClass: 0, sequence: 9},
        ])
        expect(await store.waitingGroups()).toEqual([{name: 'a', priorityClass: 0}])
      })

      it('keeps the newest of many saves that were not waited for, and keeps every promise', async () => {
        const saves = Array.from({length: 50}, (_, at) => store.save({...running(1), createdAt: at}))
        await Promise.all(saves)
        expect(await store.get(operationId(1))).toMatchObject({createdAt: 49})
        expect(await reopen()).toMatchObject({operations: 1})
        expect(await store.get(operationId(1))).toMatchObject({createdAt: 49})
      })

      it('keeps what may wait a moment, shows it at once, and does not lose it to a close', async () => {
        await store.create([queuedRecord(1), queuedRecord(2)])
        const first = store.saveSoon(queuedRecord(1, {state: 'completed', endedAt: 1}))
        expect((await store.get(operationId(1)))?.state).toBe('completed')
        expect(await store.query({states: ['completed']})).toHaveLength(1)
        await first
        const second = store.saveSoon(queuedRecord(2, {state: 'completed', endedAt: 2}))
        await store.close()
        await second
        store = house.next()
        await store.open()
        expect(await store.query({states: ['completed']})).toHaveLength(2)
      })

      it('keeps the order of unlike writes to one operation', async () => {
        const writes = [
          store.create([queuedRecord(1)]),
          store.save(running(1)),
          store.remove(operationId(1)),
          store.create([queuedRecord(1, {file: '/again'})]),
          store.create([queuedRecord(1, {file: '/ignored'})]),
          store.save(queuedRecord(2)),
          store.remove(operationId(2)),
        ]
        await Promise.all(writes)
        await reopen()
        expect(await store.query({})).toEqual([queuedRecord(1, {file: '/again'})])
        expect(await store.findByFile('/again')).toBe(operationId(1))
        expect(await store.findByFile('/downloads/1')).toBeUndefined()
        expect(await store.active()).toEqual([])
      })
    })

    describe('reading', () => {
      it('sees writes that are accepted and not durable yet', async () => {
        const writes = [store.create([queuedRecord(1), queuedRecord(2)]), store.save(running(2))]
        expect(await store.getMany([operationId(1), operationId(2), operationId(3)])).toEqual([
          queuedRecord(1),
          running(2),
          undefined,
        ])
        writes.push(store.remove(operationId(1)))
        expect(await store.get(operationId(1))).toBeUndefined()
        await Promise.all(writes)
      })

      it('scans see saves and removals that are accepted and not durable yet', async () => {
        await store.create([queuedRecord(1), queuedRecord(2)])
        const writes = [store.save(running(1)), store.remove(operationId(2))]
        expect(await store.active()).toEqual([operationId(1)])
        expect(await lineOf('')).toEqual([])
        await Promise.all(writes)
      })

      it('does not share what it stores with the caller', async () => {
        const ranges: [number, number][] = [[0, 10]]
        const record = queuedRecord(1, {state: 'running', evidence: {generation: 1, ranges}})
        await store.save(record)
        ranges.push([20, 30])
        expect((await store.get(operationId(1)))?.evidence.ranges).toEqual([[0, 10]])
      })
    })

    describe('files', () => {
      it('finds the operation that last named a file', async () => {
        await store.create([
          queuedRecord(1, {file: '/a'}),
          queuedRecord(2, {file: '/a'}),
          queuedRecord(3, {file: '/b'}),
        ])
        await store.save(queuedRecord(1, {file: '/a', state: 'completed', endedAt: 1}))
        expect(await store.findManyByFile(['/a', '/b', '/c'])).toEqual([operationId(2), operationId(3), undefined])
      })

      it('follows an operation to another file', async () => {
        await store.create([queuedRecord(1, {file: '/a'})])
        await store.save(queuedRecord(1, {file: '/b'}))
        expect(await store.findManyByFile(['/a', '/b'])).toEqual([undefined, operationId(1)])
      })

      it('gives a file up only to whom it belongs', async () => {
        await store.create([queuedRecord(1, {file: '/a'})])
        await store.create([queuedRecord(2, {file: '/a'})])
        await store.remove(operationId(1))
        expect(await store.findByFile('/a')).toBe(operationId(2))
        await store.remove(operationId(2))
        expect(await store.findByFile('/a')).toBeUndefined()
      })

      it.each(['/with space/ünïcödé', '/100%/%0041', '/line\nbreak', '/\ud800lone', '/\ud801lone', '!files!'])(
        'tells %j from every other file',
        async (file) => {
          await store.create([queuedRecord(1, {file}), queuedRecord(2, {file: `${file}x`})])
          expect(await store.findManyByFile([file, `${file}x`, `${file}/`])).toEqual([
            operationId(1),
            operationId(2),
            undefined,
          ])
          expect((await store.get(operationId(1)))?.target.file).toBe(file)
        },
      )
    })

    describe('the line', () => {
      it('goes by class and sequence, inside the range, up to the limit', async () => {
        const priorities = [0, 1, 2, 0, 0, 0] as const
        await store.create(priorities.map((priority, at) => queuedRecord(10 - at, {policy: {priority}})))
        expect(await store.line('', WHOLE_CLASS, 10)).toEqual(
          [5, 6, 7, 10].map((n) => ({id: operationId(n), priorityClass: 1, sequence: n})),
        )
        expect(await store.line('', {priorityClass: 1, from: 6, to: 7}, 10)).toHaveLength(2)
        expect(await store.line('', WHOLE_CLASS, 1)).toEqual([{id: operationId(5), priorityClass: 1, sequence: 5}])
        expect(await store.line('', WHOLE_CLASS, 0)).toEqual([])
        const backwards = await store.line('', {priorityClass: 1, from: 5, to: 7}, 2, true)
        expect(backwards.map(({sequence}) => sequence)).toEqual([7, 6])
        expect(await store.line('', {...WHOLE_CLASS, priorityClass: 0}, 10)).toHaveLength(1)
        expect(await store.line('', {...WHOLE_CLASS, priorityClass: 2}, 10)).toHaveLength(1)
      })

      it('orders sequences as numbers', async () => {
        const sequences = [9, 10, 100, 2 ** 32, Number.MAX_SAFE_INTEGER]
        await store.create([...sequences].reverse().map((sequence, at) => queuedRecord(at + 1, {sequence})))
        expect((await store.line('', WHOLE_CLASS, 10)).map(({sequence}) => sequence)).toEqual(sequences)
      })

      it('names the groups that wait, large and small, with the highest class of each', async () => {
        const members = (group: string, count: number, from: number, priority: 0 | 1 | 2) =>
          Array.from({length: count}, (_, at) => queuedRecord(from + at, {policy: {group, priority}}))
        await store.create([
          ...members('a', 40, 1, 0),
          ...members('b', 1, 100, 2),
          ...members('c', 9, 200, 2),
          ...members('c', 1, 300, 1),
          ...members('d', 8, 400, 0),
          ...Array.from({length: 30}, (_, at) => queuedRecord(500 + at, {policy: {group: `e${at + 10}`}})),
        ])
        const groups = await store.waitingGroups()
        expect(groups.toSorted((a, b) => (a.name < b.name ? -1 : 1))).toEqual([
          {name: 'a', priorityClass: 1},
          {name: 'b', priorityClass: 2},
          {name: 'c', priorityClass: 0},
          {name: 'd', priorityClass: 1},
          ...Array.from({length: 30}, (_, at) => ({name: `e${at + 10}`, priorityClass: 1})),
        ])
      })

      it('names all groups that wait, also when they are many', async () => {
        const names = Array.from({length: 2500}, (_, at) => `a group with a long name, number ${at}`)
        await store.create(names.map((group, at) => queuedRecord(at + 1, {policy: {group}})))
        expect((await store.waitingGroups()).map(({name}) => name).sort()).toEqual(names.toSorted())
      })

      it('keeps apart groups of any name', async () => {
        const names = ['', 'a', 'a/1', 'a-', 'a0', 'ab', 'ä', '%', '%0041', 'A', '\u0000', '\ud800', '\ud801', '/', '!']
        await store.create(names.map((group, at) => queuedRecord(at + 1, {policy: {group}})))
        for (const [at, name] of names.entries()) expect(await lineOf(name)).toEqual([operationId(at + 1)])
        expect((await store.waitingGroups()).map(({name}) => name).sort()).toEqual([...names].sort())
      })
    })

    describe('queries', () => {
      const numbersOf = (records: readonly OperationRecord[]) => records.map(({sequence}) => sequence)

      beforeEach(async () => {
        const a = {policy: {group: 'a'}}
        await store.create([
          queuedRecord(1, a),
          queuedRecord(2),
          queuedRecord(3, {...a, state: 'running'}),
          queuedRecord(4, {state: 'pausedByApplication'}),
          queuedRecord(5, {...a, state: 'completed', endedAt: 9, delivered: true}),
          queuedRecord(6, {state: 'failed', endedAt: 3, direction: 'upload'}),
          queuedRecord(7, {state: 'canceled', endedAt: 1}),
        ])
      })

      const CREATED = 1_700_000_000_000

      it.each([
        [{urlPrefix: 'http://127.0.0.1/3'}, [3]],
        [{urlPrefix: 'http://127.0.0.1/', group: 'a'}, [1, 3, 5]],
        [{urlPrefix: 'https:'}, []],
        [{direction: 'upload' as const}, [6]],
        [{direction: 'download' as const, group: ''}, [2, 4, 7]],
        [{delivered: true}, [5]],
        [{delivered: false}, [1, 2, 3, 4, 6, 7]],
        [{delivered: false, group: 'a'}, [1, 3]],
        [{delivered: false, endedFrom: 0, direction: 'download' as const}, [7]],
        [{createdFrom: CREATED + 3}, [3, 4, 5, 6, 7]],
        [{createdBefore: CREATED + 3}, [1, 2]],
        [{createdFrom: CREATED + 3, createdBefore: CREATED + 6, group: 'a'}, [3, 5]],
        [{createdFrom: CREATED + 4, states: ['queued']}, []],
        [{endedFrom: 3}, [5, 6]],
        [{endedFrom: 2.5, endedBefore: 9}, [6]],
        [{endedBefore: 9}, [6, 7]],
        [{endedBefore: 1e300}, [5, 6, 7]],
        [{endedFrom: 1e300}, []],
        [{endedFrom: -1, endedBefore: 0}, []],
        [{endedFrom: 0, states: ['failed']}, [6]],
        [{endedFrom: 0, states: ['queued']}, []],
        [{endedFrom: 0, group: 'a'}, [5]],
        [{endedFrom: 0, after: operationId(5), limit: 1}, [6]],
      ])('%j finds %j', async (query, expected) => {
        expect(numbersOf(await store.query(query))).toEqual(expected)
      })

      it('pages through the members of a group among those of another', async () => {
        await store.create(
          Array.from({length: 400}, (_, at) => queuedRecord(100 + at, {policy: {group: at % 8 ? 'b' : 'c'}})),
        )
        const seen: number[] = []
        let after = operationId(0)
        for (;;) {
          const page = await store.query({group: 'c', limit: 7, after})
          const last = page.at(-1)
          if (last === undefined) break
          seen.push(...numbersOf(page))
          after = last.id
        }
        expect(seen).toEqual(Array.from({length: 50}, (_, at) => 100 + at * 8))
      })

      it.each([
        [{}, [1, 2, 3, 4, 5, 6, 7]],
        [{limit: 2}, [1, 2]],
        [{limit: 0}, []],
        [{after: operationId(5)}, [6, 7]],
        [{after: operationId(2), limit: 2}, [3, 4]],
        [{group: 'a'}, [1, 3, 5]],
        [{group: ''}, [2, 4, 6, 7]],
        [{states: []}, []],
        [{states: ['queued']}, [1, 2]],
        [{states: ['queued'], group: 'a'}, [1]],
        [{states: ['running']}, [3]],
        [{states: ['running', 'completed'], group: 'a', after: operationId(3)}, [5]],
        [{states: ['completed', 'failed', 'canceled']}, [5, 6, 7]],
        [{states: ['completed', 'failed', 'canceled'], after: operationId(5), limit: 1}, [6]],
        [{states: ['queued', 'pausedByApplication', 'failed']}, [1, 2, 4, 6]],
        [{states: ['noSuchState']}, []],
      ])('%j finds %j', async (query, expected) => {
        expect(numbersOf(await store.query(query))).toEqual(expected)
      })

      it('pages through everything', async () => {
        const seen: number[] = []
        for (let page = await store.query({limit: 3}); page.length > 0; ) {
          seen.push(...numbersOf(page))
          const after = page.at(-1)?.id
          page = after === undefined ? [] : await store.query({limit: 3, after})
        }
        expect(seen).toEqual([1, 2, 3, 4, 5, 6, 7])
      })
    })

    describe('the journal', () => {
      const id = operationId(1)
      const page = async (before?: number, limit?: number) =>
        (
          await store.journal(id, {...(before === undefined ? {} : {before}), ...(limit === undefined ? {} : {limit})})
        ).map(({seq}) => seq)

      it('is written with the record, in order, and says in it how far it goes', async () => {
        await store.create([queuedRecord(1)])
        expect(await store.journal(id)).toEqual([])
        await store.save(running(1), [journalEntry(1), journalEntry(2)])
        await store.save(running(1))
        await store.save(completed(1), [journalEntry(3, {status: 206, error: 'STALLED: ü “no” byte', bytes: 7})])
        await reopen()
        expect(await store.journal(id)).toEqual([
          journalEntry(1),
          journalEntry(2),
          journalEntry(3, {status: 206, error: 'STALLED: ü “no” byte', bytes: 7}),
        ])
        expect(await store.get(id)).toEqual({...completed(1), journalled: 3})
      })

      it('keeps the entries of every save, also of those that a newer one replaced, and sees them at once', async () => {
        await store.create([queuedRecord(1)])
        const saves = Array.from({length: 30}, (_, at) => store.save(running(1), [journalEntry(at + 1)]))
        saves.push(store.save(running(1)))
        expect(await store.get(id)).toMatchObject({journalled: 30})
        expect(await page()).toEqual(Array.from({length: 30}, (_, at) => at + 1))
        await Promise.all(saves)
        await reopen()
        expect(await page()).toHaveLength(30)
        expect(await store.get(id)).toMatchObject({journalled: 30})
      })

      it('is read by pages from its end', async () => {
        await store.save(
          running(1),
          [1, 2, 3].map((seq) => journalEntry(seq)),
        )
        await store.save(
          running(1),
          [4, 5, 6, 9].map((seq) => journalEntry(seq)),
        )
        expect(await page(undefined, 2)).toEqual([6, 9])
        expect(await page(6, 3)).toEqual([3, 4, 5])
        expect(await page(3)).toEqual([1, 2])
        expect(await page(1, 5)).toEqual([])
        expect(await page(undefined, 0)).toEqual([])
      })

      it('tells fields that come, change and go from entry to entry', async () => {
        const entries = [
          journalEntry(1, {status: 503, error: 'HTTP_STATUS: no', attempts: 1, failures: 1, state: 'running'}),
          journalEntry(2, {from: 'x', to: 'y', attempts: 1, failures: 1, generation: 2, bytes: 10}),
          journalEntry(3, {from: 'y', to: 'x', status: 200, attempts: 2, at: 4}),
        ]
        await store.save(running(1), entries)
        expect(await store.journal(id)).toEqual(entries)
      })

      it('drops the oldest entries beyond the bound, over many saves and at once', async () => {
        for (let seq = 1; seq <= 1200; seq += 20) {
          await store.save(
            running(1),
            Array.from({length: 20}, (_, at) => journalEntry(seq + at)),
          )
        }
        await reopen()
        const kept = await page()
        expect(kept.at(-1)).toBe(1200)
        expect(kept.length).toBeGreaterThan(850)
        expect(kept.length).toBeLessThanOrEqual(1000)
        await store.save(
          running(1),
          Array.from({length: 3000}, (_, at) => journalEntry(1201 + at)),
        )
        const next = await page()
        expect(next.at(-1)).toBe(4200)
        expect(next.length).toBeGreaterThan(850)
        expect(next.length).toBeLessThanOrEqual(1000)
        expect(next).toEqual(Array.from(next, (_, at) => 4200 - next.length + 1 + at))
      })

      it('goes with each of many that are forgotten at once, and with nobody who lies between them', async () => {
        const long = Array.from({length: 90}, (_, at) => journalEntry(at + 1))
        const all = Array.from({length: 40}, (_, at) => at + 1)
        await Promise.all(all.map((n) => store.save(running(n), [journalEntry(1)])))
        // Segments of their own: more of one that stays, and of one that goes, than are read at once.
        for (const entry of long.slice(1)) {
          await Promise.all([store.save(running(7), [entry]), store.save(running(8), [entry])])
        }
        const gone = all.filter((n) => n % 5 > 2 || n > 35)

        await Promise.all(gone.toReversed().map((n) => store.remove(operationId(n))))

        for (const n of all) {
          const kept = n === 7 ? long : [journalEntry(1)]
          expect(await store.journal(operationId(n))).toEqual(gone.includes(n) ? [] : kept)
        }
      })

      it('goes with its operation, and a new one of that id begins afresh', async () => {
        await store.create([queuedRecord(1), queuedRecord(2)])
        await store.save(completed(1), [journalEntry(1)])
        await store.save(completed(2), [journalEntry(1)])
        await store.remove(id)
        expect(await store.journal(id)).toEqual([])
        await Promise.all([
          store.remove(operationId(2)),
          store.create([queuedRecord(2)]),
          store.save(running(2), [journalEntry(5)]),
        ])
        await reopen()
        expect((await store.journal(operationId(2))).map(({seq}) => seq)).toEqual([5])
        expect(await store.journal(id)).toEqual([])
      })

      it('of one operation is not of another', async () => {
        await store.save(running(1), [journalEntry(1)])
        await store.save(running(2), [journalEntry(8)])
        expect(await page()).toEqual([1])
      })
    })

    it('pages through the ends, the oldest first, and forgets where a removed one stood', async () => {
      const ends = [30, 10, 20, 10, 40].map((endedAt, at) => queuedRecord(at + 1, {state: 'completed', endedAt}))
      await store.create([...ends, queuedRecord(6)])
      await store.remove(operationId(3))
      await reopen()
      const first = await store.ended(undefined, 3)
      expect(first).toEqual([
        {id: operationId(2), endedAt: 10},
        {id: operationId(4), endedAt: 10},
        {id: operationId(1), endedAt: 30},
      ])
      expect(await store.ended(first[0], 1)).toEqual([first[1]])
      expect(await store.ended(first.at(-1), 3)).toEqual([{id: operationId(5), endedAt: 40}])
      // A place whose operation is gone is a place still.
      await store.remove(operationId(1))
      expect(await store.ended(first.at(-1), 3)).toEqual([{id: operationId(5), endedAt: 40}])
    })

    it('tells the newest ends first', async () => {
      await store.create([completed(3), completed(1), queuedRecord(4), completed(2)])
      expect((await store.newestEnded(2)).map(({id}) => id)).toEqual([operationId(3), operationId(2)])
      expect(await store.newestEnded(9)).toHaveLength(3)
    })

    describe('groups', () => {
      it('saves, replaces and keeps them by name', async () => {
        const front = [{priorityClass: 1, from: 3, to: 8}] as const
        await Promise.all([
          store.saveGroup({name: 'a', behavior: 0}),
          store.saveGroup({name: 'a', behavior: 1, front}),
          store.saveGroup({name: 'b/ü', behavior: 1}),
        ])
        await reopen()
        expect(await store.groups()).toEqual([
          {name: 'a', behavior: 1, front},
          {name: 'b/ü', behavior: 1},
        ])
      })

      it('keeps nothing of those that have no setting any more', async () => {
        const front = [{priorityClass: 1, from: 3, to: 8}] as const
        const names = Array.from({length: 20}, (_, at) => `job ${at}`)
        await Promise.all(names.map((name) => store.saveGroup({name, behavior: 1, maxBytesPerSecond: 1, front})))
        await store.saveGroup({name: 'job 0', behavior: 0, maxBytesPerSecond: 1})
        await Promise.all(names.slice(1, 10).map((name) => store.saveGroup({name, behavior: 0})))
        await Promise.all(names.slice(10).map((name) => store.saveGroup({name, behavior: 0, front: []})))
        expect(await store.groups()).toEqual([{name: 'job 0', behavior: 0, maxBytesPerSecond: 1}])
        await reopen()
        expect(await store.groups()).toHaveLength(1)
      })
    })

    describe('tallies', () => {
      const ref = {id: operationId(900), purpose: 'completionGroup'} as const
      const other = {id: operationId(901), purpose: 'completionGroup'} as const
      const task = {taskId: 't', name: 'n', module: 'file:///t.js', isolation: 'worker', timeoutMs: 1} as const
      const member = (n: number, wish: RecordWish = {}) => queuedRecord(n, {completionGroup: ref.id, ...wish})
      const end = (n: number, state: 'completed' | 'failed' | 'canceled') => member(n, {state, endedAt: 1})
      const enabled = async () => {
        await store.changeTally(ref, {kind: 'register', task})
        await store.changeTally(ref, {kind: 'close', held: false})
      }

      it('count their members, and are due with the last end', async () => {
        await store.create([member(1), member(2), queuedRecord(3, {completionGroup: other.id})])
        await enabled()
        await store.save(end(1, 'completed'))
        expect(await store.tally(ref.id)).toEqual({
          ...{id: ref.id, purpose: ref.purpose, state: 'closed', members: 2, unfinished: 1},
          ...{completed: 1, failed: 0, canceled: 0, task},
        })
        const error = {code: 'TRUNCATED', message: 'cut'} as const
        await store.save({...end(2, 'failed'), error})
        await reopen()
        expect(await store.tally(ref.id)).toMatchObject({state: 'due', unfinished: 0, failed: 1, lastError: 'cut'})
        expect(await store.tally(other.id)).toMatchObject({state: 'open', members: 1, unfinished: 1})
        expect((await store.tallies()).map(({id}) => id)).toEqual([ref.id, other.id])
      })

      it('235. are due at once when everything has ended before', async () => {
        await store.create([member(1)])
        await store.save(end(1, 'canceled'))
        await enabled()
        expect(await store.tally(ref.id)).toMatchObject({state: 'due', canceled: 1})
      })

      it('are not due while they are held', async () => {
        await store.changeTally(ref, {kind: 'register', task})
        await store.changeTally(ref, {kind: 'close', held: true})
        expect(await store.tally(ref.id)).toMatchObject({state: 'closed', held: true})
        await store.changeTally(ref, {kind: 'release'})
        expect(await store.tally(ref.id)).toMatchObject({state: 'due'})
      })

      it('O14. of a completion group without a task are dropped, for good', async () => {
        await store.create([member(1, {state: 'completed'})])
        await store.changeTally(ref, {kind: 'close', held: false})
        expect(await store.tally(ref.id)).toMatchObject({state: 'due'})
        await store.changeTally(ref, {kind: 'drop'})
        await store.changeTally(ref, {kind: 'register', task})
        expect(await store.tally(ref.id)).toMatchObject({state: 'done', outcome: 'dropped'})
        expect(await store.tally(ref.id)).not.toHaveProperty('task')
      })

      it('230. take a task, or lose it, until somebody was told that they are due', async () => {
        await store.changeTally(ref, {kind: 'close', held: false})
        await store.changeTally(ref, {kind: 'register', task})
        await store.changeTally(ref, {kind: 'drop'})
        expect(await store.tally(ref.id)).toMatchObject({state: 'due', task})
        await store.changeTally(ref, {kind: 'unregister'})
        await store.changeTally(ref, {kind: 'register', task})
        await store.changeTally(ref, {kind: 'begin'})
        await store.changeTally(ref, {kind: 'unregister'})
        expect(await store.tally(ref.id)).toMatchObject({state: 'due', task, runs: 1})
        await store.changeTally(ref, {kind: 'finish'})
        expect(await store.tally(ref.id)).toBeUndefined()
      })

      it('owe what they owe until it is done, and remember its tries', async () => {
        const error = {code: 'INTERNAL', message: 'no'} as const
        await store.create([member(1, {state: 'completed'})])
        await enabled()
        await store.changeTally(ref, {kind: 'begin'})
        await store.changeTally(ref, {kind: 'fail', error, retryAt: 77})
        await reopen()
        expect(await store.tally(ref.id)).toMatchObject({state: 'due', runs: 1, retryAt: 77, error})
        await Promise.all([
          store.changeTally(ref, {kind: 'begin'}),
          store.changeTally(ref, {kind: 'fail', error, uncounted: true, retryAt: 78}),
          store.changeTally(ref, {kind: 'begin'}),
          store.changeTally(ref, {kind: 'finish'}),
        ])
        const tally = await store.tally(ref.id)
        expect(tally).toMatchObject({state: 'done', runs: 2, outcome: 'ran'})
        expect(tally).not.toHaveProperty('retryAt')
      })

      it('page through their members in the order of creation, and go with the last of them when they are done', async () => {
        await store.create([member(3), member(1), member(2), queuedRecord(4)])
        await enabled()
        expect(await store.members(ref.id, undefined, 2)).toEqual([1, 2].map(operationId))
        expect(await store.members(ref.id, operationId(2), 2)).toEqual([operationId(3)])
        for (const n of [1, 2, 3]) await store.save(end(n, 'completed'))
        await store.remove(operationId(2))
        expect(await store.members(ref.id, undefined, 9)).toEqual([1, 3].map(operationId))
        await store.changeTally(ref, {kind: 'finish'})
        await Promise.all([store.remove(operationId(1)), store.remove(operationId(3))])
        expect(await store.tally(ref.id)).toBeUndefined()
        await store.changeTally(ref, {kind: 'release'})
      })

      it('let a member that is removed before its end not hold them up', async () => {
        await store.create([member(1), member(2, {state: 'failed'})])
        await enabled()
        await store.remove(operationId(1))
        expect(await store.tally(ref.id)).toMatchObject({state: 'due', members: 1})
      })
    })

    describe('tallies of notifications', () => {
      const notices = {successToast: {content: '<toast/>'}}
      const batch = {id: operationId(910), notices}
      const ref = {id: batch.id, purpose: 'notification'} as const
      const member = (n: number, wish: RecordWish = {}) =>
        queuedRecord(n, {notificationBatch: batch, policy: {group: 'g'}, app: 'a', ...wish})
      const ends = (completed: number, failed = 0) => ({completed, failed, canceled: 0})

      it('are born with their first member, and due with the last end', async () => {
        await store.create([member(1), member(2)])
        await store.save(member(1, {state: 'completed', endedAt: 1}))
        expect(await store.tally(ref.id)).toEqual({
          ...{...ref, notices, group: 'g', app: 'a', state: 'closed', members: 2, unfinished: 1},
          ...ends(1),
        })
        await store.save(member(2, {state: 'failed', endedAt: 1}))
        await reopen()
        expect(await store.tally(ref.id)).toMatchObject({state: 'due', ...ends(1, 1)})
      })

      it('245. begin anew with a member that joins late, whenever it comes and ends', async () => {
        await store.create([member(1)])
        await store.save(member(1, {state: 'completed', endedAt: 1}))
        await store.create([member(2)])
        expect(await store.tally(ref.id)).toMatchObject({state: 'closed', unfinished: 1, ...ends(1)})
        await store.save(member(2, {state: 'completed', endedAt: 1}))
        await store.changeTally(ref, {kind: 'show', ends: ends(2)})
        await store.create([member(3), member(4)])
        await store.save(member(3, {state: 'failed', endedAt: 1}))
        await reopen()
        expect(await store.tally(ref.id)).toMatchObject({state: 'due', runs: 1, unfinished: 1, ...ends(0, 1)})
        await store.changeTally(ref, {kind: 'finish'})
        expect(await store.tally(ref.id)).toMatchObject({state: 'closed', unfinished: 1, ...ends(0, 1)})
        await store.save(member(4, {state: 'completed', endedAt: 1}))
        expect(await store.tally(ref.id)).toMatchObject({state: 'due', ...ends(1, 1)})
        await store.changeTally(ref, {kind: 'skip', ends: ends(1, 1)})
        expect(await store.tally(ref.id)).toMatchObject({state: 'done', members: 4, ...ends(0)})
      })

      it('owe what they owe after their members are forgotten, and then go', async () => {
        await store.create([member(1)])
        await store.save(member(1, {state: 'completed', endedAt: 1}))
        await store.remove(operationId(1))
        await reopen()
        expect(await store.tally(ref.id)).toMatchObject({state: 'due', members: 0})
        await store.changeTally(ref, {kind: 'show', ends: ends(1)})
        await store.changeTally(ref, {kind: 'finish'})
        expect(await store.tally(ref.id)).toBeUndefined()
        await store.changeTally(ref, {kind: 'finish'})
        expect(await store.tallies()).toEqual([])
      })
    })

    describe('what is to be fetched ahead of need', () => {
      const wish = {uris: ['http://files.example/1'], indirect: 'http://files.example/index'}

      it('is nothing before anything was wished for', async () => {
        expect(await store.prefetch()).toBeUndefined()
        await reopen()
        expect(await store.prefetch()).toBeUndefined()
      })

      it('is replaced as a whole, seen at once, and kept', async () => {
        await store.savePrefetch({wish, ranFor: wish, lastSuccessAt: 1, dueAt: 2, failures: 3, unchanged: 4})
        const saved = store.savePrefetch({wish: {uris: []}, dueAt: 5})
        expect(await store.prefetch()).toEqual({wish: {uris: []}, dueAt: 5})
        await saved
        await reopen()
        expect(await store.prefetch()).toEqual({wish: {uris: []}, dueAt: 5})
      })

      it('is of no operation: it stays when the last one goes, and counts as none', async () => {
        await store.create([queuedRecord(1)])
        await store.savePrefetch({wish})
        await store.remove(operationId(1))
        expect(await reopen()).toEqual({lastSequence: 1, operations: 0})
        expect(await store.prefetch()).toEqual({wish})
      })
    })

    it('flush waits for what was accepted', async () => {
      let done = 0
      const writes = [
        store.create([queuedRecord(1)]),
        store.save(running(2)),
        store.saveGroup({name: '', behavior: 0}),
        store.savePrefetch({wish: {uris: []}}),
      ]
      for (const write of writes) void write.then(() => (done += 1))
      await store.flush()
      await Promise.resolve()
      expect(done).toBe(4)
      await store.flush()
    })
  })
}
