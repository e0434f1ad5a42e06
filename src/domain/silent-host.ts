/** A host that takes what it is asked and says nothing: its process is stopped, or stuck. */

import {TransferError} from './errors.ts'
import type {Explanation} from './explain.ts'

/** ms: whoever listens answers in far less, but on a machine that has no time for it. */
export const MOST_SILENCE_MS = 10_000

export function silentHost(address: string): TransferError {
  return new TransferError('HOST_UNREACHABLE', 'the host takes questions and does not answer', {
    where: address,
    details: {silentMs: MOST_SILENCE_MS},
    advice: 'see whether its process is stopped, or has no time',
  })
}

/** It has the store, so that nobody else can: to look for it once more, or to open the store, is in vain. */
export function isSilentHost({details}: TransferError): boolean {
  return details.silentMs !== undefined
}

/** Of an operation of such a host, whose client has stayed. */
export function explainSilence(pid: number): Explanation {
  return {
    why: `its host (process ${pid}) takes questions and does not answer`,
    next: 'it goes on when the host does: see whether its process is stopped, or has no time',
  }
}
