/** The gates of origins: there is one for as long as there is something to say of its origin, and no longer. */

import {expect, it} from 'vitest'
import {FORGOTTEN_AFTER_MS} from '../../machines/origin.machine.ts'
import {OriginGates} from '../../src/engine/admission/origin-gates.ts'
import {operationId} from '../support/records.ts'
import {SimulatedClock} from '../support/simulated-clock.ts'

const QUIET_MS = 5_000
const ORIGINS = 100

function makeGates() {
  const clock = new SimulatedClock(0)
  const gates = new OriginGates(clock, Number.POSITIVE_INFINITY, new Set(), () => {})
  return {clock, gates, origin: (n: number) => `http://${n}.example`}
}

it('forgets origins that asked for quiet, and that nobody asked again', () => {
  const {clock, gates, origin} = makeGates()
  for (let n = 0; n < ORIGINS; n++) {
    gates.overloaded(origin(n), operationId(n), QUIET_MS)
    gates.give(origin(n), operationId(n))
  }
  clock.advanceBy(QUIET_MS)
  expect(gates.mayClose).toBe(true)
  clock.advanceBy(FORGOTTEN_AFTER_MS)
  expect([gates.mayClose, clock.pending]).toEqual([false, 0])
})

it('meets an origin that it forgot as one that it never knew', () => {
  const {clock, gates, origin} = makeGates()
  gates.overloaded(origin(1), operationId(1), QUIET_MS)
  clock.advanceBy(QUIET_MS + FORGOTTEN_AFTER_MS)
  gates.take(origin(1), operationId(2))
  gates.give(origin(1), operationId(2))
  expect([gates.refusal(origin(1)), gates.mayClose]).toEqual([undefined, false])
  gates.overloaded(origin(1), operationId(3), QUIET_MS)
  expect(gates.refusal(origin(1))).toBe('quiet')
  gates.stop()
  expect(clock.pending).toBe(0)
})
