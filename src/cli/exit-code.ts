/** From errors to exit codes: the table of docs/reference/cli.md. */

import {ERROR_CODES, type ErrorCode} from '../domain/error-codes.ts'
import type {SerializedError} from '../domain/errors.ts'

export const EXIT = {
  done: 0,
  internal: 1,
  usage: 2,
  unknownOperation: 3,
  notFound: 4,
  temporary: 5,
  permanent: 6,
  unfinished: 7,
  local: 8,
  store: 10,
} as const

/** Codes whose kind and verdict do not say it. */
const BY_CODE: Partial<Record<ErrorCode, number>> = {
  INTERNAL: EXIT.internal,
  CLOSED: EXIT.internal,
  INVALID_ARGUMENT: EXIT.usage,
  NOT_SUPPORTED: EXIT.usage,
  ILLEGAL_STATE: EXIT.usage,
  OPERATION_UNKNOWN: EXIT.unknownOperation,
  NOT_BEFORE: EXIT.temporary,
  LENGTH_MISMATCH: EXIT.permanent,
  PART_LOST: EXIT.local,
  DESTINATION_BUSY: EXIT.local,
  STORE_LOCKED: EXIT.store,
  HOST_UNREACHABLE: EXIT.store,
  HOST_VERSION: EXIT.store,
  STORE_DAMAGED: EXIT.store,
  STORE_TOO_NEW: EXIT.store,
}

export function exitCodeOf(error: Pick<SerializedError, 'code' | 'details' | 'retry'>): number {
  const status = error.code === 'HTTP_STATUS' ? error.details?.status : undefined
  if (status === 404 || status === 410) return EXIT.notFound
  const known = BY_CODE[error.code]
  if (known !== undefined) return known
  const {kind, retry} = ERROR_CODES[error.code]
  if (kind === 'storage') return EXIT.local
  return (error.retry ?? retry) === 'backoff' ? EXIT.temporary : EXIT.permanent
}

/** Of several outcomes the gravest speaks. */
const GRAVEST_FIRST: readonly number[] = [
  EXIT.internal,
  EXIT.store,
  EXIT.usage,
  EXIT.unknownOperation,
  EXIT.local,
  EXIT.permanent,
  EXIT.notFound,
  EXIT.temporary,
  EXIT.unfinished,
]

export function gravest(codes: Iterable<number>): number {
  const present = new Set(codes)
  return GRAVEST_FIRST.find((code) => present.has(code)) ?? EXIT.done
}
