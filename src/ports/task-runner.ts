/**
 * TaskRunner: runs a background task apart from the engine's own thread. The engine decides when and how often; a runner only
 * loads the module, hands it what it is told, and passes its calls on.
 */

import type {TaskCall, TaskLaunch} from '../domain/task-view.ts'

/** What the task may ask of the engine. */
export interface TaskHost {
  /** Resolves when the call is carried out, durably where it changes anything. Calls are made in the order of the task. */
  call(call: TaskCall): Promise<unknown>
  /** The task's own measure of its progress. */
  progressed(progress: number): void
}

export interface TaskRunner {
  /**
   * The URL of a task's module, from a path (relative to the working directory now) or a file URL. Throws INVALID_ARGUMENT when
   * there is no such file.
   */
  locate(entryPoint: string | URL): string
  /** Loads the module and runs it, at once. */
  start(launch: TaskLaunch, host: TaskHost): RunningTask
}

export interface RunningTask {
  /**
   * Resolves when the task is through: its run has settled, each deferral is completed and each of its calls was carried out.
   * Rejects with TASK_FAILED, also when it is stopped. Nothing of it runs any more when this has settled.
   */
  readonly ended: Promise<void>
  /** Tells the task that it is canceled; it may end in order. */
  cancel(): void
  /** Stops it where it stands. */
  stop(): void
}
