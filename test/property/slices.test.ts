/** Several connections for one file: whatever the rates, they bring every byte once, hedges apart, and come to an end. */

import fc from 'fast-check'
import {describe, expect, it} from 'vitest'
import {firstGrowth, grown} from '../../src/domain/connection-growth.ts'
import {addRange, EMPTY, missingRanges, type RangeSet, sizeOf} from '../../src/domain/range-set.ts'
import {type Board, type NextStretch, nextStretch, type Slice} from '../../src/domain/slices.ts'

const MOST_STEPS = 20_000

interface Lane {
  readonly id: string
  /** Bytes a step. */
  readonly rate: number
  slice: {start: number; position: number; end: number; hedges: string | undefined} | undefined
}

/** The board's rules with connections that only count: each step every lane brings its bytes, or asks for the next stretch. */
class Race {
  readonly total: number
  readonly unit: number
  readonly lanes: readonly Lane[]
  covered: RangeSet
  /** Bytes that came a second time. */
  twice = 0
  hedged = 0
  readonly given: NextStretch[] = []

  constructor(total: number, unit: number, rates: readonly number[], covered: RangeSet) {
    this.total = total
    this.unit = unit
    this.covered = covered
    this.lanes = rates.map((rate, n) => ({id: `lane ${n}`, rate, slice: undefined}))
  }

  board(asking: Lane, wanted: number): Board {
    const slices = this.lanes.flatMap(({id, rate, slice}): Slice[] =>
      slice === undefined ? [] : [{id, ...slice, rate, flows: true}],
    )
    const {total, covered, unit, hedged} = this
    return {total, covered, slices, wanted, rate: asking.rate, unit, hedged}
  }

  get isOver(): boolean {
    return missingRanges(this.covered, this.total).length === 0
  }

  step(wanted: number): void {
    for (const lane of this.lanes) {
      if (lane.slice === undefined) this.#ask(lane, wanted)
      else this.#move(lane)
    }
  }

  #ask(lane: Lane, wanted: number): void {
    const next = nextStretch(this.board(lane, wanted))
    if (next === undefined) return
    this.given.push(next)
    const {start, end} = next
    this.#check(next)
    if (next.kind === 'share') {
      const victim = this.lanes.find(({id}) => id === next.of)?.slice
      if (victim !== undefined) victim.end = start
    }
    if (next.kind === 'hedge') this.hedged += end - start
    lane.slice = {start, position: start, end, hedges: next.kind === 'hedge' ? next.of : undefined}
  }

  #check(next: NextStretch): void {
    const {start, end} = next
    expect(start).toBeGreaterThanOrEqual(0)
    expect(end).toBeGreaterThan(start)
    expect(end).toBeLessThanOrEqual(this.total)
    const others = this.lanes.flatMap(({id, slice}) => (slice === undefined ? [] : [{id, ...slice}]))
    const met = others.filter((each) => each.hedges === undefined && each.start < end && each.end > start)
    if (next.kind === 'hole') {
      expect(met).toEqual([])
      expect(sizeOf(addRange(this.covered, start, end)) - sizeOf(this.covered)).toBe(end - start)
      return
    }
    expect(met.map(({id}) => id)).toEqual([next.of])
    const [victim] = met
    expect(victim?.end).toBe(end)
    if (next.kind === 'hedge') {
      expect(start).toBe(victim?.position)
      return
    }
    expect(start % this.unit).toBe(0)
    expect(end - start).toBeGreaterThanOrEqual(this.unit)
    expect(start - (victim?.position ?? 0)).toBeGreaterThanOrEqual(this.unit)
  }

  #move(lane: Lane): void {
    const {slice} = lane
    if (slice === undefined) return
    const to = Math.min(slice.end, slice.position + lane.rate)
    const before = sizeOf(this.covered)
    this.covered = addRange(this.covered, slice.position, to)
    this.twice += to - slice.position - (sizeOf(this.covered) - before)
    slice.position = to
    if (to < slice.end) return
    lane.slice = undefined
    // Whoever brings the same has nothing more to bring.
    for (const other of this.lanes) {
      if (other.slice?.hedges === lane.id || other.id === slice.hedges) other.slice = undefined
    }
  }
}

const races = fc.record({
  total: fc.integer({min: 1, max: 50_000}),
  unit: fc.constantFrom(1, 64, 1000),
  rates: fc.array(fc.integer({min: 0, max: 400}), {minLength: 1, maxLength: 6}).map((rates) => [200, ...rates]),
  known: fc.array(fc.tuple(fc.nat({max: 50_000}), fc.nat({max: 10_000})), {maxLength: 4}),
  wanted: fc.nat({max: 60_000}),
})

describe('invariant 7: stretches of several connections', () => {
  it('cover every byte, overlap for a hedge only, and come to an end', () => {
    fc.assert(
      fc.property(races, ({total, unit, rates, known, wanted}) => {
        let covered: RangeSet = EMPTY
        for (const [start, length] of known) covered = addRange(covered, start, Math.min(total, start + length))
        const race = new Race(total, unit, rates, covered)
        let steps = 0
        for (; !race.isOver && steps < MOST_STEPS; steps++) race.step(wanted)
        // A lane that brings nothing holds at most what is too little to share and too much to hedge.
        if (!race.isOver) expect(rates).toContain(0)
        expect(race.twice).toBeLessThanOrEqual(total / 10)
        expect(race.hedged).toBeLessThanOrEqual(total / 10)
      }),
    )
  })

  it('bring what is wanted first, where it is missing', () => {
    fc.assert(
      fc.property(fc.integer({min: 2, max: 10_000}), fc.nat({max: 9_999}), (total, place) => {
        const wanted = place % total
        const board = {total, covered: EMPTY, slices: [], wanted, rate: undefined, unit: 10, hedged: 0}
        expect(nextStretch(board)).toEqual({kind: 'hole', start: wanted, end: total})
      }),
    )
  })

  it('story 19. split what a crawling connection holds, so that all end within 1.3 times the ideal', () => {
    const total = 64_000_000
    const rates = [100_000, 100_000, 100_000, 1_000]
    const race = new Race(total, 1_000_000, rates, EMPTY)
    let steps = 0
    for (; !race.isOver; steps++) race.step(0)
    const ideal = total / rates.reduce((sum, rate) => sum + rate, 0)
    expect(steps).toBeLessThan(1.3 * ideal)
    expect(race.twice).toBeLessThanOrEqual(total / 10)
    expect(race.given.some(({kind}) => kind === 'share')).toBe(true)
  })

  it('hedge what is too little to share, once', () => {
    const straggler: Slice = {id: 'a', start: 0, position: 500, end: 900, rate: 1, flows: true}
    const board: Board = {
      total: 100_000,
      covered: [
        [0, 500],
        [900, 100_000],
      ],
      slices: [straggler],
      wanted: 0,
      rate: 1000,
      unit: 1000,
      hedged: 0,
    }
    expect(nextStretch(board)).toEqual({kind: 'hedge', of: 'a', start: 500, end: 900})
    const hedge: Slice = {id: 'b', start: 500, position: 600, end: 900, rate: 1000, flows: true, hedges: 'a'}
    expect(nextStretch({...board, slices: [straggler, hedge]})).toBeUndefined()
    expect(nextStretch({...board, hedged: 9_900})).toBeUndefined()
    expect(nextStretch({...board, slices: [{...straggler, rate: 900}]})).toBeUndefined()
  })
})

describe('how many connections pay', () => {
  it('doubles them while the sum grows by a tenth', () => {
    let growth = firstGrowth(8, undefined)
    const targets = [growth.target]
    for (const rate of [100, 200, 400, 800]) {
      growth = grown(growth, {rate, flowing: growth.target, most: 8})
      targets.push(growth.target)
    }
    expect(targets).toEqual([1, 2, 4, 8, 8])
    expect(growth.settled).toBe(true)
  })

  it('goes back to the last number that paid, and stays there', () => {
    const two = grown(firstGrowth(8, undefined), {rate: 100, flowing: 1, most: 8})
    const four = grown(two, {rate: 190, flowing: 2, most: 8})
    const poor = {rate: 200, flowing: 4, most: 8}
    const doubting = grown(grown(four, poor), poor)
    expect(doubting.target).toBe(4)
    expect(grown(doubting, {...poor, rate: 300}).target).toBe(8)
    const back = grown(doubting, poor)
    expect(back).toMatchObject({target: 2, paying: 2, settled: true})
    expect(grown(back, {rate: 900, flowing: 2, most: 8}).target).toBe(2)
  })

  it('measures only what all of them bring', () => {
    const two = grown(firstGrowth(8, undefined), {rate: 100, flowing: 1, most: 8})
    expect(grown(two, {rate: 100, flowing: 1, most: 8})).toBe(two)
  })

  it('begins with what the origin taught, and never asks for more than is allowed', () => {
    expect(firstGrowth(8, 3)).toMatchObject({target: 3, settled: true})
    expect(firstGrowth(2, 3).target).toBe(2)
    fc.assert(
      fc.property(
        fc.integer({min: 1, max: 32}),
        fc.array(
          fc.record({rate: fc.nat({max: 1000}), flowing: fc.nat({max: 40}), most: fc.integer({min: 1, max: 32})}),
        ),
        (most, samples) => {
          let growth = firstGrowth(most, undefined)
          for (const sample of samples) {
            growth = grown(growth, sample)
            expect(growth.target).toBeGreaterThanOrEqual(1)
            expect(growth.target).toBeLessThanOrEqual(Math.max(growth.target === 1 ? 1 : sample.most, 1))
          }
        },
      ),
    )
  })
})
