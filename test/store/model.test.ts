/**
 * The store against its model, by random commands: after any of them, reopening included, it answers as plain maps do,
 * and each operation stands in exactly one index.
 */

import fc from 'fast-check'
import {afterEach, describe, expect, it} from 'vitest'
import {diagnose} from '../../src/adapters/level/doctor.ts'
import type {OperationRecord} from '../../src/domain/record.ts'
import type {Tally} from '../../src/domain/tally.ts'
import type {RecordStore, WaitingGroup} from '../../src/ports/record-store.ts'
import {MemoryTables} from '../support/memory-tables.ts'
import {operationId, queuedRecord} from '../support/records.ts'
import {buildLevelHouse, type LevelHouse} from './store-house.ts'

interface Real {
  readonly house: LevelHouse
  store: RecordStore
}

type Command = fc.AsyncCommand<MemoryTables, Real>

const TALLY = operationId(900)
const OTHER_TALLY = operationId(901)
const GROUPS = ['', 'a', 'a/1']
const FILES = ['/x', '/y', '/z', ...[1, 2, 3, 4, 5, 6, 7, 8].map(ownFile)]
const WHOLE_CLASS = {from: 0, to: Number.MAX_SAFE_INTEGER}

/** Few ids, files and groups, so that they meet. The sequence follows from the id: it is unique in a store. */
const anyRecord = fc
  .record({
    n: fc.integer({min: 1, max: 8}),
    state: fc.constantFrom('queued', 'running', 'waitingToRetry', 'pausedByApplication', 'completed', 'failed'),
    priority: fc.constantFrom(0, 1, 2),
    group: fc.constantFrom(...GROUPS),
    file: fc.constantFrom('/x', '/y', '/z'),
    endedAt: fc.option(fc.nat(3), {nil: undefined}),
    createdAt: fc.nat(100),
  })
  .map(({n, state, priority, group, file, endedAt, createdAt}) =>
    queuedRecord(n, {
      state,
      // For good, as an operation has them.
      ...(n % 2 === 0 ? {completionGroup: n > 5 ? OTHER_TALLY : TALLY} : {}),
      policy: {priority, group},
      file,
      createdAt,
      ...(endedAt === undefined ? {} : {endedAt}),
    }),
  )

function ownFile(n: number): string {
  return `/own/${n}`
}

function command(name: string, run: (model: MemoryTables, real: Real) => Promise<unknown>): Command {
  return {check: () => true, run: async (model, real) => void (await run(model, real)), toString: () => name}
}

const anyWrite = fc.oneof(
  fc.array(anyRecord, {maxLength: 4}).map((records) => ({kind: 'create', records}) as const),
  anyRecord.map((record) => ({kind: 'save', record}) as const),
  fc.integer({min: 1, max: 8}).map((n) => ({kind: 'remove', n}) as const),
)

type Write = typeof anyWrite extends fc.Arbitrary<infer Value> ? Value : never

function ownFiles(write: Write): Write {
  const own = (record: OperationRecord) => ({...record, target: {...record.target, file: ownFile(record.sequence)}})
  if (write.kind === 'create') return {...write, records: write.records.map(own)}
  return write.kind === 'save' ? {...write, record: own(write.record)} : write
}

const anyCommand: fc.Arbitrary<Command> = fc.oneof(
  {
    weight: 6,
    // Several writes at once, none waited for before the next; then no two operations may name one file, for which of
    // them is the last is not defined.
    arbitrary: fc
      .array(anyWrite, {minLength: 1, maxLength: 5})
      .map((any) => (any.length === 1 ? any : any.map(ownFiles)))
      .map((writes) =>
        command(`write(${fc.stringify(writes)})`, async (model, {store}) => {
          const promises = writes.map((write) => {
            if (write.kind === 'create') model.create(write.records)
            else if (write.kind === 'save') model.save(write.record)
            else model.remove(operationId(write.n))
            if (write.kind === 'create') return store.create(write.records)
            return write.kind === 'save' ? store.save(write.record) : store.remove(operationId(write.n))
          })
          // Saves and removals count at once; what is created, when its creator was told.
          const asked = writes.some(({kind}) => kind === 'create') ? [] : FILES
          const [found] = await Promise.all([store.findManyByFile(asked), ...promises])
          expect(found).toEqual(asked.map((file) => model.findByFile(file)))
        }),
      ),
  },
  {
    weight: 1,
    arbitrary: fc.constant(
      command('reopen', async (model, real) => {
        await real.store.close()
        expect(await diagnose(real.house.directory)).toMatchObject({
          records: model.size,
          damaged: 0,
          missing: 0,
          unindexed: 0,
          orphans: 0,
        })
        real.store = real.house.next()
        expect(await real.store.open()).toEqual({operations: model.size, lastSequence: model.lastSequence})
      }),
    ),
  },
  {weight: 4, arbitrary: fc.constant(command('compare', compare))},
)

async function compare(model: MemoryTables, {store}: Real): Promise<void> {
  expect(await store.query({})).toEqual(model.query({}))
  expect(await store.active()).toEqual(model.active())
  const byName = (groups: readonly WaitingGroup[]) => groups.toSorted((a, b) => (a.name < b.name ? -1 : 1))
  expect(byName(await store.waitingGroups())).toEqual(byName(model.waitingGroups()))
  expect(await store.findManyByFile(FILES)).toEqual(FILES.map((file) => model.findByFile(file)))
  // Of ends that are overwritten in one batch only the last is counted; an operation has one.
  const counts = (tallies: readonly Tally[]) =>
    tallies.map(({id, purpose, state, members, unfinished}) =>
      // What a notification owes follows from its ends.
      purpose === 'notification' ? {id, members, unfinished} : {id, state, members, unfinished},
    )
  expect(counts(await store.tallies())).toEqual(counts(model.tallies()))
  expect(await store.members(TALLY, operationId(2), 9)).toEqual(model.members(TALLY, operationId(2), 9))
  for (const group of GROUPS) {
    for (const priorityClass of [0, 1, 2] as const) {
      const range = {priorityClass, ...WHOLE_CLASS}
      expect(await store.line(group, range, 9)).toEqual(model.line(group, range, 9))
    }
    expect(await store.query({group, states: ['queued', 'failed']})).toEqual(
      model.query({group, states: ['queued', 'failed']}),
    )
  }
}

describe('the store and its model', () => {
  let house: LevelHouse | undefined

  afterEach(() => house?.dispose())

  it('agree after any commands', async () => {
    await fc.assert(
      fc.asyncProperty(fc.commands([anyCommand], {maxCommands: 30}), async (commands) => {
        house = await buildLevelHouse()
        const real: Real = {house, store: house.next()}
        await real.store.open()
        const model = new MemoryTables()
        try {
          await fc.asyncModelRun(() => ({model, real}), commands)
          await compare(model, real)
        } finally {
          await real.store.close()
          await house.dispose()
        }
      }),
      {numRuns: 25},
    )
  })
})
