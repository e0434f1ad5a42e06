/** The engine against its model: any history of commands, faults and crashes keeps the invariants and comes to an end. */

import fc from 'fast-check'
import {expect, it} from 'vitest'
import {BROKEN_ONCE, SELDOM} from './engine-histories.ts'
import {EngineModel, history, Tally} from './engine-model.ts'

const RUNS = Number(process.env.ENGINE_RUNS ?? 300)
const SEED = process.env.ENGINE_SEED
/** A run takes 20 to 50 ms of CPU; a soak has what other work leaves of it. */
const LIMIT_MS = Math.max(600_000, RUNS * 5_000)

const WEIGHED = 'running.weighing because xstate.after'
const ACTIVE = 'operation.running.exchanging.active'

const MUST_HAPPEN = [
  'answered 206',
  'restarted from zero',
  'asked for a hole',
  'completed in any order',
  '2 connections for a file',
  '4 connections for a file',
  'crash by kill',
  'crash by power',
  'reopened',
  'set the clock',
  'store failed',
  'group pause carried out',
  'group resume carried out',
  'group cancel carried out',
  `${WEIGHED}.connectTimeout.${ACTIVE}.connecting`,
  `running.exchanging.active.concluding because xstate.after.responseTimeout.${ACTIVE}.awaitingResponse`,
  'running.weighing because attempt.unanswered',
  `${WEIGHED}.stallTimeout.${ACTIVE}.transferring.flow.counting`,
  'running.exchanging.active.connecting because xstate.done.actor.weighing',
  'running.waitingToRetry because xstate.done.actor.weighing',
  'running.returning because retry.due',
  'running.exchanging.yieldingToPause because operation.pause',
  'running.exchanging.yieldingToConditions because conditions.changed',
  'running.exchanging.yieldingToLine because operation.displace',
  'running.exchanging.active.recordingRestart because attempt.restarted',
  'running.startingOver because attempt.failed',
  'paused.forStorage because xstate.done.actor.weighing',
  'queued because operation.resume',
  'canceled because xstate.done.actor.removal',
]

it(
  'keeps its promises through any history, invariants 1, 2 and 8 among them',
  async () => {
    const tally = new Tally()
    await fc.assert(
      fc.asyncProperty(fc.nat(), history, (seed, commands) => EngineModel.live(seed, commands, tally)),
      {
        numRuns: RUNS,
        ...(SEED === undefined ? {} : {seed: Number(SEED)}),
        examples: [...BROKEN_ONCE, ...SELDOM].map(([seed, commands]) => [seed, commands]),
      },
    )
    if (process.env.ENGINE_TALLY !== undefined) console.log(tally.toString())
    // A simulation in which these never happen proves nothing about them.
    for (const what of MUST_HAPPEN) expect(tally.of(what), what).toBeGreaterThan(0)
  },
  LIMIT_MS,
)
