/** Hosts and their applications as processes of their own. */

import {once} from 'node:events'
import {type RunningChild, startChild} from '../support/child-program.ts'
import {compiledProgram} from '../support/shared-build.ts'
import type {AppLine, AppPlan} from './app-program.ts'

export interface Programs {
  /** Resolves when it takes clients. */
  startHost(directory: string): Promise<RunningChild>
  /** Runs an application to its end. */
  runApp(plan: AppPlan): Promise<readonly AppLine[]>
}

export async function compilePrograms(): Promise<Programs> {
  const host = await compiledProgram(new URL('host-program.ts', import.meta.url))
  const app = await compiledProgram(new URL('app-program.ts', import.meta.url))
  return {
    async startHost(directory) {
      const child = startChild(host, [directory])
      const {value} = await child.lines.next()
      if (value !== 'ready') throw new Error(`the host did not start: ${value}`)
      return child
    },
    async runApp(plan) {
      const child = startChild(app, [JSON.stringify(plan)])
      const ended = once(child.process, 'exit')
      const said: AppLine[] = []
      for await (const line of child.lines) said.push(JSON.parse(line))
      const [code] = await ended
      if (code !== 0) throw new Error(`the application ended with ${code}`)
      return said
    },
  }
}

/** Ends it in order. */
export async function endHost(host: RunningChild): Promise<void> {
  const ended = once(host.process, 'exit')
  host.process.stdin?.write('close\n')
  await ended
}
