/**
 * The engine's races: the order in which store, disk and transport answer is drawn by fast-check's scheduler, with commands, faults,
 * conditions and crashes between any two answers. After each answer the invariants of the model hold, and every checkpoint is
 * compared with what a loss of power would leave. A counterexample names the order of the answers.
 */

import fc from 'fast-check'
import {expect, it} from 'vitest'
import {command, EngineModel, start, Tally} from './engine-model.ts'

const RUNS = Number(process.env.RACE_RUNS ?? 150)
const SEED = process.env.RACE_SEED

/** Commands, and how many answers come before the next one. */
const races = fc
  .tuple(
    fc.array(start, {minLength: 1, maxLength: 4}),
    fc.array(fc.tuple(command, fc.nat({max: 25})), {maxLength: 25, size: 'max'}),
  )
  .map(([starts, rest]) => [...starts.map((each) => [each, 3] as const), ...rest])

const MUST_HAPPEN = [
  'crash by kill',
  'crash by power',
  'reopened',
  'running.exchanging.yieldingToPause because operation.pause',
  'canceled because xstate.done.actor.removal',
]

it('keeps its promises in whatever order the world answers', async () => {
  const tally = new Tally()
  await fc.assert(
    fc.asyncProperty(fc.scheduler(), fc.nat(), races, async (scheduler, seed, steps) => {
      const model = new EngineModel(seed, tally, scheduler)
      await model.open()
      for (const [each, turns] of steps) {
        model.world.turns = turns
        await model.apply(each)
      }
      model.world.turns = Number.POSITIVE_INFINITY
      await model.heal()
      await model.finish()
    }),
    {numRuns: RUNS, ...(SEED === undefined ? {} : {seed: Number(SEED)})},
  )
  if (process.env.ENGINE_TALLY !== undefined) console.log(tally.toString())
  if (RUNS >= 150) for (const what of MUST_HAPPEN) expect(tally.of(what), what).toBeGreaterThan(0)
}, 600_000)
