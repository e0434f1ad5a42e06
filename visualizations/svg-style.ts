/** The style sheet and the arrow heads inside each picture. */

import type {EdgeKind} from './chart.ts'
import {NAME, ROW, TAG} from './metrics.ts'
import type {Theme} from './theme.ts'

/** Families of one width: the layout has measured with it. */
const FAMILY = "Helvetica, Arial, 'Liberation Sans', sans-serif"

const DASHES: Readonly<Partial<Record<EdgeKind, string>>> = {after: '6 4', always: '2 3'}

export function styleSheet(theme: Theme): string {
  const rules = [
    `text{font:${ROW.size}px ${FAMILY};white-space:pre}`,
    ...Object.entries(theme.text).map(([role, colour]) => `.${role}{fill:${colour}}`),
    `.title{font-size:${NAME.size}px;font-weight:bold}`,
    `.tag{font-size:${TAG.size}px}`,
    `.card{stroke:${theme.border}}`,
    ...theme.cards.map((colour, level) => `.level${level}{fill:${colour}}`),
    `.region{stroke:${theme.region};stroke-dasharray:6 4}`,
    `.ring{fill:none;stroke:${theme.border}}`,
    `.band{fill:${theme.band}}`,
    `.final .band{fill:${theme.finalBand}}`,
    `.pill{fill:${theme.pill};stroke:${theme.border}}`,
    `.dot{fill:${theme.edge.event}}`,
    '.edge{fill:none;stroke-width:1.4}',
    ...Object.entries(theme.edge).map(([kind, colour]) => `.edge.${kind}{stroke:${colour}}`),
    ...Object.entries(DASHES).map(([kind, dashes]) => `.edge.${kind}{stroke-dasharray:${dashes}}`),
  ]
  return `<style>\n${rules.join('\n')}\n</style>`
}

export function arrowHeads(theme: Theme): string {
  const heads = Object.entries(theme.edge).map(
    ([kind, colour]) =>
      `<marker id="arrow-${kind}" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="8" markerHeight="8" markerUnits="userSpaceOnUse" orient="auto"><path d="M0 0.5L7.5 4L0 7.5Z" fill="${colour}"/></marker>`,
  )
  return `<defs>\n${heads.join('\n')}\n</defs>`
}
