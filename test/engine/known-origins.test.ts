/** What an engine remembers of origins: shared by their addresses, bounded, and forgotten after a day. */

import {expect, it} from 'vitest'
import {UNKNOWN_ORIGIN} from '../../src/domain/origin-memory.ts'
import {KnownOrigins} from '../../src/engine/operations/known-origins.ts'
import {SimulatedClock} from '../support/simulated-clock.ts'

const DAY_MS = 86_400_000
const REFUSED = {kind: 'ifRangeRefused'} as const

it('is of the origin, whatever the path', () => {
  const origins = new KnownOrigins(new SimulatedClock())
  origins.learn('https://a.example/one?x=1', REFUSED)
  expect(origins.recall('https://a.example/two')).toMatchObject({ifRange: 'refused'})
  for (const other of ['http://a.example/one', 'https://a.example:8443/one', 'https://b.example/one']) {
    expect(origins.recall(other), other).toEqual(UNKNOWN_ORIGIN)
  }
})

it('is forgotten a day after the last lesson', () => {
  const clock = new SimulatedClock()
  const origins = new KnownOrigins(clock)
  origins.learn('https://a.example/', REFUSED)
  clock.advanceBy(DAY_MS - 1)
  origins.learn('https://a.example/', {kind: 'rangeHonoured'})
  clock.advanceBy(DAY_MS - 1)
  expect(origins.recall('https://a.example/')).toMatchObject({ifRange: 'refused', ranges: 'honoured'})
  clock.advanceBy(1)
  expect(origins.recall('https://a.example/')).toEqual(UNKNOWN_ORIGIN)
})

it('keeps the thousand that were used last', () => {
  const origins = new KnownOrigins(new SimulatedClock())
  const url = (n: number) => `https://${n}.example/`
  for (let n = 0; n < 1000; n++) origins.learn(url(n), REFUSED)
  expect(origins.recall(url(0))).toMatchObject({ifRange: 'refused'})
  origins.learn(url(1000), REFUSED)
  expect(origins.recall(url(1))).toEqual(UNKNOWN_ORIGIN)
  for (const kept of [0, 2, 1000]) expect(origins.recall(url(kept)), url(kept)).toMatchObject({ifRange: 'refused'})
})
