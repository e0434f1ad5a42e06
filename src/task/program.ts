/**
 * The program of a background task's own thread or process: loads the module, runs it, and says when it is through. What it
 * does not catch ends it, and the engine tries again.
 */

import {parentPort} from 'node:worker_threads'
import {TransferError} from '../domain/errors.ts'
import type {TaskCall, TaskLaunch, TaskMessage, TaskReport} from '../domain/task-view.ts'
import {BackgroundTaskInstance} from './task-instance.ts'

interface Call {
  readonly resolve: (value: unknown) => void
  readonly reject: (reason: unknown) => void
}

const calls = new Map<number, Call>()
let instance: BackgroundTaskInstance | undefined
let lastCall = 0
/** Called when every call was answered. */
let tellAnswered = () => {}

/** A thread has a port, a process a channel. */
function report(report: TaskReport): void {
  if (parentPort === null) process.send?.(report)
  else parentPort.postMessage(report)
}

function call(call: TaskCall): Promise<unknown> {
  lastCall += 1
  const id = lastCall
  report({type: 'call', id, call})
  return new Promise((resolve, reject) => calls.set(id, {resolve, reject}))
}

function hear(message: TaskMessage): void {
  switch (message.type) {
    case 'launch':
      void launch(message.launch)
      return
    case 'cancel':
      instance?.cancel()
      return
    case 'answer':
      calls.get(message.id)?.resolve(message.value)
      forget(message.id)
      return
    case 'refusal':
      calls.get(message.id)?.reject(TransferError.fromSerialized(message.error))
      forget(message.id)
      return
  }
}

function forget(id: number): void {
  calls.delete(id)
  if (calls.size === 0) tellAnswered()
}

async function launch(launch: TaskLaunch): Promise<void> {
  try {
    instance = new BackgroundTaskInstance({
      launch,
      call,
      tellProgress: (progress) => report({type: 'progress', progress}),
    })
    const run = runOf(await import(launch.module), launch.module)
    await run(instance)
    await instance.settled()
    await unanswered()
    report({type: 'through'})
  } catch (error) {
    report({type: 'failed', message: error instanceof Error ? `${error.name}: ${error.message}` : String(error)})
  }
}

/** What was begun and not waited for counts too: a rejection that nobody handles ends this program before it says "through". */
async function unanswered(): Promise<void> {
  do {
    if (calls.size > 0) {
      await new Promise<void>((resolve) => {
        tellAnswered = resolve
      })
    }
    // A rejection is taken for unhandled behind the microtasks, which may make further calls.
    await new Promise((resolve) => setImmediate(resolve))
  } while (calls.size > 0)
}

function runOf(
  module: Readonly<Record<string, unknown>>,
  where: string,
): (instance: BackgroundTaskInstance) => unknown {
  const {run} = module
  if (typeof run !== 'function') throw new Error(`the module exports no function run (${where})`)
  return run as (instance: BackgroundTaskInstance) => unknown
}

if (parentPort === null) {
  process.on('message', hear)
  // Its engine is gone, and the next one runs the task anew: two of them must not run side by side.
  process.on('disconnect', () => process.exit(1))
} else {
  parentPort.on('message', hear)
}
