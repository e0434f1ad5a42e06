/** The two places where a background task can run, as one channel of messages: a worker thread, or a process of its own. */

import {fork} from 'node:child_process'
import {fileURLToPath} from 'node:url'
import {Worker} from 'node:worker_threads'
import type {TaskLaunch, TaskMessage, TaskReport} from '../../domain/task-view.ts'

export interface TaskChannel {
  post(message: TaskMessage): void
  /** Ends it at once, whatever it does. */
  stop(): void
}

export interface ChannelListener {
  readonly onReport: (report: TaskReport) => void
  /** It is gone; `why` says how, if it did not end in order. Called once. */
  readonly onEnd: (why: string) => void
}

export function openChannel(program: URL, isolation: TaskLaunch['isolation'], listener: ChannelListener): TaskChannel {
  return isolation === 'process' ? openProcess(program, listener) : openWorker(program, listener)
}

/** What it writes to its output goes to ours. */
function openWorker(program: URL, {onReport, onEnd}: ChannelListener): TaskChannel {
  const worker = new Worker(program, {name: 'background-task'})
  let failure: string | undefined
  worker.on('message', onReport)
  worker.on('error', (error) => {
    failure = describe(error)
  })
  worker.on('exit', (code) => onEnd(failure ?? `it ended with exit code ${code}`))
  return {
    post: (message) => worker.postMessage(message),
    stop: () => void worker.terminate(),
  }
}

function openProcess(program: URL, {onReport, onEnd}: ChannelListener): TaskChannel {
  const child = fork(fileURLToPath(program), [], {serialization: 'advanced'})
  let failure: string | undefined
  child.on('message', (report) => onReport(report as TaskReport))
  child.on('error', (error) => {
    failure = describe(error)
    // One that never came to be has no exit.
    if (child.pid === undefined) onEnd(failure)
  })
  child.on('exit', (code, signal) => onEnd(failure ?? `it ended with ${code === null ? signal : `exit code ${code}`}`))
  return {
    post: (message) => {
      if (child.connected) child.send(message, () => undefined)
    },
    stop: () => void child.kill('SIGKILL'),
  }
}

function describe(error: unknown): string {
  return error instanceof Error ? `${error.name}: ${error.message}` : String(error)
}
