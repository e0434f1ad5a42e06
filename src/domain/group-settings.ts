/** What a transfer group was ever given, as far as it still counts. */

import type {GroupRecord} from './record.ts'

/** Whether it is as one that nobody ever set anything of: its record says nothing. */
export function isUnset({behavior, maxBytesPerSecond, front = []}: GroupRecord): boolean {
  return behavior === 0 && maxBytesPerSecond === undefined && front.length === 0
}
