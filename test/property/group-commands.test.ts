/**
 * Commands for a group, for what an application has in it, and for single members, in any order and at any moment of those before:
 * what was asked of each member last holds, and as many run as may.
 */

import fc from 'fast-check'
import {expect, it} from 'vitest'
import {TransferError} from '../../src/domain/errors.ts'
import {SimulatedWorld, urlOf} from '../support/simulated-world.ts'

type Step =
  | {readonly kind: 'pauseGroup' | 'resumeGroup'; readonly app: string | undefined}
  | {readonly kind: 'pause' | 'resume'; readonly member: number}
  /** Of something else, which the next commands for the group wait for. */
  | {readonly kind: 'start'}
  | {readonly kind: 'advance'; readonly ms: number}

const APPS = ['a', 'a', 'b', undefined]
const GROUP = 'films'

const step: fc.Arbitrary<Step> = fc.oneof(
  fc.record({
    kind: fc.constantFrom('pauseGroup' as const, 'resumeGroup' as const),
    app: fc.constantFrom(undefined, 'a', 'b'),
  }),
  fc.record({kind: fc.constantFrom('pause' as const, 'resume' as const), member: fc.nat({max: APPS.length - 1})}),
  fc.record({kind: fc.constant('start' as const)}),
  fc.record({kind: fc.constant('advance' as const), ms: fc.constantFrom(1, 5, 20, 60, 300)}),
)

async function lastWishHolds(seed: number, capacity: number, steps: readonly Step[]): Promise<void> {
  const world = new SimulatedWorld({seed, mostDelayMs: 50, engine: {maxConcurrentTransfers: capacity}})
  await world.open()
  const {engine} = world
  const draft = (n: number, size: number, group: string) => {
    world.network.serve(urlOf(n), {seed: 1, size})
    return world.draft(n, {url: urlOf(n), policy: {group}})
  }
  const drafts = APPS.map((app, at) => ({
    ...draft(at + 1, 50_000_000, GROUP),
    ...(app === undefined ? {} : {app}),
  }))
  const entries = await world.until(engine.start(drafts))
  const isWanted = entries.map(() => true)
  const underWay: Promise<unknown>[] = []
  for (const [nth, each] of steps.entries()) {
    switch (each.kind) {
      case 'pauseGroup':
      case 'resumeGroup':
        for (const [at, app] of APPS.entries()) {
          if (each.app === undefined || each.app === app) isWanted[at] = each.kind === 'resumeGroup'
        }
        underWay.push(engine[each.kind](GROUP, each.app))
        break
      case 'pause':
      case 'resume': {
        const entry = entries[each.member]
        if (entry === undefined) break
        try {
          engine[each.kind](entry)
          isWanted[each.member] = each.kind === 'resume'
        } catch (error) {
          expect(error).toBeInstanceOf(TransferError)
          expect(error).toMatchObject({code: 'ILLEGAL_STATE'})
        }
        break
      }
      case 'start':
        underWay.push(engine.start([draft(100 + nth, 100, 'others')]))
        break
      case 'advance':
        await world.advance(each.ms)
    }
  }
  await world.until(Promise.all(underWay))
  await world.advance(3_000)
  expect(entries.map(({state}) => state !== 'pausedByApplication')).toEqual(isWanted)
  const running = entries.filter(({state}) => state === 'running')
  expect(running).toHaveLength(Math.min(capacity, isWanted.filter(Boolean).length))
  await world.close()
}

it('do of each member what was asked of it last', async () => {
  const inputs = [fc.nat(), fc.constantFrom(1, 2, 4), fc.array(step, {maxLength: 14})] as const
  await fc.assert(fc.asyncProperty(...inputs, lastWishHolds), {
    numRuns: 60,
    examples: [
      // All of the first application at the head of the line, and more slots than they are: the engine asked for ever.
      [
        1693488692,
        4,
        [
          {kind: 'pauseGroup', app: 'b'},
          {kind: 'pauseGroup', app: undefined},
          {kind: 'start'},
          {kind: 'resume', member: 1},
          {kind: 'resumeGroup', app: 'a'},
          {kind: 'resume', member: 3},
        ],
      ],
    ],
  })
}, 120_000)
