/**
 * A query for more operations than a host tells in one answer: by pages, each behind the last operation of the one before, as they are in
 * the order of their guids.
 */

import type {OperationRecord} from '../domain/record.ts'
import {MOST_QUERIED} from '../ports/host-connection.ts'
import {DEFAULT_PAGE, type OperationQuery} from '../ports/record-store.ts'

export async function queryInPages(
  query: OperationQuery,
  ask: (page: OperationQuery) => Promise<readonly OperationRecord[]>,
): Promise<readonly OperationRecord[]> {
  const {limit: wanted = DEFAULT_PAGE} = query
  if (wanted <= MOST_QUERIED) return ask(query)
  const found: OperationRecord[] = []
  for (let page = query; ; ) {
    const limit = Math.min(MOST_QUERIED, wanted - found.length)
    const next = await ask({...page, limit})
    found.push(...next)
    const last = next.at(-1)
    if (last === undefined || next.length < limit || found.length === wanted) return found
    page = {...query, after: last.id}
  }
}
