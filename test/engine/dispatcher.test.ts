/** The dispatcher by itself, over a store that answers when the test lets it. */

import {expect, it} from 'vitest'
import type {OperationId} from '../../src/domain/operation-id.ts'
import type {OperationRecord} from '../../src/domain/record.ts'
import {Dispatcher} from '../../src/engine/admission/dispatcher.ts'
import {MOST_AWAKE} from '../../src/engine/admission/groups.ts'
import {DurableWrites} from '../../src/engine/operations/durable-writes.ts'
import {MemoryStore} from '../support/memory-store.ts'
import {queuedRecord} from '../support/records.ts'
import {SimulatedClock} from '../support/simulated-clock.ts'

const turn = () => new Promise(setImmediate)

function dispatcherOf(store: MemoryStore, capacity: number) {
  const clock = new SimulatedClock()
  const admitted: OperationId[] = []
  const fail = (error: unknown) => {
    throw error
  }
  const dispatcher = new Dispatcher({
    store,
    writes: new DurableWrites(clock),
    clock,
    capacity,
    maxConnectionsPerOrigin: Number.POSITIVE_INFINITY,
    applications: undefined,
    mostAwake: MOST_AWAKE,
    isLive: (id) => admitted.includes(id),
    isHeld: () => false,
    admit: (id) => admitted.push(id),
    displace: () => fail('nobody is displaced'),
    onLoad: () => {},
    onUnread: fail,
    onUnwritten: fail,
  })
  return {dispatcher, admitted}
}

it('gives everybody who is admitted a slot, also while the lines are being read anew', async () => {
  const [a1, a2, b1] = [1, 2, 3].map((n) => queuedRecord(n, {policy: {group: n < 3 ? 'a' : 'b'}})) as [
    OperationRecord,
    OperationRecord,
    OperationRecord,
  ]
  const store = new MemoryStore()
  await store.open()
  await store.create([a1, a2, b1])
  let letRead = () => {}
  const mayRead = new Promise<void>((resolve) => {
    letRead = resolve
  })
  const read = store.line.bind(store)
  store.line = async (...wish) => {
    await mayRead
    return read(...wish)
  }
  const {dispatcher, admitted} = dispatcherOf(store, 1)
  // What an earlier session left, and was attached one by one.
  dispatcher.load([], [], 4)
  for (const record of [a1, a2, b1]) {
    dispatcher.attach(record)
    dispatcher.enter(record)
  }
  dispatcher.start()
  await turn()
  expect(admitted).toEqual([a1.id])

  const dropped = dispatcher.dropFloor()
  await turn()
  dispatcher.release(a1.id)
  await turn()
  expect(admitted.length - 1).toBe(dispatcher.slots.taken)
  letRead()
  await dropped
  await turn()
  await turn()
  expect(admitted).toHaveLength(2)
  expect(dispatcher.slots.taken).toBe(1)
})

it('admits those of other applications while one commands its own of the same group, and each when all commands are through', async () => {
  const of = (app?: string) => ({policy: {group: 'films'}, ...(app === undefined ? {} : {app})})
  const [mine, theirs, nobodys, late] = [of('mine'), of('theirs'), of(), of('theirs')].map((overrides, at) =>
    queuedRecord(at + 1, overrides),
  ) as [OperationRecord, OperationRecord, OperationRecord, OperationRecord]
  const store = new MemoryStore()
  await store.open()
  await store.create([mine, theirs, nobodys])
  const {dispatcher, admitted} = dispatcherOf(store, 10)
  dispatcher.load([], [], 0)
  dispatcher.start()
  dispatcher.suspendGroup('films', 'mine')
  dispatcher.suspendGroup('films', 'mine')
  dispatcher.enterMany([mine, theirs, nobodys])
  await turn()
  await turn()
  expect(admitted).toEqual([theirs.id, nobodys.id])
  dispatcher.suspendGroup('films', undefined)
  dispatcher.resumeGroup('films', 'mine')
  await store.create([late])
  dispatcher.enter(late)
  await turn()
  expect(admitted).toHaveLength(2)
  dispatcher.resumeGroup('films', undefined)
  await turn()
  expect(admitted).toEqual([theirs.id, nobodys.id, late.id])
  dispatcher.resumeGroup('films', 'mine')
  await turn()
  expect(admitted).toEqual([theirs.id, nobodys.id, late.id, mine.id])
})

it('admits those of other applications also where all slots are free, and more than these stand behind the commanded', async () => {
  const records = ['mine', 'mine', 'theirs'].map((app, at) => queuedRecord(at + 1, {policy: {group: 'films'}, app}))
  const store = new MemoryStore()
  await store.open()
  await store.create(records)
  const {dispatcher, admitted} = dispatcherOf(store, 2)
  dispatcher.load([], [], 0)
  dispatcher.start()
  dispatcher.suspendGroup('films', 'mine')
  dispatcher.enterMany(records)
  await turn()
  await turn()
  expect(admitted).toEqual([records[2]?.id])
  dispatcher.resumeGroup('films', 'mine')
  await turn()
  expect(admitted).toEqual([records[2]?.id, records[0]?.id])
})
