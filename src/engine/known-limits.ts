/** What an operation may ask of the engine, by name. */

import type {Known} from '../domain/given.ts'
import type {OperationLimits} from './options.ts'

export const OPERATION_LIMITS: Known<OperationLimits> = {
  checksum: true,
  expect: true,
  ignoreServerDigest: true,
  retries: true,
  retryDelayMs: true,
  connectTimeoutMs: true,
  responseTimeoutMs: true,
  stallTimeoutMs: true,
  maxBytesPerSecond: true,
  connections: true,
  resumeWithoutValidator: true,
  compareOnResume: true,
}
