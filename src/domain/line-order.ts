/**
 * The order of a group's waiting line, as ranges of (priority class, sequence). High before Default before Low, first come
 * within a class, is the base; makeCurrentInTransferGroup turns the present order like a wheel, and what it moved stands as
 * a list of ranges in front of the base. So a move costs the same for ten members as for a million.
 */

import {PRIORITY_CLASSES, type PriorityClass} from './priority.ts'
import type {LineRange} from './record.ts'

/** A member's place: its class, and its order of arrival. */
export interface Place {
  readonly priorityClass: PriorityClass
  readonly sequence: number
}

/** Disjoint ranges in the order of dispatch; together they hold every possible place. */
export function lineRanges(front: readonly LineRange[] | undefined): readonly LineRange[] {
  const moved = front ?? []
  return [...moved, ...PRIORITY_CLASSES.flatMap((priorityClass) => rest(moved, priorityClass))]
}

/**
 * The front after `place`, and all that stood behind it, were moved to the head of the line; what stood before follows.
 * Members that arrive after `lastSequence` are not moved: they go behind, in the order of their class. Not to be called for
 * the line's first member, which is current already: it would put the whole present line before later High arrivals.
 */
export function makeCurrent(
  front: readonly LineRange[] | undefined,
  place: Place,
  lastSequence: number,
): readonly LineRange[] {
  const moved = front ?? []
  const order = lineRanges(moved)
  const at = order.findIndex((range) => holds(range, place))
  const found = order[at]
  if (found === undefined || (at === 0 && found.from === place.sequence)) return moved
  const last = Math.max(lastSequence, place.sequence)
  const behind = [{...found, from: place.sequence}, ...order.slice(at + 1)].map((range) => ({
    ...range,
    to: Math.min(range.to, last),
  }))
  // What stood before in the base stays there: base order is what it had.
  const before = at < moved.length ? [...moved.slice(0, at), {...found, to: place.sequence - 1}] : moved
  return joined([...behind, ...before].filter((range) => range.from <= range.to))
}

/** Negative when `a` goes before `b`. */
export function compareInLine(front: readonly LineRange[] | undefined, a: Place, b: Place): number {
  return rank(front ?? [], a) - rank(front ?? [], b) || a.sequence - b.sequence
}

/**
 * The front without the ranges before `head`, the first place that is still waiting or occupied. Keeps a group that is
 * reordered often from carrying ranges whose members are long through.
 */
export function pruneFront(front: readonly LineRange[], head: Place): readonly LineRange[] {
  const at = front.findIndex((range) => holds(range, head))
  return at === -1 ? [] : front.slice(at)
}

function rank(front: readonly LineRange[], place: Place): number {
  const at = front.findIndex((range) => holds(range, place))
  return at === -1 ? front.length + place.priorityClass : at
}

function holds(range: LineRange, place: Place): boolean {
  return range.priorityClass === place.priorityClass && range.from <= place.sequence && place.sequence <= range.to
}

/** What the front leaves of a class. */
function rest(front: readonly LineRange[], priorityClass: PriorityClass): readonly LineRange[] {
  const taken = front.filter((range) => range.priorityClass === priorityClass).sort((a, b) => a.from - b.from)
  const ranges: LineRange[] = []
  let from = 0
  for (const range of taken) {
    if (range.from > from) ranges.push({priorityClass, from, to: range.from - 1})
    from = Math.max(from, range.to + 1)
  }
  if (from <= Number.MAX_SAFE_INTEGER) ranges.push({priorityClass, from, to: Number.MAX_SAFE_INTEGER})
  return ranges
}

/** Neighbours that continue each other become one range. */
function joined(ranges: readonly LineRange[]): readonly LineRange[] {
  const result: LineRange[] = []
  for (const range of ranges) {
    const previous = result.at(-1)
    if (previous?.priorityClass === range.priorityClass && previous.to + 1 === range.from) {
      result[result.length - 1] = {...previous, to: range.to}
    } else {
      result.push(range)
    }
  }
  return result
}
