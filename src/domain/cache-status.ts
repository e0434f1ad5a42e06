/** What the cache of ours says, in the head of an answer, of how it handled the request (RFC 9211). */

import {type HeaderField, headerValues} from './header-fields.ts'
import type {ResponseFacts} from './response-facts.ts'

const CACHE = 'background-transfer'

/** Behind what caches before it said. */
export function cacheStatus(what: string): HeaderField {
  return ['Cache-Status', `${CACHE}; ${what}`]
}

/** The bytes are those that were stored, and no server was asked for them. */
export function isServedFromCache({headers}: Pick<ResponseFacts, 'headers'>): boolean {
  return headerValues(headers, 'cache-status').at(-1)?.startsWith(`${CACHE}; hit`) === true
}
