/** What an application asks for: by guid, by address, or by query. */

import {invalidArgument} from '../domain/errors.ts'
import {assertOptions, shown} from '../domain/given.ts'
import type {OperationFilter} from '../domain/matches-query.ts'
import type {OperationId} from '../domain/operation-id.ts'

/** Throws INVALID_ARGUMENT for what is no text; a text that names nothing is for whoever looks for it. */
export function assertGuid(guid: OperationId): void {
  if (typeof guid !== 'string') throw invalidArgument('guid', `must be the guid of an operation, not ${shown(guid)}`)
}

/** Throws INVALID_ARGUMENT for what a store cannot look for. Its limit is looked at where it is obeyed. */
export function assertQuery(query: OperationFilter & {readonly after?: OperationId}): void {
  assertOptions('query', query)
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
  for (const name of ['createdFrom', 'createdBefore', 'endedFrom', 'endedBefore'] as const) {
    const at = query[name]
    if (at !== undefined && !Number.isFinite(at)) {
      throw invalidArgument(name, `must be a time in epoch ms, not ${shown(at)}`)
    }
  }
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
