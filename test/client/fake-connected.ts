/** A client of a fake host, whose clock stands still. */

import {RemoteEngine} from '../../src/client/remote-engine.ts'
import type {OperationRecord} from '../../src/domain/record.ts'
import type {Snapshot} from '../../src/host/protocol.ts'
import {FakeHost, flushed} from '../support/fake-host.ts'
import {queuedRecord} from '../support/records.ts'
import {SeededRandom} from '../support/seeded-random.ts'
import {SimulatedClock} from '../support/simulated-clock.ts'

export function unconnected() {
  const host = new FakeHost()
  const clock = new SimulatedClock()
  /** Streams whose copies are open. */
  const copied = new Set<AsyncIterable<Uint8Array>>()
  const client = new RemoteEngine(
    {
      connection: host,
      clock,
      random: new SeededRandom(1),
      openSecrets: async () => ({seal: (plain) => plain, unseal: (sealed) => sealed, digest: (_, text) => text}),
      tasks: {locate: String},
      copies: {
        async open(_, chunks) {
          copied.add(chunks)
          return {failure: undefined, read: () => chunks, close: () => void copied.delete(chunks)}
        },
      },
    },
    {app: undefined, patienceMs: 60_000},
  )
  return {host, client, clock, copied}
}

export async function connected() {
  const {host, client, clock, copied} = unconnected()
  const opened = client.open()
  host.welcome()
  await opened
  /** A queued operation that the client holds. */
  const holdOne = async () => {
    const found = client.find(queuedRecord(1).id)
    await host.answer('find', snapshotOf(queuedRecord(1)))
    const held = await found
    if (held === undefined) throw new Error('it was not found')
    return held
  }
  const comeBack = async (resumed = false) => {
    clock.advanceToNext()
    host.welcome(resumed)
    await flushed()
  }
  return {host, client, clock, copied, holdOne, comeBack}
}

export function snapshotOf(record: OperationRecord): Snapshot {
  const {state, request, policy} = record
  return {
    record,
    state,
    isPausing: false,
    request,
    policy,
    counts: {received: 0, total: undefined, written: [], generation: 0},
    explanation: {why: '', next: ''},
    holds: 1,
  }
}
