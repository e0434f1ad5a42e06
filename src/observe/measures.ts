/** What the metrics of every kind have in common. */

import type {LifeState} from '../domain/status.ts'

/** Buckets of times, from a small file to a day. */
export const TRANSFER_SECONDS: readonly number[] = [0.1, 0.5, 1, 5, 10, 30, 60, 300, 900, 3_600, 14_400, 86_400]

/** Why an operation ended without its file; undefined for what completed. */
export function errorTypeOf(state: LifeState, error: string | undefined): string | undefined {
  if (state === 'completed') return undefined
  return state === 'canceled' ? 'CANCELED' : (error ?? 'INTERNAL')
}
