/** Finds the machines: every *.machine.ts in machines/ exports a function that makes one. */

import {readdir} from 'node:fs/promises'
import {type AnyStateMachine, StateMachine} from 'xstate'

/** Beside this folder, both as written and as compiled. */
const FOLDER = new URL('../machines/', import.meta.url)

export async function loadMachines(): Promise<AnyStateMachine[]> {
  const files = (await readdir(FOLDER)).filter((file) => /\.machine\.[jt]s$/.test(file)).sort()
  const modules = await Promise.all(files.map((file): Promise<object> => import(new URL(file, FOLDER).href)))
  const makers = modules.flatMap((module) => Object.entries(module)).filter(([name]) => name.endsWith('Machine'))
  return makers.map(([, make]) => make()).filter((value) => value instanceof StateMachine)
}
