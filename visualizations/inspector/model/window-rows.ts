/** Which rows of a long list stand in view: a page draws those and leaves blank room for the others. */

export const GROUP_HEIGHT = 44
export const ROW_HEIGHT = 62
/** Shorter lists are drawn whole. */
export const WINDOW_FROM = 200
const OVERSCAN = 8

export interface RowWindow {
  readonly start: number
  /** Exclusive. */
  readonly end: number
  /** Pixels of the rows before and after. */
  readonly before: number
  readonly after: number
}

/** Top of each row, and the height of all as the last element. */
export function rowTops(heights: readonly number[]): readonly number[] {
  const tops = [0]
  for (const height of heights) tops.push((tops.at(-1) ?? 0) + height)
  return tops
}

export function rowWindow(tops: readonly number[], scrollTop: number, viewHeight: number): RowWindow {
  const count = tops.length - 1
  const total = tops.at(-1) ?? 0
  if (count <= WINDOW_FROM) return {start: 0, end: count, before: 0, after: 0}
  const start = Math.max(0, rowAt(tops, scrollTop) - OVERSCAN)
  const end = Math.min(count, rowAt(tops, scrollTop + viewHeight) + 1 + OVERSCAN)
  return {start, end, before: tops[start] ?? 0, after: total - (tops[end] ?? total)}
}

/** Index of the row that covers `y`, by halving. */
function rowAt(tops: readonly number[], y: number): number {
  let low = 0
  let high = Math.max(0, tops.length - 2)
  while (low < high) {
    const middle = (low + high + 1) >> 1
    if ((tops[middle] ?? 0) <= y) low = middle
    else high = middle - 1
  }
  return low
}

/** Where to scroll so that row `index` stands in view; the same place when it does. */
export function scrollTopFor(tops: readonly number[], index: number, scrollTop: number, viewHeight: number): number {
  const top = tops[index] ?? 0
  const bottom = tops[index + 1] ?? top
  if (top < scrollTop) return top
  return bottom > scrollTop + viewHeight ? bottom - viewHeight : scrollTop
}
