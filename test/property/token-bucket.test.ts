/** Token buckets: never more than the rate and one burst over any stretch of time, and never less when somebody waits. */

import fc from 'fast-check'
import {expect, it} from 'vitest'
import {createBucket, refilled, spent, type TokenBucket, withRate} from '../../src/domain/token-bucket.ts'

const BURST_S = 0.25
const rates = fc.integer({min: 1, max: 1_000_000_000})
const pauses = fc.integer({min: 0, max: 10_000})
const buffers = fc.integer({min: 1, max: 1_048_576})

/** Spends buffers whenever the bucket is open, as the byte path does. */
function transfer(bucket: TokenBucket, steps: readonly (readonly [pause: number, bytes: number])[], start: number) {
  let level = bucket
  let now = start
  let moved = 0
  let largest = 0
  for (const [pause, bytes] of steps) {
    now += pause
    level = refilled(level, now)
    if (level.tokens <= 0) continue
    level = spent(level, bytes)
    moved += bytes
    largest = Math.max(largest, bytes)
  }
  return {moved, largest, elapsedS: (now - start) / 1000, level}
}

const steps = fc.array(fc.tuple(pauses, buffers), {maxLength: 100})

it('lets through the rate, a burst and one buffer at most, whatever the pauses and buffers', () => {
  fc.assert(
    fc.property(rates, steps, fc.nat(), (rate, list, start) => {
      const {moved, largest, elapsedS} = transfer(createBucket(rate, start), list, start)
      expect(moved).toBeLessThanOrEqual(rate * (elapsedS + BURST_S) + largest + 1)
    }),
  )
})

it('pays every debt: whoever asks often enough gets the rate', () => {
  fc.assert(
    fc.property(fc.integer({min: 10_000, max: 1_000_000}), fc.integer({min: 1_000, max: 65_536}), (rate, bytes) => {
      // A hundred seconds, asked ten times a second, as often as may be each time.
      let level = createBucket(rate, 0)
      let moved = 0
      for (let now = 0; now <= 100_000; now += 100) {
        for (level = refilled(level, now); level.tokens > 0; moved += bytes) level = spent(level, bytes)
      }
      expect(moved).toBeGreaterThanOrEqual(rate * 99)
      expect(moved).toBeLessThanOrEqual(rate * (100 + BURST_S) + bytes)
    }),
    {numRuns: 20},
  )
})

it('holds no more than the burst, however long nobody asked', () => {
  fc.assert(
    fc.property(rates, fc.nat(), fc.nat(), (rate, start, pause) => {
      expect(refilled(createBucket(rate, start), start + pause).tokens).toBeLessThanOrEqual(rate * BURST_S)
    }),
  )
})

it('fills the same whether it is asked once or often', () => {
  fc.assert(
    fc.property(rates, fc.array(fc.integer({min: 0, max: 50}), {maxLength: 50}), (rate, list) => {
      const empty = spent(createBucket(rate, 0), rate * BURST_S)
      let often = empty
      let now = 0
      for (const pause of list) {
        now += pause
        often = refilled(often, now)
      }
      expect(often.tokens).toBeCloseTo(refilled(empty, now).tokens, 2)
    }),
  )
})

it('is not refilled by a clock that is put back', () => {
  fc.assert(
    fc.property(rates, fc.integer({min: 1, max: 100_000}), (rate, back) => {
      const empty = spent(createBucket(rate, 100_000), rate * BURST_S)
      expect(refilled(empty, 100_000 - back).tokens).toBe(empty.tokens)
    }),
  )
})

it('keeps its debt under another rate, and no more than the new burst', () => {
  fc.assert(
    fc.property(rates, rates, buffers, (before, after, bytes) => {
      const indebted = spent(createBucket(before, 0), bytes)
      const changed = withRate(indebted, after, 0)
      expect(changed.bytesPerSecond).toBe(after)
      expect(changed.tokens).toBe(Math.min(indebted.tokens, after * BURST_S))
    }),
  )
})
