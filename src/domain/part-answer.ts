/** What the answer to a part means for the others, where it cannot be used. */

import {parseContentRange} from './content-range.ts'
import {headerValue} from './header-fields.ts'
import type {Evidence} from './record.ts'
import type {ResponseFacts} from './response-facts.ts'
import {sameVersion} from './validator.ts'

/**
 * The resource has changed, so that what the others bring is of no use either. An ETag that differs is not enough: a cluster may
 * have one for each machine, and the others come from the right one.
 */
export function isNewerVersion({validator, marks, total}: Evidence, head: ResponseFacts): boolean {
  if (validator === undefined || ![200, 203, 206].includes(head.status)) return false
  if (sameVersion(validator, head) !== false) return false
  const date = headerValue(head.headers, 'last-modified')
  if (date !== undefined && marks?.lastModified !== undefined && date !== marks.lastModified) return true
  const size = sizeSaid(head)
  return size !== undefined && total !== undefined && size !== total
}

function sizeSaid({status, headers}: ResponseFacts): number | undefined {
  if (status !== 206) {
    const length = headerValue(headers, 'content-length')
    return length !== undefined && /^\d+$/.test(length) ? Number(length) : undefined
  }
  const range = parseContentRange(headerValue(headers, 'content-range') ?? '')
  return range?.kind === 'range' ? range.total : undefined
}
