/** The completion groups of a host as a client knows them: those that it named, and which tasks are registered. */

import {TransferError} from '../domain/errors.ts'
import type {TallyId} from '../domain/operation-id.ts'
import type {TaskRegistration} from '../domain/tally.ts'
import type {CompletionGroupsApi, OperationDraft} from '../engine/engine-api.ts'
import type {CallQueue} from './call-queue.ts'
import type {HostLink} from './host-link.ts'

interface Known {
  /** That was asked for, and not answered yet. */
  isEnabling: boolean
  /** Drafts that were created for it and not started. */
  expected: number
  /** How much of that is in calls that were not answered: they are said again, after a death of the host too. */
  unanswered: number
}

/** Before anything was asked of it. */
function known(): Known {
  return {isEnabling: false, expected: 0, unanswered: 0}
}

export class RemoteCompletionGroups implements CompletionGroupsApi {
  readonly #calls: CallQueue
  readonly #link: Pick<HostLink, 'demandOpen'>
  readonly #newId: () => TallyId
  /** Those that are not known to be enabled: every other one is, and there may be as many as jobs. */
  readonly #known = new Map<TallyId, Known>()
  #tasks: ReadonlyMap<TallyId, TaskRegistration> = new Map()

  constructor(calls: CallQueue, link: Pick<HostLink, 'demandOpen'>, newId: () => TallyId) {
    this.#calls = calls
    this.#link = link
    this.#newId = newId
  }

  create(): TallyId {
    this.#link.demandOpen()
    const id = this.#newId()
    this.#known.set(id, known())
    this.#calls.tell('createCompletionGroup', {id, expected: 0, again: false})
    return id
  }

  async revive(id: TallyId): Promise<boolean> {
    const {isKnown, isEnabled} = await this.#calls.call('reviveCompletionGroup', {id})
    if (isKnown && !isEnabled && !this.#known.has(id)) this.#known.set(id, known())
    return isKnown
  }

  expect(id: TallyId): void {
    this.#link.demandOpen()
    const known = this.#known.get(id)
    if (known?.isEnabling !== false) {
      throw new TransferError('ILLEGAL_STATE', 'the completion group is enabled: nothing can be added to it', {
        where: id,
      })
    }
    known.expected += 1
    this.#countIn([id], 1, this.#calls.call('expectMember', {id}))
  }

  withdraw(drafts: readonly Pick<OperationDraft, 'completionGroup'>[]): void {
    const groups = drafts.map(({completionGroup}) => completionGroup).filter((each) => each !== undefined)
    if (groups.length === 0) return
    this.started(drafts)
    this.#countIn(groups, -1, this.#calls.call('withdrawMembers', {groups}))
  }

  /** They are the host's from now on. */
  started(drafts: readonly Pick<OperationDraft, 'completionGroup'>[]): void {
    for (const {completionGroup} of drafts) {
      const known = completionGroup === undefined ? undefined : this.#known.get(completionGroup)
      if (known !== undefined) known.expected -= 1
    }
  }

  isEnabled(id: TallyId): boolean {
    return this.#known.get(id)?.isEnabling !== false
  }

  enable(id: TallyId): Promise<void> {
    this.#link.demandOpen()
    const known = this.#known.get(id)
    if (known?.isEnabling !== false) {
      throw new TransferError('ILLEGAL_STATE', 'the completion group is enabled already', {where: id})
    }
    known.isEnabling = true
    return this.#calls
      .call('enableCompletionGroup', {id})
      .then(() => undefined)
      .finally(() => {
        this.#known.delete(id)
      })
  }

  /** The host keeps it, and gives it back to whoever asks for it by its id. Who finds its task does not ask. */
  letGo(id: TallyId): void {
    if (this.#tasks.has(id)) return
    const known = this.#known.get(id)
    if (known?.isEnabling === false && known.expected === 0 && known.unanswered === 0) this.#known.delete(id)
  }

  register(id: TallyId, task: TaskRegistration): Promise<void> {
    this.#link.demandOpen()
    if (this.#tasks.has(id)) throw new TransferError('ILLEGAL_STATE', 'the trigger has a task already', {where: id})
    this.#tasks = new Map([...this.#tasks, [id, task]])
    return this.#calls.call('registerTask', {id, task: {...task, taskId: task.taskId as TallyId}}).then(
      () => undefined,
      (error) => {
        this.#tasks = new Map([...this.#tasks].filter(([, each]) => each !== task))
        throw error
      },
    )
  }

  unregister(id: TallyId): Promise<void> {
    this.#tasks = new Map([...this.#tasks].filter(([group]) => group !== id))
    return this.#calls.call('unregisterTask', {id}).then(() => undefined)
  }

  registrationOf(id: TallyId): TaskRegistration | undefined {
    return this.#tasks.get(id)
  }

  registrations(): readonly (readonly [group: TallyId, task: TaskRegistration])[] {
    return [...this.#tasks]
  }

  /** What the host says. */
  told(tasks: readonly (readonly [group: TallyId, task: TaskRegistration])[]): void {
    this.#tasks = new Map(tasks)
  }

  /** Another life of the host: what it kept in memory only is said again. */
  resync(): void {
    for (const [id, {expected, unanswered}] of this.#known) {
      // What was not answered is said again, behind this.
      const input = {id, expected: Math.max(0, expected - unanswered), again: true}
      this.#calls.tell('createCompletionGroup', input)
    }
  }

  /** `by` for each of these groups, until the call is answered. */
  #countIn(groups: readonly TallyId[], by: number, call: Promise<unknown>): void {
    const count = (change: number) => {
      for (const id of groups) {
        const known = this.#known.get(id)
        if (known !== undefined) known.unanswered += change
      }
    }
    count(by)
    call.then(
      () => count(-by),
      () => count(-by),
    )
  }
}
