/** One origin's chart: connections up to its limit, quiet when it asks for it, and one probe afterwards. */

import {describe, expect, it} from 'vitest'
import {createActor} from 'xstate'
import {FORGOTTEN_AFTER_MS, type OriginEvent, originMachine} from '../../machines/origin.machine.ts'
import {operationId} from '../support/records.ts'
import {SimulatedClock} from '../support/simulated-clock.ts'

const QUIET_MS = 5_000

/** `t1`: operation 1 takes a connection; `g1`: gives it back; `o1`: hears 503; `a1`: is answered; `+5000`: time passes. */
function play(limit: number, steps: string) {
  const clock = new SimulatedClock(0)
  const actor = createActor(originMachine(), {input: {origin: 'http://files.example', limit}, clock}).start()
  for (const step of steps.split(' ').filter((each) => each !== '')) {
    const id = operationId(Number(step.slice(1)))
    if (step.startsWith('+')) clock.advanceBy(Number(step))
    else actor.send(eventOf(step, id))
  }
  const {value, context, tags} = actor.getSnapshot()
  actor.stop()
  const state = typeof value === 'string' ? value : Object.entries(value)[0]?.join('.')
  return {state, closed: tags.has('closed'), admitting: tags.has('admitting'), users: context.users.length, clock}
}

function eventOf(step: string, id: ReturnType<typeof operationId>): OriginEvent {
  switch (step[0]) {
    case 't':
      return {type: 'connection.taken', id}
    case 'g':
      return {type: 'connection.given', id}
    case 'o':
      return {type: 'origin.overloaded', id, quietMs: QUIET_MS}
    default:
      return {type: 'origin.answered', id}
  }
}

const NO_LIMIT = Number.POSITIVE_INFINITY

describe('an origin', () => {
  it.each([
    [2, '', 'open', 0],
    [2, 't1', 'open', 1],
    [2, 't1 t2', 'full', 2],
    [2, 't1 t1', 'open', 1],
    [2, 't1 t2 g1', 'open', 1],
    [2, 't1 t2 g3', 'full', 2],
    [1, 't1 g1', 'open', 0],
    [NO_LIMIT, 't1 t2 t3 t4', 'open', 4],
    [NO_LIMIT, 'o1', 'cooling', 0],
    [2, 't1 t2 o1 g1', 'cooling', 1],
    [NO_LIMIT, 't1 o1 a1', 'cooling', 1],
    [NO_LIMIT, `o1 +${QUIET_MS - 1}`, 'cooling', 0],
    [NO_LIMIT, `o1 +${QUIET_MS}`, 'probing.choosing', 0],
    [NO_LIMIT, 'o1 +3000 o2 +3000', 'cooling', 0],
    [NO_LIMIT, 'o1 +3000 o2 +5000', 'probing.choosing', 0],
    [NO_LIMIT, 'o1 +5000 t1', 'probing.awaiting', 1],
    [NO_LIMIT, 'o1 +5000 t1 a1', 'open', 1],
    [1, 'o1 +5000 t1 a1', 'full', 1],
    [NO_LIMIT, 'o1 +5000 t1 g1', 'probing.choosing', 0],
    [NO_LIMIT, 'o1 +5000 t1 o1', 'cooling', 1],
    [NO_LIMIT, 'o1 +5000 t1 o1 g1 +5000 t2', 'probing.awaiting', 1],
    [NO_LIMIT, 't2 o1 +5000 t1 g2', 'probing.awaiting', 1],
    [NO_LIMIT, 't2 o1 +5000 a2', 'open', 1],
    [NO_LIMIT, `o1 +5000 +${FORGOTTEN_AFTER_MS - 1}`, 'probing.choosing', 0],
    [NO_LIMIT, `o1 +5000 +${FORGOTTEN_AFTER_MS}`, 'forgotten', 0],
    [NO_LIMIT, `t2 o1 +5000 +${FORGOTTEN_AFTER_MS}`, 'probing.choosing', 1],
    [NO_LIMIT, `t2 o1 +5000 +${FORGOTTEN_AFTER_MS} g2 +${FORGOTTEN_AFTER_MS}`, 'forgotten', 0],
    [NO_LIMIT, `o1 +5000 t1 +${FORGOTTEN_AFTER_MS}`, 'probing.awaiting', 1],
  ])('with a limit of %d: after %j it is %s with %d users', (limit, steps, state, users) => {
    expect(play(limit, steps)).toMatchObject({state, users})
  })

  it.each([
    ['open', 2, 't1', 'admitting'],
    ['full', 1, 't1', 'closed'],
    ['cooling', 2, 'o1', 'closed'],
    ['choosing a probe', 2, 'o1 +5000', 'admitting'],
    ['awaiting its probe', 2, 'o1 +5000 t1', 'closed'],
  ])('%s is %s', (_, limit, steps, tag) => {
    expect(play(limit, steps)).toMatchObject({closed: tag === 'closed', admitting: tag === 'admitting'})
  })

  it('leaves no timer behind when it is stopped', () => {
    expect(play(1, 'o1').clock.pending).toBe(0)
  })
})
