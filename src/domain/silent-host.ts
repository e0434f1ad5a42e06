/** A host that takes what it is asked and says nothing: its process is stopped, or stuck. */

import {TransferError} from './errors.ts'

/** ms: whoever listens answers in far less, but on a machine that has no time for it. */
export const MOST_SILENCE_MS = 10_000

export function silentHost(address?: string): TransferError {
  return new TransferError('HOST_UNREACHABLE', 'the host takes questions and does not answer', {
    ...(address === undefined ? {} : {where: address}),
    advice: 'see whether its process is stopped, or has no time',
  })
}
