/** An operation as plain data for lists, logs and pages: redacted, JSON-safe. */

import type {SerializedError} from '../domain/errors.ts'
import type {OperationId} from '../domain/operation-id.ts'
import {sizeOf} from '../domain/range-set.ts'
import {fileOf, type OperationRecord} from '../domain/record.ts'
import {redactUrl} from '../domain/redaction.ts'
import {type BackgroundTransferStatus, type LifeState, statusName, statusOf} from '../domain/status.ts'

export interface OperationSummary {
  /** The same in every session. */
  readonly guid: OperationId
  /** Redacted: no user information, query values masked. */
  readonly url: string
  readonly direction: 'download' | 'upload'
  /** The destination, or where the file is once completed. Of an upload: what is sent; '' for a form or a stream. */
  readonly file: string
  /** The name of what an application sees. */
  readonly status: keyof typeof BackgroundTransferStatus
  /** Finer than the status; as the record has it. */
  readonly state: LifeState
  /** '' without one. */
  readonly group: string
  /** As in BackgroundTransferPriority. */
  readonly priority: number
  /** Durable ones: live counters are ahead of them. 0 of an upload. */
  readonly bytesReceived: number
  /** 0 while unknown. */
  readonly totalBytesToReceive: number
  /** Of an upload only: the size of the request, and all of it once the server has it. */
  readonly bytesSent?: number
  /** The same; 0 while unknown. */
  readonly totalBytesToSend?: number
  /** Tries of the present start. */
  readonly attempts: number
  /** Epoch ms. */
  readonly createdAt: number
  /** Epoch ms; absent before it has ended. */
  readonly endedAt?: number
  /** Epoch ms; absent while it waits for no time. */
  readonly retryAt?: number
  /** What it ended by, or waits because of. */
  readonly error?: SerializedError
  /** It has ended, and the application was told. */
  readonly delivered: boolean
}

export function summaryOf(record: OperationRecord): OperationSummary {
  return {
    guid: record.id,
    direction: record.direction,
    url: redactUrl(record.request.url),
    file: fileOf(record),
    status: statusName(statusOf(record.state)),
    state: record.state,
    group: record.policy.group,
    priority: record.policy.priority,
    ...bytesOf(record),
    attempts: record.attempts.total,
    createdAt: record.createdAt,
    ...(record.endedAt === undefined ? {} : {endedAt: record.endedAt}),
    ...(record.retryAt === undefined ? {} : {retryAt: record.retryAt}),
    ...(record.error === undefined ? {} : {error: record.error}),
    delivered: record.delivered === true,
  }
}

function bytesOf({direction, evidence}: OperationRecord) {
  const moved = sizeOf(evidence.ranges)
  const total = evidence.total ?? 0
  return direction === 'upload'
    ? {bytesReceived: 0, totalBytesToReceive: 0, bytesSent: moved, totalBytesToSend: total}
    : {bytesReceived: moved, totalBytesToReceive: total}
}
