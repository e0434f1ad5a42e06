/** Which operations a query means, beyond what an index can tell. */

import type {OperationRecord} from './record.ts'

export interface OperationFilter {
  readonly group?: string
  /** Life states to include; all by default. */
  readonly states?: readonly string[]
  readonly urlPrefix?: string
  /** Epoch ms, included. */
  readonly createdFrom?: number
  /** Epoch ms, excluded. */
  readonly createdBefore?: number
  /** Epoch ms of the terminal state, included; only ended operations match. */
  readonly endedFrom?: number
  /** Epoch ms of the terminal state, excluded; only ended operations match. */
  readonly endedBefore?: number
}

export function matchesQuery(record: OperationRecord, filter: OperationFilter): boolean {
  const {group, states, urlPrefix} = filter
  return (
    (states === undefined || states.includes(record.state)) &&
    (group === undefined || record.policy.group === group) &&
    (urlPrefix === undefined || record.request.url.startsWith(urlPrefix)) &&
    isWithin(record.createdAt, filter.createdFrom, filter.createdBefore) &&
    isWithin(record.endedAt, filter.endedFrom, filter.endedBefore)
  )
}

function isWithin(at: number | undefined, from: number | undefined, before: number | undefined): boolean {
  if (from === undefined && before === undefined) return true
  return at !== undefined && (from === undefined || at >= from) && (before === undefined || at < before)
}
