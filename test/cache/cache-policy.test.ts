/** The rules of the cache on their own: how old an answer counts (RFC 9111, 4.2.3). */

import {describe, expect, it} from 'vitest'
import {CacheRules} from '../../src/adapters/cache/cache-policy.ts'
import type {HeaderField} from '../../src/domain/header-fields.ts'
import {SimulatedClock} from '../support/simulated-clock.ts'

const NOW = Date.UTC(2026, 0, 1)
const REQUEST = {url: 'http://files.example/1', headers: []}
const HOUR = 3_600_000
const FRESH: HeaderField = ['Cache-Control', 'max-age=3600']

const dated = (at: number): HeaderField => ['Date', new Date(at).toUTCString()]

function makeRules() {
  const clock = new SimulatedClock(NOW)
  const rules = new CacheRules(() => clock.now())
  const store = (...headers: readonly HeaderField[]) => {
    const stored = rules.store(REQUEST, {status: 200, url: REQUEST.url, headers: [...headers, ['ETag', '"1"']]})
    if (stored === undefined) throw new Error('it is not kept')
    return stored
  }
  return {clock, rules, store}
}

describe('the age of an answer', () => {
  it('counts from its Date, where a cache on its way does not say how long it had it', () => {
    const {rules, store} = makeRules()
    const old = store(FRESH, dated(NOW - 2 * HOUR))
    expect(rules.use(REQUEST, old).kind).toBe('ask')
    const young = rules.use(REQUEST, store(FRESH, dated(NOW - HOUR / 2)))
    expect(young).toMatchObject({kind: 'fresh', ttlSeconds: 1800})
  })

  it('is what Age says where that is more, and grows', () => {
    const {clock, rules, store} = makeRules()
    const stored = store(FRESH, dated(NOW - 1000), ['Age', '3000'])
    expect(rules.use(REQUEST, stored)).toMatchObject({kind: 'fresh', ttlSeconds: 600})
    clock.advanceBy(601_000)
    expect(rules.use(REQUEST, stored).kind).toBe('ask')
  })

  it('begins anew with a 304, which may leave out the Date', () => {
    const {clock, rules, store} = makeRules()
    const stored = store(FRESH, dated(NOW), ['Age', '10'])
    clock.advanceBy(2 * HOUR)
    const answer = rules.revalidate(REQUEST, stored, {status: 304, url: REQUEST.url, headers: [['ETag', '"1"']]})
    if (answer.kind !== 'current') throw new Error('it is not current')
    expect(rules.use(REQUEST, answer.stored)).toMatchObject({kind: 'fresh', ttlSeconds: 3600})
  })

  it('is not known when the clock was set back behind its coming', () => {
    const clock = {at: NOW}
    const rules = new CacheRules(() => clock.at)
    const stored = rules.store(REQUEST, {status: 200, url: REQUEST.url, headers: [FRESH, ['ETag', '"1"']]})
    if (stored === undefined) throw new Error('it is not kept')
    clock.at = NOW - 24 * HOUR
    expect(rules.use(REQUEST, stored)).toMatchObject({kind: 'ask', reason: 'stale'})
  })
})
