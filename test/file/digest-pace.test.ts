/** Bytes that come faster than a digest is worth: trusted while the machine runs on, and not a moment longer. */

import {mkdtempSync, rmSync} from 'node:fs'
import {tmpdir} from 'node:os'
import {join} from 'node:path'
import {afterEach, beforeEach, describe, expect, it} from 'vitest'
import {BlockDigests, NO_DIGEST} from '../../src/adapters/file/block-digests.ts'
import {DigestPace} from '../../src/adapters/file/digest-pace.ts'
import {createFileSink} from '../../src/adapters/file/file-sink.ts'
import type {FileSystem} from '../../src/adapters/file/file-system.ts'
import {nodeFileSystem} from '../../src/adapters/file/node-file-system.ts'
import type {ExpectedFile} from '../../src/domain/expected-file.ts'
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

  it('is not from 32 MiB on where a local server fills the disk', () => {
    const worth = paceAt(800, 2, 500)
    expect(worth.indexOf(false)).toBe(19)
    expect(worth.slice(19)).not.toContain(true)
  })

  it('is again when the bytes come slower', () => {
    let now = 0
    const pace = new DigestPace(() => now)
    now = 100
    expect(pace.isWorthIt(64 * MIB)).toBe(false)
    now = 200
    expect(pace.isWorthIt(MIB)).toBe(true)
  })

  it('does not take bytes for slow that waited for the disk, unless they are', () => {
    const isWorthIt = (mibASecond: number, syncMs: number) => {
      let now = 0
      const pace = new DigestPace(() => now)
      let worth = true
      for (let step = 0; step < 100; step++) {
        now += 20
        pace.waited(syncMs)
        worth = pace.isWorthIt(mibASecond * MIB * 0.02)
      }
      return worth
    }
    expect(isWorthIt(170, 0)).toBe(true)
    expect(isWorthIt(170, 10)).toBe(false)
    expect(isWorthIt(95, 19)).toBe(true)
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

  /** Writes 40 MiB: of the first 28 it is not known how fast they are. */
  async function write(sink: ReturnType<typeof createFileSink>, tick: () => void): Promise<RangeSet> {
    const block = Buffer.alloc(4 * MIB, 7)
    const name = nameIn(directory)
    const {part} = await sink.openPart(name, [])
    for (let at = 0; at < 40 * MIB; at += block.length) {
      if (at === 28 * MIB) tick()
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
    expect(await reopened('this run', 'another run')).toEqual([[0, 28 * MIB]])
  })

  it('is not waited for by checkpoints, with durability power either, but for what has a digest', async () => {
    let now = 0
    const synced: string[] = []
    const names = new Map<number, string>()
    const files: FileSystem = {
      ...nodeFileSystem,
      bootId: () => 'this run',
      async open(path, intent) {
        const fd = await nodeFileSystem.open(path, intent)
        names.set(fd, path.endsWith('.part') ? 'part' : 'side')
        return fd
      },
      async fdatasync(fd) {
        synced.push(names.get(fd) ?? '')
        await nodeFileSystem.fdatasync(fd)
      },
    }
    const sink = createFileSink({durability: 'power', files, now: () => now})
    const name = nameIn(directory)
    const {part} = await sink.openPart(name, [])
    const block = Buffer.alloc(4 * MIB, 7)
    let at = 0
    /** Writes so much, and makes a checkpoint of it; answers what was synced for it. */
    const checkpoint = async (mib: number) => {
      for (const end = at + mib * MIB; at < end; at += block.length) await part.write(block, block.length, at)
      await part.sync()
      await part.checkpoint(factsOf(name, [[0, at]]))
      return synced.splice(0)
    }
    expect(await checkpoint(4)).toEqual(['part', 'side'])
    expect(await checkpoint(24)).toEqual(['part', 'side'])
    now = 100
    expect(await checkpoint(4)).toEqual([])
    expect(await checkpoint(4)).toEqual([])
    now = 1000
    expect(await checkpoint(4)).toEqual(['part', 'side'])
    await part.close()
  })

  it('goes on its way to the disk early, and a failure of that ends the part', async () => {
    let now = 0
    const files: FileSystem = {
      ...nodeFileSystem,
      bootId: () => 'this run',
      fdatasync: () => (now === 0 ? Promise.resolve() : Promise.reject(Object.assign(new Error('EIO'), {code: 'EIO'}))),
    }
    const sink = createFileSink({durability: 'power', files, now: () => now})
    const name = nameIn(directory)
    const {part} = await sink.openPart(name, [])
    const block = Buffer.alloc(4 * MIB, 7)
    let at = 0
    const write = async (mib: number) => {
      for (const end = at + mib * MIB; at < end; at += block.length) await part.write(block, block.length, at)
    }
    await write(28)
    await part.sync()
    now = 100
    await write(44)
    await part.sync()
    await part.close()
    const verified = sink.verify(name, {size: at, digests: []} as ExpectedFile, new AbortController().signal)
    await expect(verified).rejects.toMatchObject({code: 'DISK_FAILED'})
  })

  it('has digests where one run of the machine cannot be told from another', async () => {
    expect(await reopened(undefined, undefined)).toEqual([[0, 40 * MIB]])
  })
})
