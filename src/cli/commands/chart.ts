/** `bgt chart`: the statechart of a machine, as the package ships it. */

import {readdir, readFile} from 'node:fs/promises'
import {shortened} from '../../domain/given.ts'
import {nearest} from '../../domain/nearest.ts'
import {type Io, printResult} from '../io.ts'
import {usageError} from '../parse.ts'

export interface ChartFlags {
  readonly format?: 'svg' | 'mermaid' | 'json'
  readonly dark?: boolean
}

/** The same place seen from src and, built, from dist/src. */
const CHARTS = new URL('../../../visualizations/', import.meta.url)
const ENDING = '.chart.json'

export async function chart(io: Io, machine: string | undefined, flags: ChartFlags): Promise<void> {
  const machines = (await readdir(CHARTS))
    .filter((name) => name.endsWith(ENDING))
    .map((name) => name.slice(0, -ENDING.length))
    .sort()
  if (machine === undefined) {
    for (const each of machines) await printResult(io, each)
    return
  }
  if (!machines.includes(machine)) {
    const near = nearest(machine, machines)
    const advice = near === undefined ? `give one of ${machines.join(', ')}` : `did you mean ${near}?`
    throw usageError(`there is no machine '${shortened(machine)}'`, 'chart', advice)
  }
  const file = `${machine}${endingOf(flags)}`
  await printResult(io, (await readFile(new URL(file, CHARTS), 'utf8')).trimEnd())
}

function endingOf({format = 'svg', dark = false}: ChartFlags): string {
  if (dark && format !== 'svg') throw usageError('only pictures are dark', '--dark', 'leave it out, or ask for svg')
  if (format === 'mermaid') return '.mmd'
  if (format === 'json') return ENDING
  return dark ? '.dark.svg' : '.light.svg'
}
