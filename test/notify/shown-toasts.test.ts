/** What is remembered of tags, so that the next notification of one replaces the last: bounded, however many tags an application makes. */

import {expect, it} from 'vitest'
import {ShownToasts} from '../../src/adapters/notify/shown-toasts.ts'

const MOST = 1_000

it('knows the last of each tag, apart for each group, and none without a tag', () => {
  const shown = new ShownToasts()
  shown.remember({tag: 't'}, 1)
  shown.remember({tag: 't', group: 'g'}, 2)
  shown.remember({}, 3)
  shown.remember({tag: 't'}, 4)
  expect([{tag: 't'}, {tag: 't', group: 'g'}, {tag: 'other'}, {}].map((each) => shown.idOf(each))).toEqual([4, 2, 0, 0])
})

it('forgets those that were shown longest ago', () => {
  const shown = new ShownToasts()
  for (let n = 1; n <= MOST; n++) shown.remember({tag: `t${n}`}, n)
  shown.remember({tag: 't1'}, MOST + 1)
  for (let n = 2; n <= 10; n++) shown.remember({tag: `new ${n}`}, MOST + n)
  const known = Array.from({length: MOST}, (_, at) => shown.idOf({tag: `t${at + 1}`}))
  expect(known).toEqual([MOST + 1, ...Array(9).fill(0), ...Array.from({length: MOST - 10}, (_, at) => at + 11)])
})
