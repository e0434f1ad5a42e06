/** Runs the worker and kills it: the parent's side of test/crash/worker.ts. */

import {type RunningChild, startChild} from '../support/child-program.ts'
import type {Line, Plan} from './worker.ts'

export interface WorkerRun {
  readonly child: RunningChild
  /** Everything it said so far. */
  readonly said: readonly Line[]
  /** Resolves when it is over: killed, or through. Rejects when it died by itself. */
  readonly ended: Promise<'killed' | 'finished'>
  kill(): void
  command(command: string): void
}

export function runWorker(program: string, plan: Plan, onLine: (line: Line, run: WorkerRun) => void): WorkerRun {
  const child = startChild(program, [JSON.stringify(plan)])
  const said: Line[] = []
  const run: WorkerRun = {
    child,
    said,
    ended: listen(),
    kill: () => child.process.kill('SIGKILL'),
    command: (command) => child.process.stdin?.write(`${command}\n`),
  }
  return run

  async function listen(): Promise<'killed' | 'finished'> {
    // What it said before the kill counts: every line is read.
    for await (const text of child.lines) {
      const line: Line = JSON.parse(text)
      said.push(line)
      onLine(line, run)
    }
    await child.kill()
    const {exitCode} = child.process
    if (exitCode !== null && exitCode !== 0) throw new Error(`the worker died by itself, with exit code ${exitCode}`)
    return said.at(-1)?.type === 'finished' ? 'finished' : 'killed'
  }
}

/** Runs the worker to its end. */
export async function finishWorker(program: string, plan: Plan): Promise<readonly Line[]> {
  const run = runWorker(program, plan, () => undefined)
  await run.ended
  return run.said
}
