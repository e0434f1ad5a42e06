/**
 * What is fetched ahead of need (spec 2.9), when, and what follows a run. Pure; the record is persisted: fields are only added,
 * and every added field is optional.
 */

import {type Conditions, isLoopbackUrl} from './conditions.ts'
import {invalidArgument} from './errors.ts'

/** Of the addresses of one run, direct and indirect together (spec 2.9). */
export const MOST_PREFETCHED = 40

/** Of the list of direct ones: what is beyond the 40 may move up when others go. */
export const MOST_LISTED = 1_000

/** What the application would like to have at hand. Addresses are absolute, without fragment and user information. */
export interface PrefetchWish {
  readonly uris: readonly string[]
  /** Of a document that lists more of them. */
  readonly indirect?: string
}

export const NO_WISH: PrefetchWish = {uris: []}

export interface PrefetchRecord {
  readonly wish: PrefetchWish
  /** What the last run that came to its end was asked for. */
  readonly ranFor?: PrefetchWish
  /** Epoch ms of the end of the last successful run. */
  readonly lastSuccessAt?: number
  /** Epoch ms: the next run is not before. Absent before the first. */
  readonly dueAt?: number
  /** Runs in a row in which something failed that may pass. */
  readonly failures?: number
  /** Successful runs in a row that brought nothing new. */
  readonly unchanged?: number
}

export interface PrefetchSettings {
  /** ms between two runs, at least. Each run that brings nothing new doubles it, up to a day. */
  readonly intervalMs: number
  /** ms before the run after one in which something failed, at least; each further failure doubles it, up to a day. */
  readonly retryDelayMs: number
  /** ms for which everything must be right before a run begins. */
  readonly idleMs: number
  /** ms that one resource, or the index, may take. */
  readonly fetchTimeoutMs: number
}

/** What became of one address. */
export type PrefetchOutcome =
  /** Its bytes came, and are in the cache. */
  | {readonly kind: 'stored'; readonly bytes: number}
  /** What the cache has is what the server has. */
  | {readonly kind: 'validated'}
  /** What the cache has is fresh: nobody was asked. */
  | {readonly kind: 'fresh'}
  /** It cannot be kept, and asking again soon would not change that. */
  | {readonly kind: 'refused'; readonly reason: string}
  /** It may come another time. */
  | {readonly kind: 'failed'; readonly reason: string; readonly retryAfterMs?: number}

/** A run in numbers. */
export interface PrefetchCounts {
  readonly stored: number
  readonly validated: number
  readonly fresh: number
  readonly refused: number
  readonly failed: number
  /** Bytes that came for what was stored. */
  readonly bytes: number
  /** The longest that a server asked to be left alone. */
  readonly retryAfterMs: number
}

export const NO_COUNTS: PrefetchCounts = {
  stored: 0,
  validated: 0,
  fresh: 0,
  refused: 0,
  failed: 0,
  bytes: 0,
  retryAfterMs: 0,
}

/** Why nothing is fetched now, in the order in which one is told. */
export type PrefetchObstacle = 'noNetwork' | 'costedNetwork' | 'onBattery' | 'busy'

const LONGEST_WAIT_MS = 24 * 3_600_000
/** 2^5 quarters of an hour are a working day; beyond it the cap holds anyway. */
const MOST_DOUBLINGS = 16
const MOST_URL_LENGTH = 65_536

/** The address as it is listed and asked for. Throws INVALID_ARGUMENT. */
export function prefetchAddress(name: string, uri: URL | string): string {
  let url: URL
  try {
    url = new URL(uri)
  } catch {
    throw invalidArgument(name, 'must be absolute')
  }
  if (url.protocol !== 'http:' && url.protocol !== 'https:') throw invalidArgument(name, 'must be http or https')
  if (url.username !== '' || url.password !== '') {
    throw invalidArgument(name, 'must name no user: what is fetched ahead of need is asked for by nobody in particular')
  }
  if (url.href.length > MOST_URL_LENGTH) throw invalidArgument(name, `must have at most ${MOST_URL_LENGTH} characters`)
  url.hash = ''
  return url.href
}

/** Whether it is such an address already. */
export function isPrefetchAddress(uri: string): boolean {
  try {
    return prefetchAddress('uri', uri) === uri
  } catch {
    return false
  }
}

/** The addresses of a run: direct ones first, in the order of the list, then indirect ones; each once, cut at 40. */
export function planOf({uris}: PrefetchWish, indirect: readonly string[] = []): readonly string[] {
  return [...new Set([...uris, ...indirect])].slice(0, MOST_PREFETCHED)
}

export function isEmptyWish({uris, indirect}: PrefetchWish): boolean {
  return uris.length === 0 && indirect === undefined
}

/** Whether something is wished for that the last run was not asked for. */
export function hasNews({wish, ranFor}: Pick<PrefetchRecord, 'wish' | 'ranFor'>): boolean {
  if (ranFor === undefined) return !isEmptyWish(wish)
  if (wish.indirect !== undefined && wish.indirect !== ranFor.indirect) return true
  const known = new Set(planOf(ranFor))
  return planOf(wish).some((uri) => !known.has(uri))
}

/**
 * The addresses that an index names, as far as they are wanted. One that was fetched over a network does not lead to this very
 * machine: what listens there expects no such request.
 */
export function indirectAddresses(index: string, listed: readonly string[]): readonly string[] {
  const isLocal = isLoopbackUrl(index)
  const wanted: string[] = []
  for (const each of listed) {
    if (wanted.length === MOST_PREFETCHED) break
    try {
      const address = prefetchAddress('uri', each)
      if ((isLocal || !isLoopbackUrl(address)) && !wanted.includes(address)) wanted.push(address)
    } catch {
      // The others are as good as they were.
    }
  }
  return wanted
}

/**
 * Ahead of need is fetched only over a network that costs nothing and is known to lead anywhere (behind a portal every address has
 * the portal's page), on mains power, and while no operation has traffic. A cost that nobody knows counts as none (O32).
 */
export function prefetchObstacle(
  wish: PrefetchWish,
  conditions: Conditions,
  running: number,
): PrefetchObstacle | undefined {
  const {connectivity, cost} = conditions
  if (!isAllLoopback(wish)) {
    if (connectivity !== 'internet') return 'noNetwork'
    const isMetered = cost.type === 'fixed' || cost.type === 'variable'
    if (isMetered || cost.roaming || cost.approachingDataLimit || cost.overDataLimit) return 'costedNetwork'
  }
  if (conditions.onBattery === true || conditions.batterySaver) return 'onBattery'
  return running > 0 ? 'busy' : undefined
}

function isAllLoopback({uris, indirect}: PrefetchWish): boolean {
  return [...uris, ...(indirect === undefined ? [] : [indirect])].every(isLoopbackUrl)
}

export function count(counts: PrefetchCounts, outcome: PrefetchOutcome): PrefetchCounts {
  const next = {...counts, [outcome.kind]: counts[outcome.kind] + 1}
  if (outcome.kind === 'stored') return {...next, bytes: counts.bytes + outcome.bytes}
  if (outcome.kind !== 'failed') return next
  return {...next, retryAfterMs: Math.max(counts.retryAfterMs, outcome.retryAfterMs ?? 0)}
}

/** Something that was wished for is in the cache, and is what the server has. */
export function isSuccess({stored, validated, fresh}: PrefetchCounts): boolean {
  return stored + validated + fresh > 0
}

/**
 * What is kept of a run that came to its end. What fails puts the next run off by more each time; what brings nothing new, too,
 * since that is what the past says of the future. `random`: uniform in [0, 1), so that many machines do not come together.
 */
export function afterRun(
  record: PrefetchRecord,
  ranFor: PrefetchWish,
  counts: PrefetchCounts,
  settings: PrefetchSettings,
  now: number,
  random: number,
): PrefetchRecord {
  const {failures = 0, unchanged = 0} = record
  const hasFailed = counts.failed > 0
  const succeeded = isSuccess(counts)
  const quiet = hasFailed || counts.stored > 0 ? 0 : unchanged + 1
  const failed = hasFailed ? failures + 1 : 0
  const base = hasFailed
    ? doubled(settings.retryDelayMs, failed - 1)
    : doubled(settings.intervalMs, Math.max(0, quiet - 1))
  const wait = Math.max(base * (1 + random / 10), counts.retryAfterMs)
  return {
    wish: record.wish,
    ranFor,
    ...(succeeded
      ? {lastSuccessAt: now}
      : record.lastSuccessAt === undefined
        ? {}
        : {lastSuccessAt: record.lastSuccessAt}),
    dueAt: now + Math.round(Math.min(LONGEST_WAIT_MS, wait)),
    ...(failed === 0 ? {} : {failures: failed}),
    ...(quiet === 0 ? {} : {unchanged: quiet}),
  }
}

/** When the next run is due, epoch ms: no later than any wait lasts, also where the clock was set back meanwhile. */
export function prefetchDueAt(dueAt: number, now: number): number {
  return Math.min(dueAt, now + LONGEST_WAIT_MS)
}

function doubled(ms: number, times: number): number {
  return Math.min(LONGEST_WAIT_MS, ms * 2 ** Math.min(times, MOST_DOUBLINGS))
}
