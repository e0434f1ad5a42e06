/**
 * What a background task is told, as plain data that crosses threads: the members of its completion group as they ended, and
 * the calls that it may make of the engine that started it.
 */

import type {BackgroundTransferCostPolicy} from './cost-policy.ts'
import type {SerializedError} from './errors.ts'
import type {HeaderField} from './header-fields.ts'
import type {OperationId, TallyId} from './operation-id.ts'
import type {BackgroundTransferPriority} from './priority.ts'
import {sizeOf} from './range-set.ts'
import {fileOf, type OperationRecord} from './record.ts'
import type {ResponseFacts} from './response-facts.ts'
import {type BackgroundTransferStatus, statusOf} from './status.ts'

export interface OperationView {
  readonly guid: OperationId
  readonly direction: OperationRecord['direction']
  /** Whole: the task may want to ask for it again. Without user information. */
  readonly requestedUri: string
  readonly method: string
  /** The destination, or where the file is once completed; of an upload the file that is sent, '' for a form or a stream. */
  readonly file: string
  readonly group: string
  readonly priority: BackgroundTransferPriority
  readonly costPolicy: BackgroundTransferCostPolicy
  readonly status: BackgroundTransferStatus
  /** Of an upload, of the answer. */
  readonly bytesReceived: number
  /** 0 while unknown. */
  readonly totalBytesToReceive: number
  /** 0 of a download. */
  readonly bytesSent: number
  /** 0 while unknown, and of a download. */
  readonly totalBytesToSend: number
  readonly response?: ResponseFacts
  readonly error?: SerializedError
}

/** One launch of a task. */
export interface TaskLaunch {
  /** The same at each try: what the task does once per instanceId is done once. */
  readonly instanceId: TallyId
  readonly taskId: string
  readonly name: string
  /** URL of the module. */
  readonly module: string
  readonly isolation: 'worker' | 'process'
  /** Which try this is, from 1. */
  readonly run: number
  readonly downloads: readonly OperationView[]
  readonly uploads: readonly OperationView[]
}

/** What a download of a task may ask: what the downloader says, and what createDownload was given. */
export interface TaskDownload {
  readonly uri: string
  readonly file: string
  readonly method: string
  readonly headers: readonly HeaderField[]
  readonly group: string
  readonly costPolicy: BackgroundTransferCostPolicy
  readonly options: Readonly<Record<string, unknown>>
}

/** A call of a task; ids of groups and downloads are made by the task's side. */
export type TaskCall =
  | {readonly kind: 'createGroup'; readonly group: string}
  | {
      readonly kind: 'register'
      readonly group: string
      readonly name: string
      readonly entryPoint: string
      readonly timeoutMs?: number
    }
  | {readonly kind: 'createDownload'; readonly key: string; readonly group?: string; readonly download: TaskDownload}
  /** Resolves with the guid when the operation is durable. */
  | {readonly kind: 'start'; readonly key: string}
  | {readonly kind: 'enable'; readonly group: string}

/** From the engine to the task. */
export type TaskMessage =
  | {readonly type: 'launch'; readonly launch: TaskLaunch}
  | {readonly type: 'cancel'}
  | {readonly type: 'answer'; readonly id: number; readonly value: unknown}
  | {readonly type: 'refusal'; readonly id: number; readonly error: SerializedError}

/** From the task to the engine. */
export type TaskReport =
  | {readonly type: 'call'; readonly id: number; readonly call: TaskCall}
  | {readonly type: 'progress'; readonly progress: number}
  | {readonly type: 'through'}
  | {readonly type: 'failed'; readonly message: string}

export function operationViewOf(record: OperationRecord): OperationView {
  const {id, direction, request, policy, response, error} = record
  return {
    guid: id,
    direction,
    requestedUri: request.url,
    method: request.method,
    file: fileOf(record),
    group: policy.group,
    priority: policy.priority,
    costPolicy: policy.costPolicy,
    status: statusOf(record.state),
    ...countsOf(record),
    ...(response === undefined ? {} : {response}),
    ...(error === undefined ? {} : {error}),
  }
}

type Counts = Pick<OperationView, 'bytesReceived' | 'totalBytesToReceive' | 'bytesSent' | 'totalBytesToSend'>

/** What is known of the bytes of an upload is about those that go out. */
function countsOf({direction, evidence, sending}: OperationRecord): Counts {
  const moved = sizeOf(evidence.ranges)
  const total = evidence.total ?? 0
  if (direction === 'download') {
    return {bytesReceived: moved, totalBytesToReceive: total, bytesSent: 0, totalBytesToSend: 0}
  }
  const {received = 0, total: expected = 0} = sending?.answer ?? {}
  return {bytesReceived: received, totalBytesToReceive: expected, bytesSent: moved, totalBytesToSend: total}
}
