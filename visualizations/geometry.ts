/** Arithmetic on points, to a tenth of a pixel: nobody sees more, and files stay short. */

import type {Point} from './chart.ts'

export function tenths(value: number): number {
  return Math.round(value * 10) / 10
}

export function plus(one: Point, other: Point): Point {
  return {x: tenths(one.x + other.x), y: tenths(one.y + other.y)}
}

function onOneLine(one: Point, between: Point, other: Point): boolean {
  return (one.x === between.x && between.x === other.x) || (one.y === between.y && between.y === other.y)
}

/** Without the points that a straight line passes anyway: the joints where the pieces of an edge meet. */
export function straighten(points: readonly Point[]): Point[] {
  const kept: Point[] = []
  for (const point of points) {
    const [before, last] = [kept.at(-2), kept.at(-1)]
    if (last !== undefined && last.x === point.x && last.y === point.y) continue
    if (before !== undefined && last !== undefined && onOneLine(before, last, point)) kept.pop()
    kept.push(point)
  }
  return kept
}
