/**
 * Every call to the file system fails once, is cut short once, or is the last before the process or the power dies: never a
 * wrong success, never a hang, and the run after it ends well.
 */

import {createHash} from 'node:crypto'
import {mkdtempSync, readdirSync, readFileSync, rmSync} from 'node:fs'
import {tmpdir} from 'node:os'
import {join} from 'node:path'
import {describe, expect, test} from 'vitest'
import {createFileSink} from '../../src/adapters/file/file-sink.ts'
import type {FileSystem} from '../../src/adapters/file/file-system.ts'
import {nodeFileSystem} from '../../src/adapters/file/node-file-system.ts'
import {TransferError} from '../../src/domain/errors.ts'
import {addRange, EMPTY, missingRanges, type RangeSet, sizeOf} from '../../src/domain/range-set.ts'
import type {CollisionPolicy, PublishedFile} from '../../src/domain/record.ts'
import type {FileSink, PartName} from '../../src/ports/file-sink.ts'
import {contentOf} from '../support/content.ts'
import {type FileCall, intercepted, NthFault} from '../support/intercepted-files.ts'
import {errno, MemoryDisk} from '../support/memory-disk.ts'
import {SeededRandom} from '../support/seeded-random.ts'
import {type Durability, factsOf, nameIn} from './file-sink.contract.ts'

const CONTENT = contentOf(9, 1024 * 1024 + 100_000)
const CHUNK = 600_000
const CHECKSUM = {
  algorithm: 'sha256',
  hex: createHash('sha256').update(CONTENT).digest('hex'),
  from: 'application',
} as const
const COLLISIONS = ['failIfExists', 'generateUniqueName', 'replaceExisting'] as const

/** What a store would know of the transfer. */
interface Memory {
  claimed: RangeSet
  publishing?: PublishedFile
}

/** A download in small: goes on from what is known, and resolves with the final path. */
async function transfer(sink: FileSink, name: PartName, collision: CollisionPolicy, memory: Memory): Promise<string> {
  if (memory.publishing !== undefined) return sink.publish(name, memory.publishing, collision)
  await sink.checkTarget({file: name.file, collision})
  const opened = await sink.openPart(name, memory.claimed)
  try {
    let ranges = opened.ranges
    for (const [start, end] of missingRanges(ranges, CONTENT.length)) {
      for (let at = start; at < end; at += CHUNK) {
        const length = Math.min(CHUNK, end - at)
        await opened.part.write(CONTENT.subarray(at), length, at)
        ranges = addRange(ranges, at, at + length)
        await opened.part.sync()
        await opened.part.checkpoint(factsOf(name, ranges, collision))
        memory.claimed = ranges
      }
    }
  } finally {
    await opened.part.close()
  }
  const file = await sink.verify(name, {size: CONTENT.length, digests: [CHECKSUM]}, new AbortController().signal)
  memory.publishing = file
  return sink.publish(name, file, collision)
}

/** The same of a file that came at once, as a batch writes it; goes on like any other. */
async function carry(sink: FileSink, name: PartName, collision: CollisionPolicy, memory: Memory): Promise<string> {
  await sink.checkTarget({file: name.file, collision})
  const file = await sink.writeWhole(name, [CONTENT.subarray(0, CHUNK), CONTENT.subarray(CHUNK)])
  memory.publishing = file
  return sink.publish(name, file, collision)
}

/** Recovery's one rule: what turned out to be lost is fetched again. */
async function transferAgain(
  sink: FileSink,
  name: PartName,
  collision: CollisionPolicy,
  memory: Memory,
): Promise<string> {
  try {
    return await transfer(sink, name, collision, memory)
  } catch (error) {
    if (!(error instanceof TransferError) || error.code !== 'PART_LOST') throw error
    return transfer(sink, {...name, generation: name.generation + 1}, collision, {claimed: EMPTY})
  }
}

interface World {
  readonly files: FileSystem
  readonly directory: string
  names(): readonly string[]
  read(name: string): Buffer | undefined
}

const EXPECTED_CODES = ['DISK_FAILED', 'DISK_FULL', 'FILE_ACCESS', 'PART_LOST', 'DIRECTORY_MISSING']

/** One fault at the n-th call; true while there are calls left to fail. */
async function survivesFault(
  world: World,
  durability: Durability,
  collision: CollisionPolicy,
  nth: number,
  fault: {readonly code: string; readonly only?: FileCall} | 'short write',
  go: typeof transfer = transfer,
): Promise<boolean> {
  let writes = 0
  const thrower = fault === 'short write' ? undefined : new NthFault(nth, fault.code, fault.only)
  const before = (call: FileCall): number | undefined => {
    if (thrower !== undefined) return thrower.before(call)
    if (call === 'write') writes++
    return call === 'write' && writes === nth ? 77 : undefined
  }
  const sinkOn = (files: FileSystem) => createFileSink({durability, mode: 0o644, files})
  const name = nameIn(world.directory)
  const memory: Memory = {claimed: EMPTY}
  let first: string | TransferError
  try {
    first = await go(sinkOn(intercepted(world.files, before)), name, collision, memory)
  } catch (error) {
    if (!(error instanceof TransferError)) throw error
    expect(EXPECTED_CODES, `call ${nth}`).toContain(error.code)
    first = error
  }
  const published = world.read('film.mp4')
  expect(isWholeOrFree(published), `call ${nth}: only the whole file has its name`).toBe(true)
  if (first === name.file) expect(published, `call ${nth}: success means the file is there`).toBeDefined()
  if (first !== name.file) expect(await transferAgain(sinkOn(world.files), name, collision, memory)).toBe(name.file)
  expect(world.read('film.mp4')?.equals(CONTENT), `call ${nth}: the second run ends well`).toBe(true)
  expect(world.names(), `call ${nth}: nothing else is left`).toEqual(['film.mp4'])
  return thrower?.fired ?? writes >= nth
}

/** Faults at n = 1, 2, 3 … until a run has fewer calls; resolves with how many calls were tried. */
async function faultEvery(attempt: (nth: number) => Promise<boolean>): Promise<number> {
  for (let nth = 1; nth < 1000; nth++) if (!(await attempt(nth))) return nth - 1
  throw new Error('the runs do not end')
}

describe('on the disk in memory', () => {
  for (const collision of COLLISIONS) {
    for (const durability of ['power', 'process'] as const) {
      test(`${collision}, ${durability}: each call fails once`, async () => {
        for (const code of ['EIO', 'ENOSPC']) {
          const calls = await faultEvery(async (nth) => {
            const disk = new MemoryDisk('/d')
            const more = await survivesFault(worldOf(disk), durability, collision, nth, {code})
            expect(disk.openFiles, `call ${nth}: no descriptor leaks`).toBe(0)
            return more
          })
          expect(calls).toBeGreaterThan(25)
        }
      })

      test(`${collision}, ${durability}: each write is short once`, async () => {
        const writes = await faultEvery((nth) =>
          survivesFault(worldOf(new MemoryDisk('/d')), durability, collision, nth, 'short write'),
        )
        expect(writes).toBeGreaterThan(3)
      })

      test(`${collision}, ${durability}: the process dies at each call`, async () => {
        const calls = await faultEvery((nth) => survivesDeath(durability, collision, nth, (disk) => disk.kill()))
        expect(calls).toBeGreaterThan(25)
      })
    }

    test(`${collision}: the power fails at each call, and any part of what was not synced is lost`, async () => {
      for (const seed of [0, 1]) {
        const calls = await faultEvery((nth) =>
          survivesDeath('power', collision, nth, (disk) => disk.crash(new SeededRandom(seed * 1000 + nth))),
        )
        expect(calls).toBeGreaterThan(25)
      }
    })

    test(`${collision}: the power fails at each call, and all that was not synced is lost`, async () => {
      await faultEvery((nth) => survivesDeath('power', collision, nth, (disk) => disk.crash()))
    })
  }

  test.each([transfer, carry])('what was reported complete is there after a power cut: $name', async (go) => {
    for (const collision of COLLISIONS) {
      const disk = new MemoryDisk('/d')
      const sink = createFileSink({durability: 'power', mode: 0o644, files: disk.fileSystem()})
      await go(sink, nameIn('/d'), collision, {claimed: EMPTY})
      disk.crash()
      expect(disk.readFile('/d/film.mp4')?.equals(CONTENT)).toBe(true)
      expect(disk.names('/d')).toEqual(['film.mp4'])
    }
  })

  test.each(COLLISIONS)('%s: a file that came at once survives what any other does', async (collision) => {
    for (const durability of ['power', 'process'] as const) {
      const failing = await faultEvery(async (nth) => {
        const disk = new MemoryDisk('/d')
        const more = await survivesFault(worldOf(disk), durability, collision, nth, {code: 'EIO'}, carry)
        expect(disk.openFiles, `call ${nth}: no descriptor leaks`).toBe(0)
        return more
      })
      expect(failing).toBeGreaterThan(9)
      await faultEvery((nth) =>
        survivesFault(worldOf(new MemoryDisk('/d')), durability, collision, nth, 'short write', carry),
      )
      await faultEvery((nth) => survivesDeath(durability, collision, nth, (disk) => disk.kill(), carry))
    }
    await faultEvery((nth) => survivesDeath('power', collision, nth, (disk) => disk.crash(), carry))
    await faultEvery((nth) =>
      survivesDeath('power', collision, nth, (disk) => disk.crash(new SeededRandom(nth)), carry),
    )
  })

  test.each(['failIfExists', 'generateUniqueName'] as const)('%s: also without hard links', async (collision) => {
    for (const durability of ['power', 'process'] as const) {
      const failing = await faultEvery(async (nth) => {
        const disk = new MemoryDisk('/d')
        const more = await survivesFault(worldOf(disk, linkless), durability, collision, nth, {code: 'EIO'}, carry)
        expect(disk.openFiles, `call ${nth}: no descriptor leaks`).toBe(0)
        return more
      })
      expect(failing).toBeGreaterThan(15)
      await faultEvery((nth) => survivesDeath(durability, collision, nth, (disk) => disk.kill(), carry, linkless))
    }
    for (const seed of [undefined, 0, 1000]) {
      const cut = (nth: number) => (disk: MemoryDisk) =>
        disk.crash(seed === undefined ? undefined : new SeededRandom(seed + nth))
      await faultEvery((nth) => survivesDeath('power', collision, nth, cut(nth), carry, linkless))
    }
  })

  test('each checkpoint is there after a power cut', async () => {
    const disk = new MemoryDisk('/d')
    const name = nameIn('/d')
    for (let end = 100_000; end <= CONTENT.length; end += 100_000) {
      const sink = createFileSink({durability: 'power', files: disk.fileSystem()})
      const {part, ranges} = await sink.openPart(name, end === 100_000 ? [] : [[0, end - 100_000]])
      expect(sizeOf(ranges)).toBe(end - 100_000)
      await part.write(CONTENT.subarray(end - 100_000), 100_000, end - 100_000)
      await part.sync()
      await part.checkpoint(factsOf(name, [[0, end]]))
      disk.crash()
    }
  })

  test('without syncs, a power cut in mid-transfer is noticed block by block', async () => {
    for (let seed = 0; seed < 20; seed++) {
      const disk = new MemoryDisk('/d')
      const name = nameIn('/d')
      const {part} = await createFileSink({durability: 'process', files: disk.fileSystem()}).openPart(name, [])
      await part.write(CONTENT, CONTENT.length, 0)
      await part.checkpoint(factsOf(name, [[0, CONTENT.length]]))
      disk.crash(new SeededRandom(seed))
      const sink = createFileSink({durability: 'process', files: disk.fileSystem()})
      const opened = await sink.openPart(name, [[0, CONTENT.length]])
      for (const [start, end] of opened.ranges) {
        const bytes = Buffer.alloc(end - start)
        await opened.part.read(bytes, start)
        expect(bytes.equals(CONTENT.subarray(start, end))).toBe(true)
      }
    }
  })
})

describe('on a real disk', () => {
  for (const [collision, go] of COLLISIONS.flatMap((each) => [[each, transfer] as const, [each, carry] as const])) {
    test(`${collision}: each call fails once: ${go.name}`, async () => {
      const calls = await faultEvery(async (nth) => {
        const directory = mkdtempSync(join(tmpdir(), 'file-torture-'))
        try {
          const world: World = {
            files: nodeFileSystem,
            directory,
            names: () => readdirSync(directory).sort(),
            read: (name) => (readdirSync(directory).includes(name) ? readFileSync(join(directory, name)) : undefined),
          }
          return await survivesFault(world, 'power', collision, nth, {code: 'EIO'}, go)
        } finally {
          rmSync(directory, {recursive: true})
        }
      })
      expect(calls).toBeGreaterThan(go === carry ? 10 : 25)
    })
  }
})

function linking(disk: MemoryDisk): FileSystem {
  return disk.fileSystem()
}

/** As the kernel does, it looks at what is there before it says that there are no links. */
function linkless(disk: MemoryDisk): FileSystem {
  const files = disk.fileSystem()
  return {
    ...files,
    link: async (_, name) => {
      throw errno((await files.lstat(name)) === undefined ? 'EPERM' : 'EEXIST')
    },
  }
}

function isWholeOrFree(published: Buffer | undefined): boolean {
  return published === undefined || published.equals(CONTENT)
}

function worldOf(disk: MemoryDisk, filesOf = linking): World {
  return {
    files: filesOf(disk),
    directory: '/d',
    names: () => disk.names('/d'),
    read: (name) => disk.readFile(`/d/${name}`),
  }
}

/** The world ends before the n-th call; true while there are calls left to end it at. */
async function survivesDeath(
  durability: Durability,
  collision: CollisionPolicy,
  nth: number,
  end: (disk: MemoryDisk) => void,
  go: typeof transfer = transfer,
  filesOf: (disk: MemoryDisk) => FileSystem = linking,
): Promise<boolean> {
  const disk = new MemoryDisk('/d')
  const name = nameIn('/d')
  const memory: Memory = {claimed: EMPTY}
  let calls = 0
  const dead = new Promise<'dead'>((resolve) => {
    const before = (): undefined => {
      calls++
      if (calls !== nth) return
      end(disk)
      resolve('dead')
    }
    const files = intercepted(filesOf(disk), before)
    const sink = createFileSink({durability, mode: 0o644, files})
    go(sink, name, collision, memory).then(
      () => resolve('dead'),
      () => resolve('dead'),
    )
  })
  await dead
  const published = disk.readFile('/d/film.mp4')
  const isHeld = filesOf !== linking && published?.length === 0
  expect(isHeld || isWholeOrFree(published), `call ${nth}: only the whole file has its name`).toBe(true)
  const sink = createFileSink({durability, mode: 0o644, files: filesOf(disk)})
  expect(await transferAgain(sink, name, collision, memory)).toBe(name.file)
  expect(disk.readFile('/d/film.mp4')?.equals(CONTENT), `call ${nth}: the second run ends well`).toBe(true)
  expect(disk.names('/d'), `call ${nth}: nothing else is left`).toEqual(['film.mp4'])
  disk.crash()
  if (durability === 'power') expect(disk.readFile('/d/film.mp4')?.equals(CONTENT)).toBe(true)
  return calls >= nth
}
