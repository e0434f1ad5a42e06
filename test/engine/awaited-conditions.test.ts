/** What waits for other conditions: not too many at once, and their source hears when it begins and when it ends. */

import {describe, expect, it} from 'vitest'
import {GOOD_CONDITIONS} from '../../src/domain/conditions.ts'
import type {LifeState} from '../../src/domain/status.ts'
import {AwaitedConditions} from '../../src/engine/chores/awaited-conditions.ts'
import {operationId} from '../support/records.ts'
import {SimulatedWorld, urlOf} from '../support/simulated-world.ts'

describe('a long queue without a network', () => {
  it('94. stays a queue: about a thousand wait for it, and all go on when it is there', {
    timeout: 120_000,
  }, async () => {
    const count = 1_200
    const world = new SimulatedWorld({engine: {maxConcurrentTransfers: 50, journal: false}})
    for (let n = 1; n <= count; n++) world.network.serve(urlOf(n), {seed: n, size: 10})
    world.conditions$.next({...GOOD_CONDITIONS, connectivity: 'none'})
    await world.open()
    await world.until(world.engine.startMany(Array.from({length: count}, (_, n) => world.draft(n + 1))))
    const inState = async (state: LifeState) =>
      (await world.until(world.engine.query({states: [state], limit: count}))).length
    await world.advance(10_000)
    const waiting = await inState('pausedNoNetwork')
    expect(waiting).toBeGreaterThanOrEqual(1_000)
    // Those on their way meanwhile come on top.
    expect(waiting).toBeLessThan(1_100)
    expect(await inState('queued')).toBe(count - waiting)
    world.conditions$.next(GOOD_CONDITIONS)
    await world.advance(60_000)
    expect(await inState('completed')).toBe(count)
    await world.close()
  })
})

describe('the source of conditions', () => {
  it('hears when the first begins to wait, when the last one stopped, and of nothing else', () => {
    const heard: boolean[] = []
    const awaited = new AwaitedConditions({
      conditions$: new SimulatedWorld().conditions$,
      awaited: (isAwaited) => heard.push(isAwaited),
    })
    awaited.note(operationId(1), 'running')
    awaited.note(operationId(1), 'waitingToRetry')
    expect(heard).toEqual([])
    awaited.note(operationId(1), 'pausedNoNetwork')
    awaited.note(operationId(2), 'pausedCostedNetwork')
    awaited.note(operationId(1), 'pausedSystemPolicy')
    expect(heard).toEqual([true])
    awaited.note(operationId(1), 'running')
    expect(heard).toEqual([true])
    awaited.note(operationId(2), undefined)
    expect(heard).toEqual([true, false])
    awaited.stop()
    expect(heard).toEqual([true, false])
    awaited.note(operationId(3), 'pausedNoNetwork')
    awaited.stop()
    expect(heard).toEqual([true, false, true, false])
  })
})
