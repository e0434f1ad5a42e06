/**
 * The completion groups of an engine: one chart each from its creation, or from recovery, until its task ran. Counts what was
 * created and never started, hears of starts and ends, and keeps the registrations of tasks.
 */

import {createActor, waitFor} from 'xstate'
import type {CompletionGroupActor} from '../../../machines/completion-group.machine.ts'
import type {CompletionGroupEvent} from '../../../machines/completion-group.setup.ts'
import {TransferError} from '../../domain/errors.ts'
import {lazily} from '../../domain/lazily.ts'
import type {TallyId} from '../../domain/operation-id.ts'
import type {OperationRecord} from '../../domain/record.ts'
import {
  completionGroupRef,
  emptyTally,
  runDueAt,
  type Tally,
  type TallyChange,
  type TaskRegistration,
} from '../../domain/tally.ts'
import {pathOf} from '../operations/record-of.ts'
import type {Alarm} from './alarm.ts'
import {provideCompletionGroupMachine, type TaskProvisions} from './provide-tasks.ts'

export interface CompletionGroupsOptions extends TaskProvisions {
  readonly alarm: Alarm
  readonly newId: () => TallyId
  readonly runTimeoutMs: number
  readonly cancelGraceMs: number
  readonly isDraining: () => boolean
  /** Throws CLOSED. */
  readonly requireServing: () => void
  /** Called when a group has gone a step. */
  readonly onStep: () => void
}

/** Where a group waits for the application or its members. */
const PASSIVE = ['collecting', 'held', 'waiting'] as const
/** Where a group waits for others, and owes nothing to the disk. */
const RESTING = [...PASSIVE, 'backingOff'] as const

/** Whose a group, or a batch, is. */
export interface Owned {
  /** The application, where that has a name. */
  readonly app?: string | undefined
}

interface Group extends Owned {
  readonly id: TallyId
  readonly actor: CompletionGroupActor
  /** The chart's state as it was told last. */
  path: string
}

export class CompletionGroups {
  readonly #options: CompletionGroupsOptions
  readonly #machine: () => ReturnType<typeof provideCompletionGroupMachine>
  /** Those whose task has not run. A group that is not here has fired. */
  readonly #groups = new Map<TallyId, Group>()
  /** Registrations by their group; they end when it fires. */
  readonly #tasks = new Map<TallyId, Owned & {readonly task: TaskRegistration}>()
  /** Registrations on their way to the disk: a group is not enabled before they are there. */
  readonly #registering = new Map<TallyId, Promise<void>>()

  constructor(options: CompletionGroupsOptions) {
    this.#options = options
    this.#machine = lazily(() =>
      provideCompletionGroupMachine({
        ...options,
        commit: async (id, change) => {
          if (change.kind === 'close') await this.#registering.get(id)
          await options.commit(id, change)
        },
        // Whoever registered before the end was told is told of the end.
        read: async (id, read) => {
          await this.#registering.get(id)
          return options.read(id, read)
        },
      }),
    )
  }

  /** What earlier sessions left: those that are enabled go on, those that are due fire. */
  async start(): Promise<void> {
    for (const tally of await this.#options.store.tallies()) {
      if (tally.purpose !== 'completionGroup' || tally.state === 'done') continue
      const {id, app, task} = tally
      if (task !== undefined && tally.state !== 'due') this.#tasks.set(id, {task, app})
      if (tally.state !== 'open') this.#begin(tally)
    }
  }

  /** `id`, and whose it is: for one that was named by a client of a host. Throws CLOSED. */
  create(id: TallyId = this.#options.newId(), app?: string): TallyId {
    this.#options.requireServing()
    this.#begin(emptyTally(completionGroupRef(id, app)))
    return id
  }

  /** The application of one whose task has not run. */
  appOf(id: TallyId): string | undefined {
    return this.#groups.get(id)?.app
  }

  /** Whose it is; undefined when there is no such group. */
  async ownerOf(id: TallyId): Promise<Owned | undefined> {
    return this.#groups.get(id) ?? (await this.#options.store.tally(id))
  }

  /** A group of an earlier session that was never enabled takes operations again. False when there is no such group. */
  async revive(id: TallyId): Promise<boolean> {
    if (this.#groups.has(id)) return true
    const tally = await this.#options.store.tally(id)
    if (tally === undefined || tally.purpose !== 'completionGroup') return false
    if (tally.state === 'open' && !this.#groups.has(id)) this.#begin(tally)
    return true
  }

  /** An operation was created for it, or several. Throws ILLEGAL_STATE once it is enabled, CLOSED. */
  expect(id: TallyId, count = 1): void {
    this.#options.requireServing()
    if (this.isEnabled(id)) {
      throw new TransferError('ILLEGAL_STATE', 'the completion group is enabled: nothing can be added to it', {
        where: id,
      })
    }
    this.#send(id, {type: 'member.created', count})
  }

  /** Operations that were created and will never be started. */
  withdraw(records: readonly Pick<OperationRecord, 'completionGroup'>[]): void {
    for (const {completionGroup} of records) this.#send(completionGroup, {type: 'member.withdrawn'})
  }

  /** So many operations that were created for it and will never be started. */
  withdrawSome(id: TallyId, count: number): void {
    this.#send(id, {type: 'member.withdrawn', count})
  }

  /** Records that are durable. */
  started(records: readonly OperationRecord[]): void {
    for (const {completionGroup} of records) this.#send(completionGroup, {type: 'member.started'})
  }

  /** An end that is durable. */
  ended({completionGroup}: OperationRecord): void {
    this.#send(completionGroup, {type: 'member.ended'})
  }

  /** Nobody has a handle of it any more: it goes, unless operations or a task belong to it. */
  letGo(id: TallyId): void {
    if (!this.#tasks.has(id)) this.#send(id, {type: 'group.letGo'})
  }

  /** Whether the group has yet to tell of its members: their records must stay. */
  awaits({completionGroup}: OperationRecord): boolean {
    return completionGroup !== undefined && this.#groups.has(completionGroup)
  }

  isEnabled(id: TallyId): boolean {
    return this.#groups.get(id)?.actor.getSnapshot().hasTag('enabled') !== false
  }

  hasFired(id: TallyId): boolean {
    const snapshot = this.#groups.get(id)?.actor.getSnapshot()
    return snapshot === undefined || snapshot.hasTag('firing') || snapshot.hasTag('over')
  }

  /** Whether it is among those whose task has not run. */
  has(id: TallyId): boolean {
    return this.#groups.has(id)
  }

  /** Whether this very task was registered with it, as far as the records of its members still say so. */
  async hasHad(id: TallyId, taskId: string): Promise<boolean> {
    return (await this.#options.store.tally(id))?.task?.taskId === taskId
  }

  /** Holds at once; resolves when it is durable. Throws ILLEGAL_STATE the second time, CLOSED. */
  enable(id: TallyId): Promise<void> {
    this.#options.requireServing()
    const group = this.#groups.get(id)
    if (group === undefined || this.isEnabled(id)) {
      throw new TransferError('ILLEGAL_STATE', 'the completion group is enabled already', {where: id})
    }
    group.actor.send({type: 'group.enable'})
    return waitFor(group.actor, (snapshot) => !snapshot.matches('enabling'), {timeout: Number.POSITIVE_INFINITY}).then(
      (snapshot) => {
        if (snapshot.matches('interrupted'))
          throw new TransferError('CLOSED', 'the engine was closed first', {where: id})
      },
    )
  }

  /** Holds at once; resolves when it is durable. Throws ILLEGAL_STATE when its trigger has a task, or has fired (O40); CLOSED. */
  register(id: TallyId, task: TaskRegistration): Promise<void> {
    this.#options.requireServing()
    if (this.hasFired(id)) throw new TransferError('ILLEGAL_STATE', 'the trigger has fired', {where: id})
    if (this.#tasks.has(id)) throw new TransferError('ILLEGAL_STATE', 'the trigger has a task already', {where: id})
    this.#tasks.set(id, {task, app: this.#groups.get(id)?.app})
    return this.#changeTask(id, {kind: 'register', task})
  }

  /** No effect when the trigger has fired, or has no task. */
  unregister(id: TallyId): Promise<void> {
    return this.#tasks.delete(id) ? this.#changeTask(id, {kind: 'unregister'}) : Promise.resolve()
  }

  registrationOf(id: TallyId): TaskRegistration | undefined {
    return this.#tasks.get(id)?.task
  }

  /** `app`: those of this application only. */
  registrations(app?: string): readonly (readonly [group: TallyId, task: TaskRegistration])[] {
    const entries = [...this.#tasks].filter(([, each]) => app === undefined || each.app === app)
    return entries.map(([id, {task}]) => [id, task])
  }

  /** Whether any of them has something to do that waits neither for the application nor for a member: a task that runs, or is tried again. */
  get areBusy(): boolean {
    return [...this.#groups.values()].some(({actor}) => !PASSIVE.some((state) => actor.getSnapshot().matches(state)))
  }

  /** What is on its way to the disk gets there, and running tasks are told to end; resolves when every group rests. */
  async drain(): Promise<void> {
    const groups = [...this.#groups.values()]
    for (const {actor} of groups) actor.send({type: 'engine.draining'})
    const isResting = (snapshot: ReturnType<CompletionGroupActor['getSnapshot']>) =>
      snapshot.status !== 'active' || RESTING.some((state) => snapshot.matches(state))
    await Promise.all(groups.map(({actor}) => waitFor(actor, isResting, {timeout: Number.POSITIVE_INFINITY})))
  }

  /** The tallies say the rest. Whoever asks is told how they stood. */
  stop(): void {
    for (const {actor} of this.#groups.values()) actor.stop()
  }

  #begin(tally: Tally): void {
    const {runTimeoutMs, cancelGraceMs, clock} = this.#options
    const {id, app} = tally
    const actor = createActor(this.#machine(), {
      id: `completion:${id}`,
      input: {tally, runTimeoutMs, cancelGraceMs},
      clock,
    })
    const group: Group = {id, app, actor, path: ''}
    this.#groups.set(id, group)
    actor.subscribe({
      next: () => this.#observe(group),
      error: (error) => {
        this.#groups.delete(id)
        this.#options.log.error({id, error: String(error)}, 'a completion group’s chart failed')
        this.#options.onStep()
      },
    })
    actor.start()
  }

  #send(id: TallyId | undefined, event: CompletionGroupEvent): void {
    const actor = id === undefined ? undefined : this.#groups.get(id)?.actor
    if (actor?.getSnapshot().status === 'active') actor.send(event)
  }

  #observe(group: Group): void {
    const {id, actor} = group
    const snapshot = actor.getSnapshot()
    const path = pathOf(snapshot.value)
    if (path === group.path) return
    group.path = path
    // The registration ends by itself when the trigger fires.
    if (snapshot.hasTag('firing') || snapshot.hasTag('over')) this.#tasks.delete(id)
    this.#tell(group, snapshot.context)
    if (snapshot.hasTag('over')) this.#groups.delete(id)
    // One chart's step must not step another chart.
    else if (this.#options.isDraining()) queueMicrotask(() => this.#send(id, {type: 'engine.draining'}))
    this.#options.onStep()
  }

  #tell(
    {id, app, path}: Group,
    {runs, retryAt, failure}: ReturnType<CompletionGroupActor['getSnapshot']>['context'],
  ): void {
    const {alarm, emit, clock, log} = this.#options
    const at = clock.now()
    const of = {group: id, ...(app === undefined ? {} : {app})}
    switch (path) {
      case 'firing.running.working':
        emit({type: 'task.launched', at, ...of, run: runs})
        return
      case 'backingOff':
        if (failure !== undefined)
          emit({type: 'task.failed', at, ...of, run: runs, error: failure, retryAt: retryAt ?? at})
        alarm.set(id, runDueAt(retryAt ?? at, at), {wake: () => this.#send(id, {type: 'retry.due'})})
        return
      case 'fired':
        emit({type: 'task.completed', at, ...of, run: runs})
        return
      case 'failed':
        if (failure !== undefined) emit({type: 'task.failed', at, ...of, run: runs, error: failure})
        return
      case 'dropped':
        emit({type: 'completion.dropped', at, ...of})
        return
      case 'interrupted':
        // A task that the engine's close broke off is tried again as soon as there is an engine.
        if (failure !== undefined && retryAt !== undefined)
          emit({type: 'task.failed', at, ...of, run: runs, error: failure, retryAt})
        else if (failure !== undefined)
          log.warn({id, error: failure.message}, 'a completion group waits for the next session')
        return
    }
  }

  #changeTask(id: TallyId, change: TallyChange): Promise<void> {
    const before = this.#registering.get(id) ?? Promise.resolve()
    const changed = this.#options.commit(id, change)
    const both = Promise.allSettled([before, changed]).then(() => {
      if (this.#registering.get(id) === both) this.#registering.delete(id)
    })
    this.#registering.set(id, both)
    this.#send(id, {type: 'task.changed'})
    return changed
  }
}
