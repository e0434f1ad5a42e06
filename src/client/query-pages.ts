/**
 * A query for more operations than a host tells in one answer: by pages, each behind the last operation of the one before, as they are in
 * the order of their guids.
 */

import type {OperationRecord} from '../domain/record.ts'
import {DEFAULT_PAGE, type OperationQuery} from '../ports/record-store.ts'

/** What a host tells at once. */
const MOST = 10_000

export async function queryInPages(
  query: OperationQuery,
  ask: (page: OperationQuery) => Promise<readonly OperationRecord[]>,
): Promise<readonly OperationRecord[]> {
  const {limit: wanted = DEFAULT_PAGE} = query
  if (wanted <= MOST) return ask(query)
  const found: OperationRecord[] = []
  for (let page = query; ; ) {
    const limit = Math.min(MOST, wanted - found.length)
    const next = await ask({...page, limit})
    found.push(...next)
    const last = next.at(-1)
    if (last === undefined || next.length < limit || found.length === wanted) return found
    page = {...query, after: last.id}
  }
}
