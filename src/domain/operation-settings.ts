/** The numbers that an operation runs by. */

import type {RetrySettings} from './retry.ts'

/** All in ms. */
export interface OperationSettings {
  readonly connectTimeoutMs: number
  readonly responseTimeoutMs: number
  readonly stallTimeoutMs: number
  /** How long a pause waits for the bytes so far to become durable. */
  readonly yieldTimeoutMs: number
  readonly checkpointIntervalMs: number
  /** How long the application's provider may take. */
  readonly beforeAttemptTimeoutMs: number
  readonly retry: RetrySettings
}
