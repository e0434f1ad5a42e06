/** Upload-Limit of the draft on resumable uploads: what a server takes, and for how long. A field that does not parse says nothing. */

import {type Dictionary, parseDictionary} from 'structured-headers'
import {headerValue} from './header-fields.ts'
import type {ResponseFacts} from './response-facts.ts'

export interface UploadLimit {
  /** Bytes of one request. */
  readonly maxAppendBytes?: number
  /** ms from the answer on. */
  readonly maxAgeMs?: number
}

export function uploadLimitOf(head: ResponseFacts): UploadLimit {
  const text = headerValue(head.headers, 'upload-limit')
  const limits = text === undefined ? undefined : parsed(text)
  if (limits === undefined) return {}
  const maxAppend = wholeOf(limits, 'max-append-size')
  const maxAge = wholeOf(limits, 'max-age')
  return {
    ...(maxAppend === undefined || maxAppend === 0 ? {} : {maxAppendBytes: maxAppend}),
    ...(maxAge === undefined ? {} : {maxAgeMs: maxAge * 1000}),
  }
}

function parsed(text: string): Dictionary | undefined {
  try {
    return parseDictionary(text)
  } catch {
    return undefined
  }
}

function wholeOf(limits: Dictionary, name: string): number | undefined {
  const value: unknown = limits.get(name)?.[0]
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0 ? value : undefined
}
