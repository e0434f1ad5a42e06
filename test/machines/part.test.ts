/** The chart of a part beside the operation’s: spawned by name, timed, counted, and stopped with the try. */

import {describe, expect, it} from 'vitest'
import {createActor, fromCallback, fromPromise} from 'xstate'
import {operationMachine} from '../../machines/operation.machine.ts'
import {partMachine} from '../../machines/part.machine.ts'
import type {AttemptCommand, AttemptEvent, AttemptInput} from '../../src/domain/attempt.ts'
import {GOOD_CONDITIONS} from '../../src/domain/conditions.ts'
import {TransferError} from '../../src/domain/errors.ts'
import type {OperationId} from '../../src/domain/operation-id.ts'
import type {PartCommand, PartDecision, PartId, PartReport, WeighPartInput} from '../../src/domain/part.ts'
import {queuedRecord} from '../support/records.ts'
import {SimulatedClock} from '../support/simulated-clock.ts'
import {evidence, HEAD, OFFLINE, SETTINGS} from './operation-stand.ts'

interface Mover {
  readonly part: PartId
  readonly report: (report: PartReport) => void
  readonly commands: PartCommand['type'][]
  stopped: boolean
}

/** An operation on the wire, whose parts the test plays. */
function stand(decision: PartDecision = {kind: 'end'}) {
  const clock = new SimulatedClock(1_000_000)
  const movers: Mover[] = []
  const weighed: WeighPartInput[] = []
  let report: (event: AttemptEvent) => void = () => {}
  const part = partMachine().provide({
    actors: {
      movePart: fromCallback<PartCommand, {readonly operation: OperationId; readonly part: PartId}>(
        ({input, sendBack, receive}) => {
          const mover: Mover = {part: input.part, report: sendBack, commands: [], stopped: false}
          movers.push(mover)
          receive(({type}) => mover.commands.push(type))
          return () => {
            mover.stopped = true
          }
        },
      ),
      weighPart: fromPromise<PartDecision, WeighPartInput>(async ({input}) => {
        weighed.push(input)
        return decision
      }),
    },
  })
  const machine = operationMachine().provide({
    actors: {
      part,
      transferBytes: fromCallback<AttemptCommand, AttemptInput>(({sendBack}) => {
        report = sendBack
      }),
    },
  })
  const actor = createActor(machine, {
    input: {record: queuedRecord(1, {url: HEAD.url}), conditions: GOOD_CONDITIONS, settings: SETTINGS},
    clock,
  })
  actor.start()
  actor.send({type: 'operation.admit'})
  report({type: 'attempt.connected'})
  report({type: 'attempt.responded', response: HEAD, evidence: evidence(0)})
  const parts = () => Object.keys(actor.getSnapshot().children).filter((id) => id.startsWith('part-'))
  return {actor, clock, movers, weighed, parts, tell: (event: AttemptEvent) => report(event)}
}

const settled = () => new Promise((resolve) => setImmediate(resolve))
const ERROR = new TransferError('CONNECTION_RESET', 'the connection was reset').toSerialized()

describe('a part', () => {
  it('is spawned by name when the try wants one, and is gone when nothing is left for it', () => {
    const {movers, parts, tell} = stand()
    tell({type: 'part.wanted', part: 'part-1'})
    tell({type: 'part.wanted', part: 'part-2'})
    expect(parts()).toEqual(['part-1', 'part-2'])
    movers[0]?.report({type: 'part.connected'})
    movers[0]?.report({type: 'part.responded'})
    movers[0]?.report({type: 'part.continuing'})
    movers[0]?.report({type: 'part.finished'})
    expect(parts()).toEqual(['part-2'])
    expect(movers.map(({stopped}) => stopped)).toEqual([true, false])
  })

  it('is stopped with the try, whatever ends that', () => {
    for (const event of [{type: 'operation.cancel'}, {type: 'conditions.changed', conditions: OFFLINE}] as const) {
      const {actor, movers, parts, tell} = stand()
      tell({type: 'part.wanted', part: 'part-1'})
      actor.send(event)
      if (event.type === 'conditions.changed') tell({type: 'attempt.yielded', evidence: evidence(10)})
      expect(parts()).toEqual([])
      expect(movers[0]?.stopped).toBe(true)
    }
  })

  it('asks for checkpoints while its bytes flow, and each byte starts its stall timeout anew', () => {
    const {actor, clock, movers, parts, tell} = stand()
    tell({type: 'attempt.attending'})
    tell({type: 'part.wanted', part: 'part-1'})
    movers[0]?.report({type: 'part.connected'})
    movers[0]?.report({type: 'part.responded'})
    clock.advanceBy(SETTINGS.stallTimeoutMs - 1)
    expect(movers[0]?.commands.length).toBeGreaterThan(1)
    movers[0]?.report({type: 'part.progressed'})
    clock.advanceBy(SETTINGS.stallTimeoutMs - 1)
    expect(movers[0]?.stopped).toBe(false)
    clock.advanceBy(1)
    expect(movers[0]?.stopped).toBe(true)
    expect(parts()).toEqual(['part-1'])
    // The try itself waits for its parts without a timeout of its own.
    expect(actor.getSnapshot().matches({running: {exchanging: {active: {transferring: {flow: 'attending'}}}}})).toBe(
      true,
    )
  })

  it('is not tried again when it was refused, or got no connection or answer in time', () => {
    const {clock, actor, movers, parts, tell} = stand()
    for (const part of ['part-1', 'part-2', 'part-3'] as const) tell({type: 'part.wanted', part})
    movers[0]?.report({type: 'part.connected'})
    movers[0]?.report({type: 'part.broken', error: ERROR})
    expect(parts()).toEqual(['part-2', 'part-3'])
    tell({type: 'attempt.attending'})
    movers[1]?.report({type: 'part.connected'})
    clock.advanceBy(SETTINGS.responseTimeoutMs)
    expect(parts()).toEqual(['part-3'])
    clock.advanceBy(SETTINGS.connectTimeoutMs)
    expect(parts()).toEqual([])
    expect(actor.getSnapshot().context.facts.attempts).toMatchObject({failures: 3, total: 1})
  })

  it('that was cut is weighed with the operation’s counts, and goes on after its wait', async () => {
    const {actor, clock, movers, weighed, parts, tell} = stand({kind: 'retry', afterMs: 700})
    tell({type: 'part.wanted', part: 'part-1'})
    movers[0]?.report({type: 'part.connected'})
    movers[0]?.report({type: 'part.responded'})
    movers[0]?.report({type: 'part.broken', error: ERROR})
    await settled()
    expect(weighed).toMatchObject([{error: {code: 'CONNECTION_RESET'}, counts: {failures: 1, total: 1}}])
    expect(actor.getSnapshot().context.facts.attempts.failures).toBe(1)
    clock.advanceBy(699)
    expect(movers).toHaveLength(1)
    clock.advanceBy(1)
    expect(movers).toHaveLength(2)
    expect(parts()).toEqual(['part-1'])
  })

  it('is not added when the retries are used up, until durable bytes have made them whole', () => {
    const {movers, parts, tell} = stand()
    for (let n = 1; n <= 4; n++) {
      tell({type: 'part.wanted', part: `part-${n}`})
      movers.at(-1)?.report({type: 'part.broken', error: ERROR})
    }
    tell({type: 'part.wanted', part: 'part-5'})
    expect(movers).toHaveLength(4)
    expect(parts()).toEqual([])
    tell({type: 'attempt.checkpointed', evidence: evidence(20)})
    tell({type: 'part.wanted', part: 'part-6'})
    expect(parts()).toEqual(['part-6'])
  })
})
