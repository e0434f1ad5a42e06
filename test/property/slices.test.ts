/** Several connections for one file: whatever the rates, they bring every byte once, hedges apart, and come to an end. */

import fc from 'fast-check'
import {describe, expect, it} from 'vitest'
import {firstGrowth, type Growth, type GrowthSample, grown} from '../../src/domain/connection-growth.ts'
import {addRange, EMPTY, missingRanges, type RangeSet, sizeOf} from '../../src/domain/range-set.ts'
import {type Board, type NextStretch, nextStretch, type Slice} from '../../src/domain/slices.ts'

const MOST_STEPS = 20_000
/** Bytes that are worth a request of the slowest connection. */
const LEAST = 65_536

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
    const least = Math.min(this.unit, LEAST)
    expect(start % least).toBe(0)
    expect(end - start).toBeGreaterThanOrEqual(least)
    expect(start - (victim?.position ?? 0)).toBeGreaterThanOrEqual(least)
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

  it('leave to none of many slow connections what takes it long alone', () => {
    // Half of them have brought what they had to; bytes a second.
    const slow = fc.record({
      rates: fc.array(fc.integer({min: 30_000, max: 600_000}), {minLength: 2, maxLength: 16}),
      rests: fc.array(fc.integer({min: 1, max: 2_000_000}), {minLength: 1, maxLength: 8}),
    })
    fc.assert(
      fc.property(slow, ({rates, rests}) => {
        const usual = rates.reduce((sum, rate) => sum + rate, 0) / rates.length
        const slices = rests.map((rest, n): Slice => {
          const end = (n + 1) * 4_000_000
          return {id: `${n}`, start: n * 4_000_000, position: end - rest, end, rate: usual, flows: true}
        })
        const total = rests.length * 4_000_000
        const covered = slices.map(({start, position}): [number, number] => [start, position])
        const board = {total, covered, slices, wanted: 0, unit: 1024 * 1024, hedged: 0}
        // One that was measured takes a share of whatever takes more than half a second; a new one only of much.
        const longest = Math.max(...rests)
        const asked = nextStretch({...board, rate: usual})
        if (longest >= usual * 0.5 + 4 * LEAST) expect(asked?.kind).toBe('share')
        if (asked?.kind === 'share') expect(asked.end - asked.start).toBeGreaterThanOrEqual(LEAST)
        if (longest < 2 * 1024 * 1024) expect(nextStretch({...board, rate: undefined})?.kind).not.toBe('share')
      }),
    )
  })

  it('give a crawling connection nothing that comes sooner without it', () => {
    const rate = 512 * 1024
    const total = 4_000_000
    const slices: Slice[] = [{id: 'a', start: 0, position: total - rate, end: total, rate, flows: true}]
    const board = {total, covered: [[0, total - rate]] as RangeSet, slices, wanted: 0, unit: 256 * 1024, hedged: 0}
    for (const crawl of [0, 1, 1024, 60 * 1024]) expect(nextStretch({...board, rate: crawl})).toBeUndefined()
    expect(nextStretch({...board, rate: 70 * 1024})).toMatchObject({kind: 'share'})
  })

  it('halve the largest slice where no rate is known yet, of those that wait for their answers, too', () => {
    const total = 16_000
    const slices: Slice[] = [{id: 'own', start: 0, position: 0, end: total, rate: undefined, flows: true}]
    for (let n = 1; n < 16; n++) {
      const next = nextStretch({total, covered: EMPTY, slices, wanted: 0, rate: undefined, unit: 1000, hedged: 0})
      if (next?.kind !== 'share') throw new Error(`no share for the ${n}th`)
      const of = slices.findIndex(({id}) => id === next.of)
      slices[of] = {...(slices[of] as Slice), end: next.start}
      slices.push({id: `${n}`, start: next.start, position: next.start, end: next.end, rate: undefined, flows: false})
    }
    expect(slices.map(({start, end}) => end - start)).toEqual(Array.from({length: 16}, () => 1000))
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

describe('how many connections a file gets', () => {
  /** A long download, measured for a whole interval. */
  const LONG = {most: 8, restMs: 60_000, isWhole: true}

  /** What is measured next when each connection brings `rate(n)` of n. */
  function measure(growth: Growth, rate: (connections: number) => number, more: Partial<GrowthSample> = {}): Growth {
    return grown(growth, {...LONG, rate: rate(growth.target), flowing: growth.target, ...more})
  }

  function targetsOf(rate: (connections: number) => number, steps: number): readonly number[] {
    let growth = firstGrowth(8, undefined)
    const targets = [growth.target]
    for (let n = 0; n < steps; n++) {
      growth = measure(growth, rate)
      if (growth.target !== targets.at(-1)) targets.push(growth.target)
    }
    expect(growth.phase).toBe('settled')
    return targets
  }

  it('one more, then eight times as many when the answers of all are here, and back to all of them when half bring less', () => {
    expect(targetsOf((connections) => 100 * connections, 20)).toEqual([1, 2, 8, 4, 8])
  })

  it('half as many while those bring as much, down to one', () => {
    expect(targetsOf(() => 100, 40)).toEqual([1, 2, 8, 4, 2, 1])
  })

  it('as many as the server has room for', () => {
    expect(targetsOf((connections) => Math.min(300, 100 * connections), 40)).toEqual([1, 2, 8, 4, 2, 4])
  })

  it('one for what will be here in a moment, and no experiments with what takes a few seconds', () => {
    const first = firstGrowth(8, undefined)
    expect(measure(first, () => 100, {restMs: 2_999})).toBe(first)
    const fast = () => 100 * 1024 * 1024
    expect(measure(first, fast, {restMs: 9_999})).toBe(first)
    expect(measure(first, fast, {restMs: 10_000}).target).toBe(2)
    let growth = first
    for (let n = 0; n < 20; n++) growth = measure(growth, () => 100, {restMs: 9_999})
    expect(growth).toMatchObject({phase: 'weighing', target: 8, samples: []})
  })

  it('does not grow before all have their answers, and measures only whole intervals of all', () => {
    const two = measure(firstGrowth(32, undefined), () => 100, {most: 32})
    expect(measure(two, () => 100, {flowing: 1})).toBe(two)
    const many = measure(two, () => 100, {most: 32})
    expect(measure(many, () => 100, {most: 32, flowing: 7})).toBe(many)
    expect(measure(many, () => 100, {most: 32}).target).toBe(32)
    let growth = measure(firstGrowth(8, undefined), () => 100)
    while (growth.phase !== 'weighing') growth = measure(growth, () => 100)
    expect(measure(growth, () => 100, {isWhole: false})).toBe(growth)
    expect(measure(growth, () => 100, {flowing: 7})).toBe(growth)
  })

  it('goes back to no more than are allowed by then, when fewer brought less', () => {
    let growth = firstGrowth(3, undefined)
    while (growth.phase !== 'narrowing') growth = measure(growth, (n) => 100 * n, {most: 3})
    expect(growth).toMatchObject({target: 2, paying: 3})
    expect(measure(growth, () => 0, {most: 2})).toMatchObject({target: 2, phase: 'settled'})
  })

  it('begins with what the origin taught, and never asks for more than is allowed', () => {
    expect(firstGrowth(8, 3)).toMatchObject({target: 3, phase: 'settled'})
    expect(firstGrowth(2, 3).target).toBe(2)
    const sample = fc.record({
      rate: fc.nat({max: 1000}),
      flowing: fc.nat({max: 40}),
      most: fc.integer({min: 1, max: 32}),
      restMs: fc.nat({max: 100_000}),
      isWhole: fc.boolean(),
    })
    fc.assert(
      fc.property(fc.integer({min: 1, max: 32}), fc.array(sample), (most, samples) => {
        let growth = firstGrowth(most, undefined)
        for (const each of samples) {
          growth = grown(growth, {...each, most: Math.min(most, each.most)})
          expect(growth.target).toBeGreaterThanOrEqual(1)
          expect(growth.target).toBeLessThanOrEqual(Math.min(most, each.most))
        }
      }),
    )
  })
})
