/** What tells one version of a resource from another: a strong ETag, or a Last-Modified that is old enough. */

import {headerValue} from './header-fields.ts'
import {parseHttpDate} from './http-date.ts'
import type {ResponseFacts} from './response-facts.ts'

/** A validator that may stand in If-Range (RFC 9110, 13.1.5). */
export type Validator =
  | {readonly kind: 'etag' /** As sent, quotes included. */; readonly value: string}
  | {readonly kind: 'lastModified' /** The HTTP date as sent. */; readonly value: string}

/** RFC 9110 asks for a second (8.8.2.2); a minute is kinder to clocks that differ between a server's machines. */
const SETTLED_MS = 60_000

const STRONG_ETAG = /^"[\x21\x23-\x7e\x80-\xff]+"$/

/** The strongest validator of an answer; undefined when it has none that a resume could trust. */
export function validatorOf(head: ResponseFacts): Validator | undefined {
  const etag = headerValue(head.headers, 'etag')
  if (etag !== undefined && STRONG_ETAG.test(etag)) return {kind: 'etag', value: etag}
  const lastModified = headerValue(head.headers, 'last-modified')
  if (lastModified === undefined) return undefined
  const modifiedAt = parseHttpDate(lastModified)
  const answeredAt = parseHttpDate(headerValue(head.headers, 'date') ?? '')
  // Without a Date nothing proves that the resource did not change twice within the second that was named.
  if (modifiedAt === undefined || answeredAt === undefined) return undefined
  return answeredAt - modifiedAt >= SETTLED_MS ? {kind: 'lastModified', value: lastModified} : undefined
}

/** Whether an answer is of the stored version; undefined when it carries nothing to compare. */
export function sameVersion(stored: Validator, head: ResponseFacts): boolean | undefined {
  const value = headerValue(head.headers, stored.kind === 'etag' ? 'etag' : 'last-modified')
  return value === undefined ? undefined : value === stored.value
}

/**
 * What an answer said of its version, whether a resume could trust it or not. Persisted. A later answer that says otherwise is
 * of another version.
 */
export interface VersionMarks {
  /** As sent, weak or strong. */
  readonly etag?: string
  /** The HTTP date as sent, however young. */
  readonly lastModified?: string
}

export function marksOf(head: ResponseFacts): VersionMarks | undefined {
  const etag = headerValue(head.headers, 'etag')
  const lastModified = headerValue(head.headers, 'last-modified')
  if (etag === undefined) return lastModified === undefined ? undefined : {lastModified}
  return lastModified === undefined ? {etag} : {etag, lastModified}
}

/**
 * Whether an answer says that it is of another version. The date weighs more where both have one: ETags of a cluster may
 * differ for the same bytes.
 */
export function marksDiffer(marks: VersionMarks | undefined, head: ResponseFacts): boolean {
  const now = marksOf(head)
  if (marks?.lastModified !== undefined && now?.lastModified !== undefined) {
    return marks.lastModified !== now.lastModified
  }
  return marks?.etag !== undefined && now?.etag !== undefined && marks.etag !== now.etag
}
