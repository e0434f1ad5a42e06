/**
 * The order of a group's waiting line, as ranges of (priority class, sequence). High before Default before Low, first come
 * within a class, is the base; makeCurrentInTransferGroup turns the present order like a wheel, a move takes one member to another
 * place, and what was moved stands as a list of ranges in front of the base. So a move costs the same for ten members as for a
 * million.
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
  return joined([...behind, ...before].filter(isAny))
}

/**
 * The front after `place` alone was moved to stand directly before or behind `anchor`; all others keep their order. Whoever arrives
 * later stands at the end of its class, as ever: stretches of the base that come to stand in the front stay open for them.
 */
export function moveBeside(
  front: readonly LineRange[] | undefined,
  place: Place,
  anchor: Place,
  side: 'before' | 'behind',
): readonly LineRange[] {
  const alone: LineRange = {priorityClass: place.priorityClass, from: place.sequence, to: place.sequence}
  const others = lineRanges(front).flatMap((range) =>
    holds(range, place) ? withoutPlace(range, place.sequence) : [range],
  )
  const order = others.flatMap((range) => {
    if (!holds(range, anchor)) return [range]
    const {sequence} = anchor
    const at = side === 'before' ? sequence : sequence + 1
    return [{...range, to: at - 1}, alone, {...range, from: at}].filter(isAny)
  })
  return withoutBase(joined(order))
}

/** Negative when `a` goes before `b`. */
export function compareInLine(front: readonly LineRange[] | undefined, a: Place, b: Place): number {
  return rank(front ?? [], a) - rank(front ?? [], b) || a.sequence - b.sequence
}

/**
 * The front without the ranges before `head`, the first place that is still waiting or occupied. Keeps a group that is
 * reordered often from carrying ranges whose members are long through. One that is open for arrivals stays as long as any.
 */
export function pruneFront(front: readonly LineRange[], head: Place): readonly LineRange[] {
  const at = front.findIndex((range) => holds(range, head))
  return at === -1 ? [] : front.filter((range, index) => index >= at || range.to === Number.MAX_SAFE_INTEGER)
}

function rank(front: readonly LineRange[], place: Place): number {
  const at = front.findIndex((range) => holds(range, place))
  return at === -1 ? front.length + place.priorityClass : at
}

function holds(range: LineRange, place: Place): boolean {
  return range.priorityClass === place.priorityClass && range.from <= place.sequence && place.sequence <= range.to
}

/** The range without one of its places. */
function withoutPlace(range: LineRange, sequence: number): readonly LineRange[] {
  return [
    {...range, to: sequence - 1},
    {...range, from: sequence + 1},
  ].filter(isAny)
}

function isAny(range: LineRange): boolean {
  return range.from <= range.to
}

/** The whole order without the end that the base has anyway: what the front leaves of each class, one class after another. */
function withoutBase(order: readonly LineRange[]): readonly LineRange[] {
  let end = order.length
  while (end > 1 && isInBaseOrder(order[end - 2], order[end - 1])) end -= 1
  return order.slice(0, end - 1)
}

function isInBaseOrder(a: LineRange | undefined, b: LineRange | undefined): boolean {
  if (a === undefined || b === undefined) return false
  return (a.priorityClass - b.priorityClass || a.from - b.from) < 0
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
