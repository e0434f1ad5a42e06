/**
 * A stand for the operation chart: the chart with actors that the test plays, on a simulated clock. The retry table is the
 * real one; tries, the store and the file answer what the test says.
 */

import {expect} from 'vitest'
import {createActor, fromCallback, fromPromise} from 'xstate'
import {type OperationActor, operationMachine} from '../../machines/operation.machine.ts'
import type {OperationEvent} from '../../machines/transfer.vocabulary.ts'
import {createWeighFailure} from '../../src/actors/weigh-failure.ts'
import type {AttemptCommand, AttemptEvent, AttemptInput} from '../../src/domain/attempt.ts'
import {type Conditions, GOOD_CONDITIONS} from '../../src/domain/conditions.ts'
import type {ErrorCode} from '../../src/domain/error-codes.ts'
import {TransferError, type TransferErrorOptions} from '../../src/domain/errors.ts'
import type {
  Evidence,
  OperationFacts,
  OperationRecord,
  PublishedFile,
  TransferRequest,
} from '../../src/domain/record.ts'
import type {ResponseFacts} from '../../src/domain/response-facts.ts'
import {DEFAULT_RETRY} from '../../src/domain/retry.ts'
import type {LifeState} from '../../src/domain/status.ts'
import {lifeStateOf, recordOf, stepOf} from '../../src/engine/operations/record-of.ts'
import {queuedRecord, type RecordWish} from '../support/records.ts'
import {SeededRandom} from '../support/seeded-random.ts'
import {SimulatedClock} from '../support/simulated-clock.ts'

export const SETTINGS = {
  connectTimeoutMs: 300_000,
  responseTimeoutMs: 120_000,
  stallTimeoutMs: 60_000,
  yieldTimeoutMs: 5_000,
  beforeAttemptTimeoutMs: 1_000,
  checkpointIntervalMs: 1_000,
  retry: DEFAULT_RETRY,
}

export const HEAD: ResponseFacts = {status: 200, url: 'http://files.example/1', headers: [['Content-Length', '100']]}

export const OFFLINE: Conditions = {...GOOD_CONDITIONS, connectivity: 'none'}
export const COSTLY: Conditions = {...GOOD_CONDITIONS, cost: {...GOOD_CONDITIONS.cost, type: 'fixed', roaming: true}}
export const SAVING: Conditions = {...GOOD_CONDITIONS, batterySaver: true, foreground: false}

/** Evidence of `durable` of 100 bytes. */
export function evidence(durable: number, generation = 1): Evidence {
  return {generation, ranges: durable === 0 ? [] : [[0, durable]], total: 100, validator: {kind: 'etag', value: '"1"'}}
}

/** One try as the chart started it. */
export interface PlayedTry {
  readonly facts: OperationFacts
  readonly commands: AttemptCommand['type'][]
  readonly report: (event: AttemptEvent) => void
  stopped: boolean
}

/** A question of the chart that waits for its answer. */
export interface Question<Asked, Answer> {
  readonly asked: Asked
  readonly answer: (answer: Answer) => Promise<void>
  readonly refuse: (error: unknown) => Promise<void>
}

export interface StandWish extends RecordWish {
  readonly conditions?: Conditions
  readonly request?: TransferRequest
}

export class OperationStand {
  readonly clock = new SimulatedClock(1_000_000)
  readonly actor: OperationActor
  readonly tries: PlayedTry[] = []
  readonly refreshments: Question<OperationFacts, void>[] = []
  readonly commits: Question<OperationRecord, void>[] = []
  readonly verifications: Question<OperationFacts, PublishedFile>[] = []
  readonly publications: Question<OperationFacts, string>[] = []
  readonly removals: Question<OperationFacts, void>[] = []
  /** Every life state that was entered, in order. */
  readonly lives: LifeState[] = []

  constructor({conditions = GOOD_CONDITIONS, request, ...wish}: StandWish = {}) {
    const machine = operationMachine().provide({
      actors: {
        transferBytes: fromCallback<AttemptCommand, AttemptInput>(({input, receive, sendBack}) => {
          const played: PlayedTry = {facts: input.facts, commands: [], report: sendBack, stopped: false}
          this.tries.push(played)
          receive(({type}) => played.commands.push(type))
          return () => {
            played.stopped = true
          }
        }),
        refreshRequest: fromPromise<void, {facts: OperationFacts}>(({input}) => ask(this.refreshments, input.facts)),
        weighFailure: createWeighFailure(this.clock, new SeededRandom(1)),
        commitRecord: fromPromise<void, {record: OperationRecord}>(({input}) => ask(this.commits, input.record)),
        verifyFile: fromPromise<PublishedFile, {facts: OperationFacts}>(({input}) =>
          ask(this.verifications, input.facts),
        ),
        publishFile: fromPromise<string, {facts: OperationFacts}>(({input}) => ask(this.publications, input.facts)),
        discardParts: fromPromise<void, {facts: OperationFacts}>(({input}) => ask(this.removals, input.facts)),
      },
    })
    const plain = queuedRecord(1, {url: HEAD.url, ...wish})
    const record = request === undefined ? plain : {...plain, request}
    this.actor = createActor(machine, {input: {record, conditions, settings: SETTINGS}, clock: this.clock})
    this.actor.subscribe((snapshot) => {
      expect(JSON.parse(JSON.stringify(snapshot.context))).toEqual(snapshot.context)
      const life = lifeStateOf(snapshot)
      if (this.lives.at(-1) !== life) this.lives.push(life)
    })
    this.actor.start()
  }

  get life(): LifeState {
    return lifeStateOf(this.actor.getSnapshot())
  }

  get facts(): OperationFacts {
    return this.actor.getSnapshot().context.facts
  }

  get record(): OperationRecord {
    return recordOf(stepOf(this.actor.getSnapshot()), this.clock.now())
  }

  is(tag: 'moving' | 'holding' | 'passive'): boolean {
    return this.actor.getSnapshot().hasTag(tag)
  }

  matches(value: Parameters<ReturnType<OperationActor['getSnapshot']>['matches']>[0]): boolean {
    return this.actor.getSnapshot().matches(value)
  }

  can(event: OperationEvent): boolean {
    return this.actor.getSnapshot().can(event)
  }

  send(event: OperationEvent): void {
    this.actor.send(event)
  }

  /** The present try. */
  get attempt(): PlayedTry {
    const last = this.tries.at(-1)
    if (last === undefined || last.stopped) throw new Error('no try is under way')
    return last
  }

  /** Lets the promises that are settled be heard. */
  async settle(): Promise<void> {
    await new Promise<void>((resolve) => setImmediate(resolve))
  }

  async pass(ms: number): Promise<void> {
    this.clock.advanceBy(ms)
    await this.settle()
  }

  async report(event: AttemptEvent): Promise<void> {
    this.attempt.report(event)
    await this.settle()
  }

  async fail(code: ErrorCode, options: TransferErrorOptions = {}, durable = evidence(0)): Promise<void> {
    const error = new TransferError(code, `it was ${code}`, options).toSerialized()
    await this.report({type: 'attempt.failed', error, evidence: durable})
  }

  /** Admitted, connected and answered: the body flows. */
  transfer(): this {
    this.send({type: 'operation.admit'})
    this.attempt.report({type: 'attempt.connected'})
    this.attempt.report({type: 'attempt.responded', response: HEAD, evidence: evidence(0)})
    return this
  }

  /** As `transfer`, and all bytes came. */
  async finish(): Promise<this> {
    this.transfer()
    await this.report({type: 'attempt.finished', evidence: evidence(0)})
    return this
  }
}

function ask<Asked, Answer>(questions: Question<Asked, Answer>[], asked: Asked): Promise<Answer> {
  return new Promise<Answer>((resolve, reject) => {
    const heard = () => new Promise<void>((done) => setImmediate(done))
    questions.push({
      asked,
      answer: (answer) => {
        resolve(answer)
        return heard()
      },
      refuse: (error) => {
        reject(error)
        return heard()
      },
    })
  })
}
