/** What an FTP server's refusals mean: the status that an HTTP server would have given, and whether another try may help. */

import {FTPError} from 'basic-ftp'
import {TransferError} from '../../domain/errors.ts'
import {redactText} from '../../domain/redaction.ts'
import {toTransferError} from '../http/error-table.ts'

interface Meaning {
  /** HTTP's word for it. */
  readonly status: number
  readonly retry: 'never' | 'backoff'
}

/** RFC 959, 4.2.2; RFC 4217. What is not here is no proper FTP. */
const MEANINGS: Readonly<Record<number, Meaning>> = {
  421: {status: 503, retry: 'backoff'},
  430: {status: 401, retry: 'never'},
  431: {status: 503, retry: 'backoff'},
  450: {status: 503, retry: 'backoff'},
  451: {status: 500, retry: 'backoff'},
  452: {status: 503, retry: 'backoff'},
  332: {status: 401, retry: 'never'},
  521: {status: 403, retry: 'never'},
  522: {status: 403, retry: 'never'},
  530: {status: 401, retry: 'never'},
  532: {status: 401, retry: 'never'},
  533: {status: 403, retry: 'never'},
  534: {status: 403, retry: 'never'},
  550: {status: 404, retry: 'never'},
  551: {status: 404, retry: 'never'},
  553: {status: 403, retry: 'never'},
}

/** The data connection could not be made, or was broken. */
const BROKEN: ReadonlySet<number> = new Set([425, 426])
const SHOWN_CHARACTERS = 200

export function isRefusal(thrown: unknown): thrown is FTPError {
  return thrown instanceof FTPError
}

/** `where` is the origin. `password`: servers repeat what they do not understand. */
export function ftpError(
  thrown: unknown,
  where: string,
  moment: 'connecting' | 'connected',
  password = '',
): TransferError {
  if (thrown instanceof TransferError) return thrown
  if (isRefusal(thrown)) return refusal(thrown.code, said(thrown.message, password), where)
  const error = toTransferError(thrown, where, moment)
  // The library says in words of its own that a connection has ended.
  if (error.code !== 'INTERNAL' || !(thrown instanceof Error)) return error
  return new TransferError('CONNECTION_RESET', 'the connection was broken', {where, cause: thrown})
}

function refusal(code: number, said: string, where: string): TransferError {
  const details = {reply: code}
  if (BROKEN.has(code)) return new TransferError('CONNECTION_RESET', said, {where, details})
  const meaning = MEANINGS[code]
  if (meaning === undefined) {
    return new TransferError('INVALID_RESPONSE', said, {
      where,
      details,
      advice: 'the server does not speak FTP as it should; tell its owner',
    })
  }
  const {status, retry} = meaning
  return new TransferError('HTTP_STATUS', said, {where, details: {...details, status}, retry})
}

function said(message: string, password: string): string {
  const text = redactText(message, [password])
    .replace(/\p{Cc}+/gu, ' ')
    .trim()
  return `the server answered ${text.slice(0, SHOWN_CHARACTERS)}`
}
