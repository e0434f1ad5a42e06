/**
 * The batches of operations that somebody is notified of: a chart each while operations of it wait to be started, and from an
 * end until nothing is owed. Hears of starts and ends, and tells what was shown.
 */

import {createActor, fromPromise, waitFor} from 'xstate'
import {
  type NotificationBatchActor,
  type NotificationBatchEvent,
  type NotificationCommitInput,
  notificationBatchMachine,
} from '../../../machines/notification-batch.machine.ts'
import {lazily} from '../../domain/lazily.ts'
import type {Notice} from '../../domain/notice.ts'
import type {TallyId} from '../../domain/operation-id.ts'
import type {OperationRecord} from '../../domain/record.ts'
import type {Tally, TallyChange} from '../../domain/tally.ts'
import type {Clock} from '../../ports/clock.ts'
import type {Log} from '../../ports/log.ts'
import type {Notifier} from '../../ports/notifier.ts'
import type {RecordStore} from '../../ports/record-store.ts'
import type {EngineEvent} from '../events.ts'
import {pathOf} from '../operations/record-of.ts'
import type {Owned} from './completion-groups.ts'

/** ms that the machine has to show one. */
const SHOW_TIMEOUT_MS = 5_000

export interface NotificationBatchesOptions {
  readonly store: RecordStore
  readonly notifier: Notifier
  readonly clock: Clock
  readonly log: Log
  readonly newId: () => TallyId
  readonly emit: (event: EngineEvent) => void
  /** Resolves when the change is durable. */
  readonly commit: (id: TallyId, change: TallyChange) => Promise<void>
  /** Asks until the store answers. Rejects when the engine closes first, and when what it reads does not verify. */
  readonly read: <T>(id: TallyId, read: (store: RecordStore) => Promise<T>) => Promise<T>
  readonly isDraining: () => boolean
  /** Called when a batch has gone a step. */
  readonly onStep: () => void
}

type Snapshot = ReturnType<NotificationBatchActor['getSnapshot']>

interface Batch extends Owned {
  readonly id: TallyId
  readonly actor: NotificationBatchActor
  /** The chart's state as it was told last. */
  path: string
}

export class NotificationBatches {
  readonly #options: NotificationBatchesOptions
  readonly #machine: () => ReturnType<typeof provide>
  /** Those that have anything to do; of the others the tallies know. */
  readonly #batches = new Map<TallyId, Batch>()

  constructor(options: NotificationBatchesOptions) {
    this.#options = options
    this.#machine = lazily(() => provide(options))
  }

  /** What is owed since an earlier session is shown now. */
  async start(): Promise<void> {
    for (const tally of await this.#options.store.tallies()) {
      if (tally.purpose === 'notification' && tally.state === 'due') this.#begin(tally.id, tally.app, tally)
    }
  }

  create(): TallyId {
    return this.#options.newId()
  }

  /** An operation was created for it, beside others: it is not over before that one is. */
  expect(id: TallyId, app?: string): void {
    const batch = this.#batches.get(id) ?? this.#begin(id, app)
    batch.actor.send({type: 'member.created'})
  }

  /** Whose it is; undefined when there is no such batch. */
  async ownerOf(id: TallyId): Promise<Owned | undefined> {
    return this.#batches.get(id) ?? (await this.#options.store.tally(id))
  }

  /** Operations that were created and will never be started. */
  withdraw(records: readonly Pick<OperationRecord, 'notificationBatch'>[]): void {
    for (const {notificationBatch} of records) this.#send(notificationBatch?.id, {type: 'member.withdrawn'})
  }

  /** Records that are durable. */
  started(records: readonly Pick<OperationRecord, 'notificationBatch'>[]): void {
    for (const {notificationBatch} of records) this.#send(notificationBatch?.id, {type: 'member.started'})
  }

  /** An end that is durable. */
  ended({notificationBatch, app}: OperationRecord): void {
    if (notificationBatch === undefined) return
    const {id} = notificationBatch
    if (this.#batches.has(id)) this.#send(id, {type: 'member.ended'})
    else this.#begin(id, app)
  }

  /** Whether any of them is looked up, or shown. */
  get areBusy(): boolean {
    return [...this.#batches.values()].some(({actor}) => !actor.getSnapshot().hasTag('resting'))
  }

  /** What is being shown gets its time; resolves when nothing is under way any more. */
  async drain(): Promise<void> {
    const batches = [...this.#batches.values()]
    for (const {actor} of batches) actor.send({type: 'engine.draining'})
    const isResting = (snapshot: Snapshot) => snapshot.status !== 'active' || snapshot.hasTag('resting')
    await Promise.all(batches.map(({actor}) => waitFor(actor, isResting, {timeout: Number.POSITIVE_INFINITY})))
  }

  /** The tallies say the rest. */
  stop(): void {
    for (const {actor} of this.#batches.values()) actor.stop()
    this.#batches.clear()
  }

  #begin(id: TallyId, app: string | undefined, tally?: Tally): Batch {
    const {clock, log} = this.#options
    const actor = createActor(this.#machine(), {
      id: `notification:${id}`,
      input: {id, showTimeoutMs: SHOW_TIMEOUT_MS, ...(tally === undefined ? {} : {tally})},
      clock,
    })
    const batch: Batch = {id, app, actor, path: ''}
    this.#batches.set(id, batch)
    actor.subscribe({
      next: () => this.#observe(batch),
      error: (error) => {
        this.#batches.delete(id)
        log.error({id, error: String(error)}, 'the chart of a batch with notifications failed')
        this.#options.onStep()
      },
    })
    actor.start()
    return batch
  }

  #send(id: TallyId | undefined, event: NotificationBatchEvent): void {
    if (id !== undefined) this.#batches.get(id)?.actor.send(event)
  }

  #observe(batch: Batch): void {
    const {id, actor} = batch
    const snapshot = actor.getSnapshot()
    const path = pathOf(snapshot.value)
    const before = batch.path
    if (path === before) return
    batch.path = path
    const {notice, shown, failure} = snapshot.context
    if (before === 'showing' && notice !== undefined)
      this.#options.emit({type: 'notification.raised', at: this.#options.clock.now(), ...notice, shown})
    if (path === 'interrupted' && failure !== undefined)
      this.#options.log.warn({id, error: failure.message}, 'a notification waits for the next session')
    if (snapshot.hasTag('over')) this.#batches.delete(id)
    // One chart's step must not step another chart.
    else if (this.#options.isDraining()) queueMicrotask(() => this.#send(id, {type: 'engine.draining'}))
    this.#options.onStep()
  }
}

/** The chart with the actors that ports make real. */
function provide({commit, read, notifier, log}: NotificationBatchesOptions) {
  return notificationBatchMachine().provide({
    actors: {
      commitChange: fromPromise<void, NotificationCommitInput>(({input}) => commit(input.id, input.change)),
      readTally: fromPromise<Tally | undefined, {id: TallyId}>(({input: {id}}) => read(id, (store) => store.tally(id))),
      showNotice: fromPromise<boolean, {notice: Notice | undefined}>(async ({input: {notice}}) => {
        if (notice === undefined) return false
        try {
          return (await notifier.show(notice)) === true
        } catch (error) {
          log.warn({batch: notice.batch, error: String(error)}, 'a notification could not be shown')
          return false
        }
      }),
    },
  })
}
