/** Conditions: connectivity, cost and power as one value that changes. */

import type {Observable} from 'rxjs'
import type {Conditions} from '../domain/conditions.ts'

export interface ConditionsSource {
  /**
   * Emits the present value on subscription, then each change. Never completes, never errors. A first value that is none is INVALID_ARGUMENT
   * of `open`; later ones are logged as errors and passed over.
   */
  readonly conditions$: Observable<Conditions>
  /**
   * Addresses of this machine that are gone, as in another network: whatever is connected from them stands still, and nobody says so.
   * Watched while `conditions$` is. Absent where a source does not know. What is no list of texts is logged as an error and passed over.
   */
  readonly addressesGone$?: Observable<readonly string[]>
  /**
   * Told by the engine when the first operation begins to wait for a change, and when the last one stopped: a source that
   * could let the process end meanwhile keeps it alive. Told of nothing without a change.
   */
  awaited?(isAwaited: boolean): void
}
