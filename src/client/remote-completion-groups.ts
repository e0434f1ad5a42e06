/** The completion groups of a host as a client knows them: those that it named, and which tasks are registered. */

import {TransferError} from '../domain/errors.ts'
import type {TallyId, TaskRegistration} from '../domain/tally.ts'
import type {CompletionGroupsApi, OperationDraft} from '../engine/engine-api.ts'
import type {CallQueue} from './call-queue.ts'

interface Known {
  isEnabled: boolean
  /** Drafts that were created for it and not started. */
  expected: number
}

export class RemoteCompletionGroups implements CompletionGroupsApi {
  readonly #calls: CallQueue
  readonly #newId: () => TallyId
  readonly #known = new Map<TallyId, Known>()
  #tasks: ReadonlyMap<TallyId, TaskRegistration> = new Map()

  constructor(calls: CallQueue, newId: () => TallyId) {
    this.#calls = calls
    this.#newId = newId
  }

  create(): TallyId {
    const id = this.#newId()
    this.#known.set(id, {isEnabled: false, expected: 0})
    this.#tell(this.#calls.call('createCompletionGroup', {id, expected: 0, again: false}))
    return id
  }

  async revive(id: TallyId): Promise<boolean> {
    const {isKnown, isEnabled} = await this.#calls.call('reviveCompletionGroup', {id})
    if (isKnown && !this.#known.has(id)) this.#known.set(id, {isEnabled, expected: 0})
    return isKnown
  }

  expect(id: TallyId): void {
    const known = this.#known.get(id)
    if (known?.isEnabled !== false) {
      throw new TransferError('ILLEGAL_STATE', 'the completion group is enabled: nothing can be added to it', {
        where: id,
      })
    }
    known.expected += 1
    this.#tell(this.#calls.call('expectMember', {id}))
  }

  withdraw(drafts: readonly Pick<OperationDraft, 'completionGroup'>[]): void {
    const groups = drafts.map(({completionGroup}) => completionGroup).filter((each) => each !== undefined)
    if (groups.length === 0) return
    this.started(drafts)
    this.#tell(this.#calls.call('withdrawMembers', {groups}))
  }

  /** They are the host's from now on. */
  started(drafts: readonly Pick<OperationDraft, 'completionGroup'>[]): void {
    for (const {completionGroup} of drafts) {
      const known = completionGroup === undefined ? undefined : this.#known.get(completionGroup)
      if (known !== undefined) known.expected -= 1
    }
  }

  isEnabled(id: TallyId): boolean {
    return this.#known.get(id)?.isEnabled !== false
  }

  enable(id: TallyId): Promise<void> {
    const known = this.#known.get(id)
    if (known?.isEnabled !== false) {
      throw new TransferError('ILLEGAL_STATE', 'the completion group is enabled already', {where: id})
    }
    known.isEnabled = true
    return this.#calls.call('enableCompletionGroup', {id}).then(() => undefined)
  }

  register(id: TallyId, task: TaskRegistration): Promise<void> {
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
    for (const [id, {isEnabled, expected}] of this.#known) {
      if (!isEnabled) this.#tell(this.#calls.call('createCompletionGroup', {id, expected, again: true}))
    }
  }

  /** Rejects only when the link closes first; whoever waits for anything is told there. */
  #tell(call: Promise<unknown>): void {
    call.catch(() => undefined)
  }
}
