/**
 * Any single call, and any two, to the disk and the store fail in the midst of any history: refused, carried out unheard, carried out
 * in part, or answered after the engine has closed. What the application was told holds all the same, everything comes to an end once
 * the ports are good again, and nothing is left open, claimed or lying about.
 */

import fc from 'fast-check'
import {it} from 'vitest'
import type {PortFault} from '../support/port-faults.ts'
import {type Command, command, EngineModel, start, Tally} from './engine-model.ts'

const RUNS = Number(process.env.FAULT_RUNS ?? 100)
const SEED = process.env.FAULT_SEED
const LIMIT_MS = Math.max(600_000, RUNS * 5_000)

const fault: fc.Arbitrary<PortFault> = fc.record({
  port: fc.constantFrom('disk', 'disk', 'store'),
  skip: fc.oneof(fc.nat({max: 6}), fc.nat({max: 60})),
  count: fc.constantFrom(1, 1, 1, 2, 5),
  how: fc.constantFrom('refused', 'refused', 'answerLost', 'short', 'late'),
  code: fc.constantFrom('EIO', 'ENOSPC', 'EDQUOT', 'EACCES', 'EMFILE', 'EROFS', 'ESTALE'),
})

const step: fc.Arbitrary<Command> = fc.oneof(
  {weight: 3, arbitrary: command},
  {weight: 1, arbitrary: fc.record({kind: fc.constant('failPort' as const), fault})},
  {
    weight: 1,
    arbitrary: fc.record({kind: fc.constant('advance' as const), ms: fc.constantFrom(10, 300, 1_100, 5_000)}),
  },
)

const history = fc
  .tuple(fc.array(start, {minLength: 1, maxLength: 5}), fc.array(step, {maxLength: 30, size: 'max'}))
  .map(([starts, rest]) => [...starts, ...rest])

it(
  'keeps its promises whichever call to a port fails, invariants 1, 2 and 8 among them',
  async () => {
    const tally = new Tally()
    await fc.assert(
      fc.asyncProperty(fc.nat(), history, (seed, commands) => EngineModel.live(seed, commands, tally)),
      {numRuns: RUNS, ...(SEED === undefined ? {} : {seed: Number(SEED)})},
    )
    if (process.env.ENGINE_TALLY !== undefined) console.log(tally.toString())
  },
  LIMIT_MS,
)
