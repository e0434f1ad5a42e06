/** Draws a laid-out chart as a static SVG: no scripts, nothing to fetch, a tooltip for every transition. */

import type {Chart, Edge, InitialMarker, PlacedState, Row, Span} from './chart.ts'
import {describeTransition} from './labels.ts'
import {CARD_PADDING, DOT, LABEL_BASELINE, LABEL_PADDING, NAME_BASELINE} from './metrics.ts'
import {bandShape, CORNER, roundedLine} from './paths.ts'
import {arrowHeads, styleSheet} from './svg-style.ts'
import type {Theme} from './theme.ts'

/** How far the second border of a final state stands off. */
const RING = 3

const ENTITIES: Readonly<Record<string, string>> = {'&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;'}

function escapeXml(text: string): string {
  return text.replace(/[&<>"]/g, (character) => ENTITIES[character] ?? character)
}

/** What drawing a part has to know about the whole. */
interface Whole {
  readonly depthOf: (state: PlacedState) => number
  readonly isRegion: (state: PlacedState) => boolean
  readonly tooltipOf: (transition: string | undefined) => string
}

function wholeOf(chart: Chart): Whole {
  const states = new Map(chart.states.map((state) => [state.id, state]))
  const transitions = new Map(chart.transitions.map((transition) => [transition.id, transition]))
  const parentOf = ({parent}: PlacedState) => (parent === undefined ? undefined : states.get(parent))
  const depthOf = (state: PlacedState): number => {
    const parent = parentOf(state)
    return parent === undefined ? 0 : depthOf(parent) + 1
  }
  return {
    depthOf,
    isRegion: (state) => parentOf(state)?.type === 'parallel',
    tooltipOf: (id) => {
      const transition = id === undefined ? undefined : transitions.get(id)
      if (transition === undefined) return ''
      return `<title>${escapeXml(describeTransition(transition, states.get(transition.source)))}</title>`
    },
  }
}

function drawText(spans: readonly Span[], x: number, y: number): string {
  const parts = spans.map(({role, text}, index) => {
    return `<tspan class="${role}">${escapeXml(index === 0 ? text : ` ${text}`)}</tspan>`
  })
  return `<text x="${x}" y="${y}">${parts.join('')}</text>`
}

function drawRow({spans, x, y, transition}: Row, {tooltipOf}: Whole): string {
  const text = drawText(spans, x, y)
  return transition === undefined ? text : `<g>${tooltipOf(transition)}${text}</g>`
}

function drawState(state: PlacedState, whole: Whole): string {
  const {id, key, x, y, width, height, band, rows, type} = state
  const frame = (extra: number) =>
    `x="${x - extra}" y="${y - extra}" width="${width + 2 * extra}" height="${height + 2 * extra}" rx="${CORNER + extra}"`
  const border = whole.isRegion(state) ? ' region' : ''
  return [
    `<g class="state ${type}" data-state="${escapeXml(id)}">`,
    ...(type === 'final' ? [`<rect class="ring" ${frame(RING)}/>`] : []),
    `<rect class="card level${whole.depthOf(state) % 2}${border}" ${frame(0)}/>`,
    `<path class="band" d="${bandShape(state, band)}"/>`,
    `<text class="name title" x="${x + CARD_PADDING}" y="${y + NAME_BASELINE}">${escapeXml(key)}</text>`,
    ...rows.map((row) => drawRow(row, whole)),
    '</g>',
  ].join('\n')
}

function drawEdge({id, kind, points}: Edge): string {
  return `<path class="edge ${kind}" data-edge="${escapeXml(id)}" d="${roundedLine(points)}" marker-end="url(#arrow-${kind})"/>`
}

function drawLabels({labels}: Edge, {tooltipOf}: Whole): string[] {
  return labels.map(({transition, spans, x, y, width, height}) => {
    const pill = `<rect class="pill" x="${x}" y="${y + 1}" width="${width}" height="${height - 2}" rx="${(height - 2) / 2}"/>`
    return `<g>${tooltipOf(transition)}${pill}${drawText(spans, x + LABEL_PADDING, y + LABEL_BASELINE)}</g>`
  })
}

function drawInitial({dot, points}: InitialMarker): string {
  const circle = `<circle class="dot" cx="${dot.x}" cy="${dot.y}" r="${DOT}"/>`
  return `${circle}<path class="edge event" d="${roundedLine(points)}" marker-end="url(#arrow-event)"/>`
}

export function toSvg(chart: Chart, theme: Theme): string {
  const {machine, description = machine, width, height, states, transitions, edges, initials} = chart
  const whole = wholeOf(chart)
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img" aria-labelledby="title desc">`,
    `<title id="title">Statechart of the ${escapeXml(machine)} machine</title>`,
    `<desc id="desc">${escapeXml(description)}. ${states.length} states and ${transitions.length} transitions.</desc>`,
    styleSheet(theme),
    arrowHeads(theme),
    `<rect width="${width}" height="${height}" fill="${theme.canvas}"/>`,
    ...states.map((state) => drawState(state, whole)),
    ...initials.map(drawInitial),
    ...edges.map(drawEdge),
    ...edges.flatMap((edge) => drawLabels(edge, whole)),
    '</svg>\n',
  ].join('\n')
}
