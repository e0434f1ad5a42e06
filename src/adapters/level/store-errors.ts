/** Level's failures as errors of the engine: one table by Level's code, one by what the system said. */

import {TransferError} from '../../domain/errors.ts'
import {fileError, NO_DIRECTORY_ADVICE, STORE_ADVICE} from '../file/file-errors.ts'

/** What strerror says when a disk, a quota or a file has no room left (LevelDB passes on the text, not the number). */
const NO_ROOM = /No space left on device|Disk quota exceeded|File too large/i
const NO_ACCESS = /Permission denied|Read-only file system|Operation not permitted/i

/** `where` is the store's directory. */
export function storeError(thrown: unknown, where: string): TransferError {
  if (thrown instanceof TransferError) return thrown
  const cause = rootCause(thrown)
  const code = codeOf(cause)
  const text = cause instanceof Error ? cause.message : String(cause)
  if (code === 'LEVEL_CORRUPTION') return damaged(where, {cause})
  if (code === 'LEVEL_LOCKED') return new TransferError('STORE_LOCKED', 'the store is in use', {where, cause})
  if (NO_ROOM.test(text) || code === 'ENOSPC' || code === 'EDQUOT' || code === 'EFBIG') {
    return new TransferError('DISK_FULL', 'the store has no room to write', {
      where,
      cause,
      advice: STORE_ADVICE.DISK_FULL,
    })
  }
  if (NO_ACCESS.test(text) || code === 'EACCES' || code === 'EPERM' || code === 'EROFS') {
    return new TransferError('FILE_ACCESS', 'the store cannot be written', {
      where,
      cause,
      advice: STORE_ADVICE.FILE_ACCESS,
    })
  }
  if (code === 'EEXIST' || code === 'ENOTDIR') {
    return new TransferError('DIRECTORY_MISSING', 'what stands in the place of the store is no directory', {
      where,
      cause,
      advice: NO_DIRECTORY_ADVICE,
    })
  }
  if (code === 'LEVEL_IO_ERROR' || code === 'EIO') {
    // A table or the MANIFEST that is gone reads as an I/O error: that is damage, not a broken disk.
    if (/No such file or directory/i.test(text)) return damaged(where, {cause})
    return new TransferError('DISK_FAILED', 'the store’s disk failed', {where, cause})
  }
  if (code.startsWith('LEVEL_')) {
    return new TransferError('CLOSED', 'the store is closed', {where, cause})
  }
  // The system's, with a directory that cannot be one: a link to itself, a name that is too long.
  if (/^E[A-Z0-9]+$/.test(code)) return fileError(cause, where, 'store')
  return new TransferError('INTERNAL', `the store failed: ${text}`, {where, cause})
}

export function damaged(where: string, options: {readonly cause?: unknown; readonly key?: string}): TransferError {
  const {cause, key} = options
  return new TransferError('STORE_DAMAGED', key === undefined ? 'the store is damaged' : 'a record is damaged', {
    where,
    ...(key === undefined ? {} : {details: {key}}),
    ...(cause === undefined ? {} : {cause}),
  })
}

export function closed(where: string): TransferError {
  return new TransferError('CLOSED', 'the store is closed', {where})
}

/** Level wraps what LevelDB said on open in an error of its own. */
function rootCause(thrown: unknown): unknown {
  const wrapped = thrown instanceof Error && codeOf(thrown) === 'LEVEL_DATABASE_NOT_OPEN' && thrown.cause !== undefined
  return wrapped ? thrown.cause : thrown
}

export function codeOf(thrown: unknown): string {
  return thrown instanceof Error && 'code' in thrown && typeof thrown.code === 'string' ? thrown.code : ''
}
