/** From one of our errors, live or from a record, to the WebErrorStatus that an application sees (spec 7.2). */

import {type SerializedError, TransferError} from './errors.ts'
import type {WebErrorStatus} from './web-error-status.ts'

export function webErrorStatusOf(error: SerializedError | TransferError): WebErrorStatus {
  return (error instanceof TransferError ? error : TransferError.fromSerialized(error)).status
}
