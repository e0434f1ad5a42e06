/**
 * What the inspector's server and its page say to each other: JSON over loopback HTTP, and server-sent events. Everything
 * in it is masked before it gets here. Versioned by the path prefix `/api/v1`.
 *
 * GET  /api/v1/state                            InspectorState
 * GET  /api/v1/charts                           {charts: string[]}; /api/v1/charts/:machine is its chart JSON
 * GET  /api/v1/operations?after=&states=&group=&text=&limit=   {operations: OperationView[], next?: guid}
 * GET  /api/v1/operations/:guid                 OperationDetail
 * GET  /api/v1/operations/:guid/transitions?before=&limit=     {transitions: JournalEntry[]} (newest last)
 * GET  /api/v1/operations/:guid/what-if?event=&path=           Supposed; `event` as in availableEvents, or conditions.offline,
 *                                               conditions.metered, conditions.good; `path` where it is to stand
 * GET  /api/v1/events?after=                    text/event-stream of InspectorMessage; `id` is its seq. Last-Event-ID resumes,
 *                                               and `after` (the state's seq) does on the first connection
 * GET  /api/v1/operations/:guid/bundle          ExportBundle
 * POST /api/v1/session                          {token} → 204 and a cookie
 * POST /api/v1/operations/:guid/commands        CommandRequest → 202; 409 not possible now; 403 read-only; 404 unknown
 *
 * A refusal has the body {error: {code, message}}; without credentials it is 401.
 */

import type {Conditions} from '../domain/conditions.ts'
import type {Explanation} from '../domain/explain.ts'
import type {HeaderField} from '../domain/header-fields.ts'
import type {JournalEntry} from '../domain/journal.ts'
import type {LineMove} from '../domain/line-move.ts'
import type {OperationId} from '../domain/operation-id.ts'
import type {PartId} from '../domain/part.ts'
import type {OperationRecord} from '../domain/record.ts'
import type {Redirect} from '../domain/redirect.ts'
import type {BackgroundTransferStatus, LifeState} from '../domain/status.ts'

export type {JournalEntry} from '../domain/journal.ts'
export type {Redirect} from '../domain/redirect.ts'
export type {Supposed} from '../engine/what-if.ts'

/** One row of the list. */
export interface OperationView {
  readonly guid: OperationId
  /** Masked. */
  readonly url: string
  /** Base name of the destination; the whole path stands in the detail. */
  readonly name: string
  readonly direction: 'download' | 'upload'
  readonly group: string
  /** 0 default, 1 high, 2 low. */
  readonly priority: number
  readonly status: keyof typeof BackgroundTransferStatus
  readonly state: LifeState
  /** The chart's position, such as running.exchanging.active.transferring; the state when it has no actor. */
  readonly path: string
  readonly bytesReceived: number
  /** 0 while unknown. */
  readonly totalBytesToReceive: number
  /** Bytes per second over the last seconds; 0 when nothing moves. */
  readonly rate: number
  readonly attempts: number
  /** Epoch ms. */
  readonly createdAt: number
  readonly endedAt?: number
  readonly retryAt?: number
  /** Message of the error it stands at. */
  readonly error?: string
}

export interface GroupView {
  readonly name: string
  readonly behavior: 'parallel' | 'serialized'
  /** The group chart's state: idle, satisfied, wanting, displacing, suspended. */
  readonly state: string
  /** Members that run or keep a place. */
  readonly members: readonly OperationId[]
  /** The first of its waiting line, in order. */
  readonly line: readonly OperationId[]
}

export interface InspectorState {
  /** Everything up to this message is in here. */
  readonly seq: number
  readonly version: string
  readonly readOnly: boolean
  readonly engine: 'opening' | 'serving' | 'draining' | 'closed'
  readonly conditions: Conditions
  readonly maxConcurrentTransfers: number
  /** Unfinished first, then the newest ends; bounded. */
  readonly operations: readonly OperationView[]
  /** So many of the ended ones are among them, the newest, where more have ended; absent where all are there. */
  readonly newestEnded?: number
  /** So many of the unfinished ones are among them, those that go first, where there are more; absent where all are there. */
  readonly firstUnfinished?: number
  readonly groups: readonly GroupView[]
}

/** One HTTP try, as far as the journal tells it. */
export interface AttemptView {
  readonly number: number
  /** Epoch ms. */
  readonly startedAt: number
  readonly endedAt?: number
  /** Of the answer that was no redirect. */
  readonly status?: number
  /** The redirects that it followed, in order. */
  readonly redirects?: readonly Redirect[]
  /** Durable bytes when it began, and when it ended. */
  readonly from: number
  readonly to?: number
  readonly outcome: 'running' | 'finished' | 'failed' | 'yielded'
  readonly error?: string
}

/** One connection of the try under way, where a file comes over several. */
export interface ConnectionView {
  /** `first` is the try's own; the others count from part-1. */
  readonly connection: 'first' | PartId
  /** Where its chart stands, such as moving.transferring; of `first` the operation's. */
  readonly path: string
  /** Which address of the file it asks, masked. Absent, as what follows is, while it has nothing to bring. */
  readonly url?: string
  /** The first byte of its stretch, the one behind its last, and how many of them came. */
  readonly start?: number
  readonly end?: number
  readonly received?: number
  /** Bytes per second, as last measured. */
  readonly rate?: number
}

export interface OperationDetail {
  readonly operation: OperationView
  /** The persisted record, masked, without sealed secrets. */
  readonly record: OperationRecord
  readonly explanation: Explanation
  /** Ids of the active states of its chart, such as operation.running.exchanging. */
  readonly activeStates: readonly string[]
  /** Event types that the chart would take now. */
  readonly availableEvents: readonly string[]
  readonly attempts: readonly AttemptView[]
  /** Empty where there is to be one connection only, and between tries. */
  readonly connections: readonly ConnectionView[]
  readonly transitions: readonly JournalEntry[]
  readonly responseHeaders: readonly HeaderField[]
}

export type InspectorMessage =
  /** At most four a second, changed operations only. */
  | {
      readonly type: 'progress'
      readonly changes: readonly (readonly [guid: OperationId, bytes: number, total: number, rate: number])[]
    }
  | {readonly type: 'operation'; readonly operation: OperationView}
  | {
      readonly type: 'transition'
      readonly guid: OperationId
      readonly entry: JournalEntry
      readonly operation: OperationView
    }
  | {readonly type: 'removed'; readonly guid: OperationId}
  | {readonly type: 'group'; readonly group: GroupView}
  | {readonly type: 'conditions'; readonly conditions: Conditions}
  | {
      readonly type: 'log'
      readonly at: number
      readonly level: 'info' | 'warn' | 'error'
      readonly text: string
      readonly guid?: OperationId
    }
  /** Messages were missed: read /api/v1/state again. */
  | {readonly type: 'resync'}

export type CommandRequest =
  /** `retry` ends a wait; a failed download it starts again, as a new operation. */
  | {readonly command: 'pause' | 'resume' | 'retry' | 'cancel' | 'makeCurrent'}
  /** To another place among those that wait in its group. */
  | {readonly command: 'move'; readonly value: LineMove}
  | {readonly command: 'priority'; readonly value: number}
  | {readonly command: 'rate'; readonly value: number | null}
  /** Another address, and headers to set (null: to take away). An address is changed while it is paused only. */
  | {readonly command: 'request'; readonly url?: string; readonly headers?: readonly HeaderChange[]}

export type HeaderChange = readonly [name: string, value: string | null]

/** Everything that is kept of one operation, masked: for a report, or to replay. */
export interface ExportBundle {
  readonly format: 'background-transfer.bundle'
  readonly v: 1
  /** Epoch ms. */
  readonly exportedAt: number
  /** Of the package. */
  readonly version: string
  readonly record: OperationRecord
  readonly explanation: Explanation
  readonly journal: readonly JournalEntry[]
}

export interface Refusal {
  readonly error: {readonly code: string; readonly message: string}
}
