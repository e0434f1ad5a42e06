/** Turns what Node and undici report into our errors: one table of codes, and the few cases where the moment decides. */

import type {ErrorCode} from '../../domain/error-codes.ts'
import {asTransferError, type ErrorDetails, TransferError} from '../../domain/errors.ts'

/** `connecting` ends when the connection stands (TCP, and TLS where asked). */
export type Moment = 'connecting' | 'connected'

/** `hresult` where the code's own says less (spec 7.3); `advice` where the code's own does not help. */
type Entry = readonly [code: ErrorCode, message: string, hresult?: number | undefined, advice?: string]

const NO_NAME: Entry = ['NAME_NOT_RESOLVED', 'the host name cannot be resolved']
const REFUSED: Entry = ['CONNECTION_REFUSED', 'the connection was refused']
const RESET: Entry = ['CONNECTION_RESET', 'the connection was broken']
/** Given up by one of the sides: WININET_E_CONNECTION_ABORTED. */
const ABORTED: Entry = ['CONNECTION_RESET', 'the connection was broken', 0x80072efe]
/** The system waited for an acknowledgement that never came: WININET_E_TIMEOUT. */
const UNACKNOWLEDGED: Entry = ['CONNECTION_RESET', 'the connection was broken', 0x80072ee2]
const UNREACHABLE: Entry = ['NETWORK_UNREACHABLE', 'the network or the host is unreachable']
/** This machine's own interface: WININET_E_DISCONNECTED. */
const DOWN: Entry = ['NETWORK_UNREACHABLE', 'the network is down', 0x80072f83]
/** It had the connection from an interface that another network gave other addresses: WININET_E_DISCONNECTED. */
const MOVED: Entry = ['CONNECTION_RESET', 'this machine is in another network than the connection', 0x80072f83]
const NO_SOCKET: Entry = [
  'NETWORK_UNREACHABLE',
  'this machine has no socket or port left',
  undefined,
  'run fewer transfers at once, or raise the limit of open files (ulimit -n)',
]
const CONNECT_TIMEOUT: Entry = ['CONNECT_TIMEOUT', 'the connection could not be made in time']
const NOT_HTTP: Entry = ['INVALID_RESPONSE', 'the answer is not proper HTTP']
const EXPIRED: Entry = ['CERTIFICATE_EXPIRED', 'the certificate is not valid at this time']
/** The owner has nothing to renew: as a rule it is a machine that woke up in the past. */
const NOT_YET_VALID: Entry = [
  'CERTIFICATE_EXPIRED',
  'the certificate is not valid yet',
  undefined,
  'check the clock of this machine: as it is set, it may be behind',
]
const UNTRUSTED: Entry = ['CERTIFICATE_UNTRUSTED', 'the certificate is signed by an unknown authority']
const BAD_CERTIFICATE: Entry = ['CERTIFICATE_INVALID', 'the certificate is not valid']
const BAD_REQUEST: Entry = ['INVALID_ARGUMENT', 'the request cannot be sent like this']

const TABLE: Readonly<Record<string, Entry>> = {
  ENOTFOUND: NO_NAME,
  ENODATA: NO_NAME,
  ECONNREFUSED: REFUSED,
  EACCES: REFUSED,
  EPERM: REFUSED,
  ECONNRESET: RESET,
  ECONNABORTED: ABORTED,
  EPIPE: ABORTED,
  UND_ERR_SOCKET: ABORTED,
  EARLY_END: ABORTED,
  EHOSTUNREACH: UNREACHABLE,
  EHOSTDOWN: UNREACHABLE,
  ENETUNREACH: UNREACHABLE,
  ENETDOWN: DOWN,
  ENETRESET: MOVED,
  EADDRNOTAVAIL: NO_SOCKET,
  EMFILE: NO_SOCKET,
  ENFILE: NO_SOCKET,
  ENOBUFS: NO_SOCKET,
  UND_ERR_CONNECT_TIMEOUT: CONNECT_TIMEOUT,
  ERR_SOCKET_CONNECTION_TIMEOUT: CONNECT_TIMEOUT,
  CERT_HAS_EXPIRED: EXPIRED,
  CERT_NOT_YET_VALID: NOT_YET_VALID,
  ERR_TLS_CERT_ALTNAME_INVALID: ['CERTIFICATE_NAME_MISMATCH', 'the certificate belongs to another host'],
  HOSTNAME_MISMATCH: ['CERTIFICATE_NAME_MISMATCH', 'the certificate belongs to another host'],
  CERT_REVOKED: ['CERTIFICATE_REVOKED', 'the certificate was revoked'],
  DEPTH_ZERO_SELF_SIGNED_CERT: UNTRUSTED,
  SELF_SIGNED_CERT_IN_CHAIN: UNTRUSTED,
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: UNTRUSTED,
  UNABLE_TO_GET_ISSUER_CERT: UNTRUSTED,
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: UNTRUSTED,
  CERT_UNTRUSTED: UNTRUSTED,
  CERT_REJECTED: UNTRUSTED,
  CERT_CHAIN_TOO_LONG: BAD_CERTIFICATE,
  CERT_SIGNATURE_FAILURE: BAD_CERTIFICATE,
  INVALID_CA: BAD_CERTIFICATE,
  INVALID_PURPOSE: BAD_CERTIFICATE,
  PATH_LENGTH_EXCEEDED: BAD_CERTIFICATE,
  UNABLE_TO_GET_CRL: BAD_CERTIFICATE,
  UNABLE_TO_DECRYPT_CERT_SIGNATURE: BAD_CERTIFICATE,
  UNABLE_TO_DECODE_ISSUER_PUBLIC_KEY: BAD_CERTIFICATE,
  ERROR_IN_CERT_NOT_BEFORE_FIELD: BAD_CERTIFICATE,
  ERROR_IN_CERT_NOT_AFTER_FIELD: BAD_CERTIFICATE,
  EPROTO: ['TLS_FAILED', 'no secure connection could be agreed on'],
  UND_ERR_HEADERS_OVERFLOW: ['INVALID_RESPONSE', 'the head of the answer is too large'],
  UND_ERR_RES_CONTENT_LENGTH_MISMATCH: NOT_HTTP,
  UND_ERR_INVALID_ARG: BAD_REQUEST,
  UND_ERR_NOT_SUPPORTED: BAD_REQUEST,
  UND_ERR_DESTROYED: ['CLOSED', 'the transport is closed'],
  UND_ERR_CLOSED: ['CLOSED', 'the transport is closed'],
}

/** Families of codes too large, or too much in motion, to list. */
const FAMILIES: readonly (readonly [prefix: string, entry: Entry])[] = [
  ['EAI_', NO_NAME],
  ['ERR_SSL_', ['TLS_FAILED', 'no secure connection could be agreed on']],
  ['ERR_TLS_', ['TLS_FAILED', 'no secure connection could be agreed on']],
  ['HPE_', NOT_HTTP],
]

/** undici has no codes of its own for these two. */
const UNASKED: ReadonlySet<string> = new Set(['bad response', 'bad upgrade'])

/** Of several failed addresses of one host, the one that says most; a machine without IPv6 finds half of them unreachable. */
const TELLING: readonly ErrorCode[] = ['CONNECTION_REFUSED', 'CONNECT_TIMEOUT', 'CONNECTION_RESET']

/** The other side closed before its answer was whole. */
export function earlyEnd(): Error {
  return Object.assign(new Error('other side closed'), {code: 'EARLY_END'})
}

/** The parser met the end of the connection in the middle of a message. */
export function isEarlyEnd(cause: Error): boolean {
  const code = 'code' in cause ? cause.code : undefined
  return code === 'UND_ERR_RES_CONTENT_LENGTH_MISMATCH' || cause.message.includes('Invalid EOF state')
}

/** `where` is the origin: user information and query must never reach a message. */
export function toTransferError(thrown: unknown, where: string, moment: Moment, details?: ErrorDetails): TransferError {
  if (thrown instanceof TransferError) return thrown
  if (thrown instanceof AggregateError && thrown.errors.length > 0) {
    const all = thrown.errors.map((each: unknown) => toTransferError(each, where, moment, details))
    const told = TELLING.map((code) => all.find((each) => each.code === code)).find((each) => each !== undefined)
    return told ?? all[0] ?? asTransferError(thrown)
  }
  const entry = entryFor(thrown, moment)
  if (entry === undefined) return asTransferError(thrown)
  const [code, message, hresult, advice] = entry
  return new TransferError(code, message, {
    where,
    cause: thrown,
    details: {...details, ...(hresult === undefined ? {} : {hresult})},
    ...(advice === undefined ? {} : {advice}),
  })
}

function entryFor(thrown: unknown, moment: Moment): Entry | undefined {
  // The parser's own errors carry a code (HPE_…) in some releases only.
  if (thrown instanceof Error && thrown.name === 'HTTPParserError') return NOT_HTTP
  if (!(thrown instanceof Error) || !('code' in thrown) || typeof thrown.code !== 'string') return undefined
  const {code} = thrown
  if (code === 'UND_ERR_SOCKET' && UNASKED.has(thrown.message)) return NOT_HTTP
  if (code === 'ETIMEDOUT') return moment === 'connecting' ? CONNECT_TIMEOUT : UNACKNOWLEDGED
  const entry = TABLE[code] ?? FAMILIES.find(([prefix]) => code.startsWith(prefix))?.[1]
  if (entry !== undefined || !('syscall' in thrown)) return entry
  // A system call failed in a way that nobody listed: still the network's doing, and worth another try.
  return moment === 'connecting' ? UNREACHABLE : RESET
}
