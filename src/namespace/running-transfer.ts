/** The promise with progress that startAsync and attachAsync give (the projection's IAsyncOperationWithProgress). */

import type {Observable} from 'rxjs'

/**
 * Rejects with the operation's error, with CANCELED, with CLOSED when the engine is closed first (the operation is kept, and
 * goes on in the next session), or with the reason of an AbortSignal.
 */
export interface RunningTransfer<Operation> extends Promise<Operation> {
  /**
   * The operation itself, at most ten times a second and at every change of status, response or restart. Hot: a late
   * subscriber gets the present state first. Completes after the last notice, which carries the final counters; never errors
   * (the promise does).
   */
  readonly progress$: Observable<Operation>
  /** Resolves when the operation's record is on the disk: from then on it survives this process. */
  readonly accepted: Promise<void>
  /** Cancels the operation itself; every promise of it rejects with CANCELED. No effect once this promise has settled. */
  cancel(): void
}

export interface WaitOptions {
  /** Gives up waiting, with the signal's reason; the transfer goes on. With one that is aborted already nothing is started. */
  readonly signal?: AbortSignal
  /** Cancels the operation itself, as cancel() does; one that is aborted already cancels it as soon as it is on record. */
  readonly cancelSignal?: AbortSignal
}
