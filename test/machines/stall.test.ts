/** The two delays of a transferring body run side by side: neither starts the other anew. */

import {describe, expect, it} from 'vitest'
import {createActor, fromCallback, fromPromise} from 'xstate'
import {operationMachine} from '../../machines/operation.machine.ts'
import type {AttemptCommand, AttemptInput, WeighFailureInput} from '../../src/domain/attempt.ts'
import {GOOD_CONDITIONS} from '../../src/domain/conditions.ts'
import {NO_EVIDENCE} from '../../src/domain/record.ts'
import {DEFAULT_RETRY, type RetryDecision} from '../../src/domain/retry.ts'
import {queuedRecord} from '../support/records.ts'
import {SimulatedClock} from '../support/simulated-clock.ts'

const SETTINGS = {
  connectTimeoutMs: 10_000,
  responseTimeoutMs: 10_000,
  stallTimeoutMs: 5_000,
  yieldTimeoutMs: 5_000,
  beforeAttemptTimeoutMs: 1_000,
  checkpointIntervalMs: 1_000,
  retry: DEFAULT_RETRY,
}

/** An operation whose body has begun to flow. */
function transferring() {
  const clock = new SimulatedClock()
  const checkpoints: number[] = []
  const machine = operationMachine().provide({
    actors: {
      transferBytes: fromCallback<AttemptCommand, AttemptInput>(({receive}) => {
        receive(({type}) => {
          if (type === 'checkpoint.due') checkpoints.push(clock.now())
        })
      }),
      weighFailure: fromPromise<RetryDecision, WeighFailureInput>(() => new Promise(() => {})),
    },
  })
  const actor = createActor(machine, {
    input: {record: queuedRecord(1), conditions: GOOD_CONDITIONS, settings: SETTINGS},
    clock,
  })
  actor.start()
  actor.send({type: 'operation.admit'})
  actor.send({type: 'attempt.connected'})
  const response = {status: 200, url: 'http://127.0.0.1/1', headers: []}
  actor.send({type: 'attempt.responded', response, evidence: NO_EVIDENCE})
  return {actor, clock, checkpoints}
}

describe('a transferring operation', () => {
  it('is weighed as STALLED when no byte came for stallTimeout, however many checkpoints were asked for', () => {
    const {actor, clock} = transferring()
    clock.advanceBy(4_999)
    expect(actor.getSnapshot().context.failure).toBeUndefined()
    clock.advanceBy(1)
    expect(actor.getSnapshot().matches({running: 'weighing'})).toBe(true)
    expect(actor.getSnapshot().context.failure?.code).toBe('STALLED')
  })

  it('is not weighed while bytes come, and asks for its checkpoints on time', () => {
    const {actor, clock, checkpoints} = transferring()
    for (let ms = 0; ms < 12_000; ms += 800) {
      clock.advanceBy(800)
      actor.send({type: 'attempt.progressed'})
    }
    expect(actor.getSnapshot().context.failure).toBeUndefined()
    expect(checkpoints).toEqual(Array.from({length: 12}, (_, index) => (index + 1) * 1_000))
  })
})
