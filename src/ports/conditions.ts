/** Conditions: connectivity, cost and power as one value that changes. */

import type {Observable} from 'rxjs'
import type {Conditions} from '../domain/conditions.ts'

export interface ConditionsSource {
  /** Emits the present value on subscription, then each change. Never completes, never errors. */
  readonly conditions$: Observable<Conditions>
}
