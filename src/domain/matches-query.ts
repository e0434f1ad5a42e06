/** Which operations a query means, beyond what an index can tell. */

import type {Direction, OperationRecord} from './record.ts'

export interface OperationFilter {
  readonly direction?: Direction
  readonly group?: string
  /** Of this application of a host alone. */
  readonly app?: string
  /** Life states to include; all by default. */
  readonly states?: readonly string[]
  /** Whether somebody was told how it ended: false also of what has not ended. */
  readonly delivered?: boolean
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
  const {direction, group, app, states, delivered, urlPrefix} = filter
  return (
    (direction === undefined || record.direction === direction) &&
    (states === undefined || states.includes(record.state)) &&
    (group === undefined || record.policy.group === group) &&
    (app === undefined || record.app === app) &&
    (delivered === undefined || (record.delivered === true) === delivered) &&
    (urlPrefix === undefined || record.request.url.startsWith(urlPrefix)) &&
    isWithin(record.createdAt, filter.createdFrom, filter.createdBefore) &&
    isWithin(record.endedAt, filter.endedFrom, filter.endedBefore)
  )
}

/** `from` is included, `before` is not. */
export function isWithin(at: number | undefined, from: number | undefined, before: number | undefined): boolean {
  if (from === undefined && before === undefined) return true
  return at !== undefined && (from === undefined || at >= from) && (before === undefined || at < before)
}
