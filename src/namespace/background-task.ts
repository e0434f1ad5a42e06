/** BackgroundTaskBuilder and BackgroundTaskRegistration (spec 6): which module runs when a completion group fires. */

import {filter, map, type Observable, take} from 'rxjs'
import {invalidArgument} from '../domain/errors.ts'
import {assertOptions, type Known, shown} from '../domain/given.ts'
import type {TallyId} from '../domain/operation-id.ts'
import type {TaskRegistration} from '../domain/tally.ts'
import {assertEngine, defaultEngine} from '../engine/default-engine.ts'
import type {EngineApi} from '../engine/engine-api.ts'
import {taskTimeout} from '../engine/options.ts'
import {BackgroundTransferCompletionGroup, type CompletionTrigger} from './background-transfer-completion-group.ts'
import {refuseOtherCopy} from './other-copies.ts'

export interface BackgroundTaskSettings {
  /** For people and for the task itself; several tasks may share one. */
  readonly name?: string
  /** Path of a module that exports `run`, relative to the working directory now, or its file URL. */
  readonly taskEntryPoint: string | URL
  /** Of the completion group that fires it. */
  readonly trigger: CompletionTrigger
  /** 'worker' (default): a thread of this process. 'process': a process of its own, for tasks that may take theirs down. */
  readonly isolation?: 'worker' | 'process'
  /** ms that one try may take; `backgroundTasks.timeoutMs` of the engine by default. */
  readonly timeoutMs?: number
}

const SETTINGS: Known<BackgroundTaskSettings> = {
  name: true,
  taskEntryPoint: true,
  trigger: true,
  isolation: true,
  timeoutMs: true,
}

export class BackgroundTaskRegistration {
  readonly #engine: EngineApi
  readonly #group: TallyId
  /** A guid; the same in every session. */
  readonly taskId: string
  /** As it was given; '' by default. */
  readonly name: string
  /** What it waits for. */
  readonly trigger: CompletionTrigger
  /** Resolves when the registration is durable. */
  readonly accepted: Promise<void>

  constructor(engine: EngineApi, group: TallyId, task: TaskRegistration, accepted: Promise<void> = Promise.resolve()) {
    this.#engine = engine
    this.#group = group
    this.taskId = task.taskId
    this.name = task.name
    this.trigger = BackgroundTransferCompletionGroup.of(engine, group).trigger
    this.accepted = accepted
    accepted.catch(() => undefined)
  }

  /** Registrations of the default engine whose trigger has not fired, by their taskId. */
  static get allTasks(): ReadonlyMap<string, BackgroundTaskRegistration> {
    return BackgroundTaskRegistration.all(defaultEngine())
  }

  /** The same, of a given engine. */
  static all(engine: EngineApi): ReadonlyMap<string, BackgroundTaskRegistration> {
    const entries = engine.completionGroups.registrations()
    return new Map(entries.map(([group, task]) => [task.taskId, new BackgroundTaskRegistration(engine, group, task)]))
  }

  /** Throws INVALID_ARGUMENT, and ILLEGAL_STATE when the trigger has a task already or has fired (O40). */
  static register(engine: EngineApi, settings: BackgroundTaskSettings): BackgroundTaskRegistration {
    assertOptions('settings', settings, SETTINGS)
    const {name = '', taskEntryPoint, trigger, isolation = 'worker', timeoutMs} = settings
    const group = trigger?.completionGroup
    if (!(group instanceof BackgroundTransferCompletionGroup)) {
      refuseOtherCopy('trigger', group, 'BackgroundTransferCompletionGroup')
      throw invalidArgument('trigger', 'must be the trigger of a completion group')
    }
    if (!group.belongsTo(engine)) throw invalidArgument('trigger', 'belongs to another engine')
    if (typeof name !== 'string') throw invalidArgument('name', 'must be a text')
    if (isolation !== 'worker' && isolation !== 'process') {
      throw invalidArgument('isolation', `must be 'worker' or 'process', not ${shown(isolation)}`)
    }
    const task: TaskRegistration = {
      taskId: engine.newTaskId(),
      name,
      module: engine.locateTask(taskEntryPoint),
      isolation,
      timeoutMs: taskTimeout(timeoutMs, engine.options),
    }
    const id = group.id as TallyId
    return new BackgroundTaskRegistration(engine, id, task, engine.completionGroups.register(id, task))
  }

  /** The task was run to its end, or given up: `succeeded` says which. One value; completes with the engine at the latest. */
  get completed$(): Observable<{readonly succeeded: boolean}> {
    return this.#engine.events$.pipe(
      filter((event) => event.type === 'task.completed' || event.type === 'task.failed'),
      filter(
        (event) => event.group === this.#group && (event.type === 'task.completed' || event.retryAt === undefined),
      ),
      map(({type}) => ({succeeded: type === 'task.completed'})),
      take(1),
    )
  }

  /** What the task says of its progress, in its own measure. */
  get progress$(): Observable<number> {
    return this.#engine.events$.pipe(
      filter((event) => event.type === 'task.progressed'),
      filter(({group}) => group === this.#group),
      map(({progress}) => progress),
    )
  }

  /** The group fires into nothing, unless another task is registered. Resolves when that is durable. No effect once it fired. */
  unregister(): Promise<void> {
    const {completionGroups} = this.#engine
    if (completionGroups.registrationOf(this.#group)?.taskId !== this.taskId) return Promise.resolve()
    return completionGroups.unregister(this.#group)
  }
}

export class BackgroundTaskBuilder {
  readonly #engine: EngineApi
  #trigger: CompletionTrigger | undefined
  /** For people and for the task itself; several tasks may share one. '' by default. */
  name = ''
  /** Path of a module that exports `run`, relative to the working directory, or its file URL. */
  taskEntryPoint: string | URL = ''
  /** 'worker' (default): a thread of this process. 'process': a process of its own. */
  isolation: 'worker' | 'process' = 'worker'

  /** Acts on the default engine. Throws CLOSED when no engine is open. */
  constructor(engine: EngineApi = defaultEngine()) {
    assertEngine('engine', 'is none', engine, 'registerBackgroundTask')
    this.#engine = engine
  }

  /** The trigger of a completion group. What is none is refused by register. */
  setTrigger(trigger: CompletionTrigger): void {
    this.#trigger = trigger
  }

  /**
   * Holds at once; `accepted` of the registration resolves when it is durable. Throws INVALID_ARGUMENT without a trigger or an
   * entry point that is there, ILLEGAL_STATE when the trigger has a task already or has fired.
   */
  register(): BackgroundTaskRegistration {
    if (this.#trigger === undefined) throw invalidArgument('trigger', 'must be set before register')
    const {name, taskEntryPoint, isolation} = this
    return BackgroundTaskRegistration.register(this.#engine, {name, taskEntryPoint, isolation, trigger: this.#trigger})
  }
}
