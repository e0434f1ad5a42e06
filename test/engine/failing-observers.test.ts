/** An observer of charts that fails, as a tool in the making does: the engine works as without it, and says so once. */

import {describe, expect, it} from 'vitest'
import type {AnyActorRef, InspectionEvent} from 'xstate'
import type {EngineOptions} from '../../src/engine/options.ts'
import {SimulatedWorld, urlOf} from '../support/simulated-world.ts'

type Inspect = NonNullable<EngineOptions['inspect']>

const FAILING = {
  'an observer that throws': (seen) => ({
    next: (event) => {
      seen.push(event)
      throw new Error('not so')
    },
  }),
  'a function that throws': (seen) => (event) => {
    seen.push(event)
    throw new Error('not so')
  },
  'an asynchronous observer that fails': (seen) => ({
    next: async (event) => {
      seen.push(event)
      throw new Error('not so')
    },
  }),
  'an observer that throws what no text can be made of': (seen) => ({
    next: (event) => {
      seen.push(event)
      throw Object.create(null)
    },
  }),
  'an observer that throws an error without a text': (seen) => ({
    next: (event) => {
      seen.push(event)
      throw Object.assign(new Error('not so'), {message: Symbol('not so')})
    },
  }),
} satisfies Record<string, (seen: InspectionEvent[]) => Inspect>

describe.each(Object.entries(FAILING))('%s', (_, observerOf) => {
  it('is reported once and told on, and the engine fetches as without it', async () => {
    const seen: InspectionEvent[] = []
    const world = new SimulatedWorld({engine: {inspect: observerOf(seen)}})
    world.network.serve(urlOf(1), {seed: 1, size: 80_000})
    await world.open()
    const {complaints} = world.process
    const [entry] = await world.until(world.engine.start([world.draft(1)]))
    await world.until(() => entry?.isOver === true)
    expect(entry?.record.state).toBe('completed')
    const actors = new Set(seen.map(({actorRef}) => (actorRef as AnyActorRef).id))
    expect(actors).toContain('engine')
    expect(actors).toContain(entry?.record.id)
    await world.close()
    expect(complaints).toEqual([expect.stringContaining('the observer of the option inspect failed')])
  })
})

it('an observer that has no next, as of another library, is told nothing and harms nothing', async () => {
  const world = new SimulatedWorld({engine: {inspect: {next: 'later'} as unknown as Inspect}})
  await world.open()
  const {complaints} = world.process
  await world.close()
  expect(complaints).toHaveLength(1)
})
