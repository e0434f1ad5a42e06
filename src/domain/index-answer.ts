/** Whether an answer may be the index of the prefetcher (spec 2.9), by its head. */

import {headerValue} from './header-fields.ts'
import type {ResponseFacts} from './response-facts.ts'

/** Beyond this many bytes it is not read. Forty addresses have room in it many times over. */
export const MOST_INDEX_BYTES = 256 * 1024

const TYPES: ReadonlySet<string> = new Set(['application/xml', 'text/xml'])
/** Of a parameter without the space around it. */
const CHARSET = /^charset="?([^"]*)"?$/
const ENCODINGS = /^(?:utf-?8|us-ascii|utf-16(?:le|be)?)$/

/** Why not; undefined when it may. */
export function indexFault({status, headers}: ResponseFacts): string | undefined {
  if (status !== 200) return `the server answered ${status} for the index`
  const [type = '', ...parameters] = (headerValue(headers, 'content-type') ?? '').toLowerCase().split(';')
  if (!TYPES.has(type.trim())) return `the index must be application/xml, not ${type.trim() || 'of no type'}`
  const charset = parameters.map((each) => CHARSET.exec(each.trim())?.[1]).find((each) => each)
  return charset === undefined || ENCODINGS.test(charset) ? undefined : `the index is in ${charset}, and not in UTF-8`
}
