/** The TaskRunner on worker threads and child processes: launches, passes calls on in their order, and notices every kind of end. */

import {existsSync} from 'node:fs'
import {resolve} from 'node:path'
import {fileURLToPath, pathToFileURL} from 'node:url'
import {BUNDLED_ADVICE} from '../../domain/bundled.ts'
import {asTransferError, invalidArgument, TransferError} from '../../domain/errors.ts'
import type {TaskLaunch, TaskReport} from '../../domain/task-view.ts'
import type {RunningTask, TaskHost, TaskRunner} from '../../ports/task-runner.ts'
import {openChannel, type TaskChannel} from './task-channel.ts'

export interface TaskRunnerOptions {
  /** The compiled program of a task's thread; the package's own by default. */
  readonly program?: URL
}

export function createTaskRunner({program}: TaskRunnerOptions = {}): TaskRunner {
  return {
    locate(entryPoint) {
      const module = locateTask(entryPoint)
      if (program === undefined) ownProgram()
      return module
    },
    start(launch, host) {
      try {
        return new Run(program ?? ownProgram(), launch, host)
      } catch (error) {
        return {ended: Promise.reject(error), cancel: () => {}, stop: () => {}}
      }
    },
  }
}

/** Beside the library’s modules; the command’s bundle lies a folder nearer. */
const OWN_PROGRAMS = ['../../task/program.js', '../task/program.js']

/** Throws TASK_FAILED where it is not there. In a bundle that is no ES module, `import.meta` has no URL. */
function ownProgram(): URL {
  const programs = OWN_PROGRAMS.filter((path) => URL.canParse(path, import.meta.url))
  const program = programs.map((path) => new URL(path, import.meta.url)).find((url) => existsSync(url))
  if (program === undefined) {
    const advice = BUNDLED_ADVICE
    throw new TransferError('TASK_FAILED', 'the program that runs background tasks is not beside this one', {advice})
  }
  return program
}

/** The URL of a task's module, whoever runs it. Throws INVALID_ARGUMENT when there is no such file. */
export function locateTask(entryPoint: string | URL): string {
  if ((typeof entryPoint !== 'string' && !(entryPoint instanceof URL)) || String(entryPoint) === '') {
    throw invalidArgument('taskEntryPoint', 'must be the path or the file URL of a module')
  }
  const text = String(entryPoint)
  const url = text.startsWith('file:') ? new URL(text) : pathToFileURL(resolve(text))
  if (!existsSync(fileURLToPath(url))) {
    throw new TransferError('INVALID_ARGUMENT', 'taskEntryPoint names a module that is not there', {where: text})
  }
  return url.href
}

class Run implements RunningTask {
  readonly ended: Promise<void>
  readonly #launch: TaskLaunch
  readonly #host: TaskHost
  readonly #channel: TaskChannel
  #resolve: () => void = () => {}
  #reject: (reason: unknown) => void = () => {}
  /** What the task said of its end, which counts once it is gone. */
  #outcome: (TaskReport & {readonly type: 'through' | 'failed'}) | undefined

  constructor(program: URL, launch: TaskLaunch, host: TaskHost) {
    this.#launch = launch
    this.#host = host
    this.ended = new Promise((resolve, reject) => {
      this.#resolve = resolve
      this.#reject = reject
    })
    this.#channel = openChannel(program, launch.isolation, {
      onReport: (report) => this.#heard(report),
      onEnd: (why) => this.#gone(why),
    })
    this.#channel.post({type: 'launch', launch})
  }

  cancel(): void {
    this.#channel.post({type: 'cancel'})
  }

  stop(): void {
    this.#channel.stop()
  }

  #heard(report: TaskReport): void {
    switch (report.type) {
      case 'call':
        void this.#carryOut(report)
        return
      case 'progress':
        this.#host.progressed(report.progress)
        return
      case 'through':
      case 'failed':
        // Its program would wait for further messages for ever.
        this.#outcome ??= report
        this.#channel.stop()
        return
    }
  }

  async #carryOut({id, call}: TaskReport & {readonly type: 'call'}): Promise<void> {
    try {
      const value = await this.#host.call(call)
      this.#channel.post({type: 'answer', id, value})
    } catch (thrown) {
      this.#channel.post({type: 'refusal', id, error: asTransferError(thrown).toSerialized()})
    }
  }

  #gone(why: string): void {
    if (this.#outcome?.type === 'through') this.#resolve()
    else this.#reject(this.#failure(this.#outcome?.message ?? why))
  }

  #failure(why: string): TransferError {
    return new TransferError('TASK_FAILED', `the background task failed: ${why}`, {where: this.#launch.module})
  }
}
