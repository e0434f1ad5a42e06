/** The engine's options: units, defaults and bounds in one table, resolved once. */

import type {InspectionEvent, Observer} from 'xstate'
import type {Applications} from '../domain/applications.ts'
import {CHECKSUM} from '../domain/checksum.ts'
import {expectedContentOf} from '../domain/content-guard.ts'
import {invalidArgument} from '../domain/errors.ts'
import {assertObject, assertOptions, shown} from '../domain/given.ts'
import type {OperationId} from '../domain/operation-id.ts'
import type {OperationSettings} from '../domain/operation-settings.ts'
import type {PrefetchSettings} from '../domain/prefetch.ts'
import type {Checksum, TransferPolicy} from '../domain/record.ts'
import {DEFAULT_RETRY} from '../domain/retry.ts'
import type {AttemptProviders} from '../ports/attempt-provider.ts'
import {checkedApplications} from './applications/application-options.ts'
import type {LimitOptions} from './engine-limits.ts'

export interface RetentionPolicy {
  /** The newest ends to keep; older ones are forgotten once they are delivered. */
  readonly count: number
  /** ms after their end. */
  readonly ageMs: number
}

export interface EngineOptions {
  /** Operations with traffic at once, all groups together. 0 (nothing runs; records can be managed) to 10,000; 5 by default. */
  readonly maxConcurrentTransfers?: number
  /** Operations with traffic to one origin (scheme, host, port) at once; no limit by default. */
  readonly maxConnectionsPerOrigin?: number
  /**
   * Ended operations whose outcome was delivered are forgotten beyond this number, and after this age (ms). 10,000 and 30
   * days by default; the part of a failed one goes with its record, finished files stay.
   */
  readonly retention?: Partial<RetentionPolicy>
  /** Bytes per second of all operations together; no limit by default. Changeable while running. */
  readonly maxBytesPerSecond?: number
  /** ms for TCP and TLS to stand; 300,000 by default (spec 9.1). */
  readonly connectTimeoutMs?: number
  /** ms from the connection to the response's head; 120,000 by default (spec 9.1). */
  readonly responseTimeoutMs?: number
  /** ms without a body byte; 120,000 by default (spec 9.1). */
  readonly stallTimeoutMs?: number
  /** Retries after the first try, without progress between them; 3 by default. */
  readonly retries?: number
  /** Base of the exponential backoff in ms; 1,000 by default. */
  readonly retryDelayMs?: number
  /** ms between two checkpoints of a slow body; 1,000 by default. */
  readonly checkpointIntervalMs?: number
  /**
   * The fewest bytes for which a download with several connections opens another one; 262,144 by default, 4,096 at least.
   */
  readonly minSliceBytes?: number
  /** The namespace's limits, such as {operations: 200, groups: 50}; none by default. More throw LIMIT_REACHED. */
  readonly limits?: LimitOptions
  /** ms that close() waits for running operations to make their bytes durable; 10,000 by default. */
  readonly drainTimeoutMs?: number
  /**
   * true (default): what was live goes on by itself when the engine opens. false: the namespace's rule, downloads wait for
   * attachAsync, but for those with random access. 'nothing': those wait, too.
   */
  readonly resumeOnOpen?: boolean | 'nothing'
  /**
   * true (default): each transition of an operation is kept with its record, up to 1,000, for the inspector and
   * `bgt show --history`. false: nothing is kept.
   */
  readonly journal?: boolean
  /**
   * Asked whether these operations may run without the limits that save power (requestUnconstrainedDownloadsAsync). Refused
   * by default.
   */
  readonly unconstrainedConsent?: UnconstrainedConsent
  /** How background tasks of completion groups are run. */
  readonly backgroundTasks?: BackgroundTaskOptions
  /** By name: what gives transfers that say so, before each try, a token or a signed address. None by default. */
  readonly beforeAttempt?: AttemptProviders
  /** ms that a provider may take for one try; 60,000 by default. */
  readonly beforeAttemptTimeoutMs?: number
  /** Of an engine that is shared: what each application that is its client may do. No rules by default. */
  readonly applications?: Applications
  /**
   * When the prefetcher fetches what ContentPrefetcher lists (docs/guides/prefetching.md). false: never by itself; the lists are
   * kept, and what is in the cache is used.
   */
  readonly prefetch?: false | PrefetchOptions
  /**
   * An XState inspection observer, or a function, that is told of the charts of the engine and its operations, so that other
   * tools can attach. What it throws harms nothing; the first of it is logged.
   */
  readonly inspect?: Observer<InspectionEvent> | ((event: InspectionEvent) => void)
}

/** What the application is told of an operation that it may exempt. */
export interface ConstrainedTransfer {
  readonly guid: OperationId
  /** Redacted. */
  readonly url: string
  /** Absolute path. */
  readonly file: string
}

export type UnconstrainedConsent = (transfers: readonly ConstrainedTransfer[]) => boolean | Promise<boolean>

export interface BackgroundTaskOptions {
  /** Tasks that run at once, each in a thread or process of its own; 4 by default. Others wait for their turn. */
  readonly maxConcurrent?: number
  /** Tries of a task that fails, crashes or takes too long, before it is given up; 5 by default. */
  readonly maxRuns?: number
  /** Base of the exponential backoff between them in ms; 1,000 by default, 5 minutes at most. */
  readonly retryDelayMs?: number
  /** ms that one try may take, where its registration does not say; 600,000 by default. */
  readonly timeoutMs?: number
  /** ms from being canceled to being stopped; 5,000 by default. */
  readonly cancelGraceMs?: number
}

export interface PrefetchOptions {
  /** ms between two runs, at least, with the same list; 4 hours by default. Doubles while runs bring nothing new, up to a day. */
  readonly intervalMs?: number
  /** ms after a run in which something failed that may pass; 15 minutes by default. Doubles with each further one, up to a day. */
  readonly retryDelayMs?: number
  /** ms for which nothing must be in the way before a run begins; 10,000 by default. */
  readonly idleMs?: number
  /** ms that one resource may take; 300,000 by default. */
  readonly fetchTimeoutMs?: number
}

export interface ResolvedEngineOptions {
  readonly maxConcurrentTransfers: number
  readonly maxConnectionsPerOrigin: number
  readonly maxBytesPerSecond: number | undefined
  readonly retention: RetentionPolicy
  readonly checkpointIntervalMs: number
  readonly minSliceBytes: number
  readonly drainTimeoutMs: number
  readonly resumeOnOpen: boolean | 'nothing'
  readonly journal: boolean
  readonly settings: OperationSettings
  readonly unconstrainedConsent: UnconstrainedConsent
  readonly limits: LimitOptions
  readonly backgroundTasks: Required<BackgroundTaskOptions>
  readonly providers: AttemptProviders
  readonly applications: Applications | undefined
  readonly prefetch: PrefetchSettings & {readonly isOn: boolean}
  readonly inspect: EngineOptions['inspect']
}

/** What one operation may ask instead of what the engine's options say. */
export type OperationLimits = Pick<
  TransferPolicy,
  | 'checksum'
  | 'expect'
  | 'ignoreServerDigest'
  | 'retries'
  | 'retryDelayMs'
  | 'connectTimeoutMs'
  | 'responseTimeoutMs'
  | 'stallTimeoutMs'
  | 'maxBytesPerSecond'
  | 'connections'
  | 'resumeWithoutValidator'
  | 'compareOnResume'
>

const MAX_MS = 2 ** 31 - 1

type Bounds = readonly [low: number, high: number]

/** The same for the engine and for one operation. */
const BOUNDS = {
  retries: [0, 1_000_000],
  retryDelayMs: [0, MAX_MS],
  connectTimeoutMs: [1, MAX_MS],
  responseTimeoutMs: [1, MAX_MS],
  stallTimeoutMs: [1, MAX_MS],
  maxBytesPerSecond: [1, Number.MAX_SAFE_INTEGER],
  connections: [1, 1000],
} as const satisfies Partial<Record<keyof OperationLimits, Bounds>>

const HEX_LENGTHS: Readonly<Record<Checksum['algorithm'], number>> = {md5: 32, sha1: 40, sha256: 64, sha512: 128}

export function resolveOptions(options: EngineOptions): ResolvedEngineOptions {
  for (const name of ['retention', 'limits', 'backgroundTasks', 'beforeAttempt'] as const) {
    const given = options[name]
    if (given !== undefined) assertObject(name, given)
  }
  const settings: OperationSettings = {
    connectTimeoutMs: bounded('connectTimeoutMs', options.connectTimeoutMs, 300_000, BOUNDS.connectTimeoutMs),
    responseTimeoutMs: bounded('responseTimeoutMs', options.responseTimeoutMs, 120_000, BOUNDS.responseTimeoutMs),
    stallTimeoutMs: bounded('stallTimeoutMs', options.stallTimeoutMs, 120_000, BOUNDS.stallTimeoutMs),
    yieldTimeoutMs: 5_000,
    beforeAttemptTimeoutMs: bounded('beforeAttemptTimeoutMs', options.beforeAttemptTimeoutMs, 60_000, [1, MAX_MS]),
    checkpointIntervalMs: bounded('checkpointIntervalMs', options.checkpointIntervalMs, 1_000, [10, MAX_MS]),
    retry: {
      ...DEFAULT_RETRY,
      retries: bounded('retries', options.retries, DEFAULT_RETRY.retries, BOUNDS.retries),
      baseDelayMs: bounded('retryDelayMs', options.retryDelayMs, DEFAULT_RETRY.baseDelayMs, BOUNDS.retryDelayMs),
    },
  }
  return Object.freeze({
    maxConcurrentTransfers: bounded('maxConcurrentTransfers', options.maxConcurrentTransfers, 5, [0, 10_000]),
    maxConnectionsPerOrigin:
      options.maxConnectionsPerOrigin === undefined
        ? Number.POSITIVE_INFINITY
        : bounded('maxConnectionsPerOrigin', options.maxConnectionsPerOrigin, 1, [1, 10_000]),
    maxBytesPerSecond: byteRate('maxBytesPerSecond', options.maxBytesPerSecond),
    retention: {
      count: bounded('retention.count', options.retention?.count, 10_000, [0, Number.MAX_SAFE_INTEGER]),
      ageMs: bounded('retention.ageMs', options.retention?.ageMs, 30 * 86_400_000, [0, Number.MAX_SAFE_INTEGER]),
    },
    checkpointIntervalMs: settings.checkpointIntervalMs,
    minSliceBytes: bounded('minSliceBytes', options.minSliceBytes, 256 * 1024, [4096, Number.MAX_SAFE_INTEGER]),
    drainTimeoutMs: bounded('drainTimeoutMs', options.drainTimeoutMs, 10_000, [0, MAX_MS]),
    resumeOnOpen: options.resumeOnOpen === 'nothing' ? 'nothing' : flag('resumeOnOpen', options.resumeOnOpen ?? true),
    journal: flag('journal', options.journal ?? true),
    settings,
    unconstrainedConsent: callback('unconstrainedConsent', options.unconstrainedConsent ?? (() => false)),
    limits: limitOptions(options.limits ?? {}),
    backgroundTasks: {
      maxConcurrent: bounded('backgroundTasks.maxConcurrent', options.backgroundTasks?.maxConcurrent, 4, [1, 1_000]),
      maxRuns: bounded('backgroundTasks.maxRuns', options.backgroundTasks?.maxRuns, 5, [1, 1_000]),
      retryDelayMs: bounded('backgroundTasks.retryDelayMs', options.backgroundTasks?.retryDelayMs, 1_000, [0, MAX_MS]),
      timeoutMs: bounded('backgroundTasks.timeoutMs', options.backgroundTasks?.timeoutMs, 600_000, [1, MAX_MS]),
      cancelGraceMs: bounded('backgroundTasks.cancelGraceMs', options.backgroundTasks?.cancelGraceMs, 5_000, [
        0,
        MAX_MS,
      ]),
    },
    providers: providersOf(options.beforeAttempt ?? {}),
    applications: options.applications === undefined ? undefined : checkedApplications(options.applications),
    prefetch: prefetchOptions(options.prefetch ?? {}),
    inspect: observer('inspect', options.inspect),
  })
}

function prefetchOptions(options: false | PrefetchOptions): ResolvedEngineOptions['prefetch'] {
  if (options !== false && (typeof options !== 'object' || options === null || Array.isArray(options))) {
    throw invalidArgument('prefetch', `must be false or an object, not ${shown(options)}`)
  }
  const {intervalMs, retryDelayMs, idleMs, fetchTimeoutMs} = options === false ? {} : options
  return {
    isOn: options !== false,
    intervalMs: bounded('prefetch.intervalMs', intervalMs, 4 * 3_600_000, [1_000, MAX_MS]),
    retryDelayMs: bounded('prefetch.retryDelayMs', retryDelayMs, 15 * 60_000, [1_000, MAX_MS]),
    idleMs: bounded('prefetch.idleMs', idleMs, 10_000, [0, MAX_MS]),
    fetchTimeoutMs: bounded('prefetch.fetchTimeoutMs', fetchTimeoutMs, 300_000, [1, MAX_MS]),
  }
}

function limitOptions({operations, groups}: LimitOptions): LimitOptions {
  return {
    ...(operations === undefined ? {} : {operations: bounded('limits.operations', operations, 1, [1, 1_000_000])}),
    ...(groups === undefined ? {} : {groups: bounded('limits.groups', groups, 1, [1, 1_000_000])}),
  }
}

function providersOf(providers: AttemptProviders): AttemptProviders {
  for (const [name, provider] of Object.entries(providers)) {
    const {headers, url} = provider ?? {}
    const isUsable = [headers, url].every((each) => each === undefined || typeof each === 'function')
    if (name === '' || !isUsable || (headers === undefined && url === undefined)) {
      throw invalidArgument(`beforeAttempt.${name}`, 'must be an object with a function headers, url, or both')
    }
  }
  return {...providers}
}

/** The engine's numbers with what this operation asks instead. */
export function settingsFor(policy: TransferPolicy, settings: OperationSettings): OperationSettings {
  const stallTimeoutMs = policy.stallTimeoutMs ?? settings.stallTimeoutMs
  return {
    ...settings,
    connectTimeoutMs: policy.connectTimeoutMs ?? settings.connectTimeoutMs,
    responseTimeoutMs: policy.responseTimeoutMs ?? settings.responseTimeoutMs,
    stallTimeoutMs,
    // Whether bytes came is seen, and what came is made durable, at checkpoints only: a stall must span one at least.
    checkpointIntervalMs: Math.min(settings.checkpointIntervalMs, Math.max(1, Math.floor(stallTimeoutMs / 2))),
    retry: {
      ...settings.retry,
      retries: policy.retries ?? settings.retry.retries,
      baseDelayMs: policy.retryDelayMs ?? settings.retry.baseDelayMs,
    },
  }
}

/** ms that one try of a task may take. Throws INVALID_ARGUMENT. */
export function taskTimeout(
  timeoutMs: number | undefined,
  {backgroundTasks}: Pick<ResolvedEngineOptions, 'backgroundTasks'>,
): number {
  return bounded('timeoutMs', timeoutMs, backgroundTasks.timeoutMs, [1, MAX_MS])
}

/** A byte rate, or none. */
export function byteRate(name: string, value: number | undefined): number | undefined {
  return value === undefined ? undefined : bounded(name, value, 1, BOUNDS.maxBytesPerSecond)
}

/** What an operation asks, and nothing else that came with it. Throws INVALID_ARGUMENT. */
export function limitsOf(options: OperationLimits): OperationLimits {
  assertObject('options', options)
  const limits: {-readonly [Name in keyof OperationLimits]: OperationLimits[Name]} = {}
  for (const name of Object.keys(BOUNDS) as (keyof typeof BOUNDS)[]) {
    const value = options[name]
    if (value !== undefined) limits[name] = bounded(name, value, value, BOUNDS[name])
  }
  for (const name of ['ignoreServerDigest', 'resumeWithoutValidator', 'compareOnResume'] as const) {
    const value: unknown = options[name]
    if (value !== undefined) limits[name] = flag(name, value)
  }
  if (options.checksum !== undefined) limits.checksum = checksumOf(options.checksum)
  if (options.expect !== undefined) limits.expect = expectedContentOf(options.expect)
  return limits
}

function flag(name: string, value: unknown): boolean {
  if (typeof value !== 'boolean') throw invalidArgument(name, `must be true or false, not ${shown(value)}`)
  return value
}

/** What XState would fall over when the first actor is made. */
function observer<T>(name: string, value: T): T {
  if (value === undefined || typeof value === 'function') return value
  if (typeof value === 'object' && value !== null) return value
  throw invalidArgument(name, `must be an observer, not ${shown(value)}`)
}

function callback<T>(name: string, value: T): T {
  if (typeof value !== 'function') throw invalidArgument(name, `must be a function, not ${shown(value)}`)
  return value
}

function checksumOf(checksum: Checksum): Checksum {
  assertOptions('checksum', checksum, CHECKSUM, 'options.checksum')
  const {algorithm, hex} = checksum
  const length =
    typeof algorithm === 'string' && Object.hasOwn(HEX_LENGTHS, algorithm) ? HEX_LENGTHS[algorithm] : undefined
  if (length === undefined) throw invalidArgument('checksum', `knows no digest ${shown(algorithm)}`)
  if (typeof hex !== 'string' || hex.length !== length || !/^[0-9a-f]+$/i.test(hex)) {
    throw invalidArgument('checksum', `must have ${length} hexadecimal digits for ${algorithm}`)
  }
  return {algorithm, hex: hex.toLowerCase()}
}

function bounded(name: string, value: number | undefined, fallback: number, [low, high]: Bounds): number {
  if (value === undefined) return fallback
  if (!Number.isFinite(value) || value < low || value > high) {
    throw invalidArgument(name, `must be between ${low} and ${high}, not ${shown(value)}`)
  }
  return Math.trunc(value)
}
