/** Whether a try that was cut brought little: to ask again at once, as after other cuts, would be to ask again and again. */

import {sizeOf} from './range-set.ts'
import type {Evidence} from './record.ts'

/** What a connection brings over a bad network before it breaks, and no more than a request is worth. */
export const LITTLE_BYTES = 64 * 1024
/** Whoever is asked no oftener than that is left alone enough, however slow the network is. */
export const BRIEF_MS = 10_000

/** `before`: when the try began, which lasted `lastedMs`. */
export function isMeagre(before: Evidence, after: Evidence, lastedMs: number): boolean {
  const had = before.generation === after.generation ? sizeOf(before.ranges) : 0
  return sizeOf(after.ranges) - had < LITTLE_BYTES && lastedMs < BRIEF_MS
}
