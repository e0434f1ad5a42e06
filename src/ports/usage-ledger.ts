/** UsageLedger: what applications used of their bytes of a day, kept across sessions. */

import type {DayUse} from '../domain/applications.ts'

/** By the names of applications; '' for those without one. */
export type Usage = Readonly<Record<string, DayUse>>

export interface UsageLedger {
  /** What was kept last; empty when nothing was, or when it cannot be read. */
  read(): Promise<Usage>
  /** In the place of what was kept before. Rejects with DISK_FULL, DISK_FAILED, FILE_ACCESS. */
  write(usage: Usage): Promise<void>
}
