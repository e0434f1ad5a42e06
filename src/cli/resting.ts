/** Transfers that stand still: why, how long a command waits for them, and with what it ends when that was in vain. */

import {MOST_WAITING} from '../domain/conditions.ts'
import {type SerializedError, TransferError} from '../domain/errors.ts'
import type {LifeState} from '../domain/status.ts'
import type {Transfer} from './transfer.ts'

const REASONS: Partial<Record<LifeState, {readonly why: string; readonly advice: string}>> = {
  pausedNoNetwork: {
    why: 'there is no network',
    advice: 'run the same command again when there is one; the bytes so far are kept',
  },
  pausedCostedNetwork: {
    why: 'its cost policy forbids the present network',
    advice: 'run the same command again on another network, or with --cost always; the bytes so far are kept',
  },
  pausedSystemPolicy: {
    why: 'the machine saves power',
    advice: 'run the same command again on mains power; the bytes so far are kept',
  },
  pausedForStorage: {
    why: 'the disk is full',
    advice: 'free some space and run the same command again; the bytes so far are kept',
  },
}

/** What a pause of the machine is called; undefined for any other state. */
export function reasonOf(state: LifeState): string | undefined {
  return REASONS[state]?.why
}

const FOR_CONDITIONS: ReadonlySet<LifeState> = new Set(['pausedNoNetwork', 'pausedCostedNetwork', 'pausedSystemPolicy'])

/** As many stand still for other conditions as the engine lets wait: those that are queued behind them wait too. */
export function isHeldByConditions(resting: Iterable<Pick<Transfer, 'state'>>): boolean {
  let count = 0
  for (const {state} of resting) if (FOR_CONDITIONS.has(state)) count += 1
  return count >= MOST_WAITING
}

/** A network that is away comes back within moments as a rule; a dear one, or an empty battery, stays. */
const NETWORK_PATIENCE_MS = 60_000

/** ms that a command waits for this transfer when nothing else is left to do; `wait` is what the user asked for. */
export function patienceOf({state}: Pick<Transfer, 'state'>, wait: number | undefined): number {
  if (state === 'pausedNoNetwork') return wait ?? NETWORK_PATIENCE_MS
  return state === 'pausedCostedNetwork' || state === 'pausedSystemPolicy' ? (wait ?? 0) : 0
}

export function restingError({state, direction, error, file, url}: Omit<Transfer, 'bytes'>): TransferError {
  const reason = REASONS[state]
  const plain: SerializedError =
    state === 'pausedForStorage' && error !== undefined
      ? error
      : reason === undefined
        ? (error ?? {code: 'CANCELED', message: `the ${direction} is paused`})
        : {code: 'CANCELED', message: `the ${direction} is paused, because ${reason.why}`}
  return new TransferError(plain.code, plain.message, {
    where: file === '' ? url : file,
    advice: reason?.advice ?? 'run the same command again when the cause is gone; the bytes so far are kept',
  })
}
