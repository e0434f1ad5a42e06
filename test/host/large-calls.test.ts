/**
 * Calls that are large: those that fit go out in as many batches as it takes, and those that do not are refused, and no others. Answers
 * that are large are heard.
 */

import {join} from 'node:path'
import {Writable} from 'node:stream'
import {describe, expect, it} from 'vitest'
import {CallQueue} from '../../src/client/call-queue.ts'
import {connectTo} from '../../src/control.ts'
import {Frames} from '../../src/host/frames.ts'
import {Outbox} from '../../src/host/outbox.ts'
import type {ProgressTurns} from '../../src/host/progress-turns.ts'
import {makeDirectory, onCleanup, openEngine} from '../integration/harness.ts'
import {flushed} from '../support/fake-host.ts'

async function connected() {
  const directory = await makeDirectory()
  const engine = await openEngine(directory, {control: {stays: true}})
  const client = await connectTo(join(directory, '.store'), {app: undefined, patienceMs: 60_000})
  onCleanup(() => client.close())
  return {engine, client, directory}
}

describe('a client of a host', () => {
  it('sends calls that are too large together in batches that a host takes', async () => {
    const batches: string[] = []
    const calls = new CallQueue({post: async (batch) => void batches.push(batch), onBroken: () => {}})
    calls.linked(() => {})
    // Two bytes each: it is bytes that a host counts.
    const files = ['§'.repeat(20 * 1024 * 1024)]
    for (let each = 0; each < 2; each += 1) calls.tell('filesOnRecord', {files})
    calls.tell('damaged', {})
    await flushed()
    expect(batches.map((each) => JSON.parse(each).calls.map(({id}: {id: number}) => id))).toEqual([[0], [1, 2]])
    expect(Math.max(...batches.map((each) => Buffer.byteLength(each)))).toBeLessThan(64 * 1024 * 1024)
  })

  it('has exactly that call refused that no host would take, at once, and all others answered', async () => {
    const {client} = await connected()
    const tooMany = Array.from({length: 1_000}, (_, each) => `/${each}`.padEnd(70_000, 'a'))
    const [before, large, after] = await Promise.allSettled([
      client.damaged(),
      client.filesOnRecord(tooMany),
      client.damaged(),
    ])
    expect([before, after]).toEqual([
      {status: 'fulfilled', value: 0},
      {status: 'fulfilled', value: 0},
    ])
    expect(large).toMatchObject({reason: {code: 'INVALID_ARGUMENT', where: 'filesOnRecord'}})
    expect((large as PromiseRejectedResult).reason.message).toMatch(/larger than the 64 MiB that a host takes at once/)
  })
  it('has a call refused that is longer than any text may be, and does not take its host for broken', async () => {
    const broken: unknown[] = []
    const calls = new CallQueue({post: async () => ({}), onBroken: (error) => broken.push(error)})
    calls.linked(() => {})
    const longerThanAnyText = {
      toJSON() {
        throw new RangeError('Invalid string length')
      },
    }
    await expect(calls.call('damaged', longerThanAnyText as unknown as Record<string, never>)).rejects.toMatchObject({
      code: 'INVALID_ARGUMENT',
    })
    expect(broken).toEqual([])
  })
})

describe('the stream of a client', () => {
  const MIB = 1024 * 1024

  /** Reads what was written only when `read` is called. */
  function slowClient() {
    const unread: (() => void)[] = []
    const client = new Writable({write: (_chunk, _encoding, done) => void unread.push(done)})
    const turns = {leave: () => {}, wait: () => {}} as unknown as ProgressTurns
    const outbox = new Outbox({frames: new Frames(), turns})
    outbox.open(client)
    const say = (bytes: number) => {
      outbox.say('a'.repeat(bytes))
      outbox.flush()
    }
    const answer = (bytes: number) => {
      outbox.answer('a'.repeat(bytes))
      outbox.flush()
    }
    return {client, say, answer, read: () => unread.shift()?.()}
  }

  it('is not cut off because of one large answer, nor of what is said while that is read', () => {
    const {client, say, answer, read} = slowClient()
    answer(40 * MIB)
    for (let each = 0; each < 10; each += 1) say(1_000)
    expect(client.destroyed).toBe(false)
    read()
    expect(client.destroyed).toBe(false)
  })

  it('is not cut off because of many answers that are large together, which were asked for at once', () => {
    const {client, answer} = slowClient()
    for (let each = 0; each < 100; each += 1) answer(MIB / 2)
    expect(client.destroyed).toBe(false)
  })

  it('is cut off when so much of what is told is unread, with a large answer before it or without', () => {
    for (const bytes of [1_000, 40 * MIB]) {
      const {client, say, answer} = slowClient()
      answer(bytes)
      for (let each = 0; each < 65; each += 1) say(MIB / 2)
      expect(client.destroyed).toBe(true)
    }
  })
})
