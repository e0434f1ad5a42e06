/** What the chart of a part (one more connection of a try), its byte path and the chart of its operation say to each other. */

import type {SerializedError} from './errors.ts'
import type {OperationId} from './operation-id.ts'
import type {OperationSettings} from './operation-settings.ts'
import type {AttemptCounts} from './record.ts'

/** Unique in a try; counts from 1. */
export type PartId = `part-${number}`

/** What one connection of a try with parts has to bring now. */
export interface ConnectionStanding {
  /** The try's own is `first`. */
  readonly connection: 'first' | PartId
  /** Which of the file's addresses it asks, as `sourcesOf` numbers them. */
  readonly source: number
  /** The first byte of its stretch, the one behind its last, and the one that comes next. */
  readonly start: number
  readonly end: number
  readonly position: number
  /** Bytes a second, as last measured. */
  readonly rate?: number
}

/** What the byte path of a part reports. */
export type PartReport =
  | {readonly type: 'part.connected'}
  | {readonly type: 'part.redirected'}
  | {readonly type: 'part.challenged'}
  /** The answer is one of the version that the others bring: its body comes. */
  | {readonly type: 'part.responded'}
  | {readonly type: 'part.progressed'}
  /** Its stretch is here, and there is another one for it. */
  | {readonly type: 'part.continuing'}
  /** Nothing is left for it, or it is not wanted any more. */
  | {readonly type: 'part.finished'}
  /** The connection broke, or was refused. */
  | {readonly type: 'part.broken'; readonly error: SerializedError}

/** What the chart of a part tells its operation’s. */
export type PartEvent =
  | {readonly type: 'part.failed'; readonly part: PartId}
  | {readonly type: 'part.ended'; readonly part: PartId}

/** What the chart of its operation answers. */
export interface PartCounted {
  readonly type: 'part.counted'
  /** With this failure counted. */
  readonly counts: AttemptCounts
}

/** What the chart of a part tells its byte path. */
export type PartCommand = {readonly type: 'checkpoint.due'}

export interface PartInput {
  readonly operation: OperationId
  readonly part: PartId
  readonly settings: OperationSettings
  /** WebErrorStatus values that pause the operation instead of failing it. */
  readonly recoverable: readonly number[]
}

export interface WeighPartInput {
  readonly error: SerializedError
  readonly counts: AttemptCounts
  readonly settings: OperationSettings
  readonly recoverable: readonly number[]
}

/** What follows the failure of a part: another request after so many ms, or none. */
export type PartDecision = {readonly kind: 'retry'; readonly afterMs: number} | {readonly kind: 'end'}
