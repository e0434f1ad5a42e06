/** Which large reads and writes are made at once: those of one file, for as long as none of them keeps the event loop waiting. */

import {expect, it} from 'vitest'
import {IoPace} from '../../src/adapters/file/io-pace.ts'

const MIB = 1024 * 1024

/** Writes one after the other to `fd`, `ms` each; says which were made at once. */
function write(pace: IoPace, count: number, ms: number, {fd = 7, bytes = MIB} = {}): readonly boolean[] {
  return Array.from({length: count}, () => {
    const isAtOnce = pace.isAtOnce(fd, bytes)
    if (isAtOnce) pace.took(ms, bytes)
    return isAtOnce
  })
}

const countOf = (writes: readonly boolean[]) => writes.filter(Boolean).length

it('makes the writes of one file at once, from its second on', () => {
  expect(write(new IoPace(), 100, 0.4)).toEqual([false, ...Array.from({length: 99}, () => true)])
})

it('leaves several files to threads', () => {
  const pace = new IoPace()
  for (let n = 0; n < 50; n++) expect([pace.isAtOnce(7, MIB), pace.isAtOnce(8, MIB)]).toEqual([false, false])
})

it('tries a slow disk again, and each time later', () => {
  const pace = new IoPace()
  const tried = write(pace, 2000, 50).flatMap((isAtOnce, n) => (isAtOnce ? [n] : []))
  expect(tried).toEqual([1, 6, 23, 88, 345, 1370])
  expect(countOf(write(pace, 20_000, 50))).toBeLessThan(10)
})

it('takes small writes together: what is slow by the mebibyte is slow, and stays away as long', () => {
  const pace = new IoPace()
  const tried = write(pace, 2000, 1, {bytes: MIB / 8}).flatMap((isAtOnce, n) => (isAtOnce ? [n] : []))
  // Five of them are slow; then 4 MiB go another way, then 16.
  expect(tried.slice(0, 15)).toEqual([1, 2, 3, 4, 5, 38, 39, 40, 41, 42, 171, 172, 173, 174, 175])
  expect(countOf(write(new IoPace(), 2000, 0.4, {bytes: MIB / 8}))).toBe(1999)
})

it('forgets a slow write once as many were quick', () => {
  const pace = new IoPace()
  write(pace, 2, 50)
  const after = write(pace, 4 + 64, 0.4)
  expect([countOf(after.slice(0, 4)), countOf(after.slice(4))]).toEqual([0, 64])
  expect(write(pace, 1, 50)).toEqual([true])
  expect(countOf(write(pace, 5, 0.4))).toBe(1)
})
