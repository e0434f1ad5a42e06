/** What a failure means where nobody waits: the outcome says what it was, and the server gets the quiet that it asked for. */

import type {SerializedError} from '../domain/errors.ts'
import type {PrefetchOutcome} from '../domain/prefetch.ts'
import type {OriginManners} from '../ports/origin-manners.ts'

export function failedFetch({code, message, details}: SerializedError): PrefetchOutcome {
  const quietMs = details?.retryAfterMs
  const reason = code === 'INTERNAL' ? 'an unexpected failure' : message
  return {kind: 'failed', reason, ...(typeof quietMs === 'number' ? {retryAfterMs: quietMs} : {})}
}

/** Who asks an origin for quiet gets it from everybody. */
export function heedQuiet(origins: OriginManners, url: string, error: SerializedError): void {
  const quietMs = error.details?.retryAfterMs
  if (typeof quietMs === 'number') origins.overloaded(url, quietMs)
}
