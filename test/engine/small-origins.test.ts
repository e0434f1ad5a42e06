/** Which servers a batch is trusted with. */

import {describe, expect, it} from 'vitest'
import type {OperationRecord} from '../../src/domain/record.ts'
import {SmallOrigins} from '../../src/engine/small-files/small-origins.ts'
import {queuedRecord} from '../support/records.ts'

const URL = 'http://files.example/1'

function ended(wish: Partial<OperationRecord> = {}): OperationRecord {
  const record = queuedRecord(1, {url: URL})
  return {
    ...record,
    state: 'completed',
    attempts: {...record.attempts, total: 1},
    evidence: {...record.evidence, total: 100},
    response: {status: 200, url: URL, headers: []},
    ...wish,
  }
}

function trustAfter(record: OperationRecord): readonly boolean[] {
  const origins = new SmallOrigins(2)
  origins.learn(ended())
  origins.learn(record)
  return [URL, 'http://elsewhere.example/1'].map((url) => origins.isTrusted(url))
}

const ELSEWHERE = {status: 200, url: 'http://elsewhere.example/1', headers: []}

describe('a server that was asked', () => {
  it('is trusted for what it redirected to, and where that is nobody is', () => {
    expect(trustAfter(ended({response: ELSEWHERE}))).toEqual([true, false])
  })

  it('is not trusted for what another one was asked for: that of a provider, or a mirror', () => {
    const {request} = queuedRecord(1, {url: URL})
    expect(trustAfter(ended({response: ELSEWHERE, request: {...request, provider: 'signed'}}))).toEqual([false, false])
    expect(trustAfter(ended({response: ELSEWHERE, source: 1}))).toEqual([false, false])
  })

  it.each([
    ['another try', {attempts: {total: 2, failures: 1, highWater: 0, continued: false}}],
    ['a failure', {state: 'failed'}],
    ['a large file', {evidence: {generation: 1, total: 5 * 1024 * 1024, ranges: []}}],
    ['a coded body', {evidence: {generation: 1, total: 100, coded: true, ranges: []}}],
  ] satisfies [string, Partial<OperationRecord>][])('has to prove itself anew after %s', (_, wish) => {
    expect(trustAfter(ended(wish))).toEqual([false, false])
  })
})

describe('an end that says nothing of the server', () => {
  const UNASKED = {...ended().attempts, total: 0}
  const FULL = {code: 'FILE_EXISTS', message: 'the file already exists'} as const

  it.each([
    ['canceled before anybody asked', {state: 'canceled', attempts: UNASKED}],
    ['canceled before the answer', {state: 'canceled', attempts: ended().attempts}],
    ['a destination that is not to be had', {state: 'failed', error: FULL}],
  ] satisfies [string, Partial<OperationRecord>][])('leaves it trusted: %s', (_, wish) => {
    const {response: _answer, ...unanswered} = ended(wish)
    const origins = new SmallOrigins(2)
    origins.learn(ended())
    origins.learn(unanswered)
    expect(origins.isTrusted(URL)).toBe(false)
    origins.learn(ended())
    expect(origins.isTrusted(URL)).toBe(true)
  })

  it('makes nobody known of whom nothing is known', () => {
    const {response: _answer, ...unanswered} = ended({state: 'canceled', attempts: UNASKED})
    const origins = new SmallOrigins(2)
    origins.learn(unanswered)
    for (const n of [1, 2])
      origins.learn(ended({request: queuedRecord(1, {url: `http://other-${n}.example/1`}).request}))
    expect(origins.isTrusted(URL)).toBe(true)
  })
})

describe('a server that nobody asked yet', () => {
  const at = (n: number) => `http://server-${n}.example/1`
  const met = (n: number, wish: Partial<OperationRecord> = {}) =>
    ended({request: queuedRecord(1, {url: at(n)}).request, ...wish})

  function afterTwo(): SmallOrigins {
    const origins = new SmallOrigins(2)
    origins.learn(met(1))
    expect(origins.isTrusted(at(9))).toBe(false)
    origins.learn(met(2))
    return origins
  }

  it('is trusted when as many others in a row began with a plain file as one has to send of them', () => {
    const origins = afterTwo()
    expect(origins.isTrusted(at(9))).toBe(true)
    // Not those that have begun to prove themselves.
    expect(origins.isTrusted(at(1))).toBe(false)
  })

  it('has nothing more to prove when it was trusted', () => {
    const origins = afterTwo()
    origins.learn(met(9))
    origins.distrust(at(5))
    expect([9, 5, 6].map((n) => origins.isTrusted(at(n)))).toEqual([true, false, false])
  })

  it('costs all others four times the proof when it was trusted and is not plain, and several at once no more', () => {
    const origins = afterTwo()
    origins.distrust(at(5))
    origins.distrust(at(6))
    for (let n = 10; n < 17; n++) origins.learn(met(n))
    expect(origins.isTrusted(at(9))).toBe(false)
    origins.learn(met(17))
    expect(origins.isTrusted(at(9))).toBe(true)
  })

  it('says nothing of others when it fails, and ends their row when its first file is not plain', () => {
    const origins = afterTwo()
    origins.learn(met(3, {state: 'failed'}))
    expect(origins.isTrusted(at(9))).toBe(true)
    origins.learn(met(4, {evidence: {generation: 1, total: 5 * 1024 * 1024, ranges: []}}))
    expect(origins.isTrusted(at(9))).toBe(false)
  })

  it('is left to charts for good where it is too slow, and others are not unless it may be the line', () => {
    const origins = afterTwo()
    origins.avoid(at(9), false)
    expect([9, 8].map((n) => origins.isTrusted(at(n)))).toEqual([false, true])
    origins.avoid(at(5), true)
    expect(origins.isTrusted(at(8))).toBe(false)
    for (let n = 10; n < 18; n++) origins.learn(met(n))
    expect([9, 5, 8].map((n) => origins.isTrusted(at(n)))).toEqual([false, false, true])
  })

  it('is remembered while a thousand others are not learnt of after it', () => {
    const origins = afterTwo()
    origins.avoid(at(9), false)
    for (let n = 1000; n < 1999; n++) origins.learn(met(n))
    expect(origins.isTrusted(at(9))).toBe(false)
    origins.learn(met(1999))
    expect(origins.isTrusted(at(9))).toBe(true)
  })
})
