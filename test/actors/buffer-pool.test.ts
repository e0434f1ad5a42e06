/** The pool's sizes: the largest for whoever can fill it at once, while there is room; never more than the budget's share. */

import {expect, it} from 'vitest'
import {createBufferPool, LARGE_BUFFER_BYTES, LARGEST_BUFFER_BYTES} from '../../src/actors/buffer-pool.ts'

const UNKNOWN = Number.POSITIVE_INFINITY

it('gives the largest only where much comes, and more than fits into it is expected', () => {
  const pool = createBufferPool()
  expect(pool.take(UNKNOWN).length).toBe(LARGE_BUFFER_BYTES)
  expect(pool.take(UNKNOWN, true).length).toBe(LARGEST_BUFFER_BYTES)
  expect(pool.take(LARGEST_BUFFER_BYTES - 1, true).length).toBe(LARGE_BUFFER_BYTES)
  expect(pool.take(1000, true).length).toBe(64 * 1024)
})

it('gives the largest while a quarter of the budget has room for it, then what there is room for', () => {
  const pool = createBufferPool(12 * LARGEST_BUFFER_BYTES)
  const sizes = Array.from({length: 5}, () => pool.take(UNKNOWN, true).length)
  expect(sizes).toEqual([LARGEST_BUFFER_BYTES, LARGEST_BUFFER_BYTES, LARGEST_BUFFER_BYTES, 256 * 1024, 256 * 1024])
})

it('gives the same memory again', () => {
  const pool = createBufferPool()
  const buffer = pool.take(UNKNOWN, true)
  pool.give(buffer)
  expect(pool.take(UNKNOWN, true)).toBe(buffer)
})
