/** UploadOperation (spec 2.13): the application's handle of one upload. */

import {soleFileOf} from '../domain/request-content.ts'
import type {BackgroundTransferStatus} from '../domain/status.ts'
import type {EngineApi, HeldOperation, OperationDraft} from '../engine/engine-api.ts'
import {watchDraft} from './handles.ts'
import type {Origin} from './operation-stage.ts'
import type {RunningTransfer} from './running-transfer.ts'
import {TransferOperation} from './transfer-operation.ts'

export type RunningUpload = RunningTransfer<UploadOperation>

/** BackgroundUploadProgress (spec 3.3): a copy that does not change afterwards. */
export interface BackgroundUploadProgress {
  /** Bytes of the server's answer; headers do not count. */
  readonly bytesReceived: number
  /** Bytes of the request that the connection took. Falls only when hasRestarted tells why. */
  readonly bytesSent: number
  /** 0 while unknown. */
  readonly totalBytesToReceive: number
  /** Delimiters and part headers of a form included; 0 before the files were looked at. */
  readonly totalBytesToSend: number
  readonly status: BackgroundTransferStatus
  /** True during the first notice after a response's head. */
  readonly hasResponseChanged: boolean
  /** True during the first notice of each sending but the first. */
  readonly hasRestarted: boolean
}

export class UploadOperation extends TransferOperation {
  private constructor(engine: EngineApi, origin: Origin) {
    super(engine, origin)
  }

  /** A handle for an upload that does not exist yet. */
  static fromDraft(engine: EngineApi, draft: OperationDraft): UploadOperation {
    const operation = new UploadOperation(engine, {draft})
    watchDraft(engine, draft.id, operation)
    return operation
  }

  /** A handle for an operation of the engine. */
  static fromEntry(engine: EngineApi, entry: HeldOperation): UploadOperation {
    return new UploadOperation(engine, {entry})
  }

  /** Absolute path of the file; null for a form or a stream. */
  get sourceFile(): string | null {
    return soleFileOf(this.facts.request.body) ?? null
  }

  /** Name of the protocol by which it goes on where it was cut; null for one request. Our addition to the namespace. */
  get protocol(): string | null {
    return this.facts.request.way?.protocol ?? null
  }

  /** Whether a server may have something of it: it is, or was, on the wire. Our addition to the namespace. */
  get wasSent(): boolean {
    return this.facts.sending?.session !== undefined
  }

  /** A live value: each read is a fresh copy. */
  get progress(): BackgroundUploadProgress {
    const {entered} = this
    const counts =
      entered === undefined
        ? {bytesReceived: 0, bytesSent: 0, totalBytesToReceive: 0, totalBytesToSend: 0}
        : this.engine.uploadProgressOf(entered)
    return {...counts, status: this.status, ...this.notices.flags}
  }

  /**
   * The body of the server's answer from `position`, as far as it is here now: also of an answer that refuses. Throws
   * ILLEGAL_STATE before startAsync, INVALID_ARGUMENT for what is no position.
   */
  getResultStreamAt(position: number): ReadableStream<Uint8Array> {
    if (this.state === 'new') throw this.illegal('read the result')
    return ReadableStream.from(this.engine.answerOf(this.guid, position)) as ReadableStream<Uint8Array>
  }
}
