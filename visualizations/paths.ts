/** Path data of the shapes that SVG has no element for. */

import type {Box, Point} from './chart.ts'
import {tenths} from './geometry.ts'

export const CORNER = 8
const BEND = 7

/** A line through the points with rounded bends. */
export function roundedLine(points: readonly Point[]): string {
  return points
    .map((point, index) => {
      const [before, after] = [points[index - 1], points[index + 1]]
      if (before === undefined) return `M${point.x} ${point.y}`
      if (after === undefined) return `L${point.x} ${point.y}`
      const radius = Math.min(BEND, distance(before, point) / 2, distance(point, after) / 2)
      const [start, end] = [towards(point, before, radius), towards(point, after, radius)]
      return `L${start.x} ${start.y}Q${point.x} ${point.y} ${end.x} ${end.y}`
    })
    .join('')
}

/** The upper part of a card, `height` high, with the card's rounded corners at its top, or all round if it is all there is. */
export function bandShape({x, y, width, height: card}: Box, height: number): string {
  const arc = (dx: number, dy: number) => `a${CORNER} ${CORNER} 0 0 1 ${dx} ${dy}`
  const [right, bottom] = [x + width, y + height]
  const foot =
    card > height
      ? `V${bottom}H${x}V${y + CORNER}`
      : `V${bottom - CORNER}${arc(-CORNER, CORNER)}H${x + CORNER}${arc(-CORNER, -CORNER)}V${y + CORNER}`
  return `M${x + CORNER} ${y}H${right - CORNER}${arc(CORNER, CORNER)}${foot}${arc(CORNER, -CORNER)}Z`
}

function distance(from: Point, to: Point): number {
  return Math.hypot(to.x - from.x, to.y - from.y)
}

function towards(from: Point, to: Point, by: number): Point {
  const part = by === 0 ? 0 : by / distance(from, to)
  return {x: tenths(from.x + (to.x - from.x) * part), y: tenths(from.y + (to.y - from.y) * part)}
}
