/** Corners of the sink that only a real file system has, or only a failing one. */

import {EventEmitter, once} from 'node:events'
import {
  closeSync,
  linkSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import {createServer} from 'node:net'
import {tmpdir} from 'node:os'
import {join} from 'node:path'
import {afterEach, beforeEach, describe, expect, test} from 'vitest'
import {fileError} from '../../src/adapters/file/file-errors.ts'
import {partPaths} from '../../src/adapters/file/file-names.ts'
import {createFileSink} from '../../src/adapters/file/file-sink.ts'
import type {FileSystem} from '../../src/adapters/file/file-system.ts'
import {nodeFileSystem} from '../../src/adapters/file/node-file-system.ts'
import {TransferError} from '../../src/domain/errors.ts'
import {sizeOf} from '../../src/domain/range-set.ts'
import type {PublishedFile} from '../../src/domain/record.ts'
import type {PartName} from '../../src/ports/file-sink.ts'
import {contentOf} from '../support/content.ts'
import {type FileCall, intercepted} from '../support/intercepted-files.ts'
import {errno, MemoryDisk} from '../support/memory-disk.ts'
import {MemorySink} from '../support/memory-sink.ts'
import {factsOf, finishPart, nameIn, writePart} from './file-sink.contract.ts'

const {signal} = new AbortController()

const MIB = 1024 * 1024
/** As much as shows that bytes come too fast for digests, and as much again. */
const FAST_BYTES = 64 * MIB
const FAST_CONTENT = contentOf(7, FAST_BYTES)

let directory: string

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'file-edge-'))
})

afterEach(() => rmSync(directory, {recursive: true}))

describe('a failed sync', () => {
  test('ends all work on the part, and what came after the last checkpoint is void', async () => {
    const memory = new MemorySink({durability: 'power', directories: ['/d']})
    const name = nameIn('/d')
    const {part} = await memory.sink.openPart(name, [])
    await part.write(contentOf(1, 1000), 1000, 0)
    await part.sync()
    await part.checkpoint(factsOf(name, [[0, 1000]]))
    await part.write(contentOf(2, 1000), 1000, 1000)
    memory.failNth(1, 'EIO', 'fdatasync')
    const both = await Promise.allSettled([part.sync(), part.sync()])
    expect(both).toMatchObject([
      {status: 'rejected', reason: {code: 'DISK_FAILED'}},
      {status: 'rejected', reason: {code: 'DISK_FAILED'}},
    ])
    const failed = {code: 'DISK_FAILED', where: partPaths(name).part}
    await expect(part.sync()).rejects.toMatchObject(failed)
    await expect(part.write(contentOf(2, 10), 10, 0)).rejects.toMatchObject(failed)
    await expect(part.read(Buffer.alloc(10), 0)).rejects.toMatchObject(failed)
    await expect(part.checkpoint(factsOf(name, [[0, 2000]]))).rejects.toMatchObject(failed)
    await part.close()
    await expect(memory.sink.verify(name, {size: 2000, digests: []}, signal)).rejects.toMatchObject(failed)

    const again = await memory.sink.openPart(name, [[0, 2000]])
    expect(again.ranges).toEqual([[0, 1000]])
    await again.part.sync()
    await again.part.close()
    await memory.sink.verify(name, {size: 1000, digests: []}, signal)
  })

  test('at the end is not forgotten when verification is tried again', async () => {
    const memory = new MemorySink({durability: 'power', directories: ['/d']})
    const name = nameIn('/d')
    await writePart(memory.sink, name, contentOf(1, 1000))
    memory.failNth(1, 'EIO', 'fsync')
    await expect(memory.sink.verify(name, {size: 1000, digests: []}, signal)).rejects.toMatchObject({
      code: 'DISK_FAILED',
    })
    await expect(memory.sink.verify(name, {size: 1000, digests: []}, signal)).rejects.toMatchObject({
      code: 'DISK_FAILED',
    })
  })

  test('for want of space says so, once', async () => {
    const memory = new MemorySink({durability: 'power', directories: ['/d']})
    const {part} = await memory.sink.openPart(nameIn('/d'), [])
    await part.write(contentOf(1, 1000), 1000, 0)
    memory.failNth(1, 'ENOSPC', 'fdatasync')
    await expect(part.sync()).rejects.toMatchObject({code: 'DISK_FULL'})
    await expect(part.sync()).rejects.toMatchObject({code: 'DISK_FAILED'})
    await part.close()
  })

  /** A part of which all but the start came too fast for digests, which one checkpoint names. */
  async function fastPart(disk: MemoryDisk) {
    let now = 0
    const fault = {next: undefined as FileCall | undefined}
    const sinkOf = () =>
      createFileSink({
        durability: 'power',
        now: () => now,
        files: intercepted(disk.fileSystem(), (call) => {
          if (call !== fault.next) return undefined
          fault.next = undefined
          throw errno('EIO')
        }),
      })
    const name = nameIn('/d')
    const sink = sinkOf()
    const {part} = await sink.openPart(name, [])
    for (let at = 0; at < FAST_BYTES; at += MIB) {
      now += 3
      await part.write(FAST_CONTENT.subarray(at), MIB, at)
    }
    await part.sync()
    await part.checkpoint(factsOf(name, [[0, FAST_BYTES]]))
    await part.close()
    return {sink, sinkOf, fault, name}
  }

  test.each(['the same process', 'the next one'])('at the end is not forgotten by %s either', async (whose) => {
    const disk = new MemoryDisk('/d')
    const {sink, sinkOf, fault, name} = await fastPart(disk)
    const before = await sink.openPart(name, [[0, FAST_BYTES]])
    await before.part.close()
    expect(before.ranges).toEqual([[0, FAST_BYTES]])
    fault.next = 'fsync'
    await expect(sink.verify(name, {size: FAST_BYTES, digests: []}, signal)).rejects.toMatchObject({
      code: 'DISK_FAILED',
    })
    if (whose === 'the next one') disk.kill()
    const {part, ranges} = await (whose === 'the next one' ? sinkOf() : sink).openPart(name, [[0, FAST_BYTES]])
    await part.close()
    // What has a digest was synced, and read again.
    expect(ranges).toEqual([[0, expect.any(Number)]])
    expect(sizeOf(ranges)).toBeGreaterThan(0)
    expect(sizeOf(ranges)).toBeLessThan(FAST_BYTES)
  })

  test('on the way voids what no sync has waited for', async () => {
    const disk = new MemoryDisk('/d')
    const {sinkOf, fault, name} = await fastPart(disk)
    const {part, ranges} = await sinkOf().openPart(name, [[0, FAST_BYTES]])
    expect(ranges).toEqual([[0, FAST_BYTES]])
    await part.write(FAST_CONTENT, 1000, FAST_BYTES)
    fault.next = 'fdatasync'
    await expect(part.sync()).rejects.toMatchObject({code: 'DISK_FAILED'})
    await part.close()
    disk.kill()
    const again = await sinkOf().openPart(name, [[0, FAST_BYTES]])
    await again.part.close()
    expect(sizeOf(again.ranges)).toBeLessThan(FAST_BYTES)
  })

  test('may be told by the close alone', async () => {
    const disk = new MemoryDisk('/d')
    for (const durability of ['power', 'process'] as const) {
      let isFailing = false
      const files = intercepted(disk.fileSystem(), (call) => {
        if (isFailing && call === 'close') throw errno('EIO')
        return undefined
      })
      const sink = createFileSink({durability, files})
      const name = nameIn('/d', durability)
      const {part} = await sink.openPart(name, [])
      await part.write(contentOf(1, 1000), 1000, 0)
      isFailing = true
      await expect(part.close()).rejects.toMatchObject({code: 'DISK_FAILED'})
      isFailing = false
      await expect(sink.verify(name, {size: 1000, digests: []}, signal)).rejects.toMatchObject({code: 'DISK_FAILED'})
      expect(disk.openFiles).toBe(0)
    }
  })

  test('is no matter to a part that somebody cut: a hole is not taken for bytes that came too fast', async () => {
    const disk = new MemoryDisk('/d')
    const {sink, sinkOf, name} = await fastPart(disk)
    disk.writeFile(partPaths(name).part, FAST_CONTENT.subarray(0, 40 * MIB))
    const {part, ranges} = await sink.openPart(name, [[0, FAST_BYTES]])
    expect(ranges).toEqual([[0, 40 * MIB]])
    // Another connection brings the end first, and the process dies before a checkpoint.
    await part.write(FAST_CONTENT.subarray(FAST_BYTES - MIB), MIB, FAST_BYTES - MIB)
    disk.kill()
    const again = await sinkOf().openPart(name, [[0, FAST_BYTES]])
    for (const [start, end] of again.ranges) {
      const bytes = Buffer.alloc(end - start)
      await again.part.read(bytes, start)
      expect(bytes.equals(FAST_CONTENT.subarray(start, end))).toBe(true)
    }
    await again.part.close()
  })

  test('cannot happen without syncs', async () => {
    const calls = new Set<FileCall>()
    const files = intercepted(nodeFileSystem, (call) => {
      calls.add(call)
      return undefined
    })
    const sink = createFileSink({durability: 'process', files})
    const name = nameIn(directory)
    await writePart(sink, name, contentOf(1, 1000), true)
    await sink.publish(name, await sink.verify(name, {size: 1000, digests: []}, signal), 'failIfExists')
    expect([...calls].filter((call) => call.includes('sync'))).toEqual([])
  })
})

test.each(['open', 'write whole'] as const)(
  'bounds are looked at in the turn of a part: to %s leaves nothing behind a removal',
  async (how) => {
    const disk = new MemoryDisk('/d')
    let answer: () => void = () => {}
    const answered = new Promise<void>((resolve) => {
      answer = resolve
    })
    const bounds = {demand: () => answered}
    const sink = createFileSink({durability: 'process', files: disk.fileSystem(), bounds})
    const name = nameIn('/d')
    const made =
      how === 'open'
        ? sink.openPart(name, []).then(({part}) => part.close())
        : sink.writeWhole(name, [contentOf(1, 1000)]).then(() => undefined)
    const removed = sink.discard(name)
    await new Promise((resolve) => setImmediate(resolve))
    answer()
    await Promise.all([made, removed])
    expect(disk.readFile(partPaths(name).part)).toBeUndefined()
  },
)

test('a descriptor is not closed while a write needs it, lest its number go to another file', async () => {
  const gate = new EventEmitter()
  const held = once(gate, 'open')
  const order: string[] = []
  const sink = createFileSink({
    durability: 'process',
    files: {
      ...nodeFileSystem,
      async write(...parameters) {
        await held
        order.push('written')
        return nodeFileSystem.write(...parameters)
      },
      async close(fd) {
        order.push('closed')
        return nodeFileSystem.close(fd)
      },
    },
  })
  const {part} = await sink.openPart(nameIn(directory), [])
  const writing = part.write(contentOf(1, 10), 10, 0)
  const closing = part.close()
  await new Promise(setImmediate)
  gate.emit('open')
  await Promise.all([writing, closing])
  expect(order).toEqual(['written', 'closed'])
})

/** A sink over the real file system, and what it asks of that. */
function sinkWithCalls() {
  const calls: FileCall[] = []
  const files = intercepted(nodeFileSystem, (call) => {
    calls.push(call)
    return undefined
  })
  return {sink: createFileSink({durability: 'power', files}), calls}
}

describe('a look at the destination', () => {
  const target = (file: string) => ({file: join(directory, 'in', file), collision: 'failIfExists'}) as const

  test('is one for all who ask together, and another one for who asks later', async () => {
    const {sink, calls} = sinkWithCalls()
    mkdirSync(join(directory, 'in'))
    await Promise.all(['a', 'b', 'c'].map((file) => sink.checkTarget(target(file))))
    expect(calls.sort()).toEqual(['access', 'lstat', 'lstat', 'lstat', 'stat'])
    await new Promise(setImmediate)
    rmSync(join(directory, 'in'), {recursive: true})
    const missing = {code: 'DIRECTORY_MISSING', where: join(directory, 'in')}
    const both = ['a', 'b'].map((file) => sink.checkTarget(target(file)))
    for (const each of both) await expect(each).rejects.toMatchObject(missing)
    await new Promise(setImmediate)
    mkdirSync(join(directory, 'in'))
    await sink.checkTarget(target('a'))
  })
})

describe('a destination that is a socket', () => {
  test.each([
    ['replaceExisting', 'this is no file, but a device, a pipe or a socket'],
    ['failIfExists', 'the file already exists'],
  ] as const)('is replaced under no policy: %s', async (collision, message) => {
    const file = join(directory, 'socket')
    const server = createServer().listen(file)
    await once(server, 'listening')
    const sink = createFileSink({durability: 'power'})
    await expect(sink.checkTarget({file, collision})).rejects.toMatchObject({code: 'FILE_EXISTS', message, where: file})
    await sink.checkTarget({file, collision: 'generateUniqueName'})
    server.close()
  })

  test('is not replaced either where it was made while the bytes came, or has the name that the server gives', async () => {
    const sink = createFileSink({durability: 'power'})
    const name = nameIn(directory)
    const file = {...(await finishPart(sink, name, contentOf(1, 1000))), as: 'named'}
    const server = createServer().listen(join(directory, 'named'))
    await once(server, 'listening')
    const code = 'FILE_EXISTS'
    await expect(sink.publish(name, file, 'replaceExisting')).rejects.toMatchObject({
      code,
      where: join(directory, 'named'),
    })
    server.close()
    await once(server, 'close')
    expect(await sink.publish(name, file, 'replaceExisting')).toBe(join(directory, 'named'))
  })
})

describe('a part that was written whole', () => {
  test('leaves nothing behind, also when it was opened and a checkpoint stands beside it', async () => {
    const sink = createFileSink({durability: 'power'})
    const name = nameIn(directory)
    await sink.writeWhole(name, [contentOf(1, 1000)])
    await writePart(sink, name, contentOf(2, 1000), true)
    expect(readdirSync(directory)).toHaveLength(2)
    const file = await sink.verify(name, {size: 1000, digests: []}, signal)
    await sink.publish(name, file, 'failIfExists')
    expect(readdirSync(directory)).toEqual(['film.mp4'])
  })

  test('touches no file that an older store does not know to have its name', async () => {
    const sink = createFileSink({durability: 'power'})
    const name = nameIn(directory)
    const published = await finishPart(sink, name, Buffer.from('there'))
    linkSync(partPaths(name).part, name.file)
    const file = await sink.writeWhole(name, [Buffer.from('other')])
    expect(file.inode).not.toBe(published.inode)
    expect(readFileSync(name.file, 'utf8')).toBe('there')
  })

  test('takes its name in a few calls', async () => {
    const {sink, calls} = sinkWithCalls()
    for (const [collision, expected] of [
      ['failIfExists', ['lstat', 'link', 'remove', 'fsyncDirectory']],
      ['replaceExisting', ['lstat', 'lstat', 'rename', 'fsyncDirectory']],
    ] as const) {
      const name = nameIn(directory, collision)
      const file = await sink.writeWhole(name, [contentOf(1, 1000)])
      calls.length = 0
      await sink.publish(name, file, collision)
      expect(calls).toEqual(expected)
    }
  })
})

describe('a failed write', () => {
  test.each([
    ['ENOSPC', 'DISK_FULL'],
    ['EDQUOT', 'DISK_FULL'],
    ['EFBIG', 'FILE_TOO_LARGE'],
    ['EIO', 'DISK_FAILED'],
    ['EROFS', 'FILE_ACCESS'],
    ['EACCES', 'FILE_ACCESS'],
    ['EPERM', 'FILE_ACCESS'],
    ['EMFILE', 'FILE_ACCESS'],
    ['ESTALE', 'DISK_FAILED'],
  ])('with %s is %s', async (code, expected) => {
    const memory = new MemorySink({durability: 'power', directories: ['/d']})
    const {part} = await memory.sink.openPart(nameIn('/d'), [])
    memory.failNth(1, code, 'write')
    await expect(part.write(Buffer.alloc(10), 10, 0)).rejects.toMatchObject({
      code: expected,
      where: '/d/.film.mp4.7728950e.1.part',
      details: {errno: code},
    })
    await part.write(Buffer.alloc(10), 10, 0)
    await part.close()
  })

  test.each([
    ['ENOENT', 'directory', 'DIRECTORY_MISSING'],
    ['ENOENT', 'part', 'PART_LOST'],
    ['ENOTDIR', 'part', 'DIRECTORY_MISSING'],
    ['EEXIST', 'part', 'FILE_EXISTS'],
    ['EISDIR', 'part', 'FILE_EXISTS'],
    ['ERR_ACCESS_DENIED', 'part', 'FILE_ACCESS'],
    ['ERR_INVALID_ARG_TYPE', 'part', 'INTERNAL'],
  ] as const)('an error %s where the %s may be missing is %s', (code, missing, expected) => {
    expect(fileError(errno(code), '/d/x', missing)).toMatchObject({code: expected, where: '/d/x'})
  })

  test.each([
    ['EACCES', 'directory', 'check the permissions of the destination directory'],
    ['EPERM', 'part', 'check the permissions of the destination directory'],
    ['EACCES', 'source', 'check the permissions of the file to send'],
    ['EROFS', 'store', 'check the permissions of the store’s directory, or use another one'],
    ['EBUSY', 'part', 'close it in the program that has it open'],
    ['ENFILE', 'part', 'close programs that have many files open, or raise the limit of the machine'],
    ['ENAMETOOLONG', 'source', 'choose a shorter name'],
    ['ENOSPC', 'store', 'free some space on the disk of the store, and try again; nothing is lost'],
    ['ENOSPC', 'part', 'free some space; the bytes so far are kept and the transfer goes on by itself'],
  ] as const)('an error %s of the %s advises: %s', (code, thing, advice) => {
    expect(fileError(errno(code), '/d/x', thing)).toMatchObject({advice})
  })

  test('an error of ours passes unchanged', () => {
    const error = new TransferError('CANCELED', 'canceled')
    expect(fileError(error, '/d/x', 'part')).toBe(error)
  })
})

describe('a destination that is a symbolic link', () => {
  test('is taken for an existing file under failIfExists, also when it leads nowhere', async () => {
    const sink = createFileSink({durability: 'process'})
    const name = nameIn(directory)
    symlinkSync(join(directory, 'nowhere'), name.file)
    await expect(sink.checkTarget({file: name.file, collision: 'failIfExists'})).rejects.toMatchObject({
      code: 'FILE_EXISTS',
    })
    const file = await finishPart(sink, name, contentOf(1, 10))
    await expect(sink.publish(name, file, 'failIfExists')).rejects.toMatchObject({code: 'FILE_EXISTS'})
    expect(readlinkSync(name.file)).toBe(join(directory, 'nowhere'))
  })

  test('is itself replaced under replaceExisting', async () => {
    const sink = createFileSink({durability: 'process'})
    const name = nameIn(directory)
    const victim = join(directory, 'victim')
    writeFileSync(victim, 'mine')
    symlinkSync(victim, name.file)
    const file = await finishPart(sink, name, contentOf(1, 10))
    await sink.publish(name, file, 'replaceExisting')
    expect(readFileSync(victim, 'utf8')).toBe('mine')
    expect(lstatSync(name.file).isFile()).toBe(true)
  })
})

describe('something else at the name of the part', () => {
  const IN_THE_WAY = {code: 'FILE_ACCESS', advice: 'remove it, or choose another name for the download'}

  test('a symbolic link is not followed', async () => {
    const sink = createFileSink({durability: 'process'})
    const name = nameIn(directory)
    const victim = join(directory, 'victim')
    writeFileSync(victim, 'mine')
    symlinkSync(victim, partPaths(name).part)
    await expect(sink.openPart(name, [])).rejects.toMatchObject(IN_THE_WAY)
    expect(readFileSync(victim, 'utf8')).toBe('mine')
  })

  test('a directory is an error', async () => {
    const sink = createFileSink({durability: 'process'})
    const name = nameIn(directory)
    mkdirSync(partPaths(name).part)
    await expect(sink.openPart(name, [])).rejects.toMatchObject(IN_THE_WAY)
  })

  test.each(['part', 'side', 'nextSide'] as const)(
    'a file that is nothing of ours is not written to, in whose place it may stand: %s',
    async (what) => {
      const sink = createFileSink({durability: 'process'})
      const name = nameIn(directory)
      const paths = partPaths(name)
      const other = join(directory, 'other')
      writeFileSync(other, 'mine')
      linkSync(other, paths[what])
      const held = openSync(other, 'r')
      rmSync(other)
      const {part} = await sink.openPart(name, [])
      await part.write(contentOf(1, 1000), 1000, 0)
      // As many as it takes until the side file is written anew.
      for (let count = 0; count < 500; count++) await part.checkpoint(factsOf(name, [[0, 1000]]))
      await part.close()
      expect(readFileSync(held, 'utf8')).toBe('mine')
      closeSync(held)
      const {ranges, part: again} = await sink.openPart(name, [[0, 1000]])
      expect(ranges).toEqual([[0, 1000]])
      await again.close()
    },
  )

  test('a file that was already linked to its destination is never written to again', async () => {
    const sink = createFileSink({durability: 'process'})
    const name = nameIn(directory)
    await writePart(sink, name, contentOf(1, 1000), true)
    linkSync(partPaths(name).part, name.file)
    const {part, ranges} = await sink.openPart(name, [[0, 1000]])
    await part.write(Buffer.from('other'), 5, 0)
    await part.close()
    expect(ranges).toEqual([])
    expect(readFileSync(name.file).equals(contentOf(1, 1000))).toBe(true)
  })
})

describe('a file system behind a network, where the answer to a call is lost that was carried out', () => {
  /** Sent again, the call finds what it did itself. */
  const lossy: FileSystem = {
    ...nodeFileSystem,
    async link(existing, name) {
      await nodeFileSystem.link(existing, name)
      await nodeFileSystem.link(existing, name)
    },
    async rename(from, to) {
      await nodeFileSystem.rename(from, to)
      await nodeFileSystem.rename(from, to)
    },
  }

  test.each(['failIfExists', 'generateUniqueName', 'replaceExisting'] as const)(
    '%s: a name that was taken is no failure',
    async (collision) => {
      const sink = createFileSink({durability: 'power', files: lossy})
      const name = nameIn(directory)
      const file = await finishPart(sink, name, contentOf(1, 1000))
      expect(await sink.publish(name, file, collision)).toBe(name.file)
      expect(readFileSync(name.file).equals(contentOf(1, 1000))).toBe(true)
      expect(readdirSync(directory)).toEqual(['film.mp4'])
    },
  )

  test('a name that is somebody else’s is, as ever', async () => {
    const sink = createFileSink({durability: 'power', files: lossy})
    const name = nameIn(directory)
    const file = await finishPart(sink, name, contentOf(1, 1000))
    writeFileSync(name.file, 'x'.repeat(1000))
    await expect(sink.publish(name, file, 'failIfExists')).rejects.toMatchObject({code: 'FILE_EXISTS'})
    expect(readFileSync(name.file, 'utf8')).toBe('x'.repeat(1000))
  })
})

describe('a file system without hard links', () => {
  const noLinks = intercepted(nodeFileSystem, (call) => {
    if (call === 'link') throw errno('EPERM')
    return undefined
  })

  test('still replaces nothing', async () => {
    const sink = createFileSink({durability: 'power', files: noLinks})
    const name = nameIn(directory)
    writeFileSync(name.file, 'old')
    const file = await finishPart(sink, name, contentOf(1, 1000))
    await expect(sink.publish(name, file, 'failIfExists')).rejects.toMatchObject({code: 'FILE_EXISTS'})
    expect(readFileSync(name.file, 'utf8')).toBe('old')
    const path = await sink.publish(name, file, 'generateUniqueName')
    expect(path).toBe(join(directory, 'film (2).mp4'))
    expect(await sink.publish(name, file, 'generateUniqueName')).toBe(path)
    expect(readdirSync(directory).sort()).toEqual(['film (2).mp4', 'film.mp4'])
    expect(readFileSync(path).equals(contentOf(1, 1000))).toBe(true)
  })

  /** Killed while a placeholder holds the name. */
  async function leavePlaceholder(name: PartName): Promise<PublishedFile> {
    const file = await finishPart(createFileSink({durability: 'process'}), name, contentOf(1, 1000))
    await new Promise<void>((killed) => {
      const files = {...noLinks, rename: () => new Promise<never>(() => killed())}
      void createFileSink({durability: 'process', files}).publish(name, file, 'failIfExists')
    })
    expect(readFileSync(name.file)).toHaveLength(0)
    return file
  }

  test('takes a placeholder for the file that a kill left', async () => {
    const name = nameIn(directory)
    const file = await leavePlaceholder(name)
    const sink = createFileSink({durability: 'process', files: noLinks})
    expect(await sink.publish(name, file, 'failIfExists')).toBe(name.file)
    expect(readdirSync(directory)).toEqual(['film.mp4'])
    expect(readFileSync(name.file).equals(contentOf(1, 1000))).toBe(true)
  })

  test('removes it with what is discarded, or was lost', async () => {
    const name = nameIn(directory)
    const sink = createFileSink({durability: 'process', files: noLinks})
    await leavePlaceholder(name)
    await sink.discard(name)
    expect(readdirSync(directory)).toEqual([])
    const file = await leavePlaceholder(name)
    rmSync(partPaths(name).part)
    await expect(sink.publish(name, file, 'failIfExists')).rejects.toMatchObject({code: 'PART_LOST'})
    expect(readdirSync(directory)).toEqual([])
  })

  test.each(['a kill', 'a failure'])(
    'keeps an empty file that has its name already, whatever is left of that: %s',
    async (how) => {
      const name = nameIn(directory)
      const file = await finishPart(createFileSink({durability: 'process'}), name, Buffer.alloc(0))
      if (how === 'a kill') {
        // After the rename, before the note is removed.
        await new Promise<void>((killed) => {
          const files = {...noLinks, remove: () => new Promise<never>(() => killed())}
          void createFileSink({durability: 'process', files}).publish(name, file, 'failIfExists')
        })
      } else {
        // The answer to the rename is lost, and the same call is refused when it is sent again.
        const rename: FileSystem['rename'] = async (from, to) => {
          await noLinks.rename(from, to)
          throw errno('ENOENT')
        }
        const sink = createFileSink({durability: 'process', files: {...noLinks, rename}})
        await sink.publish(name, file, 'failIfExists').catch(() => undefined)
      }
      const sink = createFileSink({durability: 'process', files: noLinks})
      expect(await sink.publish(name, file, 'failIfExists')).toBe(name.file)
      expect(readdirSync(directory)).toEqual(['film.mp4'])
    },
  )

  test('leaves alone what somebody has put in its place', async () => {
    const name = nameIn(directory)
    const later = new Date(Date.now() + 60_000)
    for (const put of [
      () => writeFileSync(name.file, 'theirs'),
      // Made anew, and empty.
      () => utimesSync(name.file, later, later),
    ]) {
      const file = await leavePlaceholder(name)
      put()
      const before = readFileSync(name.file)
      const sink = createFileSink({durability: 'process', files: noLinks})
      await expect(sink.publish(name, file, 'failIfExists')).rejects.toMatchObject({code: 'FILE_EXISTS'})
      await sink.discard(name)
      expect(readFileSync(name.file)).toEqual(before)
      expect(readdirSync(directory)).toEqual(['film.mp4'])
      rmSync(name.file)
    }
  })

  test('keeps no empty file when the rename fails', async () => {
    const files = intercepted(noLinks, (call) => {
      if (call === 'rename') throw errno('EIO')
      return undefined
    })
    const sink = createFileSink({durability: 'power', files})
    const name = nameIn(directory)
    const file = await finishPart(sink, name, contentOf(1, 1000))
    await expect(sink.publish(name, file, 'failIfExists')).rejects.toMatchObject({code: 'DISK_FAILED'})
    expect(readdirSync(directory)).toEqual(['.film.mp4.7728950e.1.part'])
  })
})

test.each(['gone', 'linked to its destination'])(
  'what comes of a part in the place of one that is %s outlives a loss of power',
  async (what) => {
    const disk = new MemoryDisk('/d')
    const name = nameIn('/d')
    const {part: path} = partPaths(name)
    const sinkOf = () => createFileSink({durability: 'power', files: disk.fileSystem()})
    await writePart(sinkOf(), name, contentOf(1, MIB), true)
    disk.kill()
    if (what === 'gone') disk.removeFile(path)
    else await disk.fileSystem().link(path, name.file)
    const {part, ranges} = await sinkOf().openPart(name, [[0, MIB]])
    expect(ranges).toEqual([])
    await part.write(contentOf(2, MIB), MIB, 0)
    await part.sync()
    await part.checkpoint(factsOf(name, [[0, MIB]]))
    disk.crash()
    const again = await sinkOf().openPart(name, [[0, MIB]])
    expect(again.ranges).toEqual([[0, MIB]])
    await again.part.close()
  },
)

test('a part goes on whose owner has no right to write to it', async () => {
  for (const collision of ['failIfExists', 'replaceExisting'] as const) {
    const disk = new MemoryDisk('/d')
    // As the umask 277, or an ACL, would have it.
    disk.umask = 0o277
    const name = nameIn('/d')
    const sinkOf = () => createFileSink({durability: 'power', mode: 0o444, files: disk.fileSystem()})
    const [content, half] = [contentOf(1, 2 * MIB), MIB]
    await writePart(sinkOf(), name, content.subarray(0, half), true)
    disk.kill()
    const {part, ranges} = await sinkOf().openPart(name, [[0, half]])
    expect(ranges).toEqual([[0, half]])
    await part.write(content.subarray(half), half, half)
    await part.sync()
    await part.checkpoint(factsOf(name, [[0, 2 * MIB]], collision))
    await part.close()
    const expected = {size: 2 * MIB, digests: []}
    await sinkOf().verify(name, expected, signal)
    expect(disk.mode(partPaths(name).part)).toBe(0o444)
    // A crash came before the record of it.
    disk.crash()
    const again = await sinkOf().openPart(name, [[0, 2 * MIB]])
    await again.part.close()
    expect(again.ranges).toEqual([[0, 2 * MIB]])
    await sinkOf().publish(name, await sinkOf().verify(name, expected, signal), collision)
    expect(disk.mode(name.file)).toBe(0o444)
    expect(disk.readFile(name.file)?.equals(content)).toBe(true)
    expect([disk.names('/d'), disk.openFiles]).toEqual([['film.mp4'], 0])
  }
})

test('a part is known again when its disk has another number after the machine was started anew', async () => {
  for (const collision of ['failIfExists', 'generateUniqueName', 'replaceExisting'] as const) {
    for (const isTaken of [false, true]) {
      const disk = new MemoryDisk('/d')
      const files = disk.fileSystem()
      const name = nameIn('/d')
      const sink = createFileSink({durability: 'power', files})
      const file = {...(await finishPart(sink, name, contentOf(1, 1000))), device: 7}
      // A crash came before the record of it.
      if (isTaken && collision === 'replaceExisting') await files.rename(partPaths(name).part, name.file)
      else if (isTaken) await files.link(partPaths(name).part, name.file)
      expect(await sink.publish(name, file, collision)).toBe(name.file)
      expect(disk.names('/d')).toEqual(['film.mp4'])
    }
  }
})

test('nothing is left of a side file that was damaged while it was being rewritten', async () => {
  const sink = createFileSink({durability: 'power'})
  const name = nameIn(directory)
  await writePart(sink, name, contentOf(1, 1000), true)
  writeFileSync(partPaths(name).nextSide, 'half of it')
  writeFileSync(partPaths(name).side, 'damaged')
  const {part, ranges} = await sink.openPart(name, [[0, 1000]])
  await part.close()
  expect(ranges).toEqual([])
  await sink.discard(name)
  expect(readdirSync(directory)).toEqual([])
})

test('a published file has the mode that the umask leaves', async () => {
  const sink = createFileSink({durability: 'process'})
  const name = nameIn(directory)
  await sink.publish(name, await finishPart(sink, name, contentOf(1, 10)), 'failIfExists')
  writeFileSync(join(directory, 'usual'), '')
  expect(statSync(name.file).mode).toBe(statSync(join(directory, 'usual')).mode)
})

test('a name of 255 bytes is downloaded, continued and published', async () => {
  const sink = createFileSink({durability: 'process'})
  const name = nameIn(directory, `${'长'.repeat(84)}abc`)
  expect(Buffer.byteLength(`${'长'.repeat(84)}abc`)).toBe(255)
  await sink.checkTarget({file: name.file, collision: 'failIfExists'})
  await writePart(sink, name, contentOf(1, 1000), true)
  const {part, ranges} = await sink.openPart(name, [[0, 1000]])
  await part.close()
  expect(ranges).toEqual([[0, 1000]])
  await sink.publish(name, await sink.verify(name, {size: 1000, digests: []}, signal), 'failIfExists')
  expect(readdirSync(directory)).toEqual([`${'长'.repeat(84)}abc`])
})

test('a longer name is refused before any traffic', async () => {
  const sink = createFileSink({durability: 'process'})
  const {file} = nameIn(directory, 'x'.repeat(256))
  await expect(sink.checkTarget({file, collision: 'failIfExists'})).rejects.toMatchObject({code: 'FILE_ACCESS'})
})

describe('a reader of a part that nobody has opened', () => {
  test('proves what it is asked for, and not all of the part first', async () => {
    const name = nameIn(directory)
    const content = contentOf(3, 8 * MIB)
    await writePart(createFileSink({durability: 'power'}), name, content, true)
    // Nothing is believed by its times.
    utimesSync(partPaths(name).part, 1, 1)
    let readings = 0
    const files = intercepted(nodeFileSystem, (call) => {
      if (call === 'read') readings += 1
      return undefined
    })
    const reader = await createFileSink({durability: 'power', files}).openReader(name, undefined)
    const into = Buffer.alloc(1_000)
    for (const position of [7 * MIB - 500, 0]) {
      expect(await reader.read(into, position)).toBeGreaterThan(0)
    }
    expect(into.equals(content.subarray(0, 1_000))).toBe(true)
    // Two blocks and what was asked of them, and the side file.
    expect(readings).toBeLessThan(8)
    await reader.close()
  })

  test('gives what was written to it since, also where it was open between two readings only', async () => {
    const name = nameIn(directory)
    const content = contentOf(3, 2 * MIB)
    await writePart(createFileSink({durability: 'power'}), name, content.subarray(0, MIB), true)
    const sink = createFileSink({durability: 'power'})
    const reader = await sink.openReader(name, undefined)
    const into = Buffer.alloc(1_000)
    expect(await reader.read(into, 0)).toBe(1_000)
    const {part} = await sink.openPart(name, [[0, MIB]])
    await part.write(content.subarray(MIB), MIB, MIB)
    await part.sync()
    await part.checkpoint(factsOf(name, [[0, 2 * MIB]]))
    await part.close()
    expect(await reader.read(into, MIB)).toBe(1_000)
    expect(into.equals(content.subarray(MIB, MIB + 1_000))).toBe(true)
    await reader.close()
  })
})
