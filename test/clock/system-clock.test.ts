/** The system's clock: delays beyond the platform's limit, and handles that can be cleared. */

import {afterEach, beforeEach, expect, test, vi} from 'vitest'
import {createSystemClock} from '../../src/adapters/clock/system-clock.ts'

const LIMIT = 2 ** 31 - 1

beforeEach(() => {
  vi.useFakeTimers()
})

afterEach(() => {
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
