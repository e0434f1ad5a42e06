/** Calls that are large: those that fit go out in as many batches as it takes, and those that do not are refused, and no others. */

import {join} from 'node:path'
import {describe, expect, it} from 'vitest'
import {CallQueue} from '../../src/client/call-queue.ts'
import {connectTo} from '../../src/control.ts'
import {makeDirectory, onCleanup, openEngine} from '../integration/harness.ts'
import {operationId} from '../support/records.ts'

async function connected() {
  const directory = await makeDirectory()
  const engine = await openEngine(directory, {control: {stays: true}})
  const client = await connectTo(join(directory, '.store'), {app: undefined, patienceMs: 60_000})
  onCleanup(() => client.close())
  return {engine, client, directory}
}

describe('a client of a host', () => {
  it('has calls answered that are too large together, and each fits', async () => {
    const {client} = await connected()
    // Two bytes each: it is bytes that a host counts.
    const url = `http://${'§'.repeat(65_000)}`
    const transfers = Array.from({length: 300}, () => ({guid: operationId(1), url, file: '/a'}))
    const asked = [
      client.damaged(),
      client.consentsToUnconstrained(transfers),
      client.consentsToUnconstrained(transfers),
    ]
    expect(await Promise.all(asked)).toEqual([0, false, false])
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
