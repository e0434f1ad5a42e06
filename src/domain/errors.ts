/** Every error of the engine: one class; its code (error-codes.ts) decides kind, retry verdict and HRESULT. */

import {ERROR_CODES, type ErrorCode, type ErrorKind, type RetryVerdict} from './error-codes.ts'
import {getStatus} from './get-status.ts'
import type {WebErrorStatus} from './web-error-status.ts'

/** JSON-safe facts beside the code, such as status, path, retryAfterMs; `hresult` where the code's own is too wide. */
export type ErrorDetails = Readonly<Record<string, string | number | boolean>>

export interface SerializedError {
  readonly code: ErrorCode
  /** For people: compare the code. */
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
  /** The URL, file or argument concerned, redacted. */
  readonly where?: string
  /** Empty by default. */
  readonly details?: ErrorDetails
  /** What was thrown before. */
  readonly cause?: unknown
  /** Instead of that of the code. */
  readonly retry?: RetryVerdict
  /** Instead of the usual one of the code. */
  readonly advice?: string
}

/** The one error class of the package. Compare `code`, never the message. */
export class TransferError extends Error {
  /** 'TransferError'; 'Canceled' for CANCELED, as in the namespace’s JavaScript projection. */
  override readonly name: string
  /** What happened; it never changes its meaning. */
  readonly code: ErrorCode
  /** What kind of trouble that is. */
  readonly kind: ErrorKind
  /** Whether the engine tries again, and how. */
  readonly retry: RetryVerdict
  /** The URL, file or argument concerned, redacted. */
  readonly where: string | undefined
  /** Facts beside the code. */
  readonly details: ErrorDetails
  /** What to do, in a sentence for a person. */
  readonly advice: string

  /** Throws INVALID_ARGUMENT for a code that there is not. */
  constructor(code: ErrorCode, message: string, options: TransferErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : {cause: options.cause})
    if (typeof code !== 'string' || !Object.hasOwn(ERROR_CODES, code))
      throw invalidArgument('code', 'must be one of ERROR_CODES')
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

  /** As plain data, which JSON and structured clones carry. */
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

  /** What toSerialized made plain; its cause is a text then. Throws INVALID_ARGUMENT for what it did not make. */
  static fromSerialized(plain: SerializedError): TransferError {
    if (typeof plain !== 'object' || plain === null) throw invalidArgument('plain', 'must be what toSerialized gave')
    return new TransferError(plain.code, plain.message, {
      ...(plain.where === undefined ? {} : {where: plain.where}),
      ...(plain.details === undefined ? {} : {details: plain.details}),
      ...(plain.cause === undefined ? {} : {cause: plain.cause}),
      ...(plain.retry === undefined ? {} : {retry: plain.retry}),
      ...(plain.advice === undefined ? {} : {advice: plain.advice}),
    })
  }
}

export function invalidArgument(name: string, violated: string, advice?: string): TransferError {
  const options = advice === undefined ? {where: name} : {where: name, advice}
  return new TransferError('INVALID_ARGUMENT', `${name} ${violated}`, options)
}

/** Wraps anything thrown as one of ours; ours pass unchanged. */
export function asTransferError(thrown: unknown): TransferError {
  if (thrown instanceof TransferError) return thrown
  const message = thrown instanceof Error ? thrown.message : String(thrown)
  return new TransferError('INTERNAL', `unexpected failure: ${message}`, {cause: thrown})
}

const ADVICE_BY_STATUS: Readonly<Record<number, string>> = {
  401: 'the server asks who you are: give it credentials that it takes, as serverCredential or in a header',
  403: 'the server knows the file and refuses it: check the credentials, and whether the link has expired',
  404: 'check the spelling of the URL: the server has nothing there',
  407: 'a proxy on the way asks who you are: name it as the proxy, with http://NAME:PASSWORD@HOST:PORT',
  410: 'ask for another address: the server says that the file is gone for good',
}

/** The advice of the code, or of the status where a server said no. */
function usualAdvice({code, details, retry}: Pick<TransferError, 'code' | 'details' | 'retry'>): string {
  const {status} = details
  if (code !== 'HTTP_STATUS' || typeof status !== 'number') return ERROR_CODES[code].advice
  if (retry === 'backoff') return 'the server is busy or in trouble: start the same transfer again later'
  return ADVICE_BY_STATUS[status] ?? (status >= 500 ? 'tell the owner of the server' : ERROR_CODES[code].advice)
}

function describeCause(cause: unknown): string {
  if (typeof cause === 'string') return cause
  if (!(cause instanceof Error)) return String(cause)
  const code = 'code' in cause && typeof cause.code === 'string' ? `${cause.code}: ` : ''
  return `${cause.name}: ${code}${cause.message}`
}
