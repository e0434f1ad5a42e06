/** The gates of applications: there is one while it has operations with traffic, or its bytes of the day are spent, and no longer. */

import {afterEach, expect, it, vi} from 'vitest'
import {Actor} from 'xstate'
import {type ApplicationRules, applicationGate} from '../../src/domain/applications.ts'
import {ApplicationGates} from '../../src/engine/admission/application-gates.ts'
import {operationId} from '../support/records.ts'
import {SimulatedClock} from '../support/simulated-clock.ts'

const NAMES = 100
const DAY_MS = 1_000

afterEach(() => void vi.restoreAllMocks())

function makeGates(others: ApplicationRules) {
  const clock = new SimulatedClock(0)
  const closed = new Set<string>()
  const opened = vi.spyOn(Actor.prototype, 'start')
  const stopped = vi.spyOn(Actor.prototype, 'stop')
  const gates = new ApplicationGates({applications: {others}, clock, closed, onChange: () => {}, displace: () => {}})
  const kept = () => opened.mock.calls.length - stopped.mock.calls.length
  return {clock, closed, gates, kept, opened}
}

it('keeps none for a name whose operations are over, however many clients bring one', () => {
  const {gates, closed, kept, opened} = makeGates({maxConcurrentTransfers: 1})
  for (let n = 1; n <= NAMES; n++) {
    const gate = applicationGate({app: `app-${n}`})
    gates.take(gate, operationId(n))
    expect(gates.refusal({app: `app-${n}`})).toBe('busy')
    gates.give(gate, operationId(n))
    expect(gates.refusal({app: `app-${n}`})).toBeUndefined()
  }
  expect([opened.mock.calls.length, kept(), closed.size]).toEqual([NAMES, 0, 0])
})

it('keeps that of a name whose bytes are spent until the next day, whoever gives back his slot meanwhile', () => {
  const {clock, gates, closed, kept} = makeGates({maxBytesPerDay: 1})
  const gate = applicationGate({app: 'app'})
  gates.take(gate, operationId(1))
  gates.spent({app: 'app'}, DAY_MS)
  gates.give(gate, operationId(1))
  expect([gates.refusal({app: 'app'}), kept()]).toEqual(['spent', 1])
  clock.advanceBy(DAY_MS)
  expect([gates.refusal({app: 'app'}), kept(), closed.size]).toEqual([undefined, 0, 0])
})
