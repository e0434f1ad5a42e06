/** How much of a body counts as sent: what the kernel took, of the write that is on its way too, and never more. */

import {expect, it} from 'vitest'
import {SentCount} from '../../src/adapters/http/sent-count.ts'

const HEAD = 100

function makeCount() {
  const outflow = {givenToTcp: 0, queuedInTcp: 0}
  const count = new SentCount(outflow)
  const give = (bytes: number) => () => {
    outflow.givenToTcp += bytes
    outflow.queuedInTcp = bytes
  }
  return {outflow, count, give}
}

it('goes up as the kernel takes of a write, and ends with its length', () => {
  const {outflow, count, give} = makeCount()
  count.writing(1000, give(1000))
  const seen = [1000, 600, 1, 0].map((queued) => {
    outflow.queuedInTcp = queued
    return count.bytes
  })
  expect(seen).toEqual([0, 400, 999, 1000])
  expect(count.whole).toBe(0)
  count.written(1000)
  expect([count.bytes, count.whole]).toEqual([1000, 1000])
})

it('takes a head that is written with it, and what TLS adds, for bytes of it that were not sent', () => {
  const {outflow, count, give} = makeCount()
  count.writing(1000, give(HEAD + 1000))
  expect(count.bytes).toBe(0)
  outflow.queuedInTcp = 500
  expect(count.bytes).toBe(500)
})

it('is that of the writes that are over where TLS keeps back some of the next one', () => {
  const {outflow, count, give} = makeCount()
  count.writing(1000, give(1000))
  count.written(1000)
  count.writing(1000, give(30))
  outflow.queuedInTcp = 0
  expect(count.bytes).toBe(1000)
})

it('stays as it was when the connection breaks', () => {
  const {outflow, count, give} = makeCount()
  count.writing(1000, give(1000))
  outflow.queuedInTcp = 300
  expect(count.bytes).toBe(700)
  outflow.queuedInTcp = Number.POSITIVE_INFINITY
  expect(count.bytes).toBe(700)
})
