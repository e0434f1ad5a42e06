/** What the engine tells its observers: one stream, one union. Every event is told after what it says is durable. */

import type {SerializedError} from '../domain/errors.ts'
import type {JournalEntry} from '../domain/journal.ts'
import type {Notice} from '../domain/notice.ts'
import type {OperationId, TallyId} from '../domain/operation-id.ts'
import type {PrefetchCounts, PrefetchOutcome} from '../domain/prefetch.ts'
import type {OperationRecord} from '../domain/record.ts'
import type {LifeState} from '../domain/status.ts'

export type EngineEvent =
  /** An operation was accepted: its record is on the disk. */
  | {readonly type: 'operation.started'; readonly at: number; readonly record: OperationRecord}
  /** The chart of an operation went from one state to another. `from` and `to` are state paths such as running.exchanging.active.connecting. */
  | {
      readonly type: 'operation.moved'
      readonly at: number
      readonly id: OperationId
      readonly from: string
      readonly to: string
      readonly state: LifeState
      /** The event that the chart took. */
      readonly because: string
      /** The same as its journal has it. */
      readonly entry: JournalEntry
      readonly record: OperationRecord
    }
  /** Bytes were thrown away and the transfer began again at zero. */
  | {
      readonly type: 'operation.restarted'
      readonly at: number
      readonly id: OperationId
      readonly record: OperationRecord
    }
  /** Records of ended operations were removed, and with those of failed ones their parts; finished files never are. */
  | {readonly type: 'operation.forgotten'; readonly at: number; readonly ids: readonly OperationId[]}
  /** A completion group's members have all ended, and its task begins: `run` counts the tries from 1; `app` names its application, as in those that follow. */
  | {
      readonly type: 'task.launched'
      readonly at: number
      readonly group: TallyId
      readonly app?: string
      readonly run: number
    }
  /** The task said how far it is, in its own measure. */
  | {
      readonly type: 'task.progressed'
      readonly at: number
      readonly group: TallyId
      readonly app?: string
      readonly progress: number
    }
  /** The task is through, and will not run again. */
  | {
      readonly type: 'task.completed'
      readonly at: number
      readonly group: TallyId
      readonly app?: string
      readonly run: number
    }
  /** A try of the task failed. Without `retryAt` (epoch ms) it was the last. */
  | {
      readonly type: 'task.failed'
      readonly at: number
      readonly group: TallyId
      readonly app?: string
      readonly run: number
      readonly error: SerializedError
      readonly retryAt?: number
    }
  /** An enabled group's members have all ended, and no task was registered for it. */
  | {readonly type: 'completion.dropped'; readonly at: number; readonly group: TallyId; readonly app?: string}
  /**
   * Every operation of a batch with notifications has ended: what is told of it, and whether this machine had a way to show it.
   * Once a batch.
   */
  | ({readonly type: 'notification.raised'; readonly at: number; readonly shown: boolean} & Notice)
  /** What is to be fetched ahead of need is another list now. */
  | {readonly type: 'prefetch.changed'; readonly at: number}
  /** A run of the prefetcher begins. It ends with `prefetch.ended`, unless something breaks it off. */
  | {readonly type: 'prefetch.started'; readonly at: number}
  /** None of the addresses of the index counts (`url` is redacted). */
  | {readonly type: 'prefetch.indexIgnored'; readonly at: number; readonly url: string; readonly reason: string}
  /** What became of one address (redacted). */
  | {
      readonly type: 'prefetch.fetched'
      readonly at: number
      readonly url: string
      readonly outcome: PrefetchOutcome
    }
  /** A run came to its end; the next is due at `nextAt` (epoch ms). */
  | {readonly type: 'prefetch.ended'; readonly at: number; readonly counts: PrefetchCounts; readonly nextAt: number}
  /** Live counters of everything that moved since the last tick; at most ten times a second. */
  | {readonly type: 'progress'; readonly at: number; readonly changes: readonly ProgressChange[]}
  /** A record could not be written. It is tried again; until then the operation goes on and its promises do not settle. */
  | {readonly type: 'store.failed'; readonly at: number; readonly id: OperationId; readonly message: string}
  /**
   * Told by a connected engine of its own: its host takes what it is asked and has said nothing for `silentMs`. What waits goes on
   * waiting; whoever does not want that closes the engine.
   */
  | {readonly type: 'host.fellSilent'; readonly at: number; readonly pid: number; readonly silentMs: number}
  /** It is heard again, or is known to be gone. */
  | {readonly type: 'host.silenceEnded'; readonly at: number; readonly pid: number}

export interface ProgressChange {
  readonly id: OperationId
  /** Of an upload: bytes of the answer. */
  readonly bytesReceived: number
  /** 0 while unknown, as the namespace has it. */
  readonly totalBytesToReceive: number
  /** Of an upload only. */
  readonly bytesSent?: number
  /** Of an upload only. */
  readonly totalBytesToSend?: number
}
