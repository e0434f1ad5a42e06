/** How long a host has to stay that is asked for with arguments of `bgt host`. */

import {expect, it} from 'vitest'
import {wantedStay} from '../../src/control.ts'

it.each([
  [[], 0],
  [['--conditions', 'good'], 0],
  [['--idle-exit', '5'], 5_000],
  // In binary a little more than what a host makes of it, which would never be enough.
  [['--idle-exit', '16.1'], 16_100],
  [['--idle-exit', 'never'], Number.POSITIVE_INFINITY],
  [['--idle-exit=never'], Number.POSITIVE_INFINITY],
  [['--idle-exit=2', '--idle-exit', '3'], 3_000],
  [['--idle-exit', '3', '--idle-exit=2'], 2_000],
  [['--idle-exit=.5'], 500],
])('is what %j say, the last of them', (args, ms) => {
  expect(wantedStay(args)).toBe(ms)
})

it.each([
  [['--idle-exit', '1e3']],
  [['--idle-exit', '0x10']],
  [['--idle-exit', '-1']],
  [['--idle-exit', 'soon']],
  [['--idle-exit=']],
  [['--idle-exit=2=3']],
  [['--idle-exit']],
])('is never there of what the command takes for no time, which is to say so: %j', (args) => {
  expect(wantedStay(args)).toBeNaN()
})
