/** The demo's handle of its worker process: one life of it, from fork to exit or kill. */

import {type ChildProcess, fork} from 'node:child_process'
import {once} from 'node:events'
import {fileURLToPath} from 'node:url'
import type {WorkerCommand, WorkerReport} from './worker.ts'

export class WorkerProcess {
  readonly #child: ChildProcess
  readonly #exited: Promise<unknown>
  #wasKilled = false

  /** `onLost` is told when the process ends without having been asked to. */
  constructor(directory: string, onReport: (report: WorkerReport) => void, onLost: (code: number | null) => void) {
    // From this folder, and from that of the bundled command beside it.
    const script = fileURLToPath(new URL('../demo/worker.js', import.meta.url))
    this.#child = fork(script, [directory], {execArgv: [], stdio: ['ignore', 'ignore', 'inherit', 'ipc']})
    this.#exited = once(this.#child, 'exit').then(
      ([code]) => {
        if (!this.#wasKilled && code !== 0) onLost(code)
      },
      () => onLost(null),
    )
    // What a dead process said last may still arrive; its successor speaks for the store now.
    this.#child.on('message', (report: WorkerReport) => {
      if (!this.#wasKilled) onReport(report)
    })
  }

  get pid(): number | undefined {
    return this.#child.pid
  }

  send(command: WorkerCommand): void {
    this.#child.send(command)
  }

  /** SIGKILL: the process has no say in it. Resolves when it is gone. */
  async kill(): Promise<void> {
    this.#wasKilled = true
    this.#child.kill('SIGKILL')
    await this.#exited
  }

  /** Asks it to close its engine and waits for its end. */
  async close(): Promise<void> {
    this.send({type: 'close'})
    await this.#exited
  }
}
