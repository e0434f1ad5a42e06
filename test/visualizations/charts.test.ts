/** The pictures in visualizations/ show the machines as they are: all of each, nothing twice, and nothing stale. */

import {readdir, readFile} from 'node:fs/promises'
import {describe, expect, it} from 'vitest'
import type {Chart} from '../../visualizations/chart.ts'
import {loadMachines} from '../../visualizations/machines.ts'
import {draw, isPicture} from '../../visualizations/pictures.ts'
import type {Transition} from '../../visualizations/statechart.ts'
import {readConfig} from './config.ts'
import {faultIn} from './well-formed.ts'

const FOLDER = new URL('../../visualizations/', import.meta.url)
const REFRESH = 'is stale: run `npm run charts` and commit what it writes'

const machines = await loadMachines()
const drawn = new Map(await Promise.all(machines.map(async (machine) => [machine.id, await draw(machine)] as const)))

function contentOf(machine: string, ending: string): string {
  return drawn.get(machine)?.find(({file}) => file === `${machine}.${ending}`)?.content ?? ''
}

function triggerOf({trigger}: Transition): string {
  switch (trigger.kind) {
    case 'event':
      return `event ${trigger.event}`
    case 'after':
      return `after ${trigger.delay}`
    case 'always':
    case 'stateDone':
      return `${trigger.kind} `
    default:
      return `${trigger.kind} ${trigger.actor}`
  }
}

it('draws every machine, and has no pictures of others', async () => {
  expect(machines.map(({id}) => id)).toEqual(expect.arrayContaining(['engine', 'group', 'operation']))
  const committed = (await readdir(FOLDER)).filter(isPicture).sort()
  const files = [...drawn.values()].flatMap((pictures) => pictures.map(({file}) => file)).sort()
  expect(committed, `visualizations/ ${REFRESH}`).toEqual(files)
})

// That it is the same in another process the committed pictures show; the large ones take half a minute.
it('draws the same again, to the byte', async () => {
  const small = machines.filter(({id}) => id !== 'operation' && id !== 'upload')
  for (const machine of small) expect(await draw(machine)).toEqual(drawn.get(machine.id))
})

describe.each(machines.map((machine) => ({id: machine.id, machine})))('$id', ({id, machine}) => {
  const chart = JSON.parse(contentOf(id, 'chart.json')) as Chart

  it('is drawn as it stands in visualizations/', async () => {
    for (const {file, content} of drawn.get(id) ?? []) {
      const committed = await readFile(new URL(file, FOLDER), 'utf8')
      expect(committed === content, `visualizations/${file} ${REFRESH}`).toBe(true)
    }
  })

  it('has every state and every transition of its source, once', () => {
    const said = readConfig(machine)
    expect(chart.states.map((state) => state.id).sort()).toEqual([...said.states].sort())
    const transitions = chart.transitions.map((transition) => {
      return `${transition.source} | ${triggerOf(transition)} | ${transition.guard?.type ?? ''}`
    })
    expect(transitions.sort()).toEqual([...said.transitions].sort())
    expect(new Set(chart.transitions.map((transition) => transition.id)).size).toBe(chart.transitions.length)
  })

  it('shows every transition in one place: on an edge or on a card', () => {
    const onEdges = chart.edges.flatMap(({labels}) => labels.map(({transition}) => transition))
    const onCards = chart.states.flatMap(({rows}) => rows.flatMap(({transition = []}) => transition))
    expect([...onEdges, ...onCards].sort()).toEqual(chart.transitions.map((transition) => transition.id).sort())
    expect(chart.edges.flatMap(({transitions}) => transitions).sort()).toEqual(onEdges.sort())
  })

  it.each(['light.svg', 'dark.svg'])('%s is well-formed and refers to nothing outside', (ending) => {
    const svg = contentOf(id, ending)
    expect(faultIn(svg)).toBeUndefined()
    expect(svg).not.toMatch(/<(script|image|use|foreignObject|a)\b|href|@import|\bon\w+=/)
    expect(svg.replace('xmlns="http://www.w3.org/2000/svg"', '')).not.toMatch(/https?:|data:/)
    expect(svg.match(/url\((?!#)/)).toBeNull()
    expect(svg).toContain('<title id="title">')
    expect(svg).toContain('<desc id="desc">')
  })

  it('stands in docs/reference/statecharts.md, light and dark', async () => {
    const page = await readFile(new URL('../../docs/reference/statecharts.md', import.meta.url), 'utf8')
    for (const theme of ['light', 'dark']) expect(page).toContain(`"../../visualizations/${id}.${theme}.svg"`)
  })

  it('names every state in its Mermaid text', () => {
    const text = contentOf(id, 'mmd')
    for (const state of chart.states.slice(1)) {
      expect(text.split(`state "${state.key}" as ${state.id.replaceAll('.', '_')}`).length, state.id).toBe(
        chart.states.filter((other) => other.id.startsWith(state.id) && other.key === state.key).length + 1,
      )
    }
  })
})
