/** What an application asks for: by guid, by address, or by query. */

import {APPLICATION_NAME_RULE, isApplicationName} from '../domain/application-name.ts'
import {invalidArgument} from '../domain/errors.ts'
import {assertOptions, type Known, shown} from '../domain/given.ts'
import type {OperationId} from '../domain/operation-id.ts'
import type {EngineApi} from '../engine/engine-api.ts'
import {assertWhole} from '../engine/pages.ts'

type OperationQuery = Parameters<EngineApi['query']>[0]

/** Throws INVALID_ARGUMENT for what is no text; a text that names nothing is for whoever looks for it. */
export function assertGuid(guid: OperationId): void {
  if (typeof guid !== 'string') throw invalidArgument('guid', `must be the guid of an operation, not ${shown(guid)}`)
}

const KNOWN: Known<OperationQuery> = {
  app: true,
  group: true,
  states: true,
  urlPrefix: true,
  createdFrom: true,
  createdBefore: true,
  endedFrom: true,
  endedBefore: true,
  after: true,
  limit: true,
}

const LAST = Number.MAX_SAFE_INTEGER
const TIMES = ['createdFrom', 'createdBefore', 'endedFrom', 'endedBefore'] as const

/**
 * The query, its times such as JSON can carry to a host: one that is infinite comes before, or after, all others. Throws
 * INVALID_ARGUMENT for what a store cannot look for.
 */
export function checkedQuery(query: OperationQuery): OperationQuery {
  assertOptions('query', query, KNOWN)
  const {states} = query
  if (states !== undefined && !(Array.isArray(states) && states.every((each) => typeof each === 'string'))) {
    throw invalidArgument('states', `must be a list of states, not ${shown(states)}`)
  }
  for (const name of ['group', 'app', 'urlPrefix', 'after'] as const) {
    const text = query[name]
    if (text !== undefined && typeof text !== 'string') {
      throw invalidArgument(name, `must be text, not ${shown(text)}`)
    }
  }
  if (query.app !== undefined && !isApplicationName(query.app)) {
    throw invalidArgument('app', `must be a name of ${APPLICATION_NAME_RULE}`)
  }
  for (const name of TIMES) {
    const at = query[name]
    if (at !== undefined && (typeof at !== 'number' || Number.isNaN(at))) {
      throw invalidArgument(name, `must be a time in epoch ms, not ${shown(at)}`)
    }
  }
  assertWhole('limit', query.limit)
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
