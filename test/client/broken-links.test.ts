/** A link that breaks at the wrong moment: what a client has asked and was told comes out right all the same. */

import {PassThrough} from 'node:stream'
import {describe, expect, it} from 'vitest'
import {TransferError} from '../../src/domain/errors.ts'
import type {OperationRecord} from '../../src/domain/record.ts'
import type {EngineEvent} from '../../src/engine/events.ts'
import {type FakeHost, flushed} from '../support/fake-host.ts'
import {journalEntry, queuedRecord} from '../support/records.ts'
import {connected, snapshotOf} from './fake-connected.ts'

const GONE = new TransferError('HOST_UNREACHABLE', 'the host ended the stream')

function moved(record: OperationRecord): EngineEvent {
  const {id, state} = record
  const step = {from: 'queued', to: state}
  return {
    ...step,
    type: 'operation.moved',
    at: 0,
    id,
    state,
    because: 'response.finished',
    entry: journalEntry(1),
    record,
  }
}

const lines = (events: readonly EngineEvent[]) =>
  events.map((event) => ('record' in event ? `${event.type} ${event.record.state}` : event.type))

describe('a client whose link breaks', () => {
  it('closes without waiting for the answers of a host that is gone', async () => {
    const {host, client} = await connected()
    client.damaged().catch(() => undefined)
    await flushed()
    const closed = client.close()
    host.lose(GONE)
    await closed
    expect(host.isClosed).toBe(true)
  })

  it('tells of a host once, however often its stream breaks, and of the next', async () => {
    const {host, client, comeBack} = await connected()
    const lives: string[] = []
    client.host$.subscribe(({epoch}) => lives.push(epoch))
    host.lose(GONE)
    await comeBack(true)
    host.lose(GONE)
    await comeBack()
    expect(lives).toEqual(['life 1', 'life 2'])
  })

  it('closes behind what the next host has answered of the last commands', async () => {
    const {host, client, holdOne, comeBack} = await connected()
    client.cancel(await holdOne())
    const closed = client.close()
    await host.called('cancel')
    host.lose(GONE)
    await flushed()
    await comeBack()
    await host.answer('refresh', [snapshotOf(queuedRecord(1))])
    await host.answer('cancel', snapshotOf(queuedRecord(1, {state: 'canceled'})))
    await closed
    expect(host.isClosed).toBe(true)
  })

  it('keeps nothing of a stream that its host has taken while the client closed', async () => {
    const {host, client, copied} = await connected()
    let take: (answer: unknown) => void = () => undefined
    host.sending = new Promise((resolve) => {
      take = resolve
    })
    const stream = new PassThrough()
    const taken = client.takeBody(queuedRecord(1).id, stream)
    const refused = expect(taken).rejects.toMatchObject({code: 'CLOSED'})
    await flushed()
    expect([...copied]).toEqual([stream])
    const closed = client.close()
    await flushed()
    take({size: 0})
    await closed
    await refused
    expect([...copied]).toEqual([])
  })

  it('closes behind what is asked as soon as an answer is heard', async () => {
    const {host, client} = await connected()
    const record = queuedRecord(1)
    const canceled = client.start([record]).then(([held]) => {
      if (held !== undefined) client.cancel(held)
    })
    await flushed()
    const closed = client.close()
    await host.answer('start', [snapshotOf(record)])
    await canceled
    await host.answer('cancel', snapshotOf({...record, state: 'canceled'}))
    await closed
  })

  it('closes behind what was asked while no host was there', async () => {
    const {host, client, holdOne, comeBack} = await connected()
    const held = await holdOne()
    host.lose(GONE)
    client.cancel(held)
    const closed = client.close()
    await comeBack()
    await host.answer('refresh', [snapshotOf(queuedRecord(1))])
    await host.answer('cancel', snapshotOf(queuedRecord(1, {state: 'canceled'})))
    await closed
    expect(host.isClosed).toBe(true)
  })

  it('says when it closes that a command may be lost, and does not wait long for another host', async () => {
    const {host, client, clock, holdOne} = await connected()
    client.cancel(await holdOne())
    const closed = client.close()
    const again = client.close()
    await host.called('cancel')
    const outcomes = Promise.allSettled([closed, again])
    const since = clock.now()
    host.lose(GONE)
    while (clock.advanceToNext()) host.lose(GONE)
    expect(clock.now() - since).toBeGreaterThan(2_000)
    expect(clock.now() - since).toBeLessThan(8_000)
    const lost = {status: 'rejected', reason: expect.objectContaining({code: 'HOST_UNREACHABLE'})}
    expect(await outcomes).toEqual([lost, lost])
    expect(host.isClosed).toBe(true)
    expect(clock.pending).toBe(0)
  })

  it('says when it closes that a command was lost because no other host came', async () => {
    const {host, client, clock, holdOne} = await connected()
    const held = await holdOne()
    host.lose(GONE)
    client.cancel(held)
    while (clock.advanceToNext()) host.lose(GONE)
    await expect(client.close()).rejects.toThrow(expect.objectContaining({code: 'HOST_UNREACHABLE'}))
  })

  it('gives up a body on its signal also while it waits for a host', async () => {
    const {host, client} = await connected()
    host.lose(GONE)
    const giving = new AbortController()
    const chunks = (async function* () {})()
    const taken = client.takeBody(client.newId(), chunks, giving.signal)
    giving.abort(new Error('it is not wanted any more'))
    await expect(taken).rejects.toThrow('it is not wanted any more')
  })

  it('says of a body that no other host came for it', async () => {
    const {host, client, clock} = await connected()
    host.lose(GONE)
    const taken = client.takeBody(client.newId(), (async function* () {})())
    const outcome = expect(taken).rejects.toMatchObject({code: 'HOST_UNREACHABLE'})
    await flushed()
    while (clock.advanceToNext()) host.lose(GONE)
    await outcome
  })

  it('asks again for bytes whose own connection broke, and the stream did not', async () => {
    const {host, client, holdOne, comeBack} = await connected()
    const read = client.bytesOf(await holdOne()).read(new Uint8Array(10), 0)
    await flushed()
    host.reads.shift()?.reject(GONE)
    await flushed()
    await comeBack(true)
    expect(host.opened).toBe(2)
    host.reads.shift()?.resolve({count: 10, size: 10, generation: 0})
    expect(await read).toBe(10)
  })

  it('hears of an operation that was started while nobody told', async () => {
    const {host, client, comeBack} = await connected()
    const events: EngineEvent[] = []
    client.events$.subscribe((event) => events.push(event))
    const record = queuedRecord(1, {state: 'completed'})
    const started = client.start([record])
    await host.called('start')
    host.lose(GONE)
    await comeBack(true)
    const {input} = await host.answer('catchUp', [record])
    expect(input).toEqual({ids: [record.id], attach: [record.id]})
    await host.answer('start', [snapshotOf(record)])
    await started
    expect(lines(events)).toEqual(['operation.moved completed'])
  })

  it('says nothing of how an operation stood before what was told of it since', async () => {
    const {host, client, comeBack} = await connected()
    const events: EngineEvent[] = []
    client.events$.subscribe((event) => events.push(event))
    const queued = queuedRecord(1)
    host.tell({type: 'event', event: {type: 'operation.started', at: 0, record: queued}})
    host.lose(GONE)
    await comeBack(true)
    host.tell({type: 'event', event: moved({...queued, state: 'completed'})})
    await host.answer('catchUp', [{...queued, state: 'running'}])
    expect(lines(events)).toEqual(['operation.started queued', 'operation.moved completed'])
    // And nobody waits for its end any more.
    host.lose(GONE)
    await comeBack(true)
    await expect(host.called('catchUp')).rejects.toThrow('nobody called catchUp')
  })

  it('takes the answer to the newest question how an operation stands', async () => {
    const {host, client, comeBack} = await connected()
    const events: EngineEvent[] = []
    client.events$.subscribe((event) => events.push(event))
    const queued = queuedRecord(1)
    host.tell({type: 'event', event: {type: 'operation.started', at: 0, record: queued}})
    host.lose(GONE)
    await comeBack(true)
    const early = await host.called('catchUp')
    host.lose(GONE)
    await comeBack(true)
    await host.answer('catchUp', [{...queued, state: 'completed'}])
    host.tell({type: 'result', id: early.id, value: [{...queued, state: 'running'}]})
    await flushed()
    expect(lines(events)).toEqual(['operation.started queued', 'operation.moved completed'])
  })

  it('hears each step also where it begins to watch again before the host has heard that nobody did', async () => {
    const {host, client} = await connected()
    const record = queuedRecord(1, {state: 'running'})
    client.events$.subscribe(() => undefined).unsubscribe()
    const first = client.events$.subscribe(() => undefined)
    await flushed()
    host.tell({type: 'event', event: moved(record)})
    first.unsubscribe()
    const events: EngineEvent[] = []
    client.events$.subscribe((event) => events.push(event))
    const {record: _, ...step} = moved({...record, state: 'completed'}) as EngineEvent & {type: 'operation.moved'}
    host.tell({type: 'moved', event: {...step, changes: {set: {state: 'completed'}}}})
    expect(lines(events)).toEqual(['operation.moved completed'])
  })

  it('is told anew of all that it holds, however much that is', async () => {
    const {host, client, comeBack} = await connected()
    const records = Array.from({length: 100_001}, (_, n) => queuedRecord(n))
    const found = client.findMany({})
    await host.answer('findMany', records.map(snapshotOf))
    await found
    host.lose(GONE)
    await comeBack()
    const asked = host.calls.filter(({name}) => name === 'refresh').map(({input}) => input as {ids: string[]})
    expect(Math.max(...asked.map(({ids}) => ids.length))).toBeLessThanOrEqual(100_000)
    expect(new Set(asked.flatMap(({ids}) => ids)).size).toBe(records.length)
  })
})

describe('a client that is told what has changed of an operation', () => {
  const [queued, asked] = [queuedRecord(1), queuedRecord(1, {state: 'running'})]
  const confirmed = {...asked, evidence: {...asked.evidence, ranges: [[0, 1_000]] as const}}

  /** The host has told the newest of the operation in an answer: what it tells next goes on from that. */
  const isPaused = async (host: FakeHost) => {
    const {record: _, ...rest} = snapshotOf({...confirmed, state: 'pausedByApplication'})
    const snapshot = {...rest, id: confirmed.id, changes: {set: {state: 'pausedByApplication'}}} as const
    host.tell({type: 'notice', snapshot, hasResponseChanged: false, hasRestarted: false})
  }

  it('goes on from the answer to a command, also where it has let go of the operation and holds it again', async () => {
    const {host, client, holdOne} = await connected()
    const held = await holdOne()
    client.changePolicy(held, queued.policy)
    client.release(held)
    const found = client.find(queued.id)
    await host.answer('find', snapshotOf(asked))
    await host.answer('changePolicy', snapshotOf(confirmed))
    await isPaused(host)
    expect((await found)?.record).toEqual({...confirmed, state: 'pausedByApplication'})
  })

  it('goes on from the answer to its note that the end was told', async () => {
    const {host, client, holdOne} = await connected()
    const held = await holdOne()
    const noted = client.markDelivered(held)
    await host.answer('markDelivered', snapshotOf({...confirmed, delivered: true}))
    await noted
    await isPaused(host)
    expect(held.record).toEqual({...confirmed, delivered: true, state: 'pausedByApplication'})
  })
})

describe('a client whose wish for a group is refused', () => {
  it('says of the group what the host said last', async () => {
    const {host, client} = await connected()
    const refused = [client.setBehavior('films', 1), client.setBehavior('films', 1)]
    for (const each of refused) each.catch(() => undefined)
    expect(client.group('films').behavior).toBe(1)
    const error = new TransferError('LIMIT_REACHED', 'there are too many').toSerialized()
    for (const each of refused) {
      const {id} = await host.called('setBehavior')
      host.tell({type: 'result', id, error})
      await expect(each).rejects.toThrow('there are too many')
    }
    expect(client.group('films').behavior).toBe(0)
  })

  it('keeps a wish until it is answered, whatever a host says that has not heard of it', async () => {
    const {host, client, comeBack} = await connected()
    host.tell({type: 'group', group: {name: 'films', behavior: 0}})
    const set = client.setBehavior('films', 1)
    host.tell({type: 'group', group: {name: 'films', behavior: 0, maxBytesPerSecond: 1_000}})
    expect(client.group('films')).toEqual({name: 'films', behavior: 1, maxBytesPerSecond: 1_000})
    host.lose(GONE)
    await comeBack()
    host.tell({type: 'group', group: {name: 'films', behavior: 1}})
    await host.answer('setBehavior', null)
    await set
    expect(client.group('films')).toEqual({name: 'films', behavior: 1})
  })
})
