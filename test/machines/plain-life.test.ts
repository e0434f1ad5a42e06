/** The table by which a batch takes the steps of small files says what the operation's own chart says. */

import {describe, expect, it} from 'vitest'
import {createActor, fromCallback, fromPromise} from 'xstate'
import {operationMachine} from '../../machines/operation.machine.ts'
import type {AttemptCommand, AttemptEvent, AttemptInput, WeighFailureInput} from '../../src/domain/attempt.ts'
import {GOOD_CONDITIONS} from '../../src/domain/conditions.ts'
import {TransferError} from '../../src/domain/errors.ts'
import {
  withFailure,
  withLength,
  withPublished,
  withResponse,
  withTry,
  withVerified,
} from '../../src/domain/life-facts.ts'
import {PLAIN_LIFE} from '../../src/domain/plain-life.ts'
import type {Evidence, OperationFacts, OperationRecord, PublishedFile} from '../../src/domain/record.ts'
import type {Redirect} from '../../src/domain/redirect.ts'
import type {ResponseFacts} from '../../src/domain/response-facts.ts'
import type {RetryDecision} from '../../src/domain/retry.ts'
import {stepOf} from '../../src/engine/operations/record-of.ts'
import {queuedRecord} from '../support/records.ts'
import {HEAD, SETTINGS} from './operation-stand.ts'

const ANSWER = {generation: 1, total: 100, ranges: []} as const
/** Only its end tells how long the body is. */
const UNSAID = {generation: 1, ranges: []} as const
const FILE: PublishedFile = {device: 1, inode: 2, size: 100}
const REDIRECT: Redirect = {status: 302, url: HEAD.url, to: 'http://elsewhere.example/1'}
const {state: _, ...FACTS} = queuedRecord(1, {url: HEAD.url})

const TRIED = withTry(FACTS)
const VERIFIED = withVerified(withResponse(TRIED, HEAD, ANSWER), FILE)

interface Life {
  readonly answer: Evidence
  /** So many redirects led to where the answer came from. */
  readonly hops: number
}

/** That answer. */
function headAfter(hops: number): ResponseFacts {
  return hops === 0 ? HEAD : {...HEAD, url: REDIRECT.to}
}

/** The steps of the table, with the facts after each. */
function byTable({answer, hops}: Life): readonly (readonly [keyof typeof PLAIN_LIFE, OperationFacts])[] {
  const answered = withResponse(TRIED, headAfter(hops), answer)
  const verified = withVerified(answered, FILE)
  const hop = [
    ['redirected', TRIED],
    ['connected', TRIED],
  ] as const
  return [
    ['admitted', TRIED],
    ['connected', TRIED],
    ...Array.from({length: hops}, () => hop).flat(),
    ['responded', answered],
    ['finished', withLength(answered, FILE.size)],
    ['verified', verified],
    ['committed', verified],
    ['published', withPublished(verified, FACTS.target.file)],
  ]
}

/** Where the chart stands after each step that it takes, with the event that it took. */
async function byChart({answer, hops}: Life) {
  let report: (event: AttemptEvent) => void = () => {}
  let cause = ''
  const committed: OperationRecord[] = []
  const machine = operationMachine().provide({
    actors: {
      transferBytes: fromCallback<AttemptCommand, AttemptInput>(({sendBack}) => {
        report = sendBack
      }),
      verifyFile: fromPromise<PublishedFile, {facts: OperationFacts}>(async () => FILE),
      commitRecord: fromPromise<void, {record: OperationRecord}>(async ({input}) => {
        committed.push(input.record)
      }),
      publishFile: fromPromise<string, {facts: OperationFacts}>(async ({input}) => input.facts.target.file),
    },
  })
  const traced = Object.create(machine, {
    transition: {
      value: (...[snapshot, event, scope]: Parameters<typeof machine.transition>) => {
        cause = event.type
        return machine.transition(snapshot, event, scope)
      },
    },
  }) as typeof machine
  const actor = createActor(traced, {
    input: {record: queuedRecord(1, {url: HEAD.url}), conditions: GOOD_CONDITIONS, settings: SETTINGS},
  })
  const steps: {readonly event: string; readonly to: string; readonly facts: OperationFacts; readonly state: string}[] =
    []
  const ended = new Promise<void>((resolve) => {
    actor.subscribe({
      next: (snapshot) => {
        const {path: to, facts, state, phase} = stepOf(snapshot)
        if (steps.at(-1)?.to !== to) steps.push({event: cause, to, facts, state, ...{isMoving: phase === 'running'}})
      },
      complete: resolve,
    })
  })
  actor.start()
  steps.length = 0
  actor.send({type: 'operation.admit'})
  report({type: 'attempt.connected'})
  for (let hop = 0; hop < hops; hop += 1) {
    report({type: 'attempt.redirected', redirect: REDIRECT})
    report({type: 'attempt.connected'})
  }
  report({type: 'attempt.responded', response: headAfter(hops), evidence: answer})
  report({type: 'attempt.finished', evidence: ANSWER})
  await ended
  return {steps, committed}
}

describe('the plain life of a download', () => {
  it.each([
    ['says', 0, ANSWER],
    ['does not say', 0, UNSAID],
    ['says', 1, ANSWER],
    ['does not say', 2, UNSAID],
  ])(
    'D1, D5. is by its table what it is by its chart, where the answer %s how long it is, after %i redirects: events, states, phases and facts',
    async (_, hops, answer) => {
      const {steps, committed} = await byChart({answer, hops})
      const table = byTable({answer, hops})
      expect(steps).toEqual(table.map(([name, facts]) => ({...PLAIN_LIFE[name], facts})))
      const verified = table.find(([name]) => name === 'verified')?.[1]
      expect(committed).toEqual([{...verified, state: 'publishing'}])
      const names = Object.keys(PLAIN_LIFE).filter((name) => name !== 'redirected' || hops > 0)
      expect([...new Set(table.map(([name]) => name))]).toEqual(names)
    },
  )

  it('goes on by itself where a batch let go of it, without standing in line again', () => {
    const paths: string[] = []
    const machine = operationMachine().provide({
      actors: {transferBytes: fromCallback<AttemptCommand, AttemptInput>(() => {})},
    })
    const input = {record: queuedRecord(1), conditions: GOOD_CONDITIONS, settings: SETTINGS, carried: {}}
    const actor = createActor(machine, {input})
    actor.subscribe((snapshot) => paths.push(stepOf(snapshot).path))
    actor.start()
    expect(paths).toEqual(['running.exchanging.active.connecting'])
    actor.stop()
  })

  it('is weighed where its try has failed, and that was counted already', () => {
    const weighed: unknown[] = []
    const machine = operationMachine().provide({
      actors: {
        weighFailure: fromPromise<RetryDecision, WeighFailureInput>(({input}) => {
          weighed.push(input)
          return new Promise(() => {})
        }),
      },
    })
    const failure = new TransferError('CONNECTION_REFUSED', 'the connection was refused').toSerialized()
    const facts = withFailure(TRIED)
    const record: OperationRecord = {...facts, state: 'running'}
    const actor = createActor(machine, {
      input: {record, conditions: GOOD_CONDITIONS, settings: SETTINGS, carried: {failure}},
    })
    actor.start()
    expect(stepOf(actor.getSnapshot())).toMatchObject({path: 'running.weighing', phase: 'running', facts, failure})
    expect(weighed).toEqual([{facts, error: failure, retry: SETTINGS.retry}])
    actor.stop()
  })

  it('goes on to its name where the batch had made its intent durable', () => {
    const asked: PublishedFile[] = []
    const machine = operationMachine().provide({
      actors: {
        publishFile: fromPromise<string, {facts: OperationFacts}>(({input: {facts}}) => {
          if (facts.publishing !== undefined) asked.push(facts.publishing)
          return new Promise(() => {})
        }),
      },
    })
    const record: OperationRecord = {...VERIFIED, state: 'publishing'}
    const actor = createActor(machine, {
      input: {record, conditions: GOOD_CONDITIONS, settings: SETTINGS, carried: {}},
    })
    actor.start()
    expect(stepOf(actor.getSnapshot()).path).toBe('running.finishing.publishing')
    expect(asked).toEqual([FILE])
    actor.stop()
  })
})
