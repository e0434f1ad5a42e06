/** Runs a compiled program of the tests (shared-build.ts) in a process of its own, to be killed. */

import {type ChildProcess, spawn} from 'node:child_process'
import {once} from 'node:events'
import {createInterface} from 'node:readline'

export interface RunningChild {
  readonly process: ChildProcess
  /** Lines of its standard output, as they come. */
  readonly lines: AsyncIterableIterator<string>
  /** Sends SIGKILL and waits for the end. */
  kill(): Promise<void>
}

/** `prefix` is a command that runs the rest of its arguments, such as one that sets limits. */
export function startChild(script: string, args: readonly string[], prefix: readonly string[] = []): RunningChild {
  const [command = process.execPath, ...rest] = [...prefix, process.execPath, script, ...args]
  const child = spawn(command, rest, {stdio: ['pipe', 'pipe', 'inherit']})
  const ended = once(child, 'exit')
  return {
    process: child,
    lines: createInterface({input: child.stdout})[Symbol.asyncIterator](),
    kill: async () => {
      child.kill('SIGKILL')
      await ended
    },
  }
}
