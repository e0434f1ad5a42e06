/** What an application asks for: by guid, by address, or by query. */

import {invalidArgument} from '../domain/errors.ts'
import {assertOptions, type Known, shown} from '../domain/given.ts'
import type {OperationId} from '../domain/operation-id.ts'
import {QUERY_BOUNDS} from '../domain/query-bounds.ts'
import type {EngineApi} from '../engine/engine-api.ts'

type OperationQuery = Parameters<EngineApi['query']>[0]

/** Throws INVALID_ARGUMENT for what is no text; a text that names nothing is for whoever looks for it. */
export function assertGuid(guid: OperationId): void {
  if (typeof guid !== 'string') throw invalidArgument('guid', `must be the guid of an operation, not ${shown(guid)}`)
}

const NAMES = Object.keys(QUERY_BOUNDS) as readonly (keyof OperationQuery)[]
const KNOWN = Object.fromEntries(NAMES.map((name) => [name, true])) as Known<OperationQuery>

const LAST = Number.MAX_SAFE_INTEGER
const TIMES = ['createdFrom', 'createdBefore', 'endedFrom', 'endedBefore'] as const

/**
 * The query, its times such as JSON can carry to a host: one that is infinite comes before, or after, all others. Throws
 * INVALID_ARGUMENT for what no engine looks for.
 */
export function checkedQuery(query: OperationQuery): OperationQuery {
  assertOptions('query', query, KNOWN)
  for (const name of NAMES) {
    const value = query[name]
    const {admits, rule} = QUERY_BOUNDS[name]
    if (value !== undefined && !admits(value)) throw invalidArgument(name, `${rule}, not ${shown(value)}`)
  }
  const infinite = TIMES.filter((name) => Math.abs(query[name] ?? 0) > LAST)
  if (infinite.length === 0) return query
  return {...query, ...Object.fromEntries(infinite.map((name) => [name, Math.sign(query[name] ?? 0) * LAST]))}
}

/** As a record has it: without user information and fragment. Throws INVALID_ARGUMENT, in the name of `argument`. */
export function plainAddress(argument: string, uri: URL | string): string {
  if (!(typeof uri === 'string' || uri instanceof URL) || !URL.canParse(String(uri))) {
    throw invalidArgument(argument, 'is not a URL')
  }
  const url = new URL(uri)
  url.username = ''
  url.password = ''
  url.hash = ''
  return url.href
}
