/** Bytes that come faster than a digest is worth: trusted while the machine runs on, and not a moment longer. */

import {mkdtempSync, rmSync} from 'node:fs'
import {tmpdir} from 'node:os'
import {join} from 'node:path'
import {afterEach, beforeEach, describe, expect, it} from 'vitest'
import {BlockDigests, NO_DIGEST} from '../../src/adapters/file/block-digests.ts'
import {DigestPace} from '../../src/adapters/file/digest-pace.ts'
import {createFileSink} from '../../src/adapters/file/file-sink.ts'
import {nodeFileSystem} from '../../src/adapters/file/node-file-system.ts'
import type {RangeSet} from '../../src/domain/range-set.ts'
import {factsOf, nameIn} from './file-sink.contract.ts'

const MIB = 1024 * 1024

it('has none in any part of a block that has none: a checkpoint in its middle reads nothing back', () => {
  const digests = new BlockDigests()
  digests.note(Buffer.alloc(MIB), 0, false)
  const {stretches} = digests.record([[0, 1000]])
  expect(stretches).toEqual([{start: 0, end: 1000, crc: NO_DIGEST}])
  digests.note(Buffer.alloc(MIB), MIB, true)
  expect(digests.record([[0, MIB + 1000]]).stretches).toEqual([
    {start: 0, end: MIB, crc: NO_DIGEST},
    {start: MIB, end: MIB + 1000, crc: undefined},
  ])
})

describe('the pace', () => {
  const paceAt = (mibASecond: number, stepMs: number, steps: number) => {
    let now = 0
    const pace = new DigestPace(() => now)
    const worth: boolean[] = []
    for (let step = 0; step < steps; step++) {
      now += stepMs
      worth.push(pace.isWorthIt((mibASecond * MIB * stepMs) / 1000))
    }
    return worth
  }

  it('is worth a digest on any network', () => expect(paceAt(120, 10, 500)).not.toContain(false))

  it('is not from the second window on where a local server fills the disk', () => {
    const worth = paceAt(800, 2, 500)
    expect(worth.indexOf(false)).toBeLessThanOrEqual(50)
    expect(worth.slice(50)).not.toContain(true)
  })

  it('is again when the bytes come slower', () => {
    let now = 0
    const pace = new DigestPace(() => now)
    now = 100
    expect(pace.isWorthIt(64 * MIB)).toBe(false)
    now = 200
    expect(pace.isWorthIt(MIB)).toBe(true)
  })

  it('a burst says nothing', () => {
    let now = 0
    const pace = new DigestPace(() => now)
    now = 100
    expect(pace.isWorthIt(20 * MIB)).toBe(true)
  })
})

describe('a part whose bytes came too fast', () => {
  let directory: string

  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'digest-pace-'))
  })

  afterEach(() => rmSync(directory, {recursive: true}))

  /** Writes 40 MiB: the first 36 within a window, the rest behind it. */
  async function write(sink: ReturnType<typeof createFileSink>, tick: () => void): Promise<RangeSet> {
    const block = Buffer.alloc(4 * MIB, 7)
    const name = nameIn(directory)
    const {part} = await sink.openPart(name, [])
    for (let at = 0; at < 40 * MIB; at += block.length) {
      if (at === 36 * MIB) tick()
      await part.write(block, block.length, at)
    }
    const ranges: RangeSet = [[0, 40 * MIB]]
    await part.sync()
    await part.checkpoint(factsOf(name, ranges))
    // The last write after a checkpoint makes the whole part doubtful.
    await part.write(Buffer.from('more'), 4, 40 * MIB)
    await part.close()
    return ranges
  }

  async function reopened(boot: string | undefined, afterwards: string | undefined): Promise<RangeSet> {
    let now = 0
    const files = (id: string | undefined) => ({...nodeFileSystem, bootId: () => id})
    const sink = createFileSink({durability: 'process', files: files(boot), now: () => now})
    const ranges = await write(sink, () => {
      now = 100
    })
    const later = createFileSink({durability: 'process', files: files(afterwards), now: () => now})
    const opened = await later.openPart(nameIn(directory), ranges)
    await opened.part.close()
    return opened.ranges
  }

  it('is believed while the machine ran on', async () => {
    expect(await reopened('this run', 'this run')).toEqual([[0, 40 * MIB]])
  })

  it('is fetched again where the machine went down: only what has a digest is kept', async () => {
    expect(await reopened('this run', 'another run')).toEqual([[0, 36 * MIB]])
  })

  it('has digests where one run of the machine cannot be told from another', async () => {
    expect(await reopened(undefined, undefined)).toEqual([[0, 40 * MIB]])
  })
})
