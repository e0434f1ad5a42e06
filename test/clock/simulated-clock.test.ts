/** The clock of the simulations: it moves only when it is told to, deadline by deadline. */

import {expect, test} from 'vitest'
import {SimulatedClock} from '../support/simulated-clock.ts'

test('it moves to the next deadline and fires all that is due there, in the order of arming', () => {
  const clock = new SimulatedClock(1000)
  const fired: string[] = []
  clock.setTimeout(() => fired.push('late'), 20)
  clock.setTimeout(() => fired.push('first'), 10)
  clock.setTimeout(() => fired.push('second'), 10)
  expect(clock.pending).toBe(3)
  expect(clock.advanceToNext()).toBe(true)
  expect(fired).toEqual(['first', 'second'])
  expect(clock.now()).toBe(1010)
  expect(clock.advanceToNext()).toBe(true)
  expect(clock.now()).toBe(1020)
  expect(clock.advanceToNext()).toBe(false)
  expect(clock.now()).toBe(1020)
})

test('moving by a span stops at each deadline, also at those armed on the way', () => {
  const clock = new SimulatedClock()
  const at: number[] = []
  const tick = () => {
    at.push(clock.now())
    clock.setTimeout(tick, 10)
  }
  clock.setTimeout(tick, 10)
  clock.advanceBy(35)
  expect(at).toEqual([10, 20, 30])
  expect(clock.now()).toBe(35)
  expect(clock.nextAt).toBe(40)
})

test('what a timer arms without delay waits for the next step', () => {
  const clock = new SimulatedClock()
  let fired = 0
  const again = () => {
    fired++
    clock.setTimeout(again, 0)
  }
  clock.setTimeout(again, 5)
  clock.advanceToNext()
  expect(fired).toBe(1)
  clock.advanceToNext()
  expect(fired).toBe(2)
  expect(clock.now()).toBe(5)
})

test('a timer may clear another that is due at the same time', () => {
  const clock = new SimulatedClock()
  let fired = false
  clock.setTimeout(() => clock.clearTimeout(other), 10)
  const other = clock.setTimeout(() => {
    fired = true
  }, 10)
  clock.advanceToNext()
  expect(fired).toBe(false)
  expect(clock.pending).toBe(0)
})

test('an infinite delay is never due', () => {
  const clock = new SimulatedClock()
  clock.setTimeout(() => undefined, Number.POSITIVE_INFINITY)
  expect(clock.pending).toBe(0)
  expect(clock.advanceToNext()).toBe(false)
})
