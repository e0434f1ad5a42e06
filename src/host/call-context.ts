/** What the calls of a session act on, and what answers each of them. */

import type {OperationId, TallyId} from '../domain/operation-id.ts'
import type {Engine} from '../engine/engine.ts'
import type {HeldOperations} from './held-operations.ts'
import type {CallAnswer, CallInput, CallName, HostMessage} from './protocol.ts'

/** By their operations to come; each value is that of one try to send it. */
export type Bodies = Map<OperationId, AbortSignal>

/** What the calls of one session act on. */
export interface CallContext {
  readonly engine: Engine
  /** Undefined: a client that sees everything. */
  readonly app: string | undefined
  readonly held: HeldOperations
  readonly inspectors: {
    open(options: CallInput<'inspect'>, owner: CallContext): Promise<CallAnswer<'inspect'>>
    /** One that this session opened. */
    close(port: number, owner: CallContext): Promise<void>
    /** All that this session opened. */
    closeAll(owner: CallContext): Promise<void>
  }
  /** Tells every session. */
  tellAll(message: HostMessage): void
  /** Tells every session which tasks are registered, as far as it may see them. */
  tellTasks(): void
  watch(events: boolean): void
  closeBytes(source: string): void
  /** Drafts of this session that keep a completion group from firing. */
  readonly expected: Map<OperationId, number>
  /** Drafts of this session that batches with notifications wait for, with their batch. */
  readonly notified: Map<OperationId, TallyId>
  /** What it held is let go of: whatever was under way still may hold nothing more. */
  isGone(): boolean
  /** Settles when what was asked of a completion group, or of a batch with notifications, last has been done. */
  readonly groupTurns: Map<OperationId, Promise<void>>
  /** Operations to come that this session sent bodies for. */
  readonly bodies: Bodies
  /** Operations that this session may exempt from saving power, until their own facts say that they are. */
  readonly exempted: Set<OperationId>
  /** Starts take their turns: what is started first stands in line first. */
  startTurn: Promise<unknown>
}

export type Handlers = {
  readonly [Name in CallName]: (
    context: CallContext,
    input: CallInput<Name>,
  ) => Promise<CallAnswer<Name>> | CallAnswer<Name>
}
