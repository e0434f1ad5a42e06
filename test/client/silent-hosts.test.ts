/** A host that is stopped or stuck: it takes what it is asked, and says nothing. */

import {describe, expect, it} from 'vitest'
import {TransferError} from '../../src/domain/errors.ts'
import type {EngineEvent} from '../../src/engine/events.ts'
import {flushed} from '../support/fake-host.ts'
import {queuedRecord} from '../support/records.ts'
import type {SimulatedClock} from '../support/simulated-clock.ts'
import {connected, snapshotOf, unconnected} from './fake-connected.ts'

/** Second by second, and what follows of each. */
async function pass(clock: SimulatedClock, seconds: number) {
  for (let second = 0; second < seconds; second += 1) {
    clock.advanceBy(1_000)
    await flushed()
  }
}

describe('a client that stays with a host that says nothing any more', () => {
  const SILENT = {why: 'its host (process 1) takes questions and does not answer', next: expect.any(String)}

  async function watching() {
    const all = await connected()
    const events: EngineEvent[] = []
    all.client.events$.subscribe((event) => events.push(event))
    const held = await all.holdOne()
    return {...all, events, held}
  }

  it('tells so within half a minute, once, and fails nothing: what waits is answered when it is heard again', async () => {
    const {host, client, clock, events, held} = await watching()
    await pass(clock, 60)
    expect(events).toEqual([])
    host.isSilent = true
    const asked = client.damaged()
    await pass(clock, 30)
    expect(events).toEqual([{type: 'host.fellSilent', at: expect.any(Number), pid: 1, silentMs: 10_000}])
    expect(client.explain(held)).toEqual(SILENT)
    await pass(clock, 3_600)
    expect(events).toHaveLength(1)
    host.speak()
    await flushed()
    expect(events.slice(1)).toEqual([{type: 'host.silenceEnded', at: expect.any(Number), pid: 1}])
    expect(client.explain(held)).toEqual(snapshotOf(queuedRecord(1)).explanation)
    await host.answer('damaged', 3)
    expect(await asked).toBe(3)
    await pass(clock, 60)
    expect(events).toHaveLength(2)
  })

  it('explains operations by it to whoever asks as soon as it is told, and no more when it is over', async () => {
    const {host, client, clock, held} = await watching()
    const explained: unknown[] = []
    client.events$.subscribe(() => explained.push(client.explain(held)))
    host.isSilent = true
    await pass(clock, 30)
    host.speak()
    await flushed()
    expect(explained).toEqual([SILENT, snapshotOf(queuedRecord(1)).explanation])
  })

  it('tells that the silence is over when the host is killed, and goes on with the next', async () => {
    const {host, client, clock, events, comeBack} = await watching()
    host.isSilent = true
    const asked = client.damaged()
    await pass(clock, 30)
    host.isSilent = false
    host.lose(new TransferError('HOST_UNREACHABLE', 'the host ended the stream'))
    await comeBack()
    await host.answer('damaged', 0)
    expect(await asked).toBe(0)
    expect(events.map(({type}) => type)).toEqual(['host.fellSilent', 'host.silenceEnded'])
  })

  it('may be closed: what waits is rejected', async () => {
    const {host, client, clock, events} = await watching()
    host.isSilent = true
    const asked = client.damaged()
    asked.catch(() => undefined)
    await pass(clock, 30)
    const closed = client.close()
    closed.catch(() => undefined)
    await pass(clock, 10)
    await closed
    expect(events.map(({type}) => type)).toEqual(['host.fellSilent'])
    await expect(asked).rejects.toThrow(expect.objectContaining({code: 'CLOSED'}))
    expect(clock.pending).toBe(0)
  })
})

describe('a client that leaves a host that says nothing any more', () => {
  it('closes without an answer to its goodbye', async () => {
    const {host, client, clock} = await connected()
    host.isSilent = true
    const since = clock.now()
    const closed = client.close()
    await flushed()
    clock.advanceToNext()
    await closed
    expect(clock.now() - since).toBeLessThanOrEqual(5_000)
    expect(host.isClosed).toBe(true)
    expect(clock.pending).toBe(0)
  })

  it('closes, and says that a command may be lost', async () => {
    const {host, client, clock, holdOne} = await connected()
    const held = await holdOne()
    host.isSilent = true
    client.cancel(held)
    const closed = client.close()
    closed.catch(() => undefined)
    await flushed()
    clock.advanceBy(10_000)
    await expect(closed).rejects.toThrow(expect.objectContaining({code: 'HOST_UNREACHABLE'}))
    expect(host.isClosed).toBe(true)
    expect(clock.pending).toBe(0)
  })

  it('waits on for one that is slow with its answer and hears all the same', async () => {
    const {host, client, clock, holdOne} = await connected()
    client.cancel(await holdOne())
    const closed = client.close()
    await flushed()
    for (let second = 0; second < 60; second += 1) {
      clock.advanceBy(1_000)
      await flushed()
    }
    expect(host.isClosed).toBe(false)
    await host.answer('cancel', snapshotOf(queuedRecord(1, {state: 'canceled'})))
    await closed
    expect(host.isClosed).toBe(true)
  })

  it('is refused the link', async () => {
    const {client, clock} = unconnected()
    const opened = client.open()
    opened.catch(() => undefined)
    clock.advanceBy(10_000)
    await expect(opened).rejects.toThrow('the host takes questions and does not answer')
    expect(clock.pending).toBe(0)
  })
})
