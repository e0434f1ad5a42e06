/**
 * Every error of the engine: one class, one table of codes. The code decides identity, kind, retry verdict and HRESULT;
 * docs/reference/errors.md has a heading for each code, and a test compares the two.
 */

import {getStatus} from './get-status.ts'
import type {WebErrorStatus} from './web-error-status.ts'

export type ErrorKind =
  | 'network'
  | 'server'
  | 'integrity'
  | 'storage'
  | 'configuration'
  | 'state'
  | 'canceled'
  | 'internal'

/** never: the operation ends. backoff: another try after a wait. storage: a pause until there is room. */
export type RetryVerdict = 'never' | 'backoff' | 'storage'

interface CodeFacts {
  readonly kind: ErrorKind
  readonly retry: RetryVerdict
  /** Unsigned 32-bit HRESULT (spec 7.1, 7.3). HTTP_STATUS computes its own from the status. */
  readonly hresult: number
  /** What the user can do; the last part of a CLI line. HTTP_STATUS says it by the status. */
  readonly advice: string
}

export const ERROR_CODES = {
  CONNECT_TIMEOUT: {
    kind: 'network',
    retry: 'backoff',
    hresult: 0x80072ee2,
    advice: 'check that the server is up, or raise --connect-timeout',
  },
  RESPONSE_TIMEOUT: {
    kind: 'network',
    retry: 'backoff',
    hresult: 0x80072ee2,
    advice: 'try again later, or raise --response-timeout',
  },
  STALLED: {
    kind: 'network',
    retry: 'backoff',
    hresult: 0x80072ee2,
    advice: 'run the same command again to continue, or raise --stall-timeout',
  },
  CONNECTION_REFUSED: {
    kind: 'network',
    retry: 'backoff',
    hresult: 0x80072efd,
    advice: 'check the host and the port, and that the server is up',
  },
  CONNECTION_RESET: {
    kind: 'network',
    retry: 'backoff',
    hresult: 0x80072eff,
    advice: 'run the same command again to continue',
  },
  TRUNCATED: {
    kind: 'network',
    retry: 'backoff',
    hresult: 0x80072efe,
    advice: 'run the same command again to continue',
  },
  NAME_NOT_RESOLVED: {
    kind: 'network',
    retry: 'backoff',
    hresult: 0x80072ee7,
    advice: 'check the spelling of the host name and the DNS settings',
  },
  NETWORK_UNREACHABLE: {
    kind: 'network',
    retry: 'backoff',
    hresult: 0x80072f84,
    advice: 'check the network connection',
  },
  PROXY_FAILED: {
    kind: 'network',
    retry: 'backoff',
    hresult: 0x80072efd,
    advice: 'check the address of the proxy, and that it lets this server be asked',
  },
  PROXY_UNAUTHORIZED: {
    kind: 'network',
    retry: 'never',
    hresult: 0x80190197,
    advice: 'give the proxy’s name and password, as in --proxy http://NAME:PASSWORD@HOST:PORT',
  },
  COOKIES_FAILED: {
    kind: 'configuration',
    retry: 'backoff',
    hresult: 0x80004005,
    advice: 'look at the jar or the store that was given as the option cookies',
  },
  PROVIDER_FAILED: {
    kind: 'configuration',
    retry: 'backoff',
    hresult: 0x80004005,
    advice: 'look at the provider of this name among beforeAttempt',
  },
  PROVIDER_TIMEOUT: {
    kind: 'configuration',
    retry: 'backoff',
    hresult: 0x800705b4,
    advice: 'see what the provider waits for, or raise beforeAttemptTimeoutMs',
  },
  PROVIDER_UNKNOWN: {
    kind: 'configuration',
    retry: 'never',
    hresult: 0x80070057,
    advice:
      'open the engine with a provider of this name among beforeAttempt; the same transfer, started again, goes on',
  },
  EGRESS_REFUSED: {
    kind: 'configuration',
    retry: 'never',
    hresult: 0x80070005,
    advice: 'ask for another server, or let this one be asked with the option egress',
  },
  CERTIFICATE_INVALID: {
    kind: 'network',
    retry: 'never',
    hresult: 0x80072f17,
    advice: 'the server does not prove who it is; check the address, or trust its authority with --cacert',
  },
  CERTIFICATE_EXPIRED: {
    kind: 'network',
    retry: 'never',
    hresult: 0x80072f05,
    advice: 'ask the owner of the server to renew it, and check the clock of this machine',
  },
  CERTIFICATE_NAME_MISMATCH: {
    kind: 'network',
    retry: 'never',
    hresult: 0x80072f06,
    advice: 'check the host name in the URL',
  },
  CERTIFICATE_REVOKED: {
    kind: 'network',
    retry: 'never',
    hresult: 0x80072f8a,
    advice: 'ask the owner of the server to replace it',
  },
  CERTIFICATE_UNTRUSTED: {
    kind: 'network',
    retry: 'never',
    hresult: 0x80072f0d,
    advice: 'name the authority that signed it with --cacert, if you trust it',
  },
  TLS_FAILED: {
    kind: 'network',
    retry: 'never',
    hresult: 0x80072efd,
    advice: 'check that the address speaks TLS (https) on this port',
  },
  INVALID_RESPONSE: {
    kind: 'server',
    retry: 'never',
    hresult: 0x80072f78,
    advice: 'the server does not speak HTTP as it should; tell its owner',
  },
  HTTP_STATUS: {
    kind: 'server',
    retry: 'never',
    hresult: 0x80190001,
    advice: 'check the URL and the headers of the request',
  },
  NOT_BEFORE: {
    kind: 'server',
    retry: 'never',
    hresult: 0x80190001,
    advice: 'run the same command again after that time',
  },
  REDIRECT_FAILED: {
    kind: 'server',
    retry: 'never',
    hresult: 0x80072f7c,
    advice: 'ask for the final address instead',
  },
  REDIRECT_INSECURE: {
    kind: 'server',
    retry: 'never',
    hresult: 0x80072f08,
    advice: 'ask for the http address yourself, if that is meant',
  },
  UNRELIABLE_RANGES: {
    kind: 'server',
    retry: 'backoff',
    hresult: 0x80072f78,
    advice: 'the server answers ranges wrongly; run the same command again to start over',
  },
  INSUFFICIENT_RANGE_SUPPORT: {
    kind: 'server',
    retry: 'never',
    hresult: 0x80200013,
    advice: 'download it without random access: the server sends the file only from its start',
  },
  MISSING_CONTENT_LENGTH: {
    kind: 'server',
    retry: 'never',
    hresult: 0x80200011,
    advice: 'download it without random access: the server does not say how long the file is',
  },
  TOO_MANY_RESTARTS: {
    kind: 'server',
    retry: 'never',
    hresult: 0x80072f78,
    advice: 'the resource changes faster than it can be fetched; try again when it is quiet',
  },
  CHECKSUM_MISMATCH: {
    kind: 'integrity',
    retry: 'never',
    hresult: 0x80070017,
    advice: 'nothing was published; check the expected digest and the source',
  },
  CONTENT_UNEXPECTED: {
    kind: 'integrity',
    retry: 'never',
    hresult: 0x8007000d,
    advice: 'nothing was published; look at what the address gives, or expect something else',
  },
  LENGTH_MISMATCH: {
    kind: 'integrity',
    retry: 'backoff',
    hresult: 0x80072efe,
    advice: 'nothing was published; run the same command again',
  },
  DOWNLOAD_RESTARTED: {
    kind: 'state',
    retry: 'never',
    hresult: 0x8000000c,
    advice: 'read again from the start, or go on with the new version',
  },
  PART_LOST: {
    kind: 'integrity',
    retry: 'backoff',
    hresult: 0x80070002,
    advice: 'the partial file was removed or changed by somebody else; run the same command again',
  },
  SOURCE_MISSING: {
    kind: 'storage',
    retry: 'never',
    hresult: 0x80070002,
    advice: 'check the path of the file to send',
  },
  SOURCE_CHANGED: {
    kind: 'integrity',
    retry: 'never',
    hresult: 0x800703ee,
    advice: 'send it again when nobody writes to it any more',
  },
  UPLOAD_LOST: {
    kind: 'server',
    retry: 'backoff',
    hresult: 0x80190194,
    advice: 'ask the owner of the server how long it keeps unfinished uploads, and send it again',
  },
  UPLOAD_TERMINATED: {
    kind: 'canceled',
    retry: 'never',
    hresult: 0x800704c7,
    advice: 'find out whether the server has it already, and send it again if not',
  },
  DISK_FULL: {
    kind: 'storage',
    retry: 'storage',
    hresult: 0x80070070,
    advice: 'free some space; the bytes so far are kept and the transfer goes on by itself',
  },
  DISK_FAILED: {
    kind: 'storage',
    retry: 'never',
    hresult: 0x8007001d,
    advice: 'check the disk; the bytes up to the last checkpoint are kept',
  },
  FILE_EXISTS: {
    kind: 'storage',
    retry: 'never',
    hresult: 0x800700b7,
    advice: 'choose another name, or use --if-exists skip, unique or replace',
  },
  FILE_ACCESS: {
    kind: 'storage',
    retry: 'never',
    hresult: 0x80070005,
    advice: 'check the permissions of the destination directory',
  },
  FILE_TOO_LARGE: {
    kind: 'storage',
    retry: 'never',
    hresult: 0x80070299,
    advice: 'choose a destination on a file system that can hold it',
  },
  DIRECTORY_MISSING: {
    kind: 'storage',
    retry: 'never',
    hresult: 0x80070003,
    advice: 'create the directory first',
  },
  DESTINATION_BUSY: {
    kind: 'state',
    retry: 'never',
    hresult: 0x80070057,
    advice: 'wait for that operation or cancel it; one file has one writer',
  },
  STORE_LOCKED: {
    kind: 'state',
    retry: 'never',
    hresult: 0x80070020,
    advice: 'wait for it to end, or use another --store',
  },
  HOST_UNREACHABLE: {
    kind: 'state',
    retry: 'never',
    hresult: 0x800706ba,
    advice: 'start one with `bgt host`, or open the store in this process',
  },
  HOST_VERSION: {
    kind: 'configuration',
    retry: 'never',
    hresult: 0x80070677,
    advice: 'start the host again with the version of background-transfer that its clients have',
  },
  STORE_DAMAGED: {
    kind: 'storage',
    retry: 'never',
    hresult: 0x80070570,
    advice: 'run `bgt doctor` with the same --store',
  },
  STORE_TOO_NEW: {
    kind: 'storage',
    retry: 'never',
    hresult: 0x80070570,
    advice: 'use the version of background-transfer that wrote it, or a newer one',
  },
  OPERATION_UNKNOWN: {
    kind: 'state',
    retry: 'never',
    hresult: 0x80070057,
    advice: 'see `bgt list` for what there is',
  },
  INVALID_ARGUMENT: {
    kind: 'configuration',
    retry: 'never',
    hresult: 0x80070057,
    advice: 'see the documentation of the call',
  },
  NOT_SUPPORTED: {
    kind: 'configuration',
    retry: 'never',
    hresult: 0x80004001,
    advice: 'this version cannot do it yet',
  },
  ILLEGAL_STATE: {
    kind: 'state',
    retry: 'never',
    hresult: 0x8000000e,
    advice: 'look at the operation’s status before the call',
  },
  LIMIT_REACHED: {
    kind: 'state',
    retry: 'never',
    hresult: 0x80070057,
    advice: 'wait until something ended, or raise the limit',
  },
  TASK_FAILED: {
    kind: 'state',
    retry: 'backoff',
    hresult: 0x80004005,
    advice: 'look at the task’s own output, and mend the module that it names',
  },
  TASK_TIMED_OUT: {
    kind: 'state',
    retry: 'backoff',
    hresult: 0x800705b4,
    advice: 'let the task hand its work to transfers and end, or register it with a longer timeoutMs',
  },
  CLOSED: {
    kind: 'state',
    retry: 'never',
    hresult: 0x80000013,
    advice: 'open the engine again',
  },
  CANCELED: {
    kind: 'canceled',
    retry: 'never',
    hresult: 0x80072ef1,
    advice: 'start it again if that was a mistake',
  },
  INTERNAL: {
    kind: 'internal',
    retry: 'never',
    hresult: 0x80004005,
    advice: 'this is a fault of background-transfer; please report it',
  },
} as const satisfies Record<string, CodeFacts>

export type ErrorCode = keyof typeof ERROR_CODES

/** JSON-safe facts beside the code, such as status, path, retryAfterMs; `hresult` where the code's own is too wide. */
export type ErrorDetails = Readonly<Record<string, string | number | boolean>>

export interface SerializedError {
  readonly code: ErrorCode
  readonly message: string
  /** The URL, file or argument concerned, already redacted. */
  readonly where?: string
  readonly details?: ErrorDetails
  /** Name, code and message of what caused it, flattened. */
  readonly cause?: string
  /** Overrides the table's verdict (an HTTP status that is worth another try). */
  readonly retry?: RetryVerdict
  /** Overrides the table's advice. */
  readonly advice?: string
}

export interface TransferErrorOptions {
  readonly where?: string
  readonly details?: ErrorDetails
  readonly cause?: unknown
  readonly retry?: RetryVerdict
  readonly advice?: string
}

/** The one error class of the package. Compare `code`, never the message. */
export class TransferError extends Error {
  override readonly name: string
  readonly code: ErrorCode
  readonly kind: ErrorKind
  readonly retry: RetryVerdict
  readonly where: string | undefined
  readonly details: ErrorDetails
  readonly advice: string

  constructor(code: ErrorCode, message: string, options: TransferErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : {cause: options.cause})
    const facts = ERROR_CODES[code]
    this.name = code === 'CANCELED' ? 'Canceled' : 'TransferError'
    this.code = code
    this.kind = facts.kind
    this.retry = options.retry ?? facts.retry
    this.where = options.where
    this.details = options.details ?? {}
    this.advice = options.advice ?? usualAdvice(this)
  }

  /** The HRESULT, unsigned 32 bits (spec 7). */
  get hresult(): number {
    const status = this.details.status
    if ((this.code === 'HTTP_STATUS' || this.code === 'NOT_BEFORE') && typeof status === 'number') {
      return 0x80190000 + status
    }
    return typeof this.details.hresult === 'number' ? this.details.hresult : ERROR_CODES[this.code].hresult
  }

  /** What the failure means to an application that knows the namespace; `unknown` (0) for everything that is no web error. */
  get status(): WebErrorStatus {
    return getStatus(this.hresult)
  }

  /** The HRESULT as the JavaScript projection gives it: a signed 32-bit number (spec 0.5). */
  get number(): number {
    return this.hresult | 0
  }

  /** `what (where): what to do`: one line for a person. */
  toLine(): string {
    const where = this.where === undefined ? '' : ` (${this.where})`
    return `${this.message}${where}: ${this.advice}`
  }

  toSerialized(): SerializedError {
    return {
      code: this.code,
      message: this.message,
      ...(this.where === undefined ? {} : {where: this.where}),
      ...(Object.keys(this.details).length === 0 ? {} : {details: this.details}),
      ...(this.cause === undefined ? {} : {cause: describeCause(this.cause)}),
      ...(this.retry === ERROR_CODES[this.code].retry ? {} : {retry: this.retry}),
      ...(this.advice === usualAdvice(this) ? {} : {advice: this.advice}),
    }
  }

  static fromSerialized(plain: SerializedError): TransferError {
    return new TransferError(plain.code, plain.message, {
      ...(plain.where === undefined ? {} : {where: plain.where}),
      ...(plain.details === undefined ? {} : {details: plain.details}),
      ...(plain.cause === undefined ? {} : {cause: plain.cause}),
      ...(plain.retry === undefined ? {} : {retry: plain.retry}),
      ...(plain.advice === undefined ? {} : {advice: plain.advice}),
    })
  }
}

export function invalidArgument(name: string, violated: string): TransferError {
  return new TransferError('INVALID_ARGUMENT', `${name} ${violated}`, {where: name})
}

/** Wraps anything thrown as one of ours; ours pass unchanged. */
export function asTransferError(thrown: unknown): TransferError {
  if (thrown instanceof TransferError) return thrown
  const message = thrown instanceof Error ? thrown.message : String(thrown)
  return new TransferError('INTERNAL', `unexpected failure: ${message}`, {cause: thrown})
}

const ADVICE_BY_STATUS: Readonly<Record<number, string>> = {
  401: 'the server asks who you are: give it credentials that it takes, with --header-file or --user',
  403: 'the server knows the file and refuses it: check the credentials, and whether the link has expired',
  404: 'check the spelling of the URL: the server has nothing there',
  407: 'a proxy on the way asks who you are: name it, with --proxy http://NAME:PASSWORD@HOST:PORT',
  410: 'ask for another address: the server says that the file is gone for good',
}

/** The advice of the code, or of the status where a server said no. */
function usualAdvice({code, details, retry}: Pick<TransferError, 'code' | 'details' | 'retry'>): string {
  const {status} = details
  if (code !== 'HTTP_STATUS' || typeof status !== 'number') return ERROR_CODES[code].advice
  if (retry === 'backoff') return 'the server is busy or in trouble: run the same command again later'
  return ADVICE_BY_STATUS[status] ?? (status >= 500 ? 'tell the owner of the server' : ERROR_CODES[code].advice)
}

function describeCause(cause: unknown): string {
  if (typeof cause === 'string') return cause
  if (!(cause instanceof Error)) return String(cause)
  const code = 'code' in cause && typeof cause.code === 'string' ? `${cause.code}: ` : ''
  return `${cause.name}: ${code}${cause.message}`
}
