/** Which syncs of small files are made at once: those of a disk that showed that they are quick, until one is not. */

import {expect, it} from 'vitest'
import {SyncPace} from '../../src/adapters/file/sync-pace.ts'

const DEVICE = 7

function paceOf() {
  let now = 0
  const pace = new SyncPace(() => now)
  /** One after the other, each as long as its way takes; which were made at once. */
  const sync = async (count: number, {atOnce, inThread}: {atOnce: number; inThread: number}, device = DEVICE) => {
    const ways: boolean[] = []
    for (let n = 0; n < count; n++) {
      await pace.sync(
        device,
        () => {
          now += atOnce
          ways.push(true)
        },
        async () => {
          now += inThread
          ways.push(false)
        },
      )
    }
    return ways
  }
  return {pace, sync}
}

const countOf = (ways: readonly boolean[]) => ways.filter(Boolean).length

/** The places of those that were made at once. */
const placesOf = (ways: readonly boolean[]) => ways.flatMap((isAtOnce, n) => (isAtOnce ? [n] : []))

it('makes them at once where they cost nothing, once a thread has shown it', async () => {
  const {sync} = paceOf()
  expect(await sync(100, {atOnce: 0.002, inThread: 0.3})).toEqual([false, ...Array.from({length: 99}, () => true)])
})

it('never tries a disk that takes its time', async () => {
  const {sync} = paceOf()
  expect(countOf(await sync(20_000, {atOnce: 8, inThread: 8}))).toBe(0)
})

it('tries one that is nearly quick again, and each time later', async () => {
  const {sync} = paceOf()
  const ways = await sync(20_000, {atOnce: 0.5, inThread: 0.5})
  expect(placesOf(ways).slice(0, 5)).toEqual([1, 18, 51, 116, 245])
  expect(countOf(ways)).toBeLessThan(14)
})

it('gives them back to threads after a slow one, and takes them again only when these are quick', async () => {
  const {sync} = paceOf()
  await sync(100, {atOnce: 0.002, inThread: 0.3})
  expect(placesOf(await sync(1, {atOnce: 20, inThread: 20}))).toEqual([0])
  expect(countOf(await sync(500, {atOnce: 20, inThread: 20}))).toBe(0)
  expect(placesOf(await sync(3, {atOnce: 0.002, inThread: 0.3}))).toEqual([1, 2])
})

it('knows one disk from another', async () => {
  const {sync} = paceOf()
  await sync(2, {atOnce: 0.002, inThread: 0.3})
  expect(await sync(2, {atOnce: 20, inThread: 20}, 8)).toEqual([false, false])
  expect(await sync(1, {atOnce: 0.002, inThread: 0.3})).toEqual([true])
})

it('says what failed, in either way', async () => {
  const {pace, sync} = paceOf()
  const fail = () => {
    throw new Error('EIO')
  }
  await expect(pace.sync(DEVICE, fail, async () => fail())).rejects.toThrow('EIO')
  // Its failure said nothing of its pace.
  expect(await sync(2, {atOnce: 0.002, inThread: 0.3})).toEqual([false, true])
  await expect(pace.sync(DEVICE, fail, async () => undefined)).rejects.toThrow('EIO')
})
