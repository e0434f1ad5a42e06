/**
 * The pictures are readable: nothing lies on anything else, text fits its card, and lines end at the states they join. Those that stand
 * in visualizations/, which charts.test.ts finds to be what is drawn now: to draw them takes a minute.
 */

import {readFile} from 'node:fs/promises'
import {describe, expect, it} from 'vitest'
import type {Box, Chart, PlacedState, Point} from '../../visualizations/chart.ts'
import {loadMachines} from '../../visualizations/machines.ts'
import {ROW, spansWidth, TAG} from '../../visualizations/metrics.ts'
import {DARK, LIGHT, type Theme} from '../../visualizations/theme.ts'

const FOLDER = new URL('../../visualizations/', import.meta.url)
const charts = await Promise.all(
  (await loadMachines()).map(
    async ({id}) => JSON.parse(await readFile(new URL(`${id}.chart.json`, FOLDER), 'utf8')) as Chart,
  ),
)

function rowsOf({id, rows}: PlacedState): (Box & {readonly of: string})[] {
  return rows.map(({kind, spans, x, y}) => {
    return {of: id, x, y: y - ROW.size, width: spansWidth(spans, kind === 'tags' ? TAG : ROW), height: ROW.size}
  })
}

function overlap(one: Box, other: Box): boolean {
  return (
    one.x < other.x + other.width &&
    other.x < one.x + one.width &&
    one.y < other.y + other.height &&
    other.y < one.y + one.height
  )
}

function contains(outer: Box, inner: Box): boolean {
  return (
    inner.x >= outer.x &&
    inner.y >= outer.y &&
    inner.x + inner.width <= outer.x + outer.width &&
    inner.y + inner.height <= outer.y + outer.height
  )
}

/** What lies below the name and the rows. */
function inside({x, y, width, height, head}: PlacedState): Box {
  return {x, y: y + head, width, height: height - head}
}

function onBorder({x, y}: Point, box: Box): boolean {
  const near = (one: number, other: number) => Math.abs(one - other) < 0.2
  const along = x > box.x - 0.2 && x < box.x + box.width + 0.2 && y > box.y - 0.2 && y < box.y + box.height + 0.2
  const [right, bottom] = [box.x + box.width, box.y + box.height]
  return along && (near(x, box.x) || near(x, right) || near(y, box.y) || near(y, bottom))
}

function segmentsOf(points: readonly Point[]): Box[] {
  return points.slice(1).map((to, index) => {
    const from = points[index] ?? to
    const [x, y] = [Math.min(from.x, to.x), Math.min(from.y, to.y)]
    return {x, y, width: Math.abs(from.x - to.x), height: Math.abs(from.y - to.y)}
  })
}

function stateOf(chart: Chart, id: string): PlacedState {
  const state = chart.states.find((other) => other.id === id)
  if (state === undefined) throw new RangeError(`no state ${id}`)
  return state
}

describe.each(charts)('$machine', (chart) => {
  const labels = chart.edges.flatMap((edge) => edge.labels.map((label) => ({...label, edge: edge.id})))

  it('has every state within its parent, below its text, and apart from its siblings', () => {
    for (const state of chart.states) {
      if (state.parent !== undefined) {
        expect(contains(inside(stateOf(chart, state.parent)), state), state.id).toBe(true)
      }
      const siblings = chart.states.filter((other) => other.parent === state.parent && other !== state)
      expect(
        siblings.filter((other) => overlap(state, other)).map(({id}) => id),
        state.id,
      ).toEqual([])
    }
  })

  it('has all text on its card', () => {
    for (const state of chart.states) {
      for (const row of rowsOf(state)) expect(contains(state, row), state.id).toBe(true)
    }
  })

  it('has labels that lie on no state, no text and no other label', () => {
    for (const label of labels) {
      const states = chart.states.filter((state) => overlap(state, label) && !contains(inside(state), label))
      expect(
        states.map(({id}) => id),
        label.transition,
      ).toEqual([])
      const leaves = chart.states.filter((state) => state.head === state.height && overlap(state, label))
      expect(
        leaves.map(({id}) => id),
        label.transition,
      ).toEqual([])
      const others = labels.filter((other) => other !== label && overlap(other, label))
      expect(
        others.map(({transition}) => transition),
        label.transition,
      ).toEqual([])
    }
  })

  it('has lines that run square, join their states, and cross no label but their own, no card and no text', () => {
    for (const {id, source, target, points} of chart.edges) {
      const [first, last] = [points[0], points.at(-1)]
      expect(first !== undefined && onBorder(first, stateOf(chart, source)), `${id} begins`).toBe(true)
      expect(last !== undefined && onBorder(last, stateOf(chart, target)), `${id} ends`).toBe(true)
      for (const segment of segmentsOf(points)) {
        expect(Math.min(segment.width, segment.height), `${id} runs square`).toBe(0)
        const crossed = labels.filter((label) => label.edge !== id && overlap(label, segment))
        expect(
          crossed.map(({transition}) => transition),
          id,
        ).toEqual([])
        const leaves = chart.states.filter((state) => state.head === state.height && overlap(state, segment))
        expect(
          leaves.map((state) => state.id),
          id,
        ).toEqual([])
        const texts = chart.states.flatMap(rowsOf).filter((row) => overlap(row, segment))
        expect(
          texts.map(({of}) => of),
          `${id} crosses text`,
        ).toEqual([])
      }
    }
  })

  it('lies within its frame', () => {
    const frame = {x: 0, y: 0, width: chart.width, height: chart.height}
    const lines = [...chart.edges, ...chart.initials].flatMap(({points}) => segmentsOf(points))
    for (const box of [...chart.states, ...labels, ...lines]) expect(contains(frame, box)).toBe(true)
  })
})

function luminance(colour: string): number {
  const [red = 0, green = 0, blue = 0] = [1, 3, 5].map((at) => {
    const part = Number.parseInt(colour.slice(at, at + 2), 16) / 255
    return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4
  })
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue
}

function contrast(one: string, other: string): number {
  const [dark = 0, light = 0] = [luminance(one), luminance(other)].sort((a, b) => a - b)
  return (light + 0.05) / (dark + 0.05)
}

describe.each<[string, Theme]>([
  ['light', LIGHT],
  ['dark', DARK],
])('the %s theme', (_, theme) => {
  it('has text of at least 4.5:1 and lines of at least 3:1', () => {
    const grounds = [theme.canvas, ...theme.cards, theme.pill]
    for (const [role, colour] of Object.entries(theme.text)) {
      for (const ground of grounds) expect(contrast(colour, ground), `${role} on ${ground}`).toBeGreaterThanOrEqual(4.5)
    }
    for (const [kind, colour] of Object.entries(theme.edge)) {
      for (const ground of grounds) expect(contrast(colour, ground), `${kind} on ${ground}`).toBeGreaterThanOrEqual(3)
    }
    for (const ground of [theme.band, theme.finalBand]) {
      for (const colour of [theme.text.name, theme.text.tag])
        expect(contrast(colour, ground)).toBeGreaterThanOrEqual(4.5)
    }
  })
})
