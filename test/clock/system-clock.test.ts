/** The system's clock: delays beyond the platform's limit, and handles that can be cleared. */

import {afterEach, beforeEach, expect, test, vi} from 'vitest'
import {createSystemClock} from '../../src/adapters/clock/system-clock.ts'

const LIMIT = 2 ** 31 - 1

beforeEach(() => {
  vi.useFakeTimers()
})

afterEach(() => {
  vi.restoreAllMocks()
  vi.useRealTimers()
})

test('a timer fires once its delay is over, and once only', () => {
  const clock = createSystemClock()
  const fire = vi.fn()
  clock.setTimeout(fire, 50)
  vi.advanceTimersByTime(49)
  expect(fire).not.toHaveBeenCalled()
  vi.advanceTimersByTime(1)
  vi.advanceTimersByTime(1000)
  expect(fire).toHaveBeenCalledTimes(1)
})

test('a delay of no length, or less, fires at the next turn', () => {
  const clock = createSystemClock()
  const fire = vi.fn()
  clock.setTimeout(fire, 0)
  clock.setTimeout(fire, -5)
  expect(fire).not.toHaveBeenCalled()
  vi.advanceTimersByTime(1)
  expect(fire).toHaveBeenCalledTimes(2)
})

test('a delay beyond the limit of the platform is waited for in full', () => {
  const clock = createSystemClock()
  const fire = vi.fn()
  clock.setTimeout(fire, 2 * LIMIT + 1000)
  vi.advanceTimersByTime(2 * LIMIT + 999)
  expect(fire).not.toHaveBeenCalled()
  vi.advanceTimersByTime(1)
  expect(fire).toHaveBeenCalledTimes(1)
})

test('an infinite delay arms nothing', () => {
  const clock = createSystemClock()
  clock.clearTimeout(clock.setTimeout(() => undefined, Number.POSITIVE_INFINITY))
  clock.setTimeout(() => undefined, Number.POSITIVE_INFINITY)
  expect(vi.getTimerCount()).toBe(0)
})

test('a cleared timer does not fire, also after it was re-armed, and clears twice', () => {
  const clock = createSystemClock()
  const fire = vi.fn()
  const handle = clock.setTimeout(fire, LIMIT + 1000)
  vi.advanceTimersByTime(LIMIT + 500)
  clock.clearTimeout(handle)
  clock.clearTimeout(handle)
  clock.clearTimeout(undefined)
  vi.advanceTimersByTime(LIMIT)
  expect(fire).not.toHaveBeenCalled()
  expect(vi.getTimerCount()).toBe(0)
})

test('now is the wall clock', () => {
  vi.setSystemTime(1_700_000_000_000)
  expect(createSystemClock().now()).toBe(1_700_000_000_000)
})

test('a timer that was slept through gives what came meanwhile a second, and no short one more than its delay', () => {
  const clock = createSystemClock()
  const [long, short] = [vi.fn(), vi.fn()]
  const handle = clock.setTimeout(() => {}, 30_000)
  clock.setTimeout(long, 30_000)
  clock.setTimeout(short, 20)
  const now = performance.now.bind(performance)
  // Later each time that it is asked.
  let lateMs = 0
  vi.spyOn(performance, 'now').mockImplementation(() => {
    lateMs += 3_600_000
    return now() + lateMs
  })
  vi.advanceTimersByTime(39)
  expect(short).not.toHaveBeenCalled()
  vi.advanceTimersByTime(1)
  expect(short).toHaveBeenCalledTimes(1)
  vi.advanceTimersByTime(30_959)
  expect(long).not.toHaveBeenCalled()
  clock.clearTimeout(handle)
  vi.advanceTimersByTime(1)
  expect(long).toHaveBeenCalledTimes(1)
  expect(vi.getTimerCount()).toBe(0)
})

test('a timer that is a little late fires at once', () => {
  const clock = createSystemClock()
  const fire = vi.fn()
  clock.setTimeout(fire, 30_000)
  const now = performance.now.bind(performance)
  vi.spyOn(performance, 'now').mockImplementation(() => now() + 900)
  vi.advanceTimersByTime(30_000)
  expect(fire).toHaveBeenCalledTimes(1)
})
