/** What whoever waits for a transfer, or reads it, is told of one that ended and did not complete. */

import {asTransferError, TransferError} from './errors.ts'
import type {OperationRecord} from './record.ts'

export function failureOfTransfer({id, state, error}: Pick<OperationRecord, 'id' | 'state' | 'error'>): TransferError {
  // One that the engine itself gave up says why.
  if (state === 'canceled' && error?.code !== 'UPLOAD_TERMINATED') {
    return new TransferError('CANCELED', 'the transfer was canceled', {where: id})
  }
  return error === undefined
    ? asTransferError(new Error('the transfer failed without saying why'))
    : TransferError.fromSerialized(error)
}
