/** Everything that is drawn of one machine, as the files that stand in this folder. */

import type {AnyStateMachine} from 'xstate'
import type {Chart} from './chart.ts'
import {layOut} from './layout.ts'
import {toMermaid} from './mermaid.ts'
import {toSvg} from './svg.ts'
import {DARK, LIGHT} from './theme.ts'
import {walk} from './walk.ts'

export interface Picture {
  readonly file: string
  readonly content: string
}

/** One line for each state, transition and edge: short enough to ship, and a change shows as a change of its lines. */
function toJson(chart: Chart): string {
  const members = Object.entries(chart).map(([name, value]) => {
    if (!Array.isArray(value)) return `  ${JSON.stringify(name)}: ${JSON.stringify(value)}`
    const lines = value.map((element) => `    ${JSON.stringify(element)}`)
    return `  ${JSON.stringify(name)}: [\n${lines.join(',\n')}\n  ]`
  })
  return `{\n${members.join(',\n')}\n}\n`
}

export async function draw(machine: AnyStateMachine): Promise<Picture[]> {
  const statechart = walk(machine)
  const chart = await layOut(statechart)
  return [
    {file: `${machine.id}.chart.json`, content: toJson(chart)},
    {file: `${machine.id}.light.svg`, content: toSvg(chart, LIGHT)},
    {file: `${machine.id}.dark.svg`, content: toSvg(chart, DARK)},
    {file: `${machine.id}.mmd`, content: toMermaid(statechart)},
  ]
}

/** Whether a file of this folder is drawn, not written by hand. */
export function isPicture(file: string): boolean {
  return /\.(chart\.json|svg|mmd)$/.test(file)
}
