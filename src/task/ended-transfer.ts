/** A member of a completion group as its background task sees it: how it ended, frozen. Nothing of it can be changed or awaited. */

import {TransferError} from '../domain/errors.ts'
import type {OperationId} from '../domain/operation-id.ts'
import type {BackgroundTransferStatus} from '../domain/status.ts'
import type {OperationView} from '../domain/task-view.ts'
import {ResponseInformation} from '../namespace/response-information.ts'

/** Final counters. */
export interface EndedTransferProgress {
  readonly bytesReceived: number
  /** 0 while unknown. */
  readonly totalBytesToReceive: number
  /** completed, canceled or error. */
  readonly status: BackgroundTransferStatus
}

export class EndedTransfer {
  readonly #view: OperationView
  readonly guid: OperationId
  readonly requestedUri: URL
  readonly method: string
  /** Absolute path of the destination; of a completed download, of the file as it was published. */
  readonly resultFile: string
  readonly group: string
  readonly progress: EndedTransferProgress
  /** Why it failed; `undefined` unless the status is error. */
  readonly error: TransferError | undefined

  constructor(view: OperationView) {
    this.#view = view
    this.guid = view.guid
    this.requestedUri = new URL(view.requestedUri)
    this.method = view.method
    this.resultFile = view.file
    this.group = view.group
    const {bytesReceived, totalBytesToReceive, status} = view
    this.progress = Object.freeze({bytesReceived, totalBytesToReceive, status})
    this.error = view.error === undefined ? undefined : TransferError.fromSerialized(view.error)
    Object.freeze(this)
  }

  /** The last response, or null when there was none. */
  getResponseInformation(): ResponseInformation | null {
    const {response, method} = this.#view
    return response === undefined ? null : new ResponseInformation(response, method)
  }
}
