/** A member of a completion group as its background task sees it: how it ended, frozen. Nothing of it can be changed or awaited. */

import {TransferError} from '../domain/errors.ts'
import type {OperationId} from '../domain/operation-id.ts'
import type {BackgroundTransferStatus} from '../domain/status.ts'
import type {OperationView} from '../domain/task-view.ts'
import {ResponseInformation} from '../namespace/response-information.ts'

/** Final counters of a download. */
export interface EndedDownloadProgress {
  readonly bytesReceived: number
  /** 0 while unknown. */
  readonly totalBytesToReceive: number
  /** completed, canceled or error. */
  readonly status: BackgroundTransferStatus
}

/** Final counters of an upload: what is received is the server's answer. */
export interface EndedUploadProgress extends EndedDownloadProgress {
  readonly bytesSent: number
  /** 0 while unknown. */
  readonly totalBytesToSend: number
}

/** What ended downloads and uploads have in common. */
export class EndedTransfer {
  readonly #view: OperationView
  readonly guid: OperationId
  readonly requestedUri: URL
  readonly method: string
  readonly group: string
  /** Why it failed; `undefined` unless the status is error. */
  readonly error: TransferError | undefined

  constructor(view: OperationView) {
    this.#view = view
    this.guid = view.guid
    this.requestedUri = new URL(view.requestedUri)
    this.method = view.method
    this.group = view.group
    this.error = view.error === undefined ? undefined : TransferError.fromSerialized(view.error)
  }

  /** The last response, or null when there was none. */
  getResponseInformation(): ResponseInformation | null {
    const {response, method} = this.#view
    return response === undefined ? null : new ResponseInformation(response, method)
  }
}

export class EndedDownload extends EndedTransfer {
  /** Absolute path of the destination; of a completed download, of the file as it was published. */
  readonly resultFile: string
  readonly progress: EndedDownloadProgress

  constructor(view: OperationView) {
    super(view)
    this.resultFile = view.file
    const {bytesReceived, totalBytesToReceive, status} = view
    this.progress = Object.freeze({bytesReceived, totalBytesToReceive, status})
    Object.freeze(this)
  }
}

export class EndedUpload extends EndedTransfer {
  /** Absolute path of the file; null for a form or a stream. */
  readonly sourceFile: string | null
  readonly progress: EndedUploadProgress

  constructor(view: OperationView) {
    super(view)
    this.sourceFile = view.file === '' ? null : view.file
    const {bytesReceived, totalBytesToReceive, bytesSent, totalBytesToSend, status} = view
    this.progress = Object.freeze({bytesReceived, totalBytesToReceive, bytesSent, totalBytesToSend, status})
    Object.freeze(this)
  }
}
