/** BackgroundTaskInstance (spec 6, IBackgroundTaskInstance): what a task's `run` is given. */

import {invalidArgument, TransferError} from '../domain/errors.ts'
import {shown} from '../domain/given.ts'
import type {TaskLaunch} from '../domain/task-view.ts'
import type {Deferral} from '../namespace/ranges-downloaded.ts'
import {type Caller, TaskEngine} from './task-engine.ts'
import {BackgroundTransferCompletionGroupTriggerDetails} from './trigger-details.ts'

/** A module that can be registered as a task exports it as `run`. */
export type BackgroundTask = (taskInstance: BackgroundTaskInstance) => void | Promise<void>

export interface TaskInstanceOptions {
  readonly launch: TaskLaunch
  readonly call: Caller
  readonly tellProgress: (progress: number) => void
}

export class BackgroundTaskInstance {
  readonly #tellProgress: (progress: number) => void
  readonly #deferrals = new Set<Promise<void>>()
  readonly #canceled = new AbortController()
  #progress = 0
  /**
   * The idempotency key: the same at each try of one firing, and never that of another one. A task runs at least once; what
   * must happen once is done once for each instanceId.
   */
  readonly instanceId: string
  /** Which try this is, from 1. */
  readonly run: number
  readonly task: {readonly taskId: string; readonly name: string}
  readonly triggerDetails: BackgroundTransferCompletionGroupTriggerDetails
  /** Begins new work in the engine that launched the task. */
  readonly engine: TaskEngine
  /** Always 0: a task is stopped, and never suspended. */
  readonly suspendedCount = 0

  constructor({launch, call, tellProgress}: TaskInstanceOptions) {
    this.#tellProgress = tellProgress
    this.instanceId = launch.instanceId
    this.run = launch.run
    this.task = Object.freeze({taskId: launch.taskId, name: launch.name})
    this.triggerDetails = new BackgroundTransferCompletionGroupTriggerDetails(launch)
    this.engine = new TaskEngine(call)
  }

  /** The task's own measure, such as a percentage; told as an event of the engine. */
  get progress(): number {
    return this.#progress
  }

  set progress(progress: number) {
    this.#progress = progress
    this.#tellProgress(progress)
  }

  /** Aborted when the task is canceled: its time is over, or the engine closes. It is stopped a few seconds later. */
  get signal(): AbortSignal {
    return this.#canceled.signal
  }

  /** The event `canceled`, as the namespace has it. Throws INVALID_ARGUMENT for another one, and for what cannot be called. */
  addEventListener(type: 'canceled', listener: (reason: unknown) => void): void {
    if (type !== 'canceled') throw invalidArgument('type', `must be 'canceled', not ${shown(type)}`)
    if (typeof listener !== 'function') throw invalidArgument('listener', `must be a function, not ${shown(listener)}`)
    const tell = () => listener(this.signal.reason)
    // It may have been canceled before anybody listened.
    if (this.signal.aborted) queueMicrotask(tell)
    else this.signal.addEventListener('abort', tell, {once: true})
  }

  /** The task is not through before this is completed, also when `run` has returned. */
  getDeferral(): Deferral {
    let end = () => {}
    const open = new Promise<void>((resolve) => {
      end = resolve
    })
    this.#deferrals.add(open)
    void open.then(() => this.#deferrals.delete(open))
    let isOver = false
    const close = () => {
      isOver = true
      end()
    }
    return {
      complete: () => {
        if (isOver) throw new TransferError('ILLEGAL_STATE', 'the deferral is completed already')
        close()
      },
      close,
    }
  }

  /** For the program that runs the task. */
  cancel(): void {
    this.#canceled.abort(new TransferError('CANCELED', 'the background task was canceled'))
  }

  /** For the program that runs the task: resolves when no deferral is open. */
  async settled(): Promise<void> {
    while (this.#deferrals.size > 0) await Promise.all(this.#deferrals)
  }
}
