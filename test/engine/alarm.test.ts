/** The engine's one alarm, where the clock is set while somebody waits, or the machine sleeps. */

import {describe, expect, it} from 'vitest'
import {createActor} from 'xstate'
import type {OperationId} from '../../src/domain/operation-id.ts'
import {Alarm} from '../../src/engine/chores/alarm.ts'
import {operationId} from '../support/records.ts'
import {SimulatedClock} from '../support/simulated-clock.ts'
import {SimulatedWorld, urlOf} from '../support/simulated-world.ts'

const MINUTE = 60_000
const HOUR = 60 * MINUTE
const START = Date.UTC(2026, 0, 1)

function ringing() {
  const clock = new SimulatedClock(START)
  const woken: OperationId[] = []
  const alarm = new Alarm(clock, (id) => woken.push(id))
  createActor(alarm.logic).start()
  return {clock, alarm, woken}
}

const [first, second] = [operationId(1), operationId(2)]

describe('an alarm', () => {
  it('wakes in time those who waited as the clock was set back, and those who came after', () => {
    const {clock, alarm, woken} = ringing()
    alarm.set(first, clock.now() + 10_000)
    clock.advanceBy(4_000)
    clock.set(-HOUR)
    alarm.set(second, clock.now() + 20_000)
    clock.advanceBy(5_999)
    expect(woken).toEqual([])
    clock.advanceBy(4_001)
    expect(woken).toEqual([first])
    clock.advanceBy(10_000)
    expect(woken).toEqual([first, second])
  })

  it('lets nobody wait more than a minute longer who has long to wait as the clock is set back', () => {
    const {clock, alarm, woken} = ringing()
    alarm.set(first, clock.now() + 10 * MINUTE)
    clock.advanceBy(90_000)
    clock.set(-HOUR)
    clock.advanceBy(9 * MINUTE + 30_000)
    expect(woken).toEqual([first])
  })

  it('lets nobody wait longer to whom the same deadline is given again', () => {
    const {clock, alarm, woken} = ringing()
    const at = clock.now() + 10_000
    alarm.set(first, at)
    clock.set(-HOUR)
    alarm.set(first, at)
    clock.advanceBy(10_000)
    expect(woken).toEqual([first])
  })

  it('finds out within a minute that a deadline has passed while the machine slept', () => {
    const {clock, alarm, woken} = ringing()
    alarm.set(first, clock.now() + 10 * MINUTE)
    clock.set(HOUR)
    clock.advanceBy(MINUTE)
    expect(woken).toEqual([first])
  })

  it('arms nothing any more when all were woken or cleared', () => {
    const {clock, alarm} = ringing()
    alarm.set(first, clock.now() + HOUR)
    alarm.set(second, clock.now() + 1)
    clock.advanceBy(5 * MINUTE)
    alarm.clear(first)
    clock.advanceBy(2 * MINUTE)
    expect(clock.pending).toBe(0)
  })
})

describe('an engine on a clock that was set back', () => {
  it('lets nobody wait longer for the next try than the longest wait, also behind a crash', async () => {
    const world = new SimulatedWorld({engine: {maxConcurrentTransfers: 1}})
    world.network.serve(urlOf(1), {seed: 1, size: 5_000})
    world.network.addFault(urlOf(1), {kind: 'refused'})
    await world.open()
    const [started] = await world.until(world.engine.start([world.draft(1)]))
    await world.until(() => started?.record.state === 'waitingToRetry')
    world.crash('kill')
    world.clock.set(-24 * HOUR)
    await world.open()
    const entry = await world.until(world.engine.find(operationId(1)))
    await world.until(() => entry?.isOver === true, HOUR)
    expect(entry?.record.state).toBe('completed')
    await world.close()
  })

  it('says how long a wait lasts as its alarm has it, also where the clock was set back meanwhile', async () => {
    const world = new SimulatedWorld({engine: {maxConcurrentTransfers: 1}})
    world.network.serve(urlOf(1), {seed: 1, size: 5_000})
    world.network.addFault(urlOf(1), {kind: 'refused'})
    await world.open()
    const [started] = await world.until(world.engine.start([world.draft(1)]))
    if (started === undefined) throw new Error('it was not started')
    await world.until(() => started.record.state === 'waitingToRetry')
    const before = world.engine.explain(started)
    const leftMs = (started.record.retryAt ?? 0) - world.clock.now()
    world.clock.set(-24 * HOUR)
    expect(world.engine.explain(started)).toEqual(before)
    expect(world.engine.insight.retryAt(started.record)).toBe(world.clock.now() + leftMs)
    await world.close()
  })
})
