/**
 * The channels of node:diagnostics_channel on which everything that happens is told, and what stands in each message. This is
 * the one tap: whoever measures or traces subscribes here, and the engine knows nothing of it. Messages are plain, hold no
 * secret, and gain members but never lose any.
 */

import {channel, subscribe, unsubscribe} from 'node:diagnostics_channel'
import type {OperationId} from '../domain/operation-id.ts'
import type {LifeState} from '../domain/status.ts'

interface Told {
  /** Which engine of this process: 1, 2, … in the order of opening. */
  readonly engine: number
  /** Epoch ms. */
  readonly at: number
}

interface OperationTold extends Told {
  readonly id: OperationId
  /** Host of the requested address, without port. */
  readonly server: string
  /** '' without a group. */
  readonly group: string
}

/** An engine read its store and is about to recover: how many unfinished operations stand in which state. */
export interface EngineOpenMessage extends Told {
  readonly unfinished: Readonly<Partial<Record<LifeState, number>>>
}

export interface EngineCloseMessage extends Told {}

/** An operation was accepted, or went from one life state to another. */
export interface TransferStateMessage extends OperationTold {
  readonly state: LifeState
  /** Absent when it was accepted just now. */
  readonly previous?: LifeState
  /** The event that its chart took; 'operation.start' when it was accepted. */
  readonly because: string
  /** ms from acceptance to the wire, when it goes there for the first time. */
  readonly queuedMs?: number
  /** ms from acceptance to the end, when it ended. */
  readonly durationMs?: number
  /** Code of the error it stands at or ended with. */
  readonly error?: string
}

/** A try failed, and another one follows. */
export interface TransferRetryMessage extends OperationTold {
  /** Code of the error. */
  readonly error: string
  /** Epoch ms of the next try; absent when it comes at once. */
  readonly retryAt?: number
}

/** Bytes were thrown away and the transfer began again at zero. */
export interface TransferRestartMessage extends OperationTold {
  /** Number of the new part file. */
  readonly generation: number
}

export interface TransferProgressMessage extends Told {
  readonly changes: readonly {
    readonly id: OperationId
    readonly server: string
    /** Body bytes since the message before; what is fetched a second time counts a second time. */
    readonly added: number
  }[]
}

/** One try over HTTP: the same object from start to end, as tracing channels have it. */
export interface AttemptMessage extends OperationTold {
  /** The tries of the present start, this one included. */
  readonly attempt: number
  /** Durable bytes at its start. */
  readonly from: number
  /** Set when it has ended. */
  endedAt?: number
  /** Bytes that are here at its end: durable ones, or all of them when it finished. */
  to?: number
  /** yielded: it was paused, displaced or canceled. */
  outcome?: 'finished' | 'failed' | 'yielded'
  /** HTTP status of the answer, if there was one. */
  status?: number
  /** Code of the error it failed with. */
  error?: string
}

export interface StoreFailedMessage extends Told {
  readonly id: OperationId
  readonly message: string
}

/** Each channel's name, and what is told on it. */
export interface DiagnosticMessages {
  'bgt:engine:open': EngineOpenMessage
  'bgt:engine:close': EngineCloseMessage
  'bgt:transfer:state': TransferStateMessage
  'bgt:transfer:retry': TransferRetryMessage
  'bgt:transfer:restart': TransferRestartMessage
  'bgt:transfer:progress': TransferProgressMessage
  /** These five as a tracing channel has them for a promise: start and end, then, when it is over, error, asyncStart, asyncEnd. */
  'bgt:attempt:start': AttemptMessage
  'bgt:attempt:end': AttemptMessage
  'bgt:attempt:asyncStart': AttemptMessage
  'bgt:attempt:asyncEnd': AttemptMessage
  'bgt:attempt:error': AttemptMessage
  'bgt:store:failed': StoreFailedMessage
}

export type ChannelName = keyof DiagnosticMessages

export interface Teller<Message> {
  /** Nobody listens: then there is no need to make a message. */
  readonly hasSubscribers: boolean
  publish(message: Message): void
}

export function teller<Name extends ChannelName>(name: Name): Teller<DiagnosticMessages[Name]> {
  return channel(name)
}

/** Listens until the function that it returns is called. */
export function listen<Name extends ChannelName>(
  name: Name,
  hear: (message: DiagnosticMessages[Name]) => void,
): () => void {
  const listener = (message: unknown) => hear(message as DiagnosticMessages[Name])
  subscribe(name, listener)
  return () => {
    unsubscribe(name, listener)
  }
}
