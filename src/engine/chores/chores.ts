/**
 * What the engine has to do beside its operations: the tasks of completion groups, notifications, and what is fetched ahead of
 * need. The first two hear of the starts and ends that they count, and keep what they counted in tallies of the store.
 */

import {Subject} from 'rxjs'
import {TransferError} from '../../domain/errors.ts'
import type {OperationId, TallyId} from '../../domain/operation-id.ts'
import type {OperationRecord} from '../../domain/record.ts'
import {completionGroupRef, type TallyChange, type TallyRef} from '../../domain/tally.ts'
import type {TaskLaunch} from '../../domain/task-view.ts'
import type {RecordStore} from '../../ports/record-store.ts'
import type {TaskHost} from '../../ports/task-runner.ts'
import type {OperationDraft} from '../engine-api.ts'
import type {EngineEvent} from '../events.ts'
import type {DurableWrites} from '../operations/durable-writes.ts'
import type {ResolvedEngineOptions} from '../options.ts'
import type {EnginePorts} from '../ports.ts'
import type {Alarm} from './alarm.ts'
import {CompletionGroups} from './completion-groups.ts'
import {NotificationBatches} from './notification-batches.ts'
import {Prefetcher, type PrefetcherOptions} from './prefetcher.ts'

export interface ChoresOptions {
  readonly ports: EnginePorts
  readonly options: Pick<ResolvedEngineOptions, 'backgroundTasks' | 'prefetch'>
  readonly writes: DurableWrites
  readonly alarm: Alarm
  readonly newId: () => OperationId
  /** Answers the calls of a background task. */
  readonly hostOf: (launch: TaskLaunch) => Pick<TaskHost, 'call'>
  readonly conditions: PrefetcherOptions['conditions']
  readonly isDraining: () => boolean
  readonly requireServing: () => void
  /** Its origin asked for quiet. */
  readonly isQuiet: (url: string) => boolean
  /** An origin asks for so many ms of quiet; `id` stands for whoever asked it. */
  readonly quiet: (url: string, id: OperationId, quietMs: number) => void
  readonly emit: (event: EngineEvent) => void
}

export class Chores {
  readonly completionGroups: CompletionGroups
  readonly notifications: NotificationBatches
  readonly prefetcher: Prefetcher
  /** One of them has gone a step. Hot. */
  readonly steps = new Subject<void>()
  readonly #ports: EnginePorts
  readonly #writes: DurableWrites

  constructor(given: ChoresOptions) {
    const {ports, writes, alarm, newId, hostOf, conditions, isDraining, requireServing, isQuiet, quiet, emit} = given
    const {backgroundTasks, prefetch} = given.options
    this.#ports = ports
    this.#writes = writes
    const onStep = () => this.steps.next()
    this.completionGroups = new CompletionGroups({
      ...ports,
      alarm,
      newId,
      hostOf,
      retry: backgroundTasks,
      maxConcurrent: backgroundTasks.maxConcurrent,
      runTimeoutMs: backgroundTasks.timeoutMs,
      cancelGraceMs: backgroundTasks.cancelGraceMs,
      emit,
      commit: (id, change) => this.#commit(completionGroupRef(id, this.completionGroups.appOf(id)), change),
      read: (id, read) => this.#read(id, read),
      isDraining,
      requireServing,
      onStep,
    })
    this.notifications = new NotificationBatches({
      ...ports,
      newId,
      emit,
      commit: (id, change) => this.#commit({id, purpose: 'notification'}, change),
      read: (id, read) => this.#read(id, read),
      isDraining,
      onStep,
    })
    const prefetcherId = newId()
    this.prefetcher = new Prefetcher({
      ports,
      settings: prefetch,
      isOn: prefetch.isOn,
      writes,
      alarm,
      id: prefetcherId,
      conditions,
      origins: {isQuiet, overloaded: (url, quietMs) => quiet(url, prefetcherId, quietMs)},
      emit,
      onStep,
    })
  }

  /** Any of them has something to do now, and waits for nobody. */
  get areBusy(): boolean {
    return this.completionGroups.areBusy || this.notifications.areBusy || this.prefetcher.isRunning
  }

  /** What earlier sessions left of completion groups and notifications goes on. The prefetcher is started when the line is. */
  async start(): Promise<void> {
    await this.completionGroups.start()
    await this.notifications.start()
  }

  /** Records that are durable. */
  started(records: readonly OperationRecord[]): void {
    this.completionGroups.started(records)
    this.notifications.started(records)
  }

  /** Operations that were created and will never be started. */
  withdraw(drafts: readonly OperationDraft[]): void {
    this.completionGroups.withdraw(drafts)
    this.notifications.withdraw(drafts)
  }

  /** An end that is durable. */
  ended(record: OperationRecord): void {
    this.completionGroups.ended(record)
    this.notifications.ended(record)
  }

  /** Resolves when what was on its way to the disk is there, and running tasks have ended. */
  async drain(): Promise<void> {
    await Promise.all([this.completionGroups.drain(), this.notifications.drain()])
  }

  /** The tallies say the rest. */
  stop(): void {
    this.completionGroups.stop()
    this.notifications.stop()
  }

  #commit(tally: TallyRef, change: TallyChange): Promise<void> {
    const {store, log} = this.#ports
    return this.#writes.persist(
      () => store.changeTally(tally, change),
      (error) => log.error({id: tally.id, error: String(error)}, 'a tally could not be written'),
    )
  }

  #read<T>(id: TallyId, read: (store: RecordStore) => Promise<T>): Promise<T> {
    const {store, log} = this.#ports
    return this.#writes.persist(
      () => read(store),
      (error) => log.error({id, error: String(error)}, 'a tally could not be read'),
      (error) => error instanceof TransferError && error.code === 'STORE_DAMAGED',
    )
  }
}
