/** The memory store keeps the contract, and its faults are what they say. */

import {describe, expect, it} from 'vitest'
import {TransferError} from '../../src/domain/errors.ts'
import {MemoryStore, StoreDisk} from '../support/memory-store.ts'
import {operationId, queuedRecord} from '../support/records.ts'
import {describeRecordStore} from './record-store.contract.ts'

describeRecordStore('MemoryStore', async () => {
  const disk = new StoreDisk()
  return {next: () => new MemoryStore({disk}), dispose: async () => {}}
})

describe('the memory store’s faults', () => {
  it('a crash loses what was not committed and frees the lock', async () => {
    const store = new MemoryStore({commits: 'manual'})
    await store.open()
    const first = store.save(queuedRecord(1))
    store.commit()
    await first
    void store.save(queuedRecord(2))
    store.crash()
    const next = new MemoryStore({disk: store.disk})
    expect(await next.open()).toEqual({lastSequence: 1, operations: 1})
    await expect(store.get(operationId(1))).rejects.toMatchObject({code: 'CLOSED'})
  })

  it('a failed commit rejects its waiters, changes nothing, and the next one goes through', async () => {
    const store = new MemoryStore()
    await store.open()
    await store.save(queuedRecord(1))
    store.failNextCommits(new TransferError('DISK_FULL', 'full'))
    await expect(store.save(queuedRecord(1, {state: 'running'}))).rejects.toMatchObject({code: 'DISK_FULL'})
    expect(await store.get(operationId(1))).toEqual(queuedRecord(1))
    await store.save(queuedRecord(2))
    expect(await store.query({})).toHaveLength(2)
  })
})
