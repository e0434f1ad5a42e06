/** What a person at a command line can do about an error: where the library advises a program, by its options, a command has flags. */

import type {ErrorCode} from '../domain/error-codes.ts'
import {type SerializedError, TransferError} from '../domain/errors.ts'

const AGAIN = 'run the same command again'

const BY_CODE: Readonly<Partial<Record<ErrorCode, string>>> = {
  CONNECT_TIMEOUT: 'check that the server is up, or raise --connect-timeout',
  RESPONSE_TIMEOUT: 'try again later, or raise --response-timeout',
  STALLED: `${AGAIN} to continue, or raise --stall-timeout`,
  CONNECTION_RESET: `${AGAIN} to continue`,
  TRUNCATED: `${AGAIN} to continue`,
  PROXY_UNAUTHORIZED: 'give the proxy’s name and password, as in --proxy http://NAME:PASSWORD@HOST:PORT',
  PROVIDER_UNKNOWN: 'start the same transfer again in the program that has this provider: there it goes on',
  EGRESS_REFUSED: 'ask for another server: the program that has the store open forbids this one',
  CERTIFICATE_INVALID: 'the server does not prove who it is; check the address, or trust its authority with --cacert',
  CERTIFICATE_UNTRUSTED: 'name the authority that signed it with --cacert, if you trust it',
  NOT_BEFORE: `${AGAIN} after that time`,
  UNRELIABLE_RANGES: `the server answers ranges wrongly; ${AGAIN} to start over`,
  LENGTH_MISMATCH: `nothing was published; ${AGAIN}`,
  PART_LOST: `the partial file was removed or changed by somebody else; ${AGAIN}`,
  FILE_EXISTS: 'choose another name, or use --if-exists skip, unique or replace',
  STORE_LOCKED: 'wait for it to end, or use another --store',
  HOST_UNREACHABLE: 'start one with `bgt host`',
  STORE_DAMAGED: 'run `bgt doctor` with the same --store',
  OPERATION_UNKNOWN: 'see `bgt list` for what there is',
  INVALID_ARGUMENT: 'see bgt --help',
  CLOSED: AGAIN,
}

const BY_STATUS: Readonly<Record<number, string>> = {
  401: 'the server asks who you are: give it credentials that it takes, with --header-file or --user',
  407: 'a proxy on the way asks who you are: name it, with --proxy http://NAME:PASSWORD@HOST:PORT',
}

export function adviceOf(error: TransferError): string {
  // What was said of this one error alone is for everybody.
  if (error.toSerialized().advice !== undefined) return error.advice
  return adviceOfStatus(error) ?? BY_CODE[error.code] ?? error.advice
}

function adviceOfStatus({code, details, retry}: TransferError): string | undefined {
  const {status} = details
  if (code !== 'HTTP_STATUS' || typeof status !== 'number') return undefined
  return retry === 'backoff' ? `the server is busy or in trouble: ${AGAIN} later` : BY_STATUS[status]
}

/** The line of an error that is on record. */
export function lineOf(plain: SerializedError): string {
  const advice = adviceOf(TransferError.fromSerialized(plain))
  return TransferError.fromSerialized({...plain, advice}).toLine()
}
