/** A file in chunks: what is read at once is not read ahead, what takes a thread is; every byte, and no read left running. */

import {performance} from 'node:perf_hooks'
import fc from 'fast-check'
import {describe, expect, it, onTestFinished, vi} from 'vitest'
import {readAhead} from '../../src/adapters/file/read-ahead.ts'
import {contentOf} from '../support/content.ts'

const MIB = 1024 * 1024

type Way = 'atOnce' | 'inThread'

/** `ways`: how each read is made, over and over. `short`: of each read so many bytes come at most. */
function fileOf(bytes: Buffer, ways: readonly Way[], short = Number.POSITIVE_INFINITY) {
  const reads: number[] = []
  let running = 0
  const read = (_: number, buffer: Buffer, offset: number, length: number, position: number) => {
    const way = ways[reads.length % ways.length]
    reads.push(position)
    const fill = () => bytes.copy(buffer, offset, position, position + Math.min(length, short))
    if (way === 'atOnce') return fill()
    running += 1
    return new Promise<number>((resolve) => {
      setImmediate(() => {
        running -= 1
        resolve(fill())
      })
    })
  }
  return {reads, read, running: () => running}
}

describe('a file that is read in chunks', () => {
  it('brings every byte, however its reads are made', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.integer({min: 0, max: 4 * MIB}),
        fc.array(fc.constantFrom<Way>('atOnce', 'inThread'), {minLength: 1, maxLength: 5}),
        fc.option(fc.integer({min: MIB / 4, max: MIB}), {nil: undefined}),
        fc.nat(1000),
        async (size, ways, short, from) => {
          const bytes = contentOf(3, size)
          const file = fileOf(bytes, ways, short)
          const chunks: Buffer[] = []
          // What a chunk holds may change with the next one.
          for await (const chunk of readAhead(file, 1, from, size)) chunks.push(Buffer.from(chunk))
          expect(Buffer.concat(chunks).equals(bytes.subarray(from))).toBe(true)
          expect(file.running()).toBe(0)
        },
      ),
      {numRuns: 40},
    )
  })

  it('is not read ahead where reads are made at once, and is where they take a thread', async () => {
    const seen = async (way: Way) => {
      const file = fileOf(contentOf(1, 3 * MIB), [way])
      const counts: number[] = []
      for await (const _ of readAhead(file, 1, 0, 3 * MIB)) counts.push(file.reads.length)
      return counts
    }
    expect(await seen('atOnce')).toEqual([1, 2, 3])
    expect(await seen('inThread')).toEqual([2, 3, 3])
  })

  it('ends with a file that became shorter', async () => {
    const file = fileOf(contentOf(1, MIB + 5), ['inThread', 'atOnce'])
    const lengths: number[] = []
    for await (const chunk of readAhead(file, 1, 0, 4 * MIB)) lengths.push(chunk.length)
    expect(lengths).toEqual([MIB, 5])
  })

  it('lets the event loop turn now and then where both its reads and its reader never wait', async () => {
    let now = 0
    vi.spyOn(performance, 'now').mockImplementation(() => now)
    onTestFinished(() => void vi.restoreAllMocks())
    const file = {read: (_: number, __: Buffer, ___: number, length: number) => length}
    let sinceTurn = 0
    let most = 0
    const turn = () => {
      sinceTurn = 0
      next = setImmediate(turn)
    }
    let next = setImmediate(turn)
    onTestFinished(() => clearImmediate(next))
    for await (const _ of readAhead(file, 1, 0, 64 * MIB)) {
      now += 1
      sinceTurn += 1
      most = Math.max(most, sinceTurn)
    }
    expect(most).toBeLessThan(10)
  })

  it('leaves no read running when it is given up', async () => {
    const file = fileOf(contentOf(1, 3 * MIB), ['inThread'])
    for await (const _ of readAhead(file, 1, 0, 3 * MIB)) {
      expect(file.running()).toBe(1)
      break
    }
    expect(file.running()).toBe(0)
  })

  it.each<Way>(['atOnce', 'inThread'])('fails with the read that fails, after what came before it: %s', async (way) => {
    const good = fileOf(contentOf(1, 3 * MIB), [way])
    let count = 0
    const read: typeof good.read = (...args) => {
      count += 1
      if (count <= 2) return good.read(...args)
      const error = new Error('EIO')
      if (way === 'inThread') return Promise.reject(error)
      throw error
    }
    const lengths: number[] = []
    const all = async () => {
      for await (const chunk of readAhead({read}, 1, 0, 3 * MIB)) lengths.push(chunk.length)
    }
    await expect(all()).rejects.toThrow('EIO')
    expect(lengths).toEqual([MIB, MIB])
  })
})
