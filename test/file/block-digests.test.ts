/** Digests of a part: whatever the order of writes, a checkpoint records the truth, and one wrong byte costs one block. */

import {mkdtempSync, readFileSync, rmSync, statSync, utimesSync, writeFileSync} from 'node:fs'
import {tmpdir} from 'node:os'
import {join} from 'node:path'
import fc from 'fast-check'
import {afterEach, beforeEach, describe, expect, test} from 'vitest'
import {partPaths} from '../../src/adapters/file/file-names.ts'
import {createFileSink} from '../../src/adapters/file/file-sink.ts'
import {nodeFileSystem} from '../../src/adapters/file/node-file-system.ts'
import {addRange, EMPTY, missingRanges, type RangeSet, removeRange} from '../../src/domain/range-set.ts'
import {contentOf} from '../support/content.ts'
import {intercepted} from '../support/intercepted-files.ts'
import {MemorySink} from '../support/memory-sink.ts'
import {factsOf, nameIn, writePart} from './file-sink.contract.ts'

const MIB = 1024 * 1024
const WHOLE = contentOf(3, 3 * MIB + 12_345)

describe('on a real disk', () => {
  let directory: string

  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'block-digests-'))
  })

  afterEach(() => rmSync(directory, {recursive: true}))

  test('a flipped byte costs exactly its block', async () => {
    const sink = createFileSink({durability: 'process'})
    const name = nameIn(directory)
    const {part} = partPaths(name)
    await writePart(sink, name, WHOLE, true)
    const position = fc.integer({min: 0, max: WHOLE.length - 1})
    await fc.assert(
      fc.asyncProperty(position, fc.integer({min: 1, max: 255}), async (at, change) => {
        const bytes = Buffer.from(WHOLE)
        bytes.writeUInt8(bytes.readUInt8(at) ^ change, at)
        writeFileSync(part, bytes)
        const opened = await sink.openPart(name, [[0, WHOLE.length]])
        await opened.part.close()
        const start = at - (at % MIB)
        expect(opened.ranges).toEqual(removeRange([[0, WHOLE.length]], start, Math.min(start + MIB, WHOLE.length)))
      }),
      {numRuns: 25},
    )
  })

  test('zeros that a power cut left are dropped', async () => {
    const sink = createFileSink({durability: 'power'})
    const name = nameIn(directory)
    await writePart(sink, name, WHOLE, true)
    const bytes = Buffer.from(WHOLE)
    bytes.fill(0, MIB + 5)
    writeFileSync(partPaths(name).part, bytes)
    const opened = await sink.openPart(name, [[0, WHOLE.length]])
    await opened.part.close()
    expect(opened.ranges).toEqual([[0, MIB]])
  })

  /** Leaves a part whose time stamp is well before its last checkpoint. */
  async function settledPart(boot: () => string | undefined) {
    let reads = 0
    const files = {
      ...intercepted(nodeFileSystem, (call) => {
        if (call === 'read') reads++
        return undefined
      }),
      bootId: boot,
    }
    const sink = createFileSink({durability: 'process', files})
    const name = nameIn(directory)
    const {part} = await sink.openPart(name, [])
    await part.write(WHOLE, WHOLE.length, 0)
    const past = Date.now() / 1000 - 60.5004
    utimesSync(partPaths(name).part, past, past)
    await part.checkpoint(factsOf(name, [[0, WHOLE.length]]))
    await part.close()
    return {
      open: async () => {
        reads = 0
        const opened = await sink.openPart(name, [[0, WHOLE.length]])
        await opened.part.close()
        // One read is the side file's.
        return {ranges: opened.ranges, blocksRead: reads - 1}
      },
      path: partPaths(name).part,
    }
  }

  test('a part untouched since its checkpoint is read again in its last block only', async () => {
    const {open} = await settledPart(() => 'this boot')
    expect(await open()).toEqual({ranges: [[0, WHOLE.length]], blocksRead: 1})
  })

  test('after another boot, or where boots cannot be told apart, every block is read again', async () => {
    let boot: string | undefined = 'the boot before'
    const {open} = await settledPart(() => boot)
    boot = 'this boot'
    expect(await open()).toEqual({ranges: [[0, WHOLE.length]], blocksRead: 4})
    boot = undefined
    expect(await open()).toEqual({ranges: [[0, WHOLE.length]], blocksRead: 4})
  })

  test('a part that was written to since is read again in full', async () => {
    const {open, path} = await settledPart(() => 'this boot')
    const bytes = readFileSync(path)
    const before = statSync(path)
    bytes.writeUInt8(bytes.readUInt8(100) ^ 1, 100)
    writeFileSync(path, bytes)
    expect(statSync(path).mtimeMs).not.toBe(before.mtimeMs)
    expect((await open()).ranges).toEqual([[MIB, WHOLE.length]])
  })
})

describe('in memory', () => {
  const piece = fc.tuple(
    fc.integer({min: 0, max: WHOLE.length - 1}),
    fc.oneof(fc.integer({min: 1, max: 5000}), fc.integer({min: 1, max: 2 * MIB})),
  )

  test('writes in any order, overlapping or not, are recorded as they are', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(piece, {minLength: 1, maxLength: 25}), fc.nat(5), async (pieces, every) => {
        const {sink} = new MemorySink({durability: 'process', directories: ['/d']})
        const name = nameIn('/d')
        const {part} = await sink.openPart(name, [])
        let ranges: RangeSet = EMPTY
        for (const [index, [start, length]] of pieces.entries()) {
          const end = Math.min(WHOLE.length, start + length)
          await part.write(WHOLE.subarray(start), end - start, start)
          ranges = addRange(ranges, start, end)
          if (index % (every + 1) === 0) await part.checkpoint(factsOf(name, ranges))
        }
        await part.checkpoint(factsOf(name, ranges))
        await part.close()
        const opened = await sink.openPart(name, ranges)
        expect(opened.ranges).toEqual(ranges)
        const buffer = Buffer.alloc(WHOLE.length)
        await opened.part.read(buffer, 0)
        await opened.part.close()
        for (const [start, end] of opened.ranges) {
          expect(buffer.subarray(start, end).equals(WHOLE.subarray(start, end))).toBe(true)
        }
      }),
      {numRuns: 40},
    )
  })

  test('a checkpoint that lags the writes records what it names', async () => {
    const {sink} = new MemorySink({durability: 'process', directories: ['/d']})
    const name = nameIn('/d')
    const {part} = await sink.openPart(name, [])
    await part.write(WHOLE, 500_000, 0)
    await part.checkpoint(factsOf(name, [[0, 200_000]]))
    await part.write(WHOLE.subarray(500_000), WHOLE.length - 500_000, 500_000)
    await part.checkpoint(factsOf(name, [[0, MIB + 5]]))
    await part.close()
    const opened = await sink.openPart(name, [[0, WHOLE.length]])
    await opened.part.close()
    expect(opened.ranges).toEqual([[0, MIB + 5]])
  })

  test('a block that is filled from its end is recorded whole', async () => {
    const {sink} = new MemorySink({durability: 'process', directories: ['/d']})
    const name = nameIn('/d')
    const {part} = await sink.openPart(name, [])
    const step = MIB / 16
    for (let at = 2 * MIB - step; at >= 0; at -= step) await part.write(WHOLE.subarray(at), step, at)
    await part.checkpoint(factsOf(name, [[0, 2 * MIB]]))
    await part.close()
    const opened = await sink.openPart(name, [[0, 2 * MIB]])
    await opened.part.close()
    expect(opened.ranges).toEqual([[0, 2 * MIB]])
  })

  test('a block that was written over is recorded anew', async () => {
    const {sink} = new MemorySink({durability: 'process', directories: ['/d']})
    const name = nameIn('/d')
    await writePart(sink, name, WHOLE, true)
    const first = await sink.openPart(name, [[0, WHOLE.length]])
    await first.part.write(Buffer.from('other'), 5, MIB + 77)
    await first.part.checkpoint(factsOf(name, [[0, WHOLE.length]]))
    await first.part.close()
    const second = await sink.openPart(name, [[0, WHOLE.length]])
    await second.part.close()
    expect(missingRanges(second.ranges, WHOLE.length)).toEqual([])
  })
})
