/**
 * What the answer that began a download said of the content itself. One that goes on with it under If-Range leaves that out
 * (RFC 9110, 15.3.7): it is the same content, and the first answer's words hold.
 */

import {type HeaderField, headerValue, headerValues} from './header-fields.ts'
import type {ResponseFacts} from './response-facts.ts'

/** Persisted. Values as sent. */
export interface ContentDescription {
  /** Content-Type. */
  readonly type?: string
  /** Content-Disposition. */
  readonly disposition?: string
}

const TYPE = 'Content-Type'
const DISPOSITION = 'Content-Disposition'

export function descriptionOf({headers}: ResponseFacts): ContentDescription | undefined {
  const type = headerValue(headers, TYPE)
  // A name that is told twice is taken from the first.
  const [disposition] = headerValues(headers, DISPOSITION)
  if (type === undefined) return disposition === undefined ? undefined : {disposition}
  return disposition === undefined ? {type} : {type, disposition}
}

/** The head with what it left out. */
export function describedBy(description: ContentDescription | undefined, head: ResponseFacts): ResponseFacts {
  const {type, disposition} = description ?? {}
  const missing: HeaderField[] = []
  if (type !== undefined && headerValue(head.headers, TYPE) === undefined) missing.push([TYPE, type])
  if (disposition !== undefined && headerValue(head.headers, DISPOSITION) === undefined) {
    missing.push([DISPOSITION, disposition])
  }
  return missing.length === 0 ? head : {...head, headers: [...head.headers, ...missing]}
}
