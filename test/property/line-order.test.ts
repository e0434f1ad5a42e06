/** The order of the waiting line against a list that is really turned. */

import fc from 'fast-check'
import {describe, expect, it} from 'vitest'
import {
  compareInLine,
  lineRanges,
  makeCurrent,
  moveBeside,
  type Place,
  pruneFront,
} from '../../src/domain/line-order.ts'
import type {LineRange} from '../../src/domain/record.ts'

/** The naive model: the members that were moved, in their order, and the others by class and arrival. */
interface Model {
  readonly moved: readonly Place[]
  readonly others: readonly Place[]
}

function orderOf(model: Model): readonly Place[] {
  return [
    ...model.moved,
    ...model.others.toSorted((a, b) => a.priorityClass - b.priorityClass || a.sequence - b.sequence),
  ]
}

function turn(model: Model, place: Place): Model {
  const order = orderOf(model)
  const at = order.indexOf(place)
  if (at === 0) return model
  const turned = [...order.slice(at), ...order.slice(0, at)]
  const untouched = at < model.moved.length ? [] : order.slice(model.moved.length, at)
  return {moved: turned.filter((each) => !untouched.includes(each)), others: untouched}
}

function inLine(front: readonly LineRange[], places: readonly Place[]): readonly Place[] {
  return places.toSorted((a, b) => compareInLine(front, a, b))
}

function byRanges(front: readonly LineRange[], places: readonly Place[]): readonly Place[] {
  return lineRanges(front).flatMap((range) =>
    places
      .filter((each) => each.priorityClass === range.priorityClass)
      .filter((each) => each.sequence >= range.from && each.sequence <= range.to)
      .toSorted((a, b) => a.sequence - b.sequence),
  )
}

type Step =
  | {readonly kind: 'arrive'; readonly priorityClass: 0 | 1 | 2}
  | {readonly kind: 'leave' | 'makeCurrent'; readonly pick: number}

const steps: fc.Arbitrary<readonly Step[]> = fc.array(
  fc.oneof(
    fc.record({
      kind: fc.constant('arrive' as const),
      priorityClass: fc.constantFrom(0 as const, 1 as const, 2 as const),
    }),
    fc.record({kind: fc.constantFrom('leave' as const, 'makeCurrent' as const), pick: fc.nat()}),
  ),
  {maxLength: 40},
)

function letters(front: readonly LineRange[], count: number): string {
  const places = Array.from({length: count}, (_, index): Place => ({priorityClass: 1, sequence: index + 1}))
  return inLine(front, places)
    .map((place) => String.fromCharCode(64 + place.sequence))
    .join('')
}

describe('makeCurrent', () => {
  it('turns A B C D E to D E A B C, and new arrivals go behind', () => {
    const front = makeCurrent(undefined, {priorityClass: 1, sequence: 4}, 5)
    expect(letters(front, 5)).toBe('DEABC')
    expect(letters(front, 7)).toBe('DEABCFG')
  })

  it('stays right when it is called again', () => {
    const first = makeCurrent([], {priorityClass: 1, sequence: 4}, 5)
    expect(letters(makeCurrent(first, {priorityClass: 1, sequence: 2}, 5), 5)).toBe('BCDEA')
    expect(letters(makeCurrent(first, {priorityClass: 1, sequence: 5}, 5), 5)).toBe('EABCD')
    expect(makeCurrent(first, {priorityClass: 1, sequence: 4}, 5)).toBe(first)
    const back = makeCurrent(first, {priorityClass: 1, sequence: 1}, 5)
    expect(letters(back, 5)).toBe('ABCDE')
    expect(back.filter((range) => range.priorityClass === 1)).toEqual([{priorityClass: 1, from: 1, to: 5}])
  })

  it('beats priority until the moved ones are through; a High arrival waits for them only', () => {
    const front = makeCurrent(undefined, {priorityClass: 1, sequence: 4}, 5)
    const high: Place = {priorityClass: 0, sequence: 6}
    expect(compareInLine(front, {priorityClass: 1, sequence: 5}, high)).toBeLessThan(0)
    expect(compareInLine(front, high, {priorityClass: 1, sequence: 1})).toBeLessThan(0)
  })

  it('agrees with a list that is turned, under any sequence of arrivals, leavings and calls', () => {
    fc.assert(
      fc.property(steps, (sequence) => {
        let model: Model = {moved: [], others: []}
        let front: readonly LineRange[] = []
        let last = 0
        let calls = 0
        for (const step of sequence) {
          const order = orderOf(model)
          if (step.kind === 'arrive') {
            last += 1
            model = {...model, others: [...model.others, {priorityClass: step.priorityClass, sequence: last}]}
          } else {
            const place = order[step.pick % Math.max(1, order.length)]
            if (place === undefined) continue
            if (step.kind === 'leave') {
              model = {
                moved: model.moved.filter((each) => each !== place),
                others: model.others.filter((each) => each !== place),
              }
            } else if (place !== order[0]) {
              // The head of the line is current already: the caller asks for no move.
              front = makeCurrent(front, place, last)
              model = turn(model, place)
              calls += 1
            }
          }
          const expected = orderOf(model)
          expect(inLine(front, expected)).toEqual(expected)
          expect(byRanges(front, expected)).toEqual(expected)
          expect(lineRanges(front).length).toBeLessThanOrEqual(3 + 4 * calls)
        }
      }),
      {numRuns: 500},
    )
  })

  it('gives ranges that are disjoint and leave no place out', () => {
    fc.assert(
      fc.property(
        fc.array(fc.record({priorityClass: fc.constantFrom(0 as const, 1 as const, 2 as const), sequence: fc.nat(50)})),
        (calls) => {
          let front: readonly LineRange[] = []
          for (const [index, place] of calls.entries()) front = makeCurrent(front, place, 20 + index)
          for (const priorityClass of [0, 1, 2]) {
            const ranges = lineRanges(front)
              .filter((range) => range.priorityClass === priorityClass)
              .toSorted((a, b) => a.from - b.from)
            let next = 0
            for (const range of ranges) {
              expect(range.from).toBe(next)
              next = range.to + 1
            }
            expect(next).toBe(Number.MAX_SAFE_INTEGER + 1)
          }
        },
      ),
    )
  })
})

/** `letter` of the alphabet, as a Default member. */
const member = (letter: string): Place => ({priorityClass: 1, sequence: letter.charCodeAt(0) - 64})

describe('moveBeside', () => {
  it('moves one alone, and new arrivals go behind', () => {
    const front = moveBeside(undefined, member('D'), member('C'), 'before')
    expect(letters(front, 7)).toBe('ABDCEFG')
    expect(letters(moveBeside(front, member('D'), member('B'), 'before'), 7)).toBe('ADBCEFG')
    expect(letters(moveBeside(front, member('A'), member('E'), 'behind'), 7)).toBe('BDCEAFG')
  })

  it('leaves nothing behind when it is taken back', () => {
    const front = moveBeside(undefined, member('D'), member('C'), 'before')
    expect(moveBeside(front, member('D'), member('C'), 'behind')).toEqual([])
  })

  it('lets a High arrival go before those that were moved among themselves', () => {
    const front = moveBeside(undefined, member('D'), member('C'), 'before')
    const high: Place = {priorityClass: 0, sequence: 6}
    expect(compareInLine(front, high, member('A'))).toBeLessThan(0)
    const pruned = pruneFront(front, member('A'))
    expect(compareInLine(pruned, high, member('A'))).toBeLessThan(0)
    expect(pruneFront(front, member('C'))).toEqual([])
  })

  it('agrees with a list in which one is moved, whatever was moved before, and through arrivals and leavings', () => {
    const step = fc.record({
      kind: fc.constantFrom(
        'arrive' as const,
        'leave' as const,
        'makeCurrent' as const,
        'move' as const,
        'move' as const,
      ),
      priorityClass: fc.constantFrom(0 as const, 1 as const, 2 as const),
      pick: fc.nat(),
      to: fc.nat(),
    })
    fc.assert(
      fc.property(fc.array(step, {maxLength: 40}), (sequence) => {
        let order: readonly Place[] = []
        let front: readonly LineRange[] = []
        let last = 0
        for (const {kind, priorityClass, pick, to} of sequence) {
          const place = order[pick % Math.max(1, order.length)]
          const anchor = order[to % Math.max(1, order.length)]
          if (kind === 'arrive') {
            last += 1
            const arrived: Place = {priorityClass, sequence: last}
            const at = inLine(front, [...order, arrived]).indexOf(arrived)
            // Behind everybody of its class that came in the order of arrival.
            expect(order.slice(at).some((each) => each.priorityClass === priorityClass && front.length === 0)).toBe(
              false,
            )
            order = order.toSpliced(at, 0, arrived)
          } else if (place === undefined || anchor === undefined) {
            continue
          } else if (kind === 'leave') {
            order = order.filter((each) => each !== place)
            const [head] = order
            if (head !== undefined) front = pruneFront(front, head)
          } else if (kind === 'makeCurrent') {
            if (place === order[0]) continue
            front = makeCurrent(front, place, last)
            order = inLine(front, order)
          } else if (place !== anchor) {
            const side = pick % 2 === 0 ? 'before' : 'behind'
            front = moveBeside(front, place, anchor, side)
            const others = order.filter((each) => each !== place)
            order = others.toSpliced(others.indexOf(anchor) + (side === 'before' ? 0 : 1), 0, place)
          }
          expect(inLine(front, order)).toEqual(order)
          expect(byRanges(front, order)).toEqual(order)
          expect(lineRanges(front).length).toBeLessThanOrEqual(3 + 4 * sequence.length)
        }
      }),
      {numRuns: 500},
    )
  })
})

describe('pruneFront', () => {
  it('changes nothing for members from the head of the line on', () => {
    const picks = fc.array(fc.integer({min: 1, max: 12}), {maxLength: 8})
    fc.assert(
      fc.property(picks, fc.nat(), (calls, drop) => {
        let front: readonly LineRange[] = []
        for (const sequence of calls) front = makeCurrent(front, {priorityClass: 1, sequence}, 12)
        const all = Array.from({length: 12}, (_, index): Place => ({priorityClass: 1, sequence: index + 1}))
        const left = inLine(front, all).slice(drop % 12)
        const [head] = left
        if (head === undefined) return
        const pruned = pruneFront(front, head)
        expect(inLine(pruned, left)).toEqual(left)
        expect(pruned.length).toBeLessThanOrEqual(front.length)
      }),
    )
  })
})
