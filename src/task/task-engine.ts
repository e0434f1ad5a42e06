/**
 * The engine as a background task reaches it: through messages to the thread that launched the task. A task begins new work
 * here (a completion group, its downloads, its own task) and does not wait for it: the engine goes on when the task is gone.
 */

import {randomUUID} from 'node:crypto'
import type {BackgroundTransferCostPolicy} from '../domain/cost-policy.ts'
import {invalidArgument, TransferError} from '../domain/errors.ts'
import {assertOptions} from '../domain/given.ts'
import type {HeaderField} from '../domain/header-fields.ts'
import type {TaskCall, TaskDownload} from '../domain/task-view.ts'
import type {DownloadOptions} from '../namespace/download-options.ts'
import {toldOptions} from './told-options.ts'

/** Sends a call; resolves when the engine has carried it out. */
export type Caller = (call: TaskCall) => Promise<unknown>

export class TaskEngine {
  readonly #call: Caller

  constructor(call: Caller) {
    this.#call = call
  }

  /** A new completion group, to be filled and enabled. */
  createCompletionGroup(): TaskCompletionGroup {
    return new TaskCompletionGroup(this.#call)
  }

  /** With a completion group, every download of it joins that. Throws INVALID_ARGUMENT. */
  createDownloader(options: {readonly completionGroup?: TaskCompletionGroup} = {}): TaskDownloader {
    assertOptions('options', options, {completionGroup: true})
    const {completionGroup} = options
    if (completionGroup !== undefined && !(completionGroup instanceof TaskCompletionGroup)) {
      throw invalidArgument('completionGroup', 'must be a completion group that this task created')
    }
    return new TaskDownloader(this.#call, completionGroup)
  }

  /**
   * Registers a task for the trigger of a group that this task created. Resolves when that is durable; rejects with
   * INVALID_ARGUMENT.
   */
  async registerBackgroundTask(registration: {
    readonly name: string
    /** Path of a module, relative to the working directory, or its file URL. */
    readonly taskEntryPoint: string | URL
    readonly trigger: TaskTrigger
    /** ms that one run may take; as the engine has it by default. */
    readonly timeoutMs?: number
  }): Promise<void> {
    assertOptions('registration', registration, {name: true, taskEntryPoint: true, trigger: true, timeoutMs: true})
    const {name, taskEntryPoint, trigger, timeoutMs} = registration
    if (typeof trigger?.group !== 'string') throw invalidArgument('trigger', 'must be that of a completion group')
    await this.#call({
      kind: 'register',
      group: trigger.group,
      name,
      entryPoint: String(taskEntryPoint),
      ...(timeoutMs === undefined ? {} : {timeoutMs}),
    })
  }
}

/** Names the group that fires it. */
export interface TaskTrigger {
  readonly group: string
}

export class TaskCompletionGroup {
  readonly #call: Caller
  readonly #key = randomUUID()
  readonly #created: Promise<unknown>
  #isEnabled = false

  constructor(call: Caller) {
    this.#call = call
    this.#created = call({kind: 'createGroup', group: this.#key})
    // Whoever uses the group hears of it.
    this.#created.catch(() => undefined)
  }

  get trigger(): TaskTrigger {
    return {group: this.#key}
  }

  get isEnabled(): boolean {
    return this.#isEnabled
  }

  /** Resolves when it is durable; the transfers are not waited for. Throws ILLEGAL_STATE the second time. */
  async enable(): Promise<void> {
    if (this.#isEnabled) throw new TransferError('ILLEGAL_STATE', 'the completion group is enabled already')
    this.#isEnabled = true
    await this.#created
    await this.#call({kind: 'enable', group: this.#key})
  }
}

export class TaskDownloader {
  readonly #call: Caller
  readonly #headers: HeaderField[] = []
  readonly completionGroup: TaskCompletionGroup | null
  method = 'GET'
  /** Name of a transfer group; none by default. */
  group = ''
  costPolicy: BackgroundTransferCostPolicy = 0

  constructor(call: Caller, completionGroup: TaskCompletionGroup | undefined) {
    this.#call = call
    this.completionGroup = completionGroup ?? null
  }

  /** For downloads created afterwards; what it violates is said when they are started. */
  setRequestHeader(name: string, value: string): void {
    this.#headers.push([name, value])
  }

  /** Nothing is sent before startAsync. Throws INVALID_ARGUMENT. */
  createDownload(uri: URL | string, resultFile: string, options: DownloadOptions = {}): TaskDownloadOperation {
    if (this.completionGroup?.isEnabled === true) {
      throw new TransferError('ILLEGAL_STATE', 'the completion group is enabled: nothing can be added to it')
    }
    if (!URL.canParse(String(uri))) throw invalidArgument('uri', 'is not a URL')
    const {method, group, costPolicy} = this
    const download = {
      uri: String(uri),
      file: resultFile,
      method,
      group,
      costPolicy,
      headers: [...this.#headers],
      options: toldOptions(options),
    }
    return new TaskDownloadOperation(this.#call, download, this.completionGroup)
  }
}

export class TaskDownloadOperation {
  readonly #call: Caller
  readonly #key = randomUUID()
  readonly #created: Promise<unknown>

  constructor(call: Caller, download: TaskDownload, group: TaskCompletionGroup | null) {
    this.#call = call
    this.#created = call({
      kind: 'createDownload',
      key: this.#key,
      download,
      ...(group === null ? {} : {group: group.trigger.group}),
    })
    // startAsync says it.
    this.#created.catch(() => undefined)
  }

  /**
   * Starts it. `accepted` resolves with the guid when the operation is durable: from then on it survives the task and the
   * process. Its end is the engine's business, and that of the next completion group.
   */
  startAsync(): {readonly accepted: Promise<string>} {
    const started = this.#call({kind: 'start', key: this.#key})
    // What was not created is not started either, and the first of the two is told.
    started.catch(() => undefined)
    return {accepted: this.#created.then(() => started).then(String)}
  }
}
