/** Sets of byte ranges: `start` included, `end` excluded, sorted, non-empty, merged (invariant 13.3.7). */

export type ByteRange = readonly [start: number, end: number]

export type RangeSet = readonly ByteRange[]

export const EMPTY: RangeSet = []

/** The set with `[start, end)` added. */
export function addRange(set: RangeSet, start: number, end: number): RangeSet {
  if (end <= start) return set
  const result: ByteRange[] = []
  let from = start
  let to = end
  let placed = false
  for (const range of set) {
    if (range[1] < from) {
      result.push(range)
    } else if (range[0] > to) {
      if (!placed) result.push([from, to])
      placed = true
      result.push(range)
    } else {
      from = Math.min(from, range[0])
      to = Math.max(to, range[1])
    }
  }
  if (!placed) result.push([from, to])
  return result
}

/** The set without `[start, end)`. */
export function removeRange(set: RangeSet, start: number, end: number): RangeSet {
  if (end <= start) return set
  const result: ByteRange[] = []
  for (const [from, to] of set) {
    if (to <= start || from >= end) {
      result.push([from, to])
      continue
    }
    if (from < start) result.push([from, start])
    if (to > end) result.push([end, to])
  }
  return result
}

/** What `[0, total)` still lacks. */
export function missingRanges(set: RangeSet, total: number): RangeSet {
  let rest: RangeSet = total > 0 ? [[0, total]] : EMPTY
  for (const [start, end] of set) rest = removeRange(rest, start, end)
  return rest
}

/** The first run of bytes behind `position` that `[0, total)` still lacks, from there on; undefined where nothing is missing there. */
export function missingRangeFrom(set: RangeSet, total: number, position: number): ByteRange | undefined {
  const missing = missingRanges(set, total).find(([, end]) => end > position)
  return missing && [Math.max(missing[0], position), missing[1]]
}

/** Where the run of bytes that contains `position` ends; `position` when the set lacks it. */
export function rangeFrom(set: RangeSet, position: number): number {
  const range = set.find(([start, end]) => start <= position && position < end)
  return range === undefined ? position : range[1]
}

/** How many bytes the set holds. */
export function sizeOf(set: RangeSet): number {
  let size = 0
  for (const [start, end] of set) size += end - start
  return size
}

/** How many bytes it would hold with `[start, end)` added; makes no set, because progress asks at each tick. */
export function sizeWith(set: RangeSet, start: number, end: number): number {
  if (end <= start) return sizeOf(set)
  let size = end - start
  for (const [from, to] of set) size += to - from - Math.max(0, Math.min(to, end) - Math.max(from, start))
  return size
}

/** Length of the run of bytes from zero. */
export function prefixLength(set: RangeSet): number {
  const first = set[0]
  return first !== undefined && first[0] === 0 ? first[1] : 0
}
