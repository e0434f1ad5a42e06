/** Room on the disk: asked for before bytes come, set aside, and looked at while they are written. */

import {EventEmitter, once} from 'node:events'
import {mkdtempSync, readFileSync, rmSync, statfsSync, statSync} from 'node:fs'
import {tmpdir} from 'node:os'
import {join} from 'node:path'
import {describe, expect, test} from 'vitest'
import {partPaths} from '../../src/adapters/file/file-names.ts'
import {createFileSink} from '../../src/adapters/file/file-sink.ts'
import type {PartFile} from '../../src/ports/file-sink.ts'
import {contentOf} from '../support/content.ts'
import {MemoryDisk} from '../support/memory-disk.ts'
import {mountSmallDisk, unmountDisk} from '../support/small-disk.ts'
import {factsOf, nameIn} from './file-sink.contract.ts'

const MIB = 1024 * 1024
const CONTENT = contentOf(4, 32 * MIB)

async function write(part: PartFile, from: number, to: number): Promise<void> {
  for (let at = from; at < to; at += MIB) await part.write(CONTENT.subarray(at), Math.min(MIB, to - at), at)
}

function diskOf(capacity: number, reserveBytes?: number) {
  const disk = new MemoryDisk('/d')
  disk.capacity = capacity
  const options = reserveBytes === undefined ? {} : {reserveBytes}
  return {disk, sink: createFileSink({durability: 'process', mode: 0o644, files: disk.fileSystem(), ...options})}
}

describe('room', () => {
  test('is refused before any byte when it is not there, and says what is', async () => {
    const {sink} = diskOf(100 * MIB, 10 * MIB)
    await sink.demandRoom(nameIn('/d'), 90 * MIB, 90 * MIB)
    await expect(sink.demandRoom(nameIn('/d'), 91 * MIB, 95 * MIB)).rejects.toMatchObject({
      code: 'DISK_FULL',
      retry: 'storage',
      where: '/d',
      details: {needed: 91 * MIB, free: 100 * MIB, claimed: 0},
    })
  })

  test('is kept free: 2 % of a small disk, 64 MiB of a large one', async () => {
    await diskOf(100 * MIB).sink.demandRoom(nameIn('/d'), 98 * MIB, 98 * MIB)
    await expect(diskOf(100 * MIB).sink.demandRoom(nameIn('/d'), 99 * MIB, 99 * MIB)).rejects.toThrow('no room')
    const large = 1024 * 1024 * MIB
    await diskOf(large).sink.demandRoom(nameIn('/d'), large - 64 * MIB, large - 64 * MIB)
    await expect(diskOf(large).sink.demandRoom(nameIn('/d'), large - 63 * MIB, large)).rejects.toThrow('no room')
  })

  test('that others need is not given away, until they are closed', async () => {
    const {sink} = diskOf(100 * MIB, 0)
    const first = await sink.openPart(nameIn('/d', 'first'), [])
    await first.part.claimRoom(60 * MIB, 60 * MIB)
    const second = await sink.openPart(nameIn('/d', 'second'), [])
    await expect(second.part.claimRoom(50 * MIB, 50 * MIB)).rejects.toMatchObject({
      code: 'DISK_FULL',
      details: {claimed: 60 * MIB},
    })
    await write(first.part, 0, 20 * MIB)
    await expect(second.part.claimRoom(41 * MIB, 41 * MIB)).rejects.toMatchObject({details: {claimed: 40 * MIB}})
    await second.part.claimRoom(40 * MIB, 40 * MIB)
    await first.part.close()
    await second.part.claimRoom(80 * MIB, 80 * MIB)
    await second.part.close()
  })

  test('is looked at while bytes of unknown number come: the reserve stays, and so do the bytes', async () => {
    const {disk, sink} = diskOf(40 * MIB, 10 * MIB)
    const name = nameIn('/d')
    const {part} = await sink.openPart(name, [])
    await expect(write(part, 0, 32 * MIB)).rejects.toMatchObject({code: 'DISK_FULL'})
    const size = disk.readFile(partPaths(name).part)?.length ?? 0
    expect(size).toBeGreaterThanOrEqual(16 * MIB)
    expect(size).toBeLessThanOrEqual(38 * MIB)
    // A failed write looks again at once.
    await expect(part.write(CONTENT, MIB, size)).rejects.toMatchObject({code: 'DISK_FULL'})
    disk.capacity = 200 * MIB
    await part.write(CONTENT.subarray(size), MIB, size)
    await part.close()
  })

  test('is no matter where nobody tells how much there is', async () => {
    const disk = new MemoryDisk('/d')
    const sink = createFileSink({durability: 'process', files: disk.fileSystem()})
    await sink.demandRoom(nameIn('/d'), Number.MAX_SAFE_INTEGER, Number.MAX_SAFE_INTEGER)
  })
})

test('a full disk is no reason to stop what goes to another one', async () => {
  const disk = new MemoryDisk('/full', '/large')
  const gate = new EventEmitter()
  const looking = once(gate, 'answer')
  const files = {
    ...disk.fileSystem(),
    space: async (directory: string) => {
      if (directory === '/full') await looking
      return {totalBytes: 1000 * MIB, freeBytes: directory === '/full' ? 0 : 900 * MIB}
    },
  }
  const sink = createFileSink({durability: 'process', mode: 0o644, files})
  const [full, large] = await Promise.all(['/full', '/large'].map((each) => sink.openPart(nameIn(each), [])))
  const both = Promise.allSettled([full?.part, large?.part].map((part) => part?.write(CONTENT, 2 * MIB, 0)))
  setImmediate(() => gate.emit('answer'))
  expect(await both).toMatchObject([{status: 'rejected', reason: {code: 'DISK_FULL'}}, {status: 'fulfilled'}])
  await Promise.all([full?.part.close(), large?.part.close()])
})

test('a file that is larger than its file system allows is refused at once, and no pause ends that', async () => {
  const {disk, sink} = diskOf(2 ** 40)
  disk.maxFileBytes = 2 ** 32 - 1
  await sink.demandRoom(nameIn('/d'), 2 ** 32 - 1, 2 ** 32 - 1)
  await expect(sink.demandRoom(nameIn('/d'), MIB, 2 ** 32)).rejects.toMatchObject({
    code: 'FILE_TOO_LARGE',
    retry: 'never',
    hresult: 0x80070299,
  })
})

test('a claim allocates nothing, and does not lengthen the file', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'room-'))
  try {
    const sink = createFileSink({durability: 'process', reserveBytes: 0})
    const name = nameIn(directory)
    const {part} = await sink.openPart(name, [])
    const {bavail, bsize} = statfsSync(directory)
    await part.claimRoom(Math.floor((bavail * bsize) / 2), Math.floor((bavail * bsize) / 2))
    await part.write(CONTENT, MIB, 0)
    expect(statSync(partPaths(name).part).size).toBe(MIB)
    await part.close()
  } finally {
    rmSync(directory, {recursive: true})
  }
})

test('on a real disk of 24 MiB: a write that does not fit fails, the rest stays, and what was there goes on', async ({
  skip,
}) => {
  const directory = mkdtempSync(join(tmpdir(), 'small-disk-'))
  const isMounted = mountSmallDisk(directory, 24)
  try {
    if (!isMounted) skip('no file system can be mounted here')
    // Without a reserve only the disk itself says no.
    const sink = createFileSink({durability: 'power', reserveBytes: 0})
    const name = nameIn(directory)
    await expect(sink.demandRoom(name, 25 * MIB, 25 * MIB)).rejects.toMatchObject({code: 'DISK_FULL'})
    const {part} = await sink.openPart(name, [])
    await write(part, 0, 12 * MIB)
    await part.sync()
    await part.checkpoint(factsOf(name, [[0, 12 * MIB]]))
    const error: unknown = await write(part, 12 * MIB, 32 * MIB).catch((thrown: unknown) => thrown)
    expect(error).toMatchObject({code: 'DISK_FULL', retry: 'storage'})
    await part.close()
    const again = await sink.openPart(name, [[0, 12 * MIB]])
    expect(again.ranges).toEqual([[0, 12 * MIB]])
    await write(again.part, 12 * MIB, 20 * MIB)
    await again.part.close()
    await sink.publish(
      name,
      await sink.verify(name, {size: 20 * MIB, digests: []}, new AbortController().signal),
      'failIfExists',
    )
    expect(readFileSync(name.file).equals(CONTENT.subarray(0, 20 * MIB))).toBe(true)
  } finally {
    if (isMounted) unmountDisk(directory)
    rmSync(directory, {recursive: true})
  }
})
