/** Digests that are computed beside the caller, as the part grows, whatever happens to it meanwhile. */

import {createHash} from 'node:crypto'
import {once} from 'node:events'
import {mkdtempSync, readdirSync, readlinkSync, rmSync, truncateSync} from 'node:fs'
import {tmpdir} from 'node:os'
import {join} from 'node:path'
import {afterEach, beforeEach, describe, expect, test} from 'vitest'
import {partPaths} from '../../src/adapters/file/file-names.ts'
import {createFileSink} from '../../src/adapters/file/file-sink.ts'
import {HashPool} from '../../src/adapters/file/hash-pool.ts'
import {PartHashes} from '../../src/adapters/file/part-hashes.ts'
import type {ExpectedDigest} from '../../src/domain/expected-file.ts'
import type {ChecksumAlgorithm} from '../../src/domain/record.ts'
import type {FileSink, PartFile} from '../../src/ports/file-sink.ts'
import {startChild} from '../support/child-program.ts'
import {contentOf} from '../support/content.ts'
import {compiledProgram} from '../support/shared-build.ts'
import {factsOf, nameIn} from './file-sink.contract.ts'

const MIB = 1024 * 1024
/** More than is hashed without a thread. */
const SIZE = 40 * MIB + 12_345
const CONTENT = contentOf(3, SIZE)
const {signal} = new AbortController()

let directory: string
let sink: FileSink

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'hashing-'))
  sink = createFileSink({durability: 'process'})
})

afterEach(async () => {
  await sink.close()
  rmSync(directory, {recursive: true})
})

function hexOf(algorithm: ChecksumAlgorithm, bytes: Buffer = CONTENT): string {
  return createHash(algorithm).update(bytes).digest('hex')
}

function digest(algorithm: ChecksumAlgorithm, bytes?: Buffer): ExpectedDigest {
  return {algorithm, hex: hexOf(algorithm, bytes), from: 'application'}
}

/** Those that were removed say so behind the name. */
function namesOfOpenFiles(): readonly string[] {
  return readdirSync('/proc/self/fd').flatMap((fd) => {
    try {
      return [readlinkSync(`/proc/self/fd/${fd}`)]
    } catch {
      return []
    }
  })
}

async function write(part: PartFile, from: number, to: number, bytes: Buffer = CONTENT): Promise<void> {
  await part.write(bytes.subarray(from, to), to - from, from)
}

describe('a part that is hashed as it grows', () => {
  test('has the right digests, in whatever order its bytes come', async () => {
    const name = nameIn(directory)
    const {part} = await sink.openPart(name, [])
    part.digest('sha256')
    part.digest('md5')
    part.digest('sha256')
    for (const [from, to] of [
      [30 * MIB, SIZE],
      [0, 17 * MIB],
      [20 * MIB, 30 * MIB],
      [17 * MIB, 20 * MIB],
    ] as const) {
      await write(part, from, to)
    }
    await part.close()
    const digests = [digest('sha256'), digest('md5'), digest('sha512')]
    expect(await sink.verify(name, {size: SIZE, digests}, signal)).toMatchObject({size: SIZE})
  })

  test('has the digest of what is in it, also when bytes that were hashed are written anew', async () => {
    const name = nameIn(directory)
    const other = Buffer.from(CONTENT)
    other.fill(1, MIB, 2 * MIB)
    const {part} = await sink.openPart(name, [])
    part.digest('sha256')
    await write(part, 0, SIZE)
    await write(part, MIB, 2 * MIB, other)
    await part.close()
    await sink.verify(name, {size: SIZE, digests: [digest('sha256', other)]}, signal)
  })

  test('goes on over closing and opening, and begins again when blocks turn out to be bad', async () => {
    for (const isDamaged of [false, true]) {
      const name = nameIn(directory, `damaged ${isDamaged}`)
      const first = await sink.openPart(name, [])
      first.part.digest('sha256')
      await write(first.part, 0, 20 * MIB)
      await first.part.sync()
      await first.part.checkpoint(factsOf(name, [[0, 20 * MIB]]))
      await first.part.close()
      if (isDamaged) truncateSync(partPaths(name).part, 5 * MIB)
      const {part, ranges} = await sink.openPart(name, [[0, 20 * MIB]])
      expect(ranges).toEqual([[0, isDamaged ? 5 * MIB : 20 * MIB]])
      part.digest('sha256')
      await write(part, isDamaged ? 5 * MIB : 20 * MIB, SIZE)
      await part.close()
      await sink.verify(name, {size: SIZE, digests: [digest('sha256')]}, signal)
    }
  })

  test('says which digest is not its own, and who gave it', async () => {
    const name = nameIn(directory)
    const {part} = await sink.openPart(name, [])
    part.digest('sha256')
    await write(part, 0, SIZE)
    await part.close()
    const wrong = {algorithm: 'sha512', hex: '00'.repeat(64), from: 'server'} as const
    await expect(sink.verify(name, {size: SIZE, digests: [digest('sha256'), wrong]}, signal)).rejects.toMatchObject({
      code: 'CHECKSUM_MISMATCH',
      message: 'the sha512 digest is not the one that the server gave',
      details: {algorithm: 'sha512', expected: wrong.hex, actual: hexOf('sha512'), from: 'server'},
    })
    // The part is there still, and can be verified again.
    await sink.verify(name, {size: SIZE, digests: [digest('sha256')]}, signal)
  })

  test.skipIf(process.platform !== 'linux')('takes no room once a newer one takes its place', async () => {
    const name = nameIn(directory)
    const {part} = await sink.openPart(name, [])
    part.digest('sha256')
    await write(part, 0, SIZE)
    await part.close()
    const {part: path} = partPaths(name)
    const isOpen = () => namesOfOpenFiles().some((each) => each.startsWith(path))
    await expect.poll(isOpen).toBe(true)
    await sink.discard(nameIn(directory, 'film.mp4', 2), 2)
    await expect.poll(isOpen).toBe(false)
  })

  test('can be given up', async () => {
    const name = nameIn(directory)
    const {part} = await sink.openPart(name, [])
    await write(part, 0, SIZE)
    await part.close()
    const controller = new AbortController()
    const verifying = sink.verify(name, {size: SIZE, digests: [digest('sha512')]}, controller.signal)
    controller.abort()
    await expect(verifying).rejects.toMatchObject({code: 'CANCELED'})
    await sink.discard(name)
  })
})

describe('the threads', () => {
  let pool: HashPool
  let hashes: PartHashes

  beforeEach(() => {
    pool = new HashPool(2)
    hashes = new PartHashes(pool)
  })

  afterEach(() => hashes.close())

  const fileOf = async (name: string, bytes: number) => {
    const opened = await sink.openPart(nameIn(directory, name), [])
    await write(opened.part, 0, bytes)
    await opened.part.close()
    return partPaths(nameIn(directory, name)).part
  }

  test('stand only while there is something to hash, and are as many as they may be', async () => {
    const path = await fileOf('a', SIZE)
    hashes.follow(path, 'sha256', [])
    hashes.grown(path, [[0, MIB]])
    expect(pool.threads).toBe(0)
    hashes.grown(path, [[0, 20 * MIB]])
    expect(pool.threads).toBe(1)
    hashes.follow(path, 'sha512', [[0, SIZE]])
    hashes.follow(path, 'sha1', [[0, SIZE]])
    expect(pool.threads).toBe(2)
    const jobs = (['sha256', 'sha512', 'sha1'] as const).map((algorithm) => hashes.take(path, algorithm, SIZE))
    expect(await Promise.all(jobs.map((job) => job?.finish(SIZE)))).toEqual([
      hexOf('sha256'),
      hexOf('sha512'),
      hexOf('sha1'),
    ])
    expect(pool.threads).toBe(0)
  })

  test('are not used for what is small', async () => {
    const path = await fileOf('a', MIB)
    hashes.follow(path, 'sha256', [[0, MIB]])
    expect(hashes.take(path, 'sha256', MIB)).toBeUndefined()
    expect(pool.threads).toBe(0)
  })

  test('say when a file cannot be read, or is shorter than it was said to be', async () => {
    const missing = pool.start(join(directory, 'missing'), 'sha256')
    missing.grow(MIB)
    await expect(missing.finish(MIB)).rejects.toThrow('ENOENT')
    const short = pool.start(await fileOf('short', MIB), 'sha256')
    await expect(short.finish(2 * MIB)).rejects.toThrow('shorter')
    expect(pool.threads).toBe(0)
  })

  test('end with the sink, and with what is dropped; whoever waits is told', async () => {
    const path = await fileOf('a', SIZE)
    const dropped = pool.start(path, 'sha256')
    const waiting = dropped.finish(SIZE)
    dropped.drop()
    await expect(waiting).rejects.toThrow('not wanted')
    expect(pool.threads).toBe(0)
    const ended = pool.start(path, 'sha256').finish(SIZE)
    await Promise.all([expect(ended).rejects.toThrow('ended'), hashes.close()])
    expect(pool.threads).toBe(0)
  })

  test('hash an empty file', async () => {
    const path = await fileOf('empty', 0)
    expect(await pool.start(path, 'sha256').finish(0)).toBe(hexOf('sha256', Buffer.alloc(0)))
  })
})

describe('a process', () => {
  test('waits for a digest that is asked for, and for none that is not', async () => {
    const program = await compiledProgram(new URL('./hashing-worker.ts', import.meta.url))
    for (const how of ['verify', 'leave']) {
      const child = startChild(program, [directory, hexOf('sha256', contentOf(7, 20 * MIB)), how])
      const ended = once(child.process, 'exit')
      const said: string[] = []
      for await (const line of child.lines) said.push(line)
      expect(await ended, how).toEqual([0, null])
      expect(said).toEqual(['done'])
    }
  })
})
