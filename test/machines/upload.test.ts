/**
 * The chart of an upload on a simulated clock: its timeouts, retries and steps by name, and what holds over any order of events.
 */

import fc from 'fast-check'
import {describe, expect, it} from 'vitest'
import {createActor, fromCallback, fromPromise} from 'xstate'
import type {OperationEvent} from '../../machines/transfer.vocabulary.ts'
import {uploadMachine} from '../../machines/upload.machine.ts'
import {createWeighFailure} from '../../src/actors/weigh-failure.ts'
import type {AttemptCommand, AttemptEvent, AttemptInput} from '../../src/domain/attempt.ts'
import {GOOD_CONDITIONS} from '../../src/domain/conditions.ts'
import type {ErrorCode} from '../../src/domain/error-codes.ts'
import {TransferError} from '../../src/domain/errors.ts'
import type {Evidence, OperationFacts, OperationRecord} from '../../src/domain/record.ts'
import {isTerminal, LIFE_STATES, type LifeState} from '../../src/domain/status.ts'
import type {Preparation, StepInput, UploadStep} from '../../src/domain/upload-steps.ts'
import {pathOf} from '../../src/engine/operations/record-of.ts'
import {queuedRecord} from '../support/records.ts'
import {SeededRandom} from '../support/seeded-random.ts'
import {SimulatedClock} from '../support/simulated-clock.ts'
import {HEAD, OFFLINE, SETTINGS} from './operation-stand.ts'

const TOTAL = 100
const FINISHED: Evidence = {generation: 1, ranges: [[0, TOTAL]], total: TOTAL}

/** Heads of answers that decide nothing by themselves. */
const LEADING_ELSEWHERE = [
  {type: 'attempt.redirected', redirect: {status: 307, url: HEAD.url, to: `${HEAD.url}/moved`}},
  {type: 'attempt.challenged'},
] as const

/** A question to the application's provider. */
interface Refreshment {
  readonly facts: OperationFacts
  readonly signal: AbortSignal
  readonly answer: () => void
  readonly refuse: (error: unknown) => void
}

interface Stand {
  readonly clock: SimulatedClock
  readonly steps: UploadStep[]
  readonly refreshments: Refreshment[]
  readonly commits: OperationRecord[]
  /** What the chart told its requests, but for questions whether anything moved. */
  readonly commands: string[]
  readonly path: () => string
  readonly life: () => LifeState
  readonly facts: () => OperationFacts
  readonly send: (event: OperationEvent) => void
  /** By the request that is on the wire; nothing where there is none. */
  readonly report: (event: AttemptEvent) => void
  /** Promises of the actors settle. */
  readonly settle: () => Promise<void>
}

/**
 * The actors do what they are for at once; requests wait for what the test reports, and a provider, where there is one, for what
 * the test answers.
 */
function stand({isResumable = false, hasProvider = false} = {}): Stand {
  const clock = new SimulatedClock(1_000_000)
  const steps: UploadStep[] = []
  const refreshments: Refreshment[] = []
  const commits: OperationRecord[] = []
  const commands: string[] = []
  let wire: ((event: AttemptEvent) => void) | undefined
  const request = (
    sendBack: (event: AttemptEvent) => void,
    receive: (listener: (command: AttemptCommand) => void) => void,
  ) => {
    wire = sendBack
    receive(({type}) => {
      if (type !== 'checkpoint.due') commands.push(type)
    })
    return () => {
      if (wire === sendBack) wire = undefined
    }
  }
  const machine = uploadMachine().provide({
    actors: {
      prepareContent: fromPromise<Preparation, {facts: OperationFacts}>(async ({input: {facts}}) => ({
        content: {length: TOTAL, files: []},
        ...(isResumable ? {step: facts.sending?.resumable?.url === undefined ? 'create' : 'ask'} : {}),
      })),
      refreshRequest: fromPromise<void, {facts: OperationFacts}>(
        ({input: {facts}, signal}) =>
          new Promise((answer, refuse) => {
            refreshments.push({facts, signal, answer, refuse})
          }),
      ),
      commitRecord: fromPromise<void, {record: OperationRecord}>(async ({input}) => {
        commits.push(input.record)
      }),
      sendContent: fromCallback<AttemptCommand, AttemptInput>(({sendBack, receive}) => request(sendBack, receive)),
      performStep: fromCallback<AttemptCommand, StepInput>(({input, sendBack, receive}) => {
        steps.push(input.step)
        return request(sendBack, receive)
      }),
      weighFailure: createWeighFailure(clock, new SeededRandom(1)),
      discardUpload: fromPromise<void, {facts: OperationFacts}>(async () => undefined),
    },
  })
  const plain = queuedRecord(1, {url: HEAD.url})
  const record: OperationRecord = {
    ...plain,
    direction: 'upload',
    request: {
      ...plain.request,
      method: 'POST',
      body: {pieces: [{kind: 'text', text: 'x'}]},
      ...(isResumable ? {way: {protocol: 'tus'}} : {}),
      ...(hasProvider ? {provider: 'vault'} : {}),
    },
  }
  const actor = createActor(machine, {
    input: {record, conditions: GOOD_CONDITIONS, settings: SETTINGS, session: 'now'},
    clock,
  })
  actor.start()
  return {
    clock,
    steps,
    refreshments,
    commits,
    commands,
    path: () => pathOf(actor.getSnapshot().value),
    life: () => lifeIn(actor.getSnapshot()),
    facts: () => actor.getSnapshot().context.facts,
    send: (event) => {
      if (actor.getSnapshot().status === 'active') actor.send(event)
    },
    report: (event) => wire?.(event),
    settle: async () => {
      for (let turn = 0; turn < 20; turn++) await Promise.resolve()
    },
  }
}

async function admitted(options: {isResumable?: boolean; hasProvider?: boolean} = {}): Promise<Stand> {
  const made = stand(options)
  made.send({type: 'operation.admit'})
  await made.settle()
  return made
}

function failed(code: ErrorCode, evidence = FINISHED): AttemptEvent {
  return {type: 'attempt.failed', error: new TransferError(code, 'on purpose').toSerialized(), evidence}
}

function stepped(next: UploadStep, confirmed: number, generation = 1): AttemptEvent {
  return {
    type: 'attempt.stepped',
    next,
    resumable: {url: 'http://files.example/up/1'},
    evidence: {generation, ranges: confirmed === 0 ? [] : [[0, confirmed]], total: TOTAL},
  }
}

describe('an upload of one request', () => {
  it('is looked at, recorded, connected, sent and answered', async () => {
    const made = await admitted()
    expect(made.commits.map(({sending}) => sending?.session)).toEqual(['now'])
    expect(made.path()).toBe('running.exchanging.active.connecting')
    made.report({type: 'attempt.connected'})
    expect(made.path()).toBe('running.exchanging.active.sending')
    made.report({type: 'attempt.sent'})
    expect(made.path()).toBe('running.exchanging.active.awaitingResponse')
    made.report({type: 'attempt.responded', response: HEAD, evidence: FINISHED})
    expect(made.path()).toBe('running.exchanging.active.receivingResponse')
    made.report({type: 'attempt.finished', evidence: FINISHED, answer: {received: 0}})
    expect(made.path()).toBe('completed')
  })

  it.each([
    ['connecting', [], SETTINGS.connectTimeoutMs, 'CONNECT_TIMEOUT'],
    ['sending', ['attempt.connected'], SETTINGS.stallTimeoutMs, 'STALLED'],
    ['awaitingResponse', ['attempt.connected', 'attempt.sent'], SETTINGS.responseTimeoutMs, 'RESPONSE_TIMEOUT'],
  ] as const)('91. in %s waits as long as its delay, and is sent anew after the wait', async (_, events, ms, code) => {
    const made = await admitted()
    for (const type of events) made.report({type})
    made.clock.advanceBy(ms - 1)
    expect([made.life(), made.commands]).toEqual(['running', []])
    made.clock.advanceBy(1)
    if (code !== 'CONNECT_TIMEOUT') expect(made.commands).toEqual(['answer.due'])
    made.report({type: 'attempt.unanswered'})
    await made.settle()
    expect(made.path()).toBe('running.waitingToRetry')
    expect(made.facts().error?.code).toBe(code)
    made.send({type: 'retry.due'})
    expect(made.path()).toBe('running.returning')
    made.send({type: 'operation.admit'})
    await made.settle()
    expect(made.path()).toBe('running.exchanging.active.connecting')
    // What was never connected did not go out, and is not sent anew.
    expect(made.facts().evidence.generation).toBe(code === 'CONNECT_TIMEOUT' ? 1 : 2)
  })

  it.each([
    ['sending', [], SETTINGS.stallTimeoutMs, 'STALLED'],
    ['awaitingResponse', ['attempt.sent'], SETTINGS.responseTimeoutMs, 'RESPONSE_TIMEOUT'],
  ] as const)(
    '91. in %s goes on by a head whose body does not end; where nobody says that there is one, that is a failure',
    async (_, events, ms, code) => {
      const made = await admitted()
      for (const event of LEADING_ELSEWHERE) {
        made.report({type: 'attempt.connected'})
        for (const type of events) made.report({type})
        made.clock.advanceBy(ms)
        made.report(event)
        expect(made.path()).toBe('running.exchanging.active.connecting')
      }
      expect(made.commands).toEqual(['answer.due', 'answer.due'])
      made.report({type: 'attempt.connected'})
      for (const type of events) made.report({type})
      made.clock.advanceBy(ms + SETTINGS.yieldTimeoutMs)
      await made.settle()
      expect([made.path(), made.facts().error?.code]).toEqual(['running.waitingToRetry', code])
    },
  )

  it('U7, U8. whose answer falls silent is not sent again: what came of it decides', async () => {
    for (const isGood of [true, false]) {
      const made = await admitted()
      made.report({type: 'attempt.connected'})
      made.report({type: 'attempt.sent'})
      made.report({type: 'attempt.responded', response: {...HEAD, status: isGood ? 201 : 403}, evidence: FINISHED})
      made.clock.advanceBy(SETTINGS.stallTimeoutMs)
      expect(made.path()).toBe('running.exchanging.concluding')
      expect(made.commands).toEqual(['answer.due'])
      // What the kept answer says needs no network.
      made.send({type: 'conditions.changed', conditions: OFFLINE})
      if (isGood) made.report({type: 'attempt.finished', evidence: FINISHED, answer: {received: 3, total: 9}})
      else {
        const error = new TransferError('HTTP_STATUS', 'no', {details: {status: 403}}).toSerialized()
        made.report({type: 'attempt.failed', error, evidence: FINISHED})
      }
      await made.settle()
      expect(made.path()).toBe(isGood ? 'completed' : 'failed')
    }
  })

  it.each([
    ['U9', {type: 'conditions.changed', conditions: OFFLINE}, 'paused.noNetwork'],
    ['U11', {type: 'operation.displace'}, 'queued'],
    ['U14', {type: 'operation.suspend'}, 'queued'],
  ] as const)(
    '%s. what a server accepted is not sent again, whatever ends its try: %o',
    async (_, event, otherwise) => {
      for (const status of [201, 403]) {
        const made = await admitted()
        made.report({type: 'attempt.connected'})
        made.report({type: 'attempt.sent'})
        made.report({type: 'attempt.responded', response: {...HEAD, status}, evidence: FINISHED})
        made.send(event)
        expect(made.path()).toBe(status === 201 ? 'running.exchanging.concluding' : otherwise)
        if (status !== 201) continue
        expect(made.commands).toEqual(['answer.due'])
        made.send(event)
        made.report({type: 'attempt.finished', evidence: FINISHED, answer: {received: 3, total: 9}})
        expect(made.path()).toBe('completed')
      }
    },
  )

  it('behind a challenge is sent again from connecting, under the delays of a sending', async () => {
    const made = await admitted()
    made.report({type: 'attempt.connected'})
    made.report({type: 'attempt.sent'})
    made.report({type: 'attempt.challenged'})
    expect(made.path()).toBe('running.exchanging.active.connecting')
    made.report({type: 'attempt.connected'})
    made.clock.advanceBy(SETTINGS.stallTimeoutMs - 1)
    made.report({type: 'attempt.progressed'})
    made.clock.advanceBy(SETTINGS.stallTimeoutMs - 1)
    expect(made.path()).toBe('running.exchanging.active.sending')
  })

  it.each([
    ['recording', 'operation.suspend', 'queued'],
    ['connecting', 'operation.suspend', 'queued'],
    ['connecting', 'operation.displace', 'queued'],
    ['connecting', 'conditions.changed', 'paused.noNetwork'],
    ['connecting', 'attempt.failed', 'running.waitingToRetry'],
  ] as const)(
    'U15. counts as never sent where %s is left by %s before there was a connection',
    async (state, type, path) => {
      const made = stand()
      made.send({type: 'operation.admit'})
      if (state === 'connecting') await made.settle()
      else while (made.path() !== 'running.recording') await Promise.resolve()
      expect(made.path()).toMatch(state)
      expect(made.facts().sending?.session).toBe('now')
      if (type === 'attempt.failed') made.report(failed('CONNECTION_REFUSED', made.facts().evidence))
      else if (type === 'conditions.changed') made.send({type, conditions: OFFLINE})
      else made.send({type})
      await made.settle()
      expect(made.path()).toBe(path)
      expect(made.facts().sending).not.toHaveProperty('session')
    },
  )

  it('U15. counts as sent from its connection on, whatever becomes of a later try', async () => {
    const made = await admitted()
    made.report({type: 'attempt.connected'})
    made.report(failed('CONNECTION_RESET', made.facts().evidence))
    await made.settle()
    expect(made.facts().sending?.session).toBe('now')
    made.send({type: 'retry.due'})
    made.send({type: 'operation.admit'})
    await made.settle()
    made.report(failed('CONNECTION_REFUSED', made.facts().evidence))
    await made.settle()
    expect([made.path(), made.facts().sending?.session]).toEqual(['running.waitingToRetry', 'now'])
  })

  it('U12. fails when its retries are used up', async () => {
    const made = await admitted()
    for (let failure = 0; failure <= SETTINGS.retry.retries; failure++) {
      made.report(failed('CONNECTION_RESET'))
      await made.settle()
      made.send({type: 'retry.due'})
      made.send({type: 'operation.admit'})
      await made.settle()
    }
    expect(made.path()).toBe('failed')
    expect(made.steps).toEqual([])
  })
})

describe('an upload by a protocol', () => {
  it('goes from step to step, each recorded before the next', async () => {
    const made = await admitted({isResumable: true})
    expect(made.path()).toBe('running.stepping.creating.connecting')
    made.report(stepped('append', 0))
    await made.settle()
    expect(made.path()).toBe('running.stepping.appending.connecting')
    expect(made.commits.at(-1)?.sending?.resumable?.url).toBe('http://files.example/up/1')
    made.report({type: 'attempt.connected'})
    made.report({type: 'attempt.sent'})
    made.report(stepped('append', 40))
    await made.settle()
    expect(made.commits.at(-1)?.evidence.ranges).toEqual([[0, 40]])
    made.report(stepped('complete', TOTAL))
    await made.settle()
    expect(made.path()).toBe('running.stepping.completing.connecting')
    made.report({type: 'attempt.finished', evidence: FINISHED, answer: {received: 0}})
    expect(made.path()).toBe('completed')
    expect(made.steps).toEqual(['create', 'append', 'append', 'complete'])
    expect(made.facts().evidence.generation).toBe(1)
  })

  it('asks after every failure and every pause, and is no new generation for it', async () => {
    const made = await admitted({isResumable: true})
    made.report(stepped('append', 40))
    await made.settle()
    made.report(failed('CONNECTION_RESET'))
    await made.settle()
    expect(made.path()).toBe('running.waitingToRetry')
    made.send({type: 'retry.due'})
    made.send({type: 'operation.admit'})
    await made.settle()
    expect(made.path()).toBe('running.stepping.askingOffset.connecting')
    made.report(stepped('append', 60))
    await made.settle()
    made.send({type: 'conditions.changed', conditions: OFFLINE})
    expect(made.path()).toBe('paused.noNetwork')
    made.send({type: 'conditions.changed', conditions: GOOD_CONDITIONS})
    made.send({type: 'operation.admit'})
    await made.settle()
    expect(made.steps).toEqual(['create', 'append', 'ask', 'append', 'ask'])
    expect(made.facts().evidence).toMatchObject({generation: 1, ranges: [[0, 60]]})
    expect(made.facts().attempts.failures).toBe(0)
  })

  it('U8. asks no server again whose refusal falls silent; a success that does is asked after', async () => {
    for (const status of [403, 200]) {
      const made = await admitted({isResumable: true})
      made.report({type: 'attempt.connected'})
      made.report({type: 'attempt.responded', response: {...HEAD, status}, evidence: FINISHED})
      expect(made.path()).toBe('running.stepping.creating.receivingResponse')
      made.clock.advanceBy(SETTINGS.stallTimeoutMs)
      await made.settle()
      expect(made.path()).toBe(status === 403 ? 'running.stepping.concluding' : 'running.waitingToRetry')
      if (status === 403) expect(made.commands).toEqual(['answer.due'])
      else expect(made.facts().error?.code).toBe('STALLED')
    }
  })

  it('begins a new generation when the server lost it', async () => {
    const made = await admitted({isResumable: true})
    made.report(stepped('append', 40))
    await made.settle()
    made.report({type: 'attempt.lost', error: new TransferError('UPLOAD_LOST', 'gone').toSerialized()})
    await made.settle()
    expect(made.path()).toBe('running.waitingToRetry')
    expect(made.facts().evidence).toMatchObject({generation: 2, ranges: []})
    expect(made.facts().sending?.resumable).toBeUndefined()
    made.send({type: 'retry.due'})
    made.send({type: 'operation.admit'})
    await made.settle()
    expect(made.steps.at(-1)).toBe('create')
  })

  it.each([
    ['creating', 'CONNECT_TIMEOUT', SETTINGS.connectTimeoutMs, []],
    ['creating', 'RESPONSE_TIMEOUT', SETTINGS.responseTimeoutMs, ['attempt.connected']],
  ] as const)('in %s ends with %s when its delay is over', async (state, code, ms, events) => {
    const made = await admitted({isResumable: true})
    for (const type of events) made.report({type})
    expect(made.path()).toMatch(`running.stepping.${state}`)
    made.clock.advanceBy(ms)
    if (code === 'RESPONSE_TIMEOUT') expect(made.commands).toEqual(['answer.due'])
    made.report({type: 'attempt.unanswered'})
    await made.settle()
    expect(made.facts().error?.code).toBe(code)
  })

  it('91. goes on with a step by a head whose body does not end; where nobody says that there is one, that is a failure', async () => {
    const ways = [
      ['creating', [], SETTINGS.responseTimeoutMs, 'RESPONSE_TIMEOUT'],
      ['appending', [], SETTINGS.stallTimeoutMs, 'STALLED'],
      ['appending', ['attempt.sent'], SETTINGS.responseTimeoutMs, 'RESPONSE_TIMEOUT'],
    ] as const
    for (const [state, events, ms, code] of ways) {
      const made = await admitted({isResumable: true})
      if (state === 'appending') made.report(stepped('append', 0))
      await made.settle()
      for (const event of LEADING_ELSEWHERE) {
        made.report({type: 'attempt.connected'})
        for (const type of events) made.report({type})
        made.clock.advanceBy(ms)
        made.report(event)
        expect(made.path()).toBe(`running.stepping.${state}.connecting`)
      }
      expect(made.commands).toEqual(['answer.due', 'answer.due'])
      made.report({type: 'attempt.connected'})
      for (const type of events) made.report({type})
      made.clock.advanceBy(ms + SETTINGS.yieldTimeoutMs)
      await made.settle()
      expect([made.path(), made.facts().error?.code]).toEqual(['running.waitingToRetry', code])
    }
  })

  it('is terminated when it is canceled or fails for good, and nobody waits long for that', async () => {
    for (const isCanceled of [true, false]) {
      const made = await admitted({isResumable: true})
      made.report(stepped('append', 40))
      await made.settle()
      if (isCanceled) made.send({type: 'operation.cancel'})
      else made.report(failed('SOURCE_CHANGED'))
      await made.settle()
      expect(made.path()).toBe(isCanceled ? 'canceling.terminating.telling' : 'running.abandoning.terminating.telling')
      expect(made.steps.at(-1)).toBe('terminate')
      made.clock.advanceBy(10_000)
      await made.settle()
      expect(made.path()).toBe(isCanceled ? 'canceled' : 'failed')
    }
  })
})

describe('an upload with a provider', () => {
  const asked = (isResumable = false) => admitted({isResumable, hasProvider: true})

  it('asks it before each request, and nothing counts as sent before it answered', async () => {
    const made = await asked()
    expect([made.path(), made.life()]).toEqual(['running.refreshing', 'running'])
    expect(made.commits).toEqual([])
    made.refreshments[0]?.answer()
    await made.settle()
    expect(made.commits.map(({sending}) => sending?.session)).toEqual(['now'])
    expect(made.path()).toBe('running.exchanging.active.connecting')
    expect(made.facts().attempts.total).toBe(1)
    made.report(failed('CONNECTION_RESET'))
    await made.settle()
    made.send({type: 'retry.due'})
    made.send({type: 'operation.admit'})
    await made.settle()
    expect([made.path(), made.refreshments.length]).toEqual(['running.refreshing', 2])
  })

  it('asks it before each step of a protocol', async () => {
    const made = await asked(true)
    for (const [next, confirmed] of [
      ['append', 0],
      ['append', 40],
      ['complete', TOTAL],
    ] as const) {
      expect(made.path()).toBe('running.refreshing')
      made.refreshments.at(-1)?.answer()
      await made.settle()
      made.report(stepped(next, confirmed))
      await made.settle()
    }
    made.refreshments.at(-1)?.answer()
    await made.settle()
    expect(made.steps).toEqual(['create', 'append', 'append', 'complete'])
    expect(made.refreshments.map(({facts}) => facts.attempts.total)).toEqual([1, 1, 1, 1])
  })

  it('fails a try that was not made, by the retry table', async () => {
    const made = await asked()
    made.refreshments[0]?.refuse(new TransferError('PROVIDER_FAILED', 'no'))
    await made.settle()
    expect(made.path()).toBe('running.waitingToRetry')
    expect(made.facts().attempts).toMatchObject({total: 0, failures: 1})
    const other = await asked()
    other.refreshments[0]?.refuse(new TransferError('PROVIDER_FAILED', 'never', {retry: 'never'}))
    await other.settle()
    expect([other.path(), other.facts().error?.code]).toEqual(['failed', 'PROVIDER_FAILED'])
  })

  it('gives it its time', async () => {
    const made = await asked()
    made.clock.advanceBy(SETTINGS.beforeAttemptTimeoutMs - 1)
    expect(made.path()).toBe('running.refreshing')
    made.clock.advanceBy(1)
    await made.settle()
    expect(made.facts().error).toMatchObject({code: 'PROVIDER_TIMEOUT', where: 'vault'})
    expect(made.refreshments[0]?.signal.aborted).toBe(true)
  })

  it('is tried again with what it gives next, where the server refuses what it gave', async () => {
    const made = await asked()
    made.refreshments[0]?.answer()
    await made.settle()
    const refusal = new TransferError('HTTP_STATUS', 'no', {details: {status: 401}}).toSerialized()
    made.report({type: 'attempt.failed', error: refusal, evidence: FINISHED})
    await made.settle()
    expect(made.path()).toBe('running.waitingToRetry')
  })

  it.each([
    ['operation.cancel', 'canceled'],
    ['operation.displace', 'queued'],
    ['operation.suspend', 'queued'],
  ] as const)('leaves it for %s, and hears no late answer', async (type, path) => {
    const made = await asked()
    made.send({type})
    await made.settle()
    expect([made.path(), made.refreshments[0]?.signal.aborted]).toEqual([path, true])
    made.refreshments[0]?.answer()
    await made.settle()
    expect([made.path(), made.commits.length]).toEqual([path, 0])
  })

  it('leaves it for a pause of the system, and spends no retry', async () => {
    const made = await asked()
    made.send({type: 'conditions.changed', conditions: OFFLINE})
    expect(made.path()).toBe('paused.noNetwork')
    made.send({type: 'conditions.changed', conditions: GOOD_CONDITIONS})
    made.send({type: 'operation.admit'})
    await made.settle()
    expect([made.path(), made.facts().attempts.failures]).toEqual(['running.refreshing', 0])
  })

  it.each(['answer', 'refuse', 'silence'] as const)(
    'asks it before the server is told to forget it: %s',
    async (how) => {
      const made = await asked(true)
      made.refreshments[0]?.answer()
      await made.settle()
      made.report(stepped('append', 40))
      await made.settle()
      made.send({type: 'operation.cancel'})
      await made.settle()
      expect(made.path()).toBe('canceling.terminating.refreshing')
      if (how === 'answer') made.refreshments.at(-1)?.answer()
      if (how === 'refuse') made.refreshments.at(-1)?.refuse(new TransferError('PROVIDER_FAILED', 'no'))
      await made.settle()
      expect(made.path()).toBe(`canceling.terminating.${how === 'silence' ? 'refreshing' : 'telling'}`)
      made.clock.advanceBy(10_000)
      await made.settle()
      expect(made.path()).toBe('canceled')
    },
  )
})

describe('an upload that a redirect to GET took', () => {
  const TAKEN: AttemptEvent = {type: 'attempt.taken', answerUrl: `${HEAD.url}/answer`, evidence: FINISHED}
  const LEFT: AttemptEvent = {
    type: 'attempt.redirected',
    redirect: {status: 303, url: HEAD.url, to: `${HEAD.url}/answer`},
  }

  async function taken(): Promise<Stand> {
    const made = stand()
    made.send({type: 'operation.admit'})
    await made.settle()
    for (const event of [{type: 'attempt.connected'}, {type: 'attempt.sent'}, TAKEN] as const) made.report(event)
    expect(made.path()).toBe('running.exchanging.leaving')
    return made
  }

  it('has the address of its answer on record before that is asked for, by a try of its own', async () => {
    const made = await taken()
    made.report(LEFT)
    expect(made.path()).toBe('running.recording')
    await made.settle()
    expect(made.commits.at(-1)).toMatchObject({sending: {answerUrl: `${HEAD.url}/answer`}, evidence: FINISHED})
    expect(made.path()).toBe('running.exchanging.active.connecting')
    made.report(LEFT)
    expect(made.path()).toBe('running.exchanging.active.connecting')
  })

  it('waits for the end of the redirect no longer than another connection is worth', async () => {
    const made = await taken()
    made.clock.advanceBy(500)
    await made.settle()
    expect(made.path()).toBe('running.exchanging.active.connecting')
  })

  it('stays taken where its place is taken away before that redirect has ended', async () => {
    const made = await taken()
    made.send({type: 'operation.displace'})
    made.send({type: 'operation.admit'})
    expect(made.path()).toBe('running.recording')
    expect(made.facts().evidence.generation).toBe(1)
  })
})

describe('over any order of events', () => {
  const codes: readonly ErrorCode[] = ['CONNECTION_RESET', 'TRUNCATED', 'HTTP_STATUS', 'DISK_FULL', 'SOURCE_CHANGED']
  const steps: readonly UploadStep[] = ['create', 'ask', 'append', 'complete']
  const move = fc.oneof(
    fc.constantFrom<OperationEvent>(
      {type: 'operation.admit'},
      {type: 'operation.displace'},
      {type: 'operation.suspend'},
      {type: 'operation.cancel'},
      {type: 'retry.due'},
      {type: 'conditions.changed', conditions: OFFLINE},
      {type: 'conditions.changed', conditions: GOOD_CONDITIONS},
    ),
    fc.constantFrom<AttemptEvent>(
      {type: 'attempt.connected'},
      {type: 'attempt.sent'},
      {type: 'attempt.progressed'},
      {type: 'attempt.unanswered'},
      {type: 'attempt.challenged'},
      {type: 'attempt.redirected', redirect: {status: 307, url: 'https://host.test/a', to: 'https://host.test/b'}},
      {type: 'attempt.lost', error: new TransferError('UPLOAD_LOST', 'gone').toSerialized()},
    ),
    fc.record({code: fc.constantFrom(...codes)}),
    fc.record({following: fc.constantFrom(...steps), confirmed: fc.integer({min: 0, max: TOTAL})}),
    fc.record({wait: fc.integer({min: 1, max: 400_000})}),
    fc.record({given: fc.boolean()}),
  )

  it('generations and ends never fall back, one life state holds, and what is confirmed was said', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.boolean(),
        fc.boolean(),
        fc.array(move, {maxLength: 40}),
        async (isResumable, hasProvider, moves) => {
          const made = stand({isResumable, hasProvider})
          let generation = 1
          for (const each of moves) {
            const before = made.facts()
            const hadEnded = isTerminal(made.life())
            if ('given' in each) {
              if (each.given) made.refreshments.at(-1)?.answer()
              else made.refreshments.at(-1)?.refuse(new TransferError('PROVIDER_FAILED', 'no'))
            } else if ('wait' in each) made.clock.advanceBy(each.wait)
            else if ('code' in each) made.report(failed(each.code, before.evidence))
            else if ('following' in each) {
              if (isResumable) made.report(stepped(each.following, each.confirmed, before.evidence.generation))
            } else if (each.type === 'attempt.lost') {
              if (isResumable) made.report(each)
            } else if (each.type.startsWith('attempt.')) made.report(each as AttemptEvent)
            else made.send(each as OperationEvent)
            await made.settle()
            const {evidence, sending} = made.facts()
            expect(evidence.generation).toBeGreaterThanOrEqual(generation)
            generation = evidence.generation
            expect(JSON.parse(JSON.stringify(made.facts()))).toEqual(made.facts())
            // A plain upload has nothing confirmed before it is whole; nothing is confirmed of what the server lost.
            if (!isResumable || sending?.resumable === undefined) expect(evidence.ranges).toEqual([])
            if (hadEnded) expect(made.facts()).toEqual(before)
            expect(made.life()).not.toBe('completed')
          }
          made.send({type: 'operation.cancel'})
          await made.settle()
          made.clock.advanceBy(20_000)
          await made.settle()
          expect(['canceled', 'failed']).toContain(made.life())
        },
      ),
      {numRuns: 150},
    )
  })
})

/** Every state of the chart has exactly one. */
function lifeIn(snapshot: {hasTag(tag: LifeState): boolean}): LifeState {
  const lives = LIFE_STATES.filter((state) => snapshot.hasTag(state))
  expect(lives).toHaveLength(1)
  return lives[0] ?? 'queued'
}
