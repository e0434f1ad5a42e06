/** When a client has another host started: whenever its own is gone, and less often where none starts. */

import {afterEach, beforeEach, expect, test, vi} from 'vitest'
import {HostStarter} from '../../src/host-starter.ts'

beforeEach(() => {
  vi.useFakeTimers({toFake: ['performance']})
})

afterEach(() => {
  vi.useRealTimers()
})

/** Offers the place each second; gives the seconds at which a host was started. */
async function startsWithin(seconds: number, start: (second: number) => Promise<void>): Promise<readonly number[]> {
  const starts: number[] = []
  let second = 0
  const starter = new HostStarter(() => {
    starts.push(second)
    return start(second)
  })
  for (; second < seconds; second++) {
    starter.offer()
    // Let it end, as it does within a second.
    for (let turn = 0; turn < 5; turn++) await undefined
    vi.advanceTimersByTime(1_000)
  }
  await starter.close()
  starter.offer()
  return starts
}

const fails = () => Promise.reject(new Error('no'))

test('a host is started at once, and none beside one that is being started', async () => {
  expect(await startsWithin(3, () => new Promise((resolve) => setTimeout(resolve, 10)))).toEqual([0])
})

test('where none starts it is tried less and less often, and never less than once a minute', async () => {
  expect(await startsWithin(250, fails)).toEqual([0, 2, 6, 14, 30, 62, 122, 182, 242])
})

test('after one that started the next is tried as soon as the first', async () => {
  expect(await startsWithin(12, (second) => (second === 2 ? Promise.resolve() : fails()))).toEqual([0, 2, 3, 5, 9])
})

test.each([
  ['before it has ended', ['found', 'failed']],
  ['after it has ended', ['failed', 'found']],
] as const)('the next is tried at once where somebody else was faster, which shows %s', async (_, order) => {
  let starts = 0
  let fail = () => {}
  const starter = new HostStarter(() => {
    starts += 1
    return new Promise((_, reject) => {
      fail = () => reject(new Error('a host runs already'))
    })
  })
  const happen = {found: () => starter.found(), failed: () => fail()}
  for (let time = 1; time <= 3; time++) {
    starter.offer()
    for (const what of order) {
      happen[what]()
      for (let turn = 0; turn < 5; turn++) await undefined
    }
    expect(starts).toBe(time)
  }
  await starter.close()
})
