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
  const clock = new SimulatedClock()
  const admitted: OperationId[] = []
  const fail = (error: unknown) => {
    throw error
  }
  const dispatcher = new Dispatcher({
    store,
    writes: new DurableWrites(clock),
    clock,
    capacity: 1,
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
