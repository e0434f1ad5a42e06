/** Which servers a batch is trusted with. */

import {describe, expect, it} from 'vitest'
import type {OperationRecord} from '../../src/domain/record.ts'
import {SmallOrigins} from '../../src/engine/small-origins.ts'
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
