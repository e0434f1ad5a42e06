/**
 * What follows a failed attempt: another one (at once, or after a wait), a pause, or the end. A pure function of the error,
 * the counts so far and the settings.
 */

import {ERROR_CODES} from './error-codes.ts'
import {type SerializedError, TransferError} from './errors.ts'
import {headerValue} from './header-fields.ts'
import {webErrorStatusOf} from './hresult.ts'
import {parseHttpDate} from './http-date.ts'
import {statusLine} from './reason-phrase.ts'
import type {AttemptCounts, DroppedSource} from './record.ts'
import {redactUrl} from './redaction.ts'
import type {ResponseFacts} from './response-facts.ts'
import {parseRetryAfter} from './retry-after.ts'

export interface RetrySettings {
  /** Retries after the first try, without progress between them. */
  readonly retries: number
  /** The longest wait before the first retry; each further one may be four times as long. */
  readonly baseDelayMs: number
  readonly maxDelayMs: number
  /** Tries of one start, progress or not: a server that always cuts at the same byte comes to an end. */
  readonly maxAttempts: number
  /** A longer Retry-After ends the operation with NOT_BEFORE. */
  readonly retryAfterCapMs: number
  /** How often a full disk is looked at again. */
  readonly storageRetryMs: number
}

export const DEFAULT_RETRY: RetrySettings = {
  retries: 3,
  baseDelayMs: 1000,
  maxDelayMs: 60_000,
  maxAttempts: 50,
  retryAfterCapMs: 10 * 60_000,
  storageRetryMs: 30_000,
}

/** Times are epoch ms. */
export type RetryDecision =
  | {readonly kind: 'atOnce'}
  /** `source`: the address that is asked then, where there are several. */
  | {readonly kind: 'waitUntil'; readonly at: number; readonly source?: number}
  /** Another address of the file is asked at once; `dropped` is not asked any more. */
  | {readonly kind: 'elsewhere'; readonly source: number; readonly dropped?: DroppedSource}
  /** The same from the first byte: what came is of no use there. */
  | {readonly kind: 'anewElsewhere'; readonly source: number; readonly dropped?: DroppedSource}
  | {readonly kind: 'pauseForStorage'; readonly at: number}
  | {readonly kind: 'pauseRecoverable'}
  | {readonly kind: 'end'; readonly error: SerializedError}

export interface RetryInput {
  readonly error: SerializedError
  /** With this failure counted. */
  readonly counts: AttemptCounts
  readonly settings: RetrySettings
  /** WebErrorStatus values that pause instead of failing. */
  readonly recoverable: readonly number[]
  readonly now: number
  /** The next try brings another address or token. */
  readonly refreshes?: boolean
  /** Uniform in [0, 1). */
  readonly random: number
}

const GROWTH = 4
/** What a server says to an address or a token that has expired. */
const REFUSALS: ReadonlySet<unknown> = new Set([401, 403, 410])
const RETRIED_STATUSES: ReadonlySet<number> = new Set([408, 425, 429, 500, 502, 503, 504])

export function decideRetry(input: RetryInput): RetryDecision {
  const {error, counts, settings, now} = input
  // The ladder has another rung: asking by it is no failure of the transfer.
  if (error.details?.askAgain === true && counts.total < settings.maxAttempts) return {kind: 'atOnce'}
  const isWorthRefreshing = mayBeRefreshed(input)
  if (!isWorthRefreshing && input.recoverable.includes(webErrorStatusOf(error))) return {kind: 'pauseRecoverable'}
  const verdict = isWorthRefreshing ? 'backoff' : (error.retry ?? ERROR_CODES[error.code].retry)
  if (verdict === 'storage') return {kind: 'pauseForStorage', at: now + settings.storageRetryMs}
  if (verdict === 'never') return {kind: 'end', error}
  const retryAfterMs = retryAfterOf(error)
  if (retryAfterMs > settings.retryAfterCapMs) return {kind: 'end', error: notBefore(error, now + retryAfterMs)}
  if (counts.total >= settings.maxAttempts) return {kind: 'end', error}
  const isContinuable = isContinuableCut(error) && !counts.continued
  // The first that brings little is a cut like others.
  const meagre = isContinuable ? (counts.meagre ?? 0) - 1 : 0
  if (isContinuable && meagre < 1) return {kind: 'atOnce'}
  // Cuts are continued where no failure is retried, too; and so is what a server takes crumb by crumb.
  const retries = isContinuable || tookSome(error) ? Math.max(1, settings.retries) : settings.retries
  if (counts.failures > retries) return {kind: 'end', error}
  // As other failures in a row are; but no longer than they, which end.
  const step = Math.max(counts.failures, Math.min(meagre, retries))
  return {kind: 'waitUntil', at: now + Math.max(retryAfterMs, backoffMs(step, settings, input.random))}
}

/** When a wait that stands in a record is over, epoch ms: no later than any wait lasts, also where the clock was set back meanwhile. */
export function dueAt(
  retryAt: number,
  now: number,
  {
    maxDelayMs,
    retryAfterCapMs,
    storageRetryMs,
  }: Pick<RetrySettings, 'maxDelayMs' | 'retryAfterCapMs' | 'storageRetryMs'>,
): number {
  return Math.min(retryAt, now + Math.max(maxDelayMs, retryAfterCapMs, storageRetryMs))
}

export function countAttempt(counts: AttemptCounts): AttemptCounts {
  return {...counts, total: counts.total + 1}
}

export function countFailure({meagre = 0, ...counts}: AttemptCounts, error?: SerializedError): AttemptCounts {
  const failed = {...counts, failures: counts.failures + 1}
  return error?.details?.meagre === true ? {...failed, meagre: meagre + 1} : failed
}

/** To be called when a decision `atOnce` is carried out. */
export function countContinuation(counts: AttemptCounts): AttemptCounts {
  return {...counts, continued: true}
}

/** Only a higher durable mark is progress: bytes that were there before pay for no further tries. */
export function countProgress(counts: AttemptCounts, durableBytes: number): AttemptCounts {
  if (durableBytes <= counts.highWater) return counts
  return {...counts, highWater: durableBytes, failures: 0, continued: false}
}

/**
 * Whether bytes that proved useless are fetched anew at once. Once more than there are retries: a server may prove them useless
 * each time, and what was fetched in full before is no progress.
 */
export function mayStartOver({failures, total}: AttemptCounts, {retries, maxAttempts}: RetrySettings): boolean {
  return failures <= retries + 1 && total < maxAttempts
}

export function isRetriedStatus(status: number): boolean {
  return RETRIED_STATUSES.has(status)
}

/** The error that a final status stands for. */
export function httpStatusError(head: ResponseFacts, now: number): TransferError {
  const retryAfter = headerValue(head.headers, 'retry-after')
  const retryAfterMs = retryAfter === undefined ? undefined : parseRetryAfter(retryAfter, serversNow(head) ?? now)
  return new TransferError('HTTP_STATUS', `the server answered ${statusLine(head.status)}`, {
    where: redactUrl(head.url),
    details: {status: head.status, ...(retryAfterMs === undefined ? {} : {retryAfterMs})},
    ...(isRetriedStatus(head.status) ? {retry: 'backoff' as const} : {}),
  })
}

/** By the server's clock, which may stand elsewhere than ours: a date that it says is one of that. */
function serversNow({headers}: ResponseFacts): number | undefined {
  const answeredAt = parseHttpDate(headerValue(headers, 'date') ?? '')
  if (answeredAt === undefined) return undefined
  // Seconds that a cache has kept the answer.
  const age = headerValue(headers, 'age') ?? ''
  return answeredAt + (/^\d{1,10}$/.test(age) ? Number(age) * 1000 : 0)
}

/** Full jitter keeps many operations from coming back in step; the floor keeps a retry from being none. */
function backoffMs(failures: number, settings: RetrySettings, random: number): number {
  // 4^30 is beyond any cap, and Infinity times a base of 0 would be no number.
  const exponent = Math.min(Math.max(failures, 1) - 1, 30)
  const ceiling = Math.min(settings.maxDelayMs, settings.baseDelayMs * GROWTH ** exponent)
  const floor = Math.min(ceiling, settings.baseDelayMs / 10)
  return Math.max(1, Math.round(Math.max(floor, random * ceiling)))
}

/** Refused for what the provider gave: it is asked again before the application is. */
function mayBeRefreshed({error, counts, settings, refreshes}: RetryInput): boolean {
  if (refreshes !== true || error.code !== 'HTTP_STATUS' || !REFUSALS.has(error.details?.status)) return false
  return counts.failures <= settings.retries && counts.total < settings.maxAttempts
}

/** A connection cut in mid-body, where the rest can be asked for. */
function isContinuableCut(error: SerializedError): boolean {
  const cut = error.code === 'CONNECTION_RESET' || error.code === 'TRUNCATED'
  return cut && error.details?.midBody === true && error.details.resumable === true
}

/** What was sent was taken in part, and the rest is wanted. */
function tookSome({details}: SerializedError): boolean {
  return typeof details?.taken === 'number' && details.taken > 0
}

function retryAfterOf(error: SerializedError): number {
  const value = error.details?.retryAfterMs
  return typeof value === 'number' && value > 0 ? value : 0
}

function notBefore(error: SerializedError, at: number): SerializedError {
  // Beyond the calendar a date has no text.
  const time = new Date(Math.min(at, 8.64e15))
  const status = error.details?.status
  return new TransferError('NOT_BEFORE', `the server wants no other request before ${time.toISOString()}`, {
    ...(error.where === undefined ? {} : {where: error.where}),
    details: {...(status === undefined ? {} : {status}), notBefore: time.getTime()},
    ...(error.cause === undefined ? {} : {cause: error.cause}),
  }).toSerialized()
}
