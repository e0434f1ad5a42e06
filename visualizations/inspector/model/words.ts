/** The engine's states and events as people say them. The exact names stay in tooltips and in JSON. */

import type {Conditions} from '../../../src/domain/conditions.ts'
import {printable} from '../../../src/domain/printable.ts'
import {LIFE_STATES, type LifeState} from '../../../src/domain/status.ts'
import type {OperationView} from '../../../src/inspector/protocol.ts'
import {formatCountdown} from './format.ts'

/** What a state means to an onlooker; the colours hang on it. */
export type Mood = 'active' | 'waiting' | 'queued' | 'failed' | 'done' | 'stopped'

const STATES: Readonly<Record<LifeState, readonly [words: string, mood: Mood]>> = {
  queued: ['Queued', 'queued'],
  running: ['Transferring', 'active'],
  returning: ['Waiting for a free slot', 'waiting'],
  waitingToRetry: ['Waiting to retry', 'waiting'],
  publishing: ['Saving the file', 'active'],
  canceling: ['Canceling', 'active'],
  pausedByApplication: ['Paused', 'waiting'],
  pausedNoNetwork: ['Waiting: no network', 'waiting'],
  pausedCostedNetwork: ['Waiting: metered network', 'waiting'],
  pausedSystemPolicy: ['Waiting: saving power', 'waiting'],
  pausedForStorage: ['Waiting: disk full', 'waiting'],
  pausedRecoverableWebErrorStatus: ['Paused: needs attention', 'waiting'],
  completed: ['Completed', 'done'],
  canceled: ['Canceled', 'stopped'],
  failed: ['Failed', 'failed'],
}

/** Steps of a running transfer that deserve words of their own; the deepest that stands in the path wins. */
const STEPS: Readonly<Record<string, string>> = {
  connecting: 'Connecting',
  awaitingResponse: 'Waiting for the answer',
  recordingRestart: 'Starting over',
  startingOver: 'Starting over',
  weighing: 'Weighing a failure',
  verifying: 'Verifying',
  committing: 'Saving the file',
  yieldingToPause: 'Pausing',
  yieldingToLine: 'Giving way',
  yieldingToConditions: 'Pausing',
}

export function moodOf(state: LifeState): Mood {
  return STATES[state][1]
}

/** The name itself, which is for whoever asks for it, may hold what would turn the letters around it. */
export function groupTitle(name: string): string {
  return name === '' ? 'No group' : printable(name)
}

export function statesOf(moods: readonly Mood[]): readonly LifeState[] {
  return LIFE_STATES.filter((state) => moods.includes(moodOf(state)))
}

export function wordsForState(state: LifeState): string {
  return STATES[state][0]
}

function wordsForPosition(state: LifeState, path: string): string {
  const step = state === 'running' ? path.split('.').findLast((part) => part in STEPS) : undefined
  return (step === undefined ? undefined : STEPS[step]) ?? STATES[state][0]
}

const PART_STEPS: Readonly<Record<string, string>> = {
  connecting: 'connecting',
  awaitingResponse: 'waiting for the answer',
  transferring: 'transferring',
  waitingToRetry: 'waiting to retry',
}

/** What one connection of several does; what is over in a moment is called by its state. */
export function wordsForConnection(path: string): string {
  const step = path.split('.').findLast((part) => part in PART_STEPS) ?? path
  return PART_STEPS[step] ?? step
}

/** The status line: what it does, and how long a wait will last. */
export function statusWords(
  {state, path, retryAt}: Pick<OperationView, 'state' | 'path' | 'retryAt'>,
  now: number,
): string {
  const words = wordsForPosition(state, path)
  const waits = state === 'waitingToRetry' || state === 'pausedForStorage'
  return waits && retryAt !== undefined ? `${words} · ${formatCountdown(retryAt - now)}` : words
}

/** XState's own event names hold ids; people want the delay, or the actor that ended. */
export function wordsForEvent(event: string): string {
  const [, kind, what] = /^xstate\.(after|done\.actor|error\.actor|done\.state)\.([^.]+)/.exec(event) ?? []
  if (kind === 'after') return `after ${what}`
  if (kind === 'done.actor') return `${what} done`
  if (kind === 'error.actor') return `${what} failed`
  if (kind === 'done.state') return 'all steps done'
  if (event === 'xstate.init') return 'start'
  return event === '' ? 'always' : event
}

/** The last step of a state path: enough where the whole does not fit. */
export function leafOf(path: string): string {
  return path.slice(path.lastIndexOf('.') + 1)
}

export function networkWords({connectivity, cost}: Conditions): string {
  if (connectivity === 'none') return 'Offline'
  if (connectivity === 'local') return 'Local network only'
  const notes = [
    ...(connectivity === 'constrained' ? ['limited'] : []),
    ...(cost.type === 'fixed' || cost.type === 'variable' ? ['metered'] : []),
    ...(cost.roaming ? ['roaming'] : []),
    ...(cost.overDataLimit ? ['over the data limit'] : cost.approachingDataLimit ? ['near the data limit'] : []),
  ]
  return ['Online', ...notes].join(', ')
}

/** Who says so, and how sure that is. */
export function conditionsTitle({cost, basis}: Conditions): string {
  const known = `Network cost: ${cost.type}`
  return basis === undefined ? known : `${known} (${basis.cost}); connectivity by: ${basis.network}`
}
