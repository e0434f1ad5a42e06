/**
 * A tally: operations that belong together and whose common end matters: a completion group, or a batch that somebody is to be
 * notified of. The store counts its members in the batches that write them, so that "all have ended" becomes durable with the
 * last end.
 * Persisted: states and fields are for ever, added fields are optional.
 */

import type {SerializedError} from './errors.ts'
import type {BatchEnds, BatchNotices} from './notice.ts'
import type {TallyId} from './operation-id.ts'
import type {OperationRecord} from './record.ts'
import {isTerminal} from './status.ts'

/** Persisted: a further purpose is a further word. */
export type TallyPurpose = 'completionGroup' | 'notification'

/**
 * open: takes members, and is never due. closed: due once every member has ended. due: its consequence (the task, the
 * notification) is owed, and is tried until it is done. done: nothing is owed any more; a member that joins a notification's
 * then begins it anew.
 */
export const TALLY_STATES = ['open', 'closed', 'due', 'done'] as const

export type TallyState = (typeof TALLY_STATES)[number]

/** ran: the consequence was carried out. dropped: nobody wanted it. failed: it was given up after its last try. */
export type TallyOutcome = 'ran' | 'dropped' | 'failed'

/** A background task as it is registered with a completion group's trigger. */
export interface TaskRegistration {
  readonly taskId: string
  /** May be empty. */
  readonly name: string
  /** URL of the module that is run. */
  readonly module: string
  readonly isolation: 'worker' | 'process'
  /** ms that one run may take. */
  readonly timeoutMs: number
}

export interface Tally {
  readonly id: TallyId
  readonly purpose: TallyPurpose
  readonly state: TallyState
  /** Operations of it whose records are kept. */
  readonly members: number
  /** Those that have not ended. */
  readonly unfinished: number
  /** Ends so far, by their kind. */
  readonly completed: number
  readonly failed: number
  readonly canceled: number
  /** Operations that were created for it and not started keep it from being due; with the process they are gone. */
  readonly held?: true
  readonly task?: TaskRegistration
  /** Of a notification: what is shown. */
  readonly notices?: BatchNotices
  /** Of a notification: the transfer group of its members, where there is one. */
  readonly group?: string
  /** The application that it belongs to, where that has a name. */
  readonly app?: string
  /** Message of the failure that came last. */
  readonly lastError?: string
  /** Tries of the consequence that began; of a notification, while it is being shown. */
  readonly runs?: number
  /** Epoch ms of the next try. */
  readonly retryAt?: number
  readonly outcome?: TallyOutcome
  /** Why the last try failed. */
  readonly error?: SerializedError
}

export type TallyChange =
  | {readonly kind: 'register'; readonly task: TaskRegistration}
  | {readonly kind: 'unregister'}
  /** No more members are to come, but those that `held` stands for. */
  | {readonly kind: 'close'; readonly held: boolean}
  | {readonly kind: 'release'}
  /** A try of the consequence begins. */
  | {readonly kind: 'begin'}
  /** It failed; without `retryAt` it is given up. `uncounted`: it was broken off by the engine's own close. */
  | {readonly kind: 'fail'; readonly error: SerializedError; readonly retryAt?: number; readonly uncounted?: true}
  | {readonly kind: 'finish'}
  /** Nobody is there to be told: no task is registered. */
  | {readonly kind: 'drop'}
  /** These ends are about to be shown, or are nothing to show: they are counted out, and what comes next is another batch. */
  | {readonly kind: 'show' | 'skip'; readonly ends: BatchEnds}
  /** Everything but the counts, from a store that is rebuilt. */
  | {readonly kind: 'restore'; readonly tally: Tally}

/** What a batch of writes does to the counts. */
export interface TallyDelta {
  readonly members: number
  readonly unfinished: number
  readonly completed: number
  readonly failed: number
  readonly canceled: number
  readonly lastError?: string
}

/** Names a tally; of a notification with everything that its first member brings along. */
export interface TallyRef extends Pick<Tally, 'id' | 'purpose' | 'notices' | 'group' | 'app'> {}

const NONE: readonly TallyRef[] = []

/** The tallies that count an operation. */
export function talliesOf({completionGroup, notificationBatch, policy, app}: OperationRecord): readonly TallyRef[] {
  if (notificationBatch === undefined) {
    return completionGroup === undefined ? NONE : [completionGroupRef(completionGroup, app)]
  }
  const batch: TallyRef = {
    ...notificationBatch,
    purpose: 'notification',
    ...(policy.group === '' ? {} : {group: policy.group}),
    ...(app === undefined ? {} : {app}),
  }
  return completionGroup === undefined ? [batch] : [completionGroupRef(completionGroup, app), batch]
}

export function completionGroupRef(id: TallyId, app: string | undefined): TallyRef {
  return {id, purpose: 'completionGroup', ...(app === undefined ? {} : {app})}
}

export function emptyTally(ref: TallyRef): Tally {
  const state = ref.purpose === 'notification' ? 'closed' : 'open'
  return {...ref, state, members: 0, unfinished: 0, completed: 0, failed: 0, canceled: 0}
}

/** What the counts change by when a member's record goes from one state to the next; `undefined` is no record. */
export function deltaOf(before: OperationRecord['state'] | undefined, after: OperationRecord | undefined): TallyDelta {
  const ends = after !== undefined && isTerminal(after.state) && (before === undefined || !isTerminal(before))
  const was = before !== undefined && !isTerminal(before) ? 1 : 0
  const is = after !== undefined && !isTerminal(after.state) ? 1 : 0
  return {
    members: (after === undefined ? 0 : 1) - (before === undefined ? 0 : 1),
    unfinished: is - was,
    completed: ends && after.state === 'completed' ? 1 : 0,
    failed: ends && after.state === 'failed' ? 1 : 0,
    canceled: ends && after.state === 'canceled' ? 1 : 0,
    ...(ends && after.error !== undefined ? {lastError: after.error.message} : {}),
  }
}

export function addDelta(tally: Tally, delta: TallyDelta): Tally {
  return {
    ...tally,
    members: Math.max(0, tally.members + delta.members),
    unfinished: Math.max(0, tally.unfinished + delta.unfinished),
    completed: tally.completed + delta.completed,
    failed: tally.failed + delta.failed,
    canceled: tally.canceled + delta.canceled,
    ...(delta.lastError === undefined ? {} : {lastError: delta.lastError}),
  }
}

/** One change. What comes too late changes nothing. */
export function applyChange(tally: Tally, change: TallyChange): Tally {
  const {held: _, ...unheld} = tally
  const isPending = tally.state === 'open' || tally.state === 'closed'
  switch (change.kind) {
    // As long as nobody was told that the trigger fired, it has not: what the end was faster than still counts.
    case 'register':
      return isPending || isUnclaimed(tally) ? {...tally, task: change.task} : tally
    case 'unregister':
      return isPending || (tally.state === 'due' && tally.runs === undefined) ? withoutTask(tally) : tally
    case 'drop':
      return isUnclaimed(tally) ? {...tally, state: 'done', outcome: 'dropped'} : tally
    case 'close':
      if (!isPending) return tally
      return {...unheld, state: 'closed', ...(change.held ? {held: true} : {})}
    case 'release':
      return unheld
    case 'begin':
      return tally.state === 'due' ? {...withoutRetry(tally), runs: (tally.runs ?? 0) + 1} : tally
    case 'fail': {
      if (tally.state !== 'due') return tally
      const {error, retryAt, uncounted} = change
      const runs = Math.max(0, (tally.runs ?? 0) - (uncounted === true ? 1 : 0))
      const failed = {...withoutRetry(tally), runs, error}
      return retryAt === undefined ? {...failed, state: 'done', outcome: 'failed'} : {...failed, retryAt}
    }
    case 'show':
      return {...withoutEnds(tally, change.ends), runs: 1}
    case 'skip':
      return withoutEnds(tally, change.ends)
    case 'finish':
      if (tally.purpose === 'notification') return withoutRuns(tally)
      return tally.state === 'due' ? {...withoutRetry(tally), state: 'done', outcome: 'ran'} : tally
    case 'restore': {
      const {members, unfinished} = tally
      return {...change.tally, members, unfinished}
    }
  }
}

/** Due as soon as it is closed and nothing of it is unfinished. */
export function settleTally(tally: Tally): Tally {
  if (tally.purpose === 'notification') return settleNotification(tally)
  if (tally.state !== 'closed' || tally.held === true || tally.unfinished > 0) return tally
  return {...tally, state: 'due'}
}

/** Its state follows from its counts alone: nobody closes a batch, and whoever joins late begins another one. */
function settleNotification(tally: Tally): Tally {
  const {unfinished, completed, failed, canceled, runs} = tally
  if (runs !== undefined) return {...tally, state: 'due'}
  if (unfinished > 0) return {...tally, state: 'closed'}
  return {...tally, state: completed + failed + canceled > 0 ? 'due' : 'done'}
}

/** Nobody belongs to it, and nothing is owed, or was even asked for. */
export function isSpent({state, members, task}: Tally): boolean {
  if (members > 0) return false
  return state === 'done' || (state === 'open' && task === undefined)
}

function withoutEnds({lastError: _, ...tally}: Tally, {completed, failed, canceled}: BatchEnds): Tally {
  return {
    ...tally,
    completed: Math.max(0, tally.completed - completed),
    failed: Math.max(0, tally.failed - failed),
    canceled: Math.max(0, tally.canceled - canceled),
  }
}

function withoutRuns({runs: _, ...tally}: Tally): Tally {
  return tally
}

/** A completion group without a task is about to fire into nothing (O14). */
function isUnclaimed({state, task}: Tally): boolean {
  return state === 'due' && task === undefined
}

function withoutTask({task: _, ...tally}: Tally): Tally {
  return tally
}

function withoutRetry({retryAt: _, error: __, ...tally}: Tally): Tally {
  return tally
}

/** How often, and how soon, what failed is tried again. */
export interface RunRetry {
  /** Tries in all. */
  readonly maxRuns: number
  /** Base of the exponential backoff in ms. */
  readonly retryDelayMs: number
}

const MOST_BETWEEN_RUNS_MS = 300_000

/** Epoch ms of the next try after `runs` of them; `undefined` when that was the last. `random`: uniform in [0, 1). */
export function nextRunAt(runs: number, retry: RunRetry, now: number, random: number): number | undefined {
  if (runs >= retry.maxRuns) return undefined
  const ceiling = Math.min(MOST_BETWEEN_RUNS_MS, retry.retryDelayMs * 4 ** Math.min(runs - 1, 30))
  // Half of it is certain, so that a task that fails at once is not tried at once.
  return now + Math.round(ceiling / 2 + (random * ceiling) / 2)
}

/** When the next try is due, epoch ms: no later than any wait lasts, also where the clock was set back meanwhile. */
export function runDueAt(retryAt: number, now: number): number {
  return Math.min(retryAt, now + MOST_BETWEEN_RUNS_MS)
}
