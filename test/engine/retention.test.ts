/** Which ended operations are forgotten, and how much is read to find out. */

import {describe, expect, it} from 'vitest'
import type {OperationId} from '../../src/domain/operation-id.ts'
import type {OperationRecord} from '../../src/domain/record.ts'
import {Retention} from '../../src/engine/operations/retention.ts'
import type {RetentionPolicy} from '../../src/engine/options.ts'
import type {EndedEntry, RecordStore} from '../../src/ports/record-store.ts'
import {operationId} from '../support/records.ts'

/** A retention over so many ends, told one after another. `kept`: cannot be removed. */
function retentionOf(policy: RetentionPolicy, kept?: OperationId) {
  const ended: EndedEntry[] = []
  let now = 0
  let read = 0
  const store: Pick<RecordStore, 'ended' | 'getMany' | 'remove'> = {
    async ended(after, limit) {
      const from = after === undefined ? 0 : ended.findIndex(({endedAt}) => endedAt > after.endedAt)
      const page = from === -1 ? [] : ended.slice(from, from + limit)
      read += page.length
      return page
    },
    async getMany(ids) {
      return ids.map((id) => ({id, delivered: true}) as OperationRecord)
    },
    async remove(id) {
      if (id === kept) throw new Error('the store refuses')
      const at = ended.findIndex((entry) => entry.id === id)
      ended.splice(at, 1)
    },
  }
  const forgotten: OperationId[] = []
  const retention = new Retention({
    store: store as RecordStore,
    clock: {now: () => now, setTimeout: () => 0, clearTimeout: () => {}},
    policy,
    isAwaited: () => false,
    beforeForgetting: async () => {},
    onForgotten: (ids) => forgotten.push(...ids),
    onError: (error) => {
      if (kept === undefined) throw error
    },
  })
  return {
    ended,
    forgotten,
    get read() {
      return read
    },
    async end(count: number) {
      for (let n = 0; n < count; n += 1) {
        now += 1
        ended.push({id: operationId(now), endedAt: now})
        retention.noteEnd()
      }
      // The one that the last of them began.
      await retention.sweep()
    },
  }
}

describe('retention', () => {
  it('reads hardly anything while fewer have ended than are kept', async () => {
    const kept = retentionOf({count: 1_000_000, ageMs: 1_000_000})
    for (let n = 0; n < 10; n += 1) await kept.end(1000)
    expect(kept.forgotten).toEqual([])
    // The first sweep counts what is there already; each looks at the oldest.
    expect(kept.read).toBe(1000 + 10)
  })

  it('keeps the newest, however many have ended since it counted last', async () => {
    const kept = retentionOf({count: 2500, ageMs: 1_000_000})
    for (let n = 0; n < 5; n += 1) await kept.end(1000)
    expect(kept.ended.map(({endedAt}) => endedAt)).toEqual(Array.from({length: 2500}, (_, n) => 2501 + n))
    expect(kept.forgotten).toHaveLength(2500)
  })

  it('forgets what is old, few as it may be', async () => {
    const kept = retentionOf({count: 1_000_000, ageMs: 1500})
    for (let n = 0; n < 3; n += 1) await kept.end(1000)
    expect(kept.ended[0]?.endedAt).toBe(1500)
  })

  it('tells of each that is gone, also where another could not be removed', async () => {
    const kept = retentionOf({count: 0, ageMs: 1_000_000}, operationId(500))
    await kept.end(1000)
    expect(kept.ended).toHaveLength(1)
    expect(kept.forgotten).toHaveLength(999)
  })
})
