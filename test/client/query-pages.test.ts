/** More operations than a host tells at once: as many as were asked for, in their order, and no question too many. */

import {expect, it} from 'vitest'
import {queryInPages} from '../../src/client/query-pages.ts'
import type {OperationId} from '../../src/domain/operation-id.ts'
import type {OperationRecord} from '../../src/domain/record.ts'
import type {OperationQuery} from '../../src/ports/record-store.ts'

function hostOf(count: number) {
  const all = Array.from({length: count}, (_, at) => ({id: String(at).padStart(6, '0') as OperationId}))
  const asked: (number | undefined)[] = []
  const ask = async ({after, limit = 1000}: OperationQuery) => {
    asked.push(limit)
    const from = after === undefined ? 0 : Number(after) + 1
    return all.slice(from, from + limit) as OperationRecord[]
  }
  return {all, asked, ask}
}

it.each([
  ['as many as there are', 25_000, 30_000, [10_000, 10_000, 10_000]],
  ['no more than are wanted', 25_000, 12_000, [10_000, 2_000]],
  ['whole pages only', 20_000, 20_000, [10_000, 10_000]],
  ['fewer than one page', 3, 1_000_000, [10_000]],
  ['one page', 25_000, 10_000, [10_000]],
])('finds %s', async (_, count, limit, pages) => {
  const {all, asked, ask} = hostOf(count)
  expect(await queryInPages({limit}, ask)).toEqual(all.slice(0, limit))
  expect(asked).toEqual(pages)
})

it('goes on behind where it was to begin', async () => {
  const {all, ask} = hostOf(25_000)
  const found = await queryInPages({limit: 15_000, after: '000099' as OperationId}, ask)
  expect(found).toEqual(all.slice(100, 15_100))
})
