/** The whole chart in a corner: where it is active, and which part is seen. */

import type {Chart} from '../../chart.ts'
import {activeLeaves, type Highlight} from '../model/highlight.ts'

export interface Seen {
  readonly left: number
  readonly top: number
  readonly width: number
  readonly height: number
}

interface MinimapProps {
  readonly chart: Chart
  readonly highlight: Highlight
  readonly seen: Seen
  /** A point of the chart, in its own pixels. */
  readonly onGo: (x: number, y: number) => void
}

const LARGEST = 150

export function Minimap({chart, highlight, seen, onGo}: MinimapProps) {
  const scale = LARGEST / Math.max(chart.width, chart.height)
  const lit = new Set(activeLeaves(chart, highlight).map(({id}) => id))
  const go = (event: PointerEvent & {currentTarget: SVGSVGElement}) => {
    const box = event.currentTarget.getBoundingClientRect()
    onGo((event.clientX - box.left) / scale, (event.clientY - box.top) / scale)
  }
  return (
    <svg
      class="minimap"
      aria-hidden="true"
      width={chart.width * scale}
      height={chart.height * scale}
      viewBox={`0 0 ${chart.width} ${chart.height}`}
      onPointerDown={go}
      onPointerMove={(event) => {
        if (event.buttons === 1) go(event)
      }}
    >
      {chart.states.map(({id, x, y, width, height}) => (
        <rect key={id} class={lit.has(id) ? 'lit' : 'quiet'} x={x} y={y} width={width} height={height} rx="12" />
      ))}
      <rect class="seen" x={seen.left} y={seen.top} width={seen.width} height={seen.height} rx="12" />
    </svg>
  )
}
