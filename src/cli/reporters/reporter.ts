/** How a run is shown: one interface, four ways. */

import type {TransferError} from '../../domain/errors.ts'
import type {Totals} from '../follower.ts'
import type {Notice, Transfer} from '../transfer.ts'

export interface Reporter {
  /** Whether it tells of what is only queued: of a list that may be a million. */
  readonly tellsQueued: boolean
  tell(notice: Notice): void
  /** A file of the run was there before, and is left as it is. `url` is redacted. */
  skip(file: string, url: string, at: number): void
  progress(changed: readonly Transfer[], at: number): void
  /** Something a person may want to know. */
  note(text: string): void
  /** One error line on stderr, whatever the way. */
  fail(error: TransferError): void
  /** The run is over; `totals` are absent when there is nothing to sum up. */
  end(totals: (Totals & {readonly elapsedMs: number}) | undefined): void
}
