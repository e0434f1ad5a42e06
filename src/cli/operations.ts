/** Operations by guid, or by the beginning of one. */

import {TransferError} from '../domain/errors.ts'
import {isOperationId, type OperationId} from '../domain/operation-id.ts'
import type {BackgroundTransferEngine, DownloadOperation} from '../index.ts'
import {usageError} from './parse.ts'

/** Rejects with OPERATION_UNKNOWN, INVALID_ARGUMENT (the beginning of several), STORE_DAMAGED. */
export async function operationOf(engine: BackgroundTransferEngine, text: string): Promise<DownloadOperation> {
  const wanted = text.toLowerCase()
  if (isOperationId(wanted)) return engine.getDownloadAsync(wanted)
  if (!/^[0-9a-f][0-9a-f-]{0,35}$/.test(wanted)) throw unknownOperation(text)
  // No guid equals its own beginning, so "after the beginning" is where those that have it stand.
  const found = await engine.queryAsync({after: wanted as OperationId, limit: 2})
  const [only, other] = found.filter(({guid}) => guid.startsWith(wanted))
  if (only === undefined) throw unknownOperation(text)
  if (other !== undefined) throw usageError('several operations begin like this', text, 'give more of the guid')
  return engine.getDownloadAsync(only.guid)
}

/**
 * Somebody asks for it now: a pause is over, and so is a wait between two tries, unless the server asked for the wait. Its
 * outcome is followed by the engine's events.
 */
export function goOn(operation: DownloadOperation): void {
  const {status, state, error} = operation.describe()
  if (state === 'waitingToRetry' && error?.details?.retryAfterMs === undefined) {
    operation.pause()
    operation.resume()
  }
  if (status.startsWith('paused')) operation.resume()
  operation.attachAsync().catch(() => {})
}

export function unknownOperation(text: string): TransferError {
  return new TransferError('OPERATION_UNKNOWN', 'there is no such operation', {where: text})
}
