/**
 * What the charts of a download and of an upload are born from, keep and hear. It is one vocabulary, so that groups, the journal
 * and the inspector need not know which of the two they have.
 */

import type {AttemptEvent} from '../src/domain/attempt.ts'
import type {Conditions} from '../src/domain/conditions.ts'
import type {SerializedError} from '../src/domain/errors.ts'
import type {OperationSettings} from '../src/domain/operation-settings.ts'
import type {PartEvent} from '../src/domain/part.ts'
import type {Evidence, OperationFacts, OperationRecord, TransferPolicy} from '../src/domain/record.ts'
import type {LifeState} from '../src/domain/status.ts'

/** What became of an operation while a batch carried it. */
export interface Carried {
  /** Why its try failed, where it did; its record counts that already. */
  readonly failure?: SerializedError | undefined
}

export interface OperationInput {
  readonly record: OperationRecord
  readonly conditions: Conditions
  readonly settings: OperationSettings
  /** Position from which bytes are wanted first (random access). */
  readonly wanted?: number | undefined
  /** A batch of small files carried it until now: it goes on at once. */
  readonly carried?: Carried | undefined
}

export interface OperationContext {
  readonly facts: OperationFacts
  /** The life state that the record named; read by restoring alone. */
  readonly restoredFrom: LifeState
  /** Read by restoring alone. */
  readonly wasCarried?: boolean
  readonly conditions: Conditions
  readonly settings: OperationSettings
  /** Position from which bytes are wanted first (random access); a wish of this process, not kept. */
  readonly wanted?: number | undefined
  /** Why the present try failed; read by weighing alone. */
  readonly failure?: SerializedError
}

export type OperationEvent =
  | AttemptEvent
  | PartEvent
  | {readonly type: 'operation.admit'}
  | {readonly type: 'operation.displace'}
  | {readonly type: 'operation.suspend'}
  | {readonly type: 'operation.pause'}
  /** `sequence` is the new place at the end of its class. */
  | {readonly type: 'operation.resume'; readonly sequence: number}
  | {readonly type: 'operation.cancel'}
  | {readonly type: 'operation.reprioritize'; readonly policy: TransferPolicy; readonly sequence: number}
  | {readonly type: 'policy.changed'; readonly policy: TransferPolicy}
  /** The same address, other headers. */
  | {readonly type: 'headers.changed'; readonly request: OperationFacts['request']}
  | {readonly type: 'request.changed'; readonly request: OperationFacts['request']; readonly evidence: Evidence}
  | {readonly type: 'conditions.changed'; readonly conditions: Conditions}
  | {readonly type: 'retry.due'}
  /** Somebody does not want to wait for the deadline. */
  | {readonly type: 'operation.retry'}
  /** Random access: bytes from there on are wanted before all others. */
  | {readonly type: 'range.wanted'; readonly position: number}

/** What groups and the engine read from a state, beside the life state that it means. */
export type OperationTag = LifeState | 'passive' | 'moving' | 'holding'
