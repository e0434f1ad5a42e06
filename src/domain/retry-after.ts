/** Retry-After (RFC 9110, 10.2.3): how long a server wants to be left alone. */

import {parseHttpDate} from './http-date.ts'

/** Milliseconds from `now`, 0 when that time is past; undefined for garbage, which is to be ignored. */
export function parseRetryAfter(value: string, now: number): number | undefined {
  const trimmed = value.trim()
  if (/^-\d+$/.test(trimmed)) return 0
  if (/^\d+$/.test(trimmed)) return Math.min(Number(trimmed) * 1000, Number.MAX_SAFE_INTEGER)
  const date = parseHttpDate(trimmed)
  return date === undefined ? undefined : Math.max(0, date - now)
}
