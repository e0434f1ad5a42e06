/** RateLimiter: how many bytes may still be received now, under every limit that applies to an operation. */

import type {OperationFacts} from '../domain/record.ts'

export interface RateAllowance {
  /** No limit applies: nothing else needs to be asked. */
  readonly isUnlimited: boolean
  /** Bytes may be received now. A buffer may overdraw it: the debt is waited for. */
  isOpen(): boolean
  spend(bytes: number): void
  /** Calls `resume` once, when it is open again. */
  whenOpen(resume: () => void): void
}

export interface RateLimiter {
  /** The allowance of one operation: its own limit, its group's, its application's and the engine's together; follows their changes. */
  allowanceOf(facts: Pick<OperationFacts, 'id' | 'policy' | 'app'>): RateAllowance
  /** Whether that would be without any limit now. */
  isUnlimited(facts: Pick<OperationFacts, 'id' | 'policy' | 'app'>): boolean
}
