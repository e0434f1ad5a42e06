/** The operation chart against the table of spec 13.1: one test a row that the chart alone decides, by its number. */

import {describe, expect, it} from 'vitest'
import {GOOD_CONDITIONS} from '../../src/domain/conditions.ts'
import {TransferError} from '../../src/domain/errors.ts'
import type {OperationId} from '../../src/domain/operation-id.ts'
import {DEFAULT_RETRY} from '../../src/domain/retry.ts'
import type {LifeState} from '../../src/domain/status.ts'
import {COSTLY, evidence, HEAD, OFFLINE, OperationStand, SAVING, SETTINGS} from './operation-stand.ts'

const PAUSES_OF_THE_SYSTEM = [
  ['PausedNoNetwork', 'pausedNoNetwork', OFFLINE],
  ['PausedCostedNetwork', 'pausedCostedNetwork', COSTLY],
  ['PausedSystemPolicy', 'pausedSystemPolicy', SAVING],
] as const

const STARTS = [
  ['D4', 'connectivity', 'pausedNoNetwork', OFFLINE],
  ['D5', 'cost', 'pausedCostedNetwork', COSTLY],
  ['D6', 'system policy', 'pausedSystemPolicy', SAVING],
] as const

const INTERRUPTIONS = [
  ['D18', 'connectivity lost', 'pausedNoNetwork', OFFLINE],
  ['D19', 'network too costly', 'pausedCostedNetwork', COSTLY],
  ['D20', 'system policy', 'pausedSystemPolicy', SAVING],
] as const

const RETURNS = [
  ['D37', 'pausedNoNetwork', OFFLINE],
  ['D38', 'pausedCostedNetwork', COSTLY],
  ['D39', 'pausedSystemPolicy', SAVING],
] as const

const REDIRECT = {status: 302, url: 'https://host.test/a', to: 'https://host.test/b'}

describe('queued', () => {
  it.each(STARTS)('%s started without %s → %s, no attempt', (_, __, pause, conditions) => {
    const stand = new OperationStand({conditions})
    stand.send({type: 'operation.admit'})
    expect(stand.life).toBe(pause)
    expect(stand.tries).toEqual([])
    expect(stand.facts.attempts.total).toBe(0)
  })

  it('D9 slot frees → Running', () => {
    const stand = new OperationStand()
    expect(stand.is('passive')).toBe(true)
    stand.send({type: 'operation.admit'})
    expect(stand.life).toBe('running')
    expect(stand.attempt.facts.request.url).toBe(HEAD.url)
  })

  it('D10 Pause → PausedByApplication; Resume queues again at the end of its class', () => {
    const stand = new OperationStand()
    stand.send({type: 'operation.pause'})
    expect(stand.life).toBe('pausedByApplication')
    stand.send({type: 'operation.resume', sequence: 9})
    expect(stand.life).toBe('queued')
    expect(stand.facts.sequence).toBe(9)
  })

  it('D11 cancel → Canceled, when the parts are gone', async () => {
    const stand = new OperationStand()
    stand.send({type: 'operation.cancel'})
    await stand.settle()
    expect(stand.life).toBe('canceling')
    await stand.removals[0]?.answer()
    expect(stand.life).toBe('canceled')
  })

  it('D11 cancel → Canceled, also when the parts cannot be removed', async () => {
    const stand = new OperationStand()
    stand.send({type: 'operation.cancel'})
    await stand.settle()
    await stand.removals[0]?.refuse(new Error('read only'))
    expect(stand.life).toBe('canceled')
  })

  it('takes a new priority with a new place', () => {
    const stand = new OperationStand()
    stand.send({type: 'operation.reprioritize', policy: {...stand.facts.policy, priority: 1}, sequence: 5})
    expect(stand.life).toBe('queued')
    expect([stand.facts.policy.priority, stand.facts.sequence]).toEqual([1, 5])
  })
})

describe('running', () => {
  it('D12 headers arrive → Running, new ResponseInformation', () => {
    const stand = new OperationStand().transfer()
    expect(stand.life).toBe('running')
    expect(stand.facts.response).toEqual(HEAD)
  })

  it('D13 body bytes → Running; what is durable grows, and failures are forgiven', async () => {
    const stand = new OperationStand({attempts: {total: 3, failures: 2, highWater: 10, continued: true}}).transfer()
    await stand.report({type: 'attempt.checkpointed', evidence: evidence(40)})
    expect(stand.facts.evidence.ranges).toEqual([[0, 40]])
    expect(stand.facts.attempts).toEqual({total: 4, failures: 0, highWater: 40, continued: false})
  })

  it('D14 last byte → Completed: verified, the intent durable, published', async () => {
    const stand = await new OperationStand().finish()
    expect(stand.life).toBe('running')
    await stand.verifications[0]?.answer({device: 1, inode: 2, size: 100})
    expect(stand.life).toBe('publishing')
    expect(stand.commits[0]?.asked).toMatchObject({
      state: 'publishing',
      publishing: {device: 1, inode: 2, size: 100},
      evidence: {ranges: [[0, 100]], total: 100},
    })
    expect(stand.publications, 'nothing is published before the intent is durable').toEqual([])
    await stand.commits[0]?.answer()
    await stand.publications[0]?.answer('/downloads/1')
    expect(stand.record).toMatchObject({state: 'completed', resultFile: '/downloads/1'})
    expect(stand.record.publishing).toBeUndefined()
    expect(stand.tries.every(({stopped}) => stopped)).toBe(true)
  })

  it('D15 Pause → PausedByApplication a little later, with the bytes so far', async () => {
    const stand = new OperationStand().transfer()
    stand.send({type: 'operation.pause'})
    expect(stand.life).toBe('running')
    expect(stand.attempt.commands).toEqual(['attempt.yield'])
    await stand.report({type: 'attempt.yielded', evidence: evidence(60)})
    expect(stand.life).toBe('pausedByApplication')
    expect(stand.facts.evidence.ranges).toEqual([[0, 60]])
    expect(stand.tries[0]?.stopped).toBe(true)
  })

  it('D15 Pause → PausedByApplication after yieldTimeout, when the byte path does not answer', async () => {
    const stand = new OperationStand().transfer()
    stand.send({type: 'operation.pause'})
    await stand.pass(4_999)
    expect(stand.life).toBe('running')
    await stand.pass(1)
    expect(stand.life).toBe('pausedByApplication')
    expect(stand.tries[0]?.stopped).toBe(true)
  })

  it('D15 Pause as the last byte comes → PausedByApplication, and published when it goes on', async () => {
    const stand = new OperationStand().transfer()
    stand.send({type: 'operation.pause'})
    await stand.report({type: 'attempt.finished', evidence: evidence(100)})
    expect(stand.life).toBe('pausedByApplication')
    expect([stand.facts.evidence.ranges, stand.verifications, stand.commits]).toEqual([[[0, 100]], [], []])
    stand.send({type: 'operation.resume', sequence: 2})
    stand.send({type: 'operation.admit'})
    await stand.report({type: 'attempt.finished', evidence: evidence(100)})
    expect(stand.verifications.length).toBe(1)
  })

  it('D15 Pause between two tries and during verification → PausedByApplication at once', async () => {
    const waiting = new OperationStand().transfer()
    await waiting.fail('CONNECTION_RESET')
    expect(waiting.life).toBe('waitingToRetry')
    waiting.send({type: 'operation.pause'})
    expect(waiting.record).toMatchObject({state: 'pausedByApplication'})
    expect(waiting.record.retryAt).toBeUndefined()

    const verifying = await new OperationStand().finish()
    verifying.send({type: 'operation.pause'})
    expect(verifying.life).toBe('pausedByApplication')

    const startingOver = new OperationStand().transfer()
    await startingOver.fail('UNRELIABLE_RANGES', {details: {startOver: true}}, evidence(50))
    expect(startingOver.commits).toHaveLength(1)
    startingOver.send({type: 'operation.pause'})
    expect(startingOver.life).toBe('pausedByApplication')
    expect(startingOver.facts.evidence).toEqual({generation: 2, ranges: []})
  })

  it('D16 Pause of a POST download is refused, everywhere', async () => {
    const stand = new OperationStand({request: {url: HEAD.url, method: 'post', headers: []}}).transfer()
    expect(stand.can({type: 'operation.pause'})).toBe(false)
    stand.send({type: 'operation.pause'})
    expect(stand.life).toBe('running')
    expect(stand.attempt.commands).toEqual([])
    await stand.fail('CONNECTION_RESET')
    expect(stand.life).toBe('waitingToRetry')
    expect(stand.can({type: 'operation.pause'})).toBe(false)
  })

  it('D17 Resume is refused', () => {
    expect(new OperationStand().transfer().can({type: 'operation.resume', sequence: 2})).toBe(false)
  })

  it.each(INTERRUPTIONS)('%s %s → %s, the bytes kept and no retry spent', async (_, __, pause, conditions) => {
    const stand = new OperationStand().transfer()
    stand.send({type: 'conditions.changed', conditions})
    expect(stand.attempt.commands).toEqual(['attempt.yield'])
    await stand.report({type: 'attempt.yielded', evidence: evidence(30)})
    expect(stand.life).toBe(pause)
    expect(stand.is('holding'), 'it keeps its place').toBe(true)
    expect(stand.facts.evidence.ranges).toEqual([[0, 30]])
    expect(stand.facts.attempts.failures).toBe(0)
  })

  it('D19 CostPolicy tightened → PausedCostedNetwork', async () => {
    const fixed = {...GOOD_CONDITIONS, cost: {...GOOD_CONDITIONS.cost, type: 'fixed' as const}}
    const stand = new OperationStand({conditions: fixed}).transfer()
    stand.send({type: 'policy.changed', policy: {...stand.facts.policy, costPolicy: 1}})
    await stand.report({type: 'attempt.yielded', evidence: evidence(0)})
    expect(stand.life).toBe('pausedCostedNetwork')
  })

  it('D18 connectivity lost, and back before the bytes are durable → goes on as soon as it may', async () => {
    const stand = new OperationStand().transfer()
    stand.send({type: 'conditions.changed', conditions: OFFLINE})
    stand.send({type: 'conditions.changed', conditions: GOOD_CONDITIONS})
    await stand.report({type: 'attempt.yielded', evidence: evidence(30)})
    expect(stand.life).toBe('returning')
    expect(stand.lives).not.toContain('pausedNoNetwork')
  })

  it('D18 a try that fails or does not answer while it yields → the same pause', async () => {
    const failing = new OperationStand().transfer()
    failing.send({type: 'conditions.changed', conditions: OFFLINE})
    await failing.fail('CONNECTION_RESET')
    expect(failing.life).toBe('pausedNoNetwork')
    expect(failing.facts.attempts.failures).toBe(0)

    const silent = new OperationStand().transfer()
    silent.send({type: 'conditions.changed', conditions: OFFLINE})
    await silent.pass(5_000)
    expect(silent.life).toBe('pausedNoNetwork')
  })

  it('D21 cut in mid-body → Running: continued at once, once, then after a wait', async () => {
    const midBody = {details: {midBody: true, resumable: true}}
    const stand = new OperationStand().transfer()
    await stand.fail('CONNECTION_RESET', midBody, evidence(40))
    expect(stand.life).toBe('running')
    expect(stand.tries).toHaveLength(2)
    expect(stand.attempt.facts.evidence.ranges).toEqual([[0, 40]])
    expect(stand.lives).toEqual(['queued', 'running'])
    await stand.fail('TRUNCATED', midBody, evidence(40))
    expect(stand.life).toBe('waitingToRetry')
    await stand.pass(100_000)
    stand.send({type: 'retry.due'})
    stand.send({type: 'operation.admit'})
    await stand.fail('TRUNCATED', midBody, evidence(70))
    expect(stand.life, 'progress allows it anew').toBe('running')
    expect(stand.tries).toHaveLength(4)
  })

  it('D21 keeps its slot between the two tries', async () => {
    const stand = new OperationStand().transfer()
    const held: boolean[] = []
    stand.actor.subscribe(() => held.push(stand.is('moving')))
    await stand.fail('CONNECTION_RESET', {details: {midBody: true, resumable: true}}, evidence(40))
    expect(stand.tries).toHaveLength(2)
    expect(held).not.toContain(false)
  })

  it('D22 no connection for five minutes → Running: waits to retry', async () => {
    const stand = new OperationStand()
    stand.send({type: 'operation.admit'})
    await stand.pass(299_999)
    expect(stand.life).toBe('running')
    await stand.pass(1)
    expect(stand.life).toBe('waitingToRetry')
    expect(stand.facts.error?.code).toBe('CONNECT_TIMEOUT')
    expect(stand.tries[0]?.stopped).toBe(true)
  })

  it('D22 no answer for two minutes → Running: waits to retry', async () => {
    const stand = new OperationStand()
    stand.send({type: 'operation.admit'})
    await stand.pass(200_000)
    await stand.report({type: 'attempt.connected'})
    await stand.pass(119_999)
    expect(stand.attempt.commands).toEqual([])
    await stand.pass(1)
    expect(stand.attempt.commands).toEqual(['answer.due'])
    await stand.report({type: 'attempt.unanswered'})
    expect(stand.life).toBe('waitingToRetry')
    expect(stand.facts.error?.code).toBe('RESPONSE_TIMEOUT')
  })

  it('D22 the same where the byte path does not say whether there is one', async () => {
    const stand = new OperationStand()
    stand.send({type: 'operation.admit'})
    await stand.report({type: 'attempt.connected'})
    await stand.pass(120_000 + SETTINGS.yieldTimeoutMs)
    expect(stand.life).toBe('waitingToRetry')
    expect(stand.facts.error?.code).toBe('RESPONSE_TIMEOUT')
  })

  it('D22 an answer whose body does not end is what its head says', async () => {
    const stand = new OperationStand()
    stand.send({type: 'operation.admit'})
    await stand.report({type: 'attempt.connected'})
    await stand.pass(120_000)
    await stand.report({type: 'attempt.redirected', redirect: REDIRECT})
    await stand.report({type: 'attempt.connected'})
    await stand.pass(120_000)
    await stand.report({type: 'attempt.challenged'})
    await stand.report({type: 'attempt.connected'})
    await stand.pass(120_000)
    expect(stand.attempt.commands).toEqual(['answer.due', 'answer.due', 'answer.due'])
    await stand.fail('HTTP_STATUS', {details: {status: 404}})
    expect(stand.life).toBe('failed')
    expect(stand.facts.attempts.total).toBe(1)
  })

  it('D22 each redirect gets the time of a connection again', async () => {
    const stand = new OperationStand()
    stand.send({type: 'operation.admit'})
    await stand.report({type: 'attempt.connected'})
    await stand.pass(119_000)
    await stand.report({type: 'attempt.redirected', redirect: REDIRECT})
    await stand.pass(299_000)
    await stand.report({type: 'attempt.connected'})
    await stand.pass(119_000)
    expect(stand.life).toBe('running')
  })

  it('D23 a timeout when three retries are used up → Error', async () => {
    const stand = new OperationStand()
    stand.send({type: 'operation.admit'})
    for (let retry = 1; retry <= 3; retry++) {
      await stand.pass(300_000)
      expect(stand.life, `after try ${retry}`).toBe('waitingToRetry')
      expect(stand.facts.attempts).toMatchObject({total: retry, failures: retry})
      stand.send({type: 'retry.due'})
      stand.send({type: 'operation.admit'})
    }
    await stand.pass(300_000)
    expect(stand.record).toMatchObject({state: 'failed', error: {code: 'CONNECT_TIMEOUT'}})
    expect(stand.tries).toHaveLength(4)
  })

  it('D24 an error that the application wants to mend → PausedRecoverableWebErrorStatus, bytes kept', async () => {
    const stand = new OperationStand({policy: {recoverable: [403]}}).transfer()
    await stand.fail('HTTP_STATUS', {details: {status: 403}}, evidence(20))
    expect(stand.life).toBe('pausedRecoverableWebErrorStatus')
    expect(stand.facts.error?.details?.status).toBe(403)
    expect(stand.facts.evidence.ranges).toEqual([[0, 20]])
    expect(stand.is('holding'), 'it gives up its place').toBe(false)
  })

  it('D25 any other failure → Error at once, the evidence kept', async () => {
    const stand = new OperationStand().transfer()
    await stand.fail('HTTP_STATUS', {details: {status: 404}}, evidence(20))
    expect(stand.record).toMatchObject({state: 'failed', error: {code: 'HTTP_STATUS'}})
    expect(stand.facts.evidence.ranges).toEqual([[0, 20]])
  })

  it('D25 the answer of a failed try can be read afterwards', async () => {
    const stand = new OperationStand()
    stand.send({type: 'operation.admit'})
    await stand.report({type: 'attempt.connected'})
    const response = {...HEAD, status: 404}
    await stand.report({
      type: 'attempt.failed',
      error: {code: 'HTTP_STATUS', message: 'not found', details: {status: 404}},
      evidence: evidence(0),
      response,
    })
    expect(stand.record).toMatchObject({state: 'failed', response})
  })

  it('D26 a file larger than the file system takes → Error, at once', async () => {
    const stand = new OperationStand().transfer()
    await stand.fail('FILE_TOO_LARGE')
    expect(stand.record).toMatchObject({state: 'failed', error: {code: 'FILE_TOO_LARGE'}})
    expect(stand.tries).toHaveLength(1)
  })

  it('D27 cancel → Canceled: the connection closed, the parts removed', async () => {
    const stand = new OperationStand().transfer()
    stand.send({type: 'operation.cancel'})
    await stand.settle()
    expect(stand.tries[0]?.stopped).toBe(true)
    expect(stand.life).toBe('canceling')
    await stand.removals[0]?.answer()
    expect(stand.life).toBe('canceled')
  })

  it('D28 the answer begins at zero → Running: the body waits until the new generation is durable', async () => {
    const stand = new OperationStand({evidence: evidence(50)})
    stand.send({type: 'operation.admit'})
    await stand.report({type: 'attempt.connected'})
    await stand.report({type: 'attempt.restarted', response: HEAD, evidence: evidence(0, 2)})
    expect(stand.commits[0]?.asked).toMatchObject({state: 'running', evidence: {generation: 2, ranges: []}})
    expect(stand.attempt.commands).toEqual([])
    await stand.commits[0]?.answer()
    expect(stand.attempt.commands).toEqual(['restart.recorded'])
    expect(stand.life).toBe('running')
  })

  it('D28 the new generation cannot be recorded → the try fails', async () => {
    const stand = new OperationStand({evidence: evidence(50)})
    stand.send({type: 'operation.admit'})
    await stand.report({type: 'attempt.connected'})
    await stand.report({type: 'attempt.restarted', response: HEAD, evidence: evidence(0, 2)})
    await stand.commits[0]?.refuse(new Error('the store is gone'))
    expect(stand.record).toMatchObject({state: 'failed', error: {code: 'INTERNAL'}})
  })

  it('D28 an answer that proves the bytes useless → a new generation, recorded before the next try', async () => {
    const stand = new OperationStand({evidence: evidence(50)}).transfer()
    await stand.fail('UNRELIABLE_RANGES', {details: {startOver: true}}, evidence(50))
    expect(stand.tries[0]?.stopped).toBe(true)
    expect(stand.commits[0]?.asked.evidence).toEqual({generation: 2, ranges: []})
    expect(stand.tries).toHaveLength(1)
    await stand.commits[0]?.answer()
    expect(stand.attempt.facts.evidence.generation).toBe(2)
  })

  it('D28 a server that makes it start over again and again → Error, and its bytes are nobody’s', async () => {
    const {retries} = DEFAULT_RETRY
    const stand = new OperationStand()
    stand.send({type: 'operation.admit'})
    for (let generation = 1; generation <= retries + 2; generation++) {
      await stand.fail('UNRELIABLE_RANGES', {details: {startOver: true}}, evidence(50, generation))
      expect(stand.life).toBe('running')
      await stand.commits.at(-1)?.answer()
    }
    await stand.fail('UNRELIABLE_RANGES', {details: {startOver: true}}, evidence(50, retries + 3))
    expect(stand.record).toMatchObject({state: 'failed', error: {code: 'UNRELIABLE_RANGES'}})
    expect(stand.facts.evidence).toEqual({generation: retries + 4, ranges: []})
    expect(stand.tries).toHaveLength(retries + 3)
  })

  it('D29 another member was made current → Idle (queued), the bytes kept', async () => {
    const stand = new OperationStand().transfer()
    stand.send({type: 'operation.displace'})
    await stand.report({type: 'attempt.yielded', evidence: evidence(60)})
    expect(stand.life).toBe('queued')
    expect(stand.facts.evidence.ranges).toEqual([[0, 60]])
    expect(stand.facts.sequence).toBe(1)
  })

  it('D29 a pause on the way back to the line → PausedByApplication', async () => {
    const stand = new OperationStand().transfer()
    stand.send({type: 'operation.displace'})
    stand.send({type: 'operation.pause'})
    await stand.report({type: 'attempt.yielded', evidence: evidence(60)})
    expect(stand.life).toBe('pausedByApplication')
  })

  it('D30 the engine closes → queued', async () => {
    const stand = new OperationStand().transfer()
    stand.send({type: 'operation.suspend'})
    await stand.report({type: 'attempt.yielded', evidence: evidence(60)})
    expect(stand.life).toBe('queued')
  })
})

describe('a try in time', () => {
  it('asks for a checkpoint each second', async () => {
    const stand = new OperationStand().transfer()
    await stand.pass(3_500)
    expect(stand.attempt.commands).toEqual(['checkpoint.due', 'checkpoint.due', 'checkpoint.due'])
  })

  it('counts as stalled when no byte came for stallTimeout', async () => {
    const stand = new OperationStand().transfer()
    await stand.pass(59_000)
    await stand.report({type: 'attempt.progressed'})
    await stand.pass(59_000)
    expect(stand.life).toBe('running')
    await stand.pass(1_000)
    expect(stand.record).toMatchObject({state: 'waitingToRetry', error: {code: 'STALLED'}})
  })

  it('waits as long as Retry-After says', async () => {
    const stand = new OperationStand().transfer()
    const before = stand.clock.now()
    await stand.fail('HTTP_STATUS', {retry: 'backoff', details: {status: 503, retryAfterMs: 120_000}})
    expect(stand.record).toMatchObject({state: 'waitingToRetry', retryAt: before + 120_000})
  })

  it('ends when Retry-After is beyond its cap', async () => {
    const stand = new OperationStand().transfer()
    await stand.fail('HTTP_STATUS', {retry: 'backoff', details: {status: 503, retryAfterMs: 86_400_000}})
    expect(stand.record).toMatchObject({state: 'failed', error: {code: 'NOT_BEFORE'}})
  })

  it('backs off longer from failure to failure', async () => {
    const stand = new OperationStand()
    stand.send({type: 'operation.admit'})
    const ceilings = [1_000, 4_000, 16_000]
    for (const ceiling of ceilings) {
      await stand.fail('CONNECTION_REFUSED')
      const wait = (stand.facts.retryAt ?? 0) - stand.clock.now()
      expect(wait).toBeGreaterThanOrEqual(100)
      expect(wait).toBeLessThanOrEqual(ceiling)
      stand.send({type: 'retry.due'})
      expect(stand.facts.retryAt).toBeUndefined()
      stand.send({type: 'operation.admit'})
    }
  })
})

describe('waiting to retry and returning', () => {
  async function waiting(): Promise<OperationStand> {
    const stand = new OperationStand().transfer()
    await stand.fail('CONNECTION_RESET')
    return stand
  }

  it('keeps its place, gives back its slot, needs no actor', async () => {
    const stand = await waiting()
    expect([stand.is('holding'), stand.is('moving'), stand.is('passive')]).toEqual([true, false, true])
  })

  it('returns when the wait is over, and runs when it is admitted', async () => {
    const stand = await waiting()
    stand.send({type: 'retry.due'})
    expect(stand.life).toBe('returning')
    stand.send({type: 'operation.admit'})
    expect(stand.life).toBe('running')
    expect(stand.tries).toHaveLength(2)
  })

  it.each(['waitingToRetry', 'pausedForStorage'] as const)('%s ends before its deadline for who asks', (state) => {
    const stand = new OperationStand({state, retryAt: 60_000})
    stand.send({type: 'operation.retry'})
    expect(stand.life).toBe('returning')
    expect(stand.facts.retryAt).toBeUndefined()
    expect(stand.can({type: 'operation.retry'})).toBe(false)
  })

  it('returns into the pause that applies', async () => {
    const stand = await waiting()
    stand.send({type: 'conditions.changed', conditions: OFFLINE})
    expect(stand.life).toBe('waitingToRetry')
    stand.send({type: 'retry.due'})
    stand.send({type: 'operation.admit'})
    expect(stand.life).toBe('pausedNoNetwork')
    expect(stand.tries).toHaveLength(1)
  })

  it.each(['waitingToRetry', 'returning'] as const)('%s gives way, and can be canceled', async (state) => {
    const displaced = await waiting()
    if (state === 'returning') displaced.send({type: 'retry.due'})
    displaced.send({type: 'operation.displace'})
    expect(displaced.record).toMatchObject({state: 'queued'})
    expect(displaced.record.retryAt).toBeUndefined()

    const canceled = await waiting()
    if (state === 'returning') canceled.send({type: 'retry.due'})
    canceled.send({type: 'operation.cancel'})
    await canceled.settle()
    await canceled.removals[0]?.answer()
    expect(canceled.life).toBe('canceled')
  })
})

describe('refreshing', () => {
  const request = {url: HEAD.url, method: 'GET', headers: [], provider: 'vault'} as const

  function asking(): OperationStand {
    const stand = new OperationStand({request})
    stand.send({type: 'operation.admit'})
    return stand
  }

  it('comes before each try of a download with a provider, and counts as running', async () => {
    const stand = asking()
    expect([stand.life, stand.is('moving')]).toEqual(['running', true])
    expect(stand.tries).toEqual([])
    await stand.refreshments[0]?.answer()
    stand.attempt.report({type: 'attempt.connected'})
    stand.attempt.report({type: 'attempt.responded', response: HEAD, evidence: evidence(0)})
    await stand.fail('CONNECTION_RESET', {details: {midBody: true, resumable: true}}, evidence(40))
    expect([stand.tries.length, stand.refreshments.length]).toEqual([1, 2])
    await stand.refreshments[1]?.answer()
    expect(stand.attempt.facts.attempts).toMatchObject({total: 2, continued: true})
    await stand.report({
      type: 'attempt.failed',
      error: new TransferError('UNRELIABLE_RANGES', 'no', {details: {startOver: true}}).toSerialized(),
      evidence: evidence(40),
    })
    await stand.commits[0]?.answer()
    expect(stand.refreshments.length).toBe(3)
  })

  it('fails a try that was not made, by the retry table', async () => {
    const stand = asking()
    await stand.refreshments[0]?.refuse(new TransferError('PROVIDER_FAILED', 'no'))
    expect(stand.life).toBe('waitingToRetry')
    expect(stand.facts.attempts).toMatchObject({total: 0, failures: 1})
  })

  it('has its time', async () => {
    const stand = asking()
    await stand.pass(1_000)
    expect(stand.life).toBe('waitingToRetry')
    expect(stand.facts.error).toMatchObject({code: 'PROVIDER_TIMEOUT', where: 'vault'})
  })

  it.each(PAUSES_OF_THE_SYSTEM)('gives way to %s, and no retry is spent', async (_, pause, conditions) => {
    const stand = asking()
    stand.send({type: 'conditions.changed', conditions})
    expect(stand.life).toBe(pause)
    await stand.refreshments[0]?.refuse(new Error('too late'))
    expect([stand.life, stand.facts.attempts.failures]).toEqual([pause, 0])
  })

  it('gives way to a pause, the line, and a cancel', () => {
    const ends = (['operation.pause', 'operation.displace', 'operation.suspend', 'operation.cancel'] as const).map(
      (type) => {
        const stand = asking()
        stand.send({type})
        return stand.life
      },
    )
    expect(ends).toEqual(['pausedByApplication', 'queued', 'queued', 'canceling'])
  })
})

describe('finishing', () => {
  const mixed = {attempts: {total: 1, failures: 0, highWater: 40, continued: false}, evidence: evidence(40)}

  it('a wrong checksum of bytes from several tries → one clean restart, then Error', async () => {
    const stand = await new OperationStand(mixed).finish()
    await stand.verifications[0]?.refuse(new TransferError('CHECKSUM_MISMATCH', 'as the test says'))
    expect(stand.life).toBe('running')
    expect(stand.commits[0]?.asked).toMatchObject({cleanRestart: true, evidence: {generation: 2, ranges: []}})
    await stand.commits[0]?.answer()
    await stand.report({type: 'attempt.connected'})
    await stand.report({type: 'attempt.responded', response: HEAD, evidence: evidence(0, 2)})
    await stand.report({type: 'attempt.finished', evidence: evidence(0, 2)})
    await stand.verifications[1]?.refuse(new TransferError('CHECKSUM_MISMATCH', 'as the test says'))
    expect(stand.record).toMatchObject({state: 'failed', error: {code: 'CHECKSUM_MISMATCH'}})
  })

  it('a wrong checksum of bytes from a single try → Error at once', async () => {
    const stand = await new OperationStand().finish()
    await stand.verifications[0]?.refuse(new TransferError('CHECKSUM_MISMATCH', 'as the test says'))
    expect(stand.life).toBe('failed')
  })

  it.each(['CHECKSUM_MISMATCH', 'CONTENT_UNEXPECTED'] as const)(
    '%s of bytes that an earlier operation left → one clean restart, then Error',
    async (code) => {
      const partOwner = '0f8fad5b-d9cb-469f-a165-70867728950e' as OperationId
      const stand = new OperationStand({evidence: {...evidence(100), partOwner}}).transfer()
      await stand.report({type: 'attempt.finished', evidence: {...evidence(100), partOwner}})
      await stand.verifications[0]?.refuse(new TransferError(code, 'as the test says'))
      expect(stand.commits[0]?.asked).toMatchObject({
        cleanRestart: true,
        evidence: {generation: 2, ranges: [], partOwner},
      })
      await stand.commits[0]?.answer()
      await stand.report({type: 'attempt.connected'})
      await stand.report({type: 'attempt.responded', response: HEAD, evidence: evidence(0, 2)})
      await stand.report({type: 'attempt.finished', evidence: evidence(0, 2)})
      await stand.verifications[1]?.refuse(new TransferError(code, 'as the test says'))
      expect(stand.record).toMatchObject({state: 'failed', error: {code}})
    },
  )

  it('a part that was lost → starts over', async () => {
    const stand = await new OperationStand().finish()
    await stand.verifications[0]?.refuse(new TransferError('PART_LOST', 'as the test says'))
    expect(stand.commits[0]?.asked.evidence.generation).toBe(2)
    await stand.commits[0]?.answer()
    expect(stand.tries).toHaveLength(2)
  })

  it('a part that was lost before it was published → starts over, without the old intent', async () => {
    const stand = await new OperationStand().finish()
    await stand.verifications[0]?.answer({device: 1, inode: 2, size: 100})
    await stand.commits[0]?.answer()
    await stand.publications[0]?.refuse(new TransferError('PART_LOST', 'as the test says'))
    expect(stand.commits[1]?.asked.publishing).toBeUndefined()
    expect(stand.commits[1]?.asked.evidence).toEqual({generation: 2, ranges: []})
  })

  it('a full disk → PausedSystemPolicy with a look each 30 s; resumed it looks at once', async () => {
    const stand = await new OperationStand().finish()
    const now = stand.clock.now()
    await stand.verifications[0]?.refuse(new TransferError('DISK_FULL', 'as the test says'))
    expect(stand.record).toMatchObject({state: 'pausedForStorage', retryAt: now + 30_000, error: {code: 'DISK_FULL'}})
    expect([stand.is('holding'), stand.is('passive')]).toEqual([true, true])
    stand.send({type: 'operation.resume', sequence: 2})
    expect(stand.record).toMatchObject({state: 'returning', sequence: 1})
    expect(stand.record.retryAt).toBeUndefined()
  })

  it('a full disk goes on by itself when the look is due', async () => {
    const stand = new OperationStand().transfer()
    await stand.fail('DISK_FULL', {}, evidence(10))
    stand.send({type: 'retry.due'})
    stand.send({type: 'operation.admit'})
    expect(stand.attempt.facts.evidence.ranges).toEqual([[0, 10]])
  })

  it('can be canceled until the intent is durable, and not while it is published', async () => {
    const stand = await new OperationStand().finish()
    await stand.verifications[0]?.answer({device: 1, inode: 2, size: 100})
    expect(stand.can({type: 'operation.cancel'})).toBe(true)
    await stand.commits[0]?.answer()
    expect(stand.can({type: 'operation.cancel'})).toBe(false)
    stand.send({type: 'operation.cancel'})
    expect(stand.life).toBe('publishing')
    await stand.publications[0]?.answer('/downloads/1 (2)')
    expect(stand.record).toMatchObject({state: 'completed', resultFile: '/downloads/1 (2)'})
  })

  it('a name that is taken → Error', async () => {
    const stand = await new OperationStand().finish()
    await stand.verifications[0]?.answer({device: 1, inode: 2, size: 100})
    await stand.commits[0]?.answer()
    await stand.publications[0]?.refuse(new TransferError('FILE_EXISTS', 'as the test says'))
    expect(stand.record).toMatchObject({state: 'failed', error: {code: 'FILE_EXISTS'}})
  })

  it('gives way to the one made current while it is verified', async () => {
    const stand = await new OperationStand().finish()
    stand.send({type: 'operation.displace'})
    expect(stand.life).toBe('queued')
  })
})

describe('paused by the application', () => {
  it('D31 Resume → the line, at the end of its class, with all retries', async () => {
    const stand = new OperationStand({
      state: 'pausedByApplication',
      attempts: {total: 4, failures: 3, highWater: 10, continued: true},
      evidence: evidence(10),
    })
    stand.send({type: 'operation.resume', sequence: 8})
    expect(stand.record).toMatchObject({state: 'queued', sequence: 8})
    expect(stand.facts.attempts).toMatchObject({total: 0, failures: 0, continued: false})
    stand.send({type: 'operation.admit'})
    expect(stand.attempt.facts.evidence.ranges).toEqual([[0, 10]])
  })

  it.each(PAUSES_OF_THE_SYSTEM)('D32 Resume while a condition forbids → %s', (_, pause, conditions) => {
    const stand = new OperationStand({state: 'pausedByApplication', conditions})
    stand.send({type: 'operation.resume', sequence: 8})
    stand.send({type: 'operation.admit'})
    expect(stand.life).toBe(pause)
  })

  it('D33 Pause is refused', () => {
    expect(new OperationStand({state: 'pausedByApplication'}).can({type: 'operation.pause'})).toBe(false)
  })

  it('D34 set RequestedUri → remembered, used on Resume', () => {
    const stand = new OperationStand({state: 'pausedByApplication', evidence: evidence(10)})
    const request = {...stand.facts.request, url: 'http://other.example/1'}
    stand.send({type: 'request.changed', request, evidence: {generation: 2, ranges: []}})
    expect(stand.life).toBe('pausedByApplication')
    stand.send({type: 'operation.resume', sequence: 8})
    stand.send({type: 'operation.admit'})
    expect(stand.attempt.facts).toMatchObject({request: {url: 'http://other.example/1'}, evidence: {generation: 2}})
  })

  it('D35 connectivity, cost or system change → the pause of the application wins', () => {
    const stand = new OperationStand({state: 'pausedByApplication'})
    for (const conditions of [OFFLINE, COSTLY, SAVING, GOOD_CONDITIONS]) {
      stand.send({type: 'conditions.changed', conditions})
      expect(stand.life).toBe('pausedByApplication')
    }
  })

  it('D36 cancel → Canceled', () => expectCancelable('pausedByApplication'))
})

describe('paused by the system', () => {
  it.each(RETURNS)('%s %s: the condition is over → Running when a slot is free', (_, pause, conditions) => {
    const stand = new OperationStand({state: pause, conditions})
    expect(stand.life).toBe(pause)
    stand.send({type: 'conditions.changed', conditions: GOOD_CONDITIONS})
    expect(stand.life).toBe('returning')
    stand.send({type: 'operation.admit'})
    expect(stand.life).toBe('running')
  })

  it('D38 CostPolicy loosened → Running', () => {
    const stand = new OperationStand({state: 'pausedCostedNetwork', conditions: COSTLY})
    stand.send({type: 'policy.changed', policy: {...stand.facts.policy, costPolicy: 2}})
    expect(stand.life).toBe('returning')
  })

  it('D39 unconstrained grant → Running', () => {
    const stand = new OperationStand({state: 'pausedSystemPolicy', conditions: SAVING})
    stand.send({type: 'policy.changed', policy: {...stand.facts.policy, unconstrained: true}})
    expect(stand.life).toBe('returning')
  })

  it('goes from one pause to another as the reason changes, the network first', () => {
    const stand = new OperationStand({state: 'pausedNoNetwork', conditions: OFFLINE})
    for (const [, pause, conditions] of [...PAUSES_OF_THE_SYSTEM.slice(1), ...PAUSES_OF_THE_SYSTEM]) {
      stand.send({type: 'conditions.changed', conditions})
      expect(stand.life).toBe(pause)
    }
    stand.send({type: 'conditions.changed', conditions: {...COSTLY, connectivity: 'none', batterySaver: true}})
    expect(stand.life).toBe('pausedNoNetwork')
  })

  it.each(PAUSES_OF_THE_SYSTEM)('D40, D41 %s: Pause is refused, Resume has no effect', (_, pause, conditions) => {
    const stand = new OperationStand({state: pause, conditions})
    expect(stand.can({type: 'operation.pause'})).toBe(false)
    stand.send({type: 'operation.resume', sequence: 4})
    expect(stand.record).toMatchObject({state: pause, sequence: 1})
  })

  it.each(PAUSES_OF_THE_SYSTEM)('D42 %s: cancel → Canceled', (_, pause, conditions) =>
    expectCancelable(pause, conditions),
  )

  it.each(PAUSES_OF_THE_SYSTEM)('%s gives way to the one made current', (_, pause, conditions) => {
    const stand = new OperationStand({state: pause, conditions})
    stand.send({type: 'operation.displace'})
    expect(stand.life).toBe('queued')
  })
})

describe('paused by a recoverable error', () => {
  const error = {code: 'HTTP_STATUS' as const, message: 'forbidden', details: {status: 403}}

  it('D43 Resume → the line; the error is over', () => {
    const stand = new OperationStand({state: 'pausedRecoverableWebErrorStatus', error, evidence: evidence(10)})
    stand.send({type: 'operation.resume', sequence: 6})
    expect(stand.record).toMatchObject({state: 'queued', sequence: 6})
    expect(stand.record.error).toBeUndefined()
  })

  it('D44 set RequestedUri → remembered', () => {
    const stand = new OperationStand({state: 'pausedRecoverableWebErrorStatus', error})
    const request = {...stand.facts.request, url: 'http://other.example/1'}
    stand.send({type: 'request.changed', request, evidence: {generation: 2, ranges: []}})
    expect(stand.record).toMatchObject({state: 'pausedRecoverableWebErrorStatus', request})
  })

  it('D45 Pause is refused', () => {
    const stand = new OperationStand({state: 'pausedRecoverableWebErrorStatus', error})
    expect(stand.can({type: 'operation.pause'})).toBe(false)
  })

  it('D46 cancel → Canceled', () => expectCancelable('pausedRecoverableWebErrorStatus'))
})

describe('ended', () => {
  it.each(['completed', 'canceled', 'failed'] as const)('D47 %s takes no command', (state) => {
    const stand = new OperationStand({state})
    expect(stand.life).toBe(state)
    for (const type of ['operation.pause', 'operation.cancel', 'operation.admit', 'operation.displace'] as const) {
      expect(stand.can({type}), type).toBe(false)
    }
    expect(stand.can({type: 'operation.resume', sequence: 2})).toBe(false)
  })

  it('D49 secrets end with the operation, the rest stays readable', () => {
    const stand = new OperationStand({
      state: 'failed',
      request: {url: HEAD.url, method: 'GET', headers: [], sealed: 'v1.x'},
      response: HEAD,
    })
    expect(stand.record.request.sealed).toBeUndefined()
    expect(stand.record).toMatchObject({response: HEAD, endedAt: stand.clock.now()})
  })
})

describe('D50 restored', () => {
  const restored: readonly (readonly [LifeState, LifeState])[] = [
    ['queued', 'queued'],
    ['running', 'queued'],
    ['returning', 'queued'],
    ['waitingToRetry', 'waitingToRetry'],
    ['publishing', 'publishing'],
    ['canceling', 'canceling'],
    ['pausedByApplication', 'pausedByApplication'],
    ['pausedNoNetwork', 'returning'],
    ['pausedCostedNetwork', 'returning'],
    ['pausedSystemPolicy', 'returning'],
    ['pausedForStorage', 'pausedForStorage'],
    ['pausedRecoverableWebErrorStatus', 'pausedRecoverableWebErrorStatus'],
    ['completed', 'completed'],
    ['canceled', 'canceled'],
    ['failed', 'failed'],
  ]

  it.each(restored)('from %s → %s, in good conditions', async (state, then) => {
    const stand = new OperationStand({
      state,
      publishing: {device: 1, inode: 2, size: 100},
      evidence: evidence(100),
      retryAt: 2_000_000,
    })
    expect(stand.life).toBe(then)
    expect(stand.tries).toEqual([])
    await stand.settle()
    expect(stand.publications.length).toBe(state === 'publishing' ? 1 : 0)
    expect(stand.removals.length).toBe(state === 'canceling' ? 1 : 0)
  })

  it.each(['waitingToRetry', 'pausedForStorage'] as const)('from %s with its deadline', (state) => {
    expect(new OperationStand({state, retryAt: 1_234_567}).record.retryAt).toBe(1_234_567)
  })
})

async function expectCancelable(state: LifeState, conditions = GOOD_CONDITIONS): Promise<void> {
  const stand = new OperationStand({state, conditions})
  stand.send({type: 'operation.cancel'})
  await stand.settle()
  await stand.removals[0]?.answer()
  expect(stand.life).toBe('canceled')
}
