/**
 * The real file system behind the sink. Calls that touch only metadata, small writes, and large reads and writes and small syncs as long
 * as they are quick, are made synchronously: the trips through the thread pool cost more than the calls. Whatever may wait for the disk
 * is asynchronous.
 */

import * as fs from 'node:fs'
import type {FileFacts, FileSystem, OpenIntent, Space} from './file-system.ts'
import {IoPace} from './io-pace.ts'
import {SyncPace} from './sync-pace.ts'

const SMALL = 64 * 1024

/** Freeing more than this takes long enough to be worth a thread. */
const SMALL_FILE = 1024 * 1024

const {O_CREAT, O_DIRECTORY, O_EXCL, O_NOFOLLOW, O_NONBLOCK, O_RDONLY, O_RDWR, R_OK, W_OK, X_OK} = fs.constants

const FLAGS: Readonly<Record<OpenIntent, number>> = {
  // A pipe without a writer would keep the whole process waiting.
  source: O_RDONLY | O_NONBLOCK,
  read: O_RDONLY | O_NOFOLLOW,
  update: O_RDWR | O_NOFOLLOW,
  createNew: O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW,
}

/** File systems that cannot sync a directory say so in one of these ways; there is nothing better to do on them. */
const DIRECTORY_SYNC_UNKNOWN = new Set(['EINVAL', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS'])

const [reads, writes] = [new IoPace(), new IoPace()]
const syncs = new SyncPace()

let bootId: string | undefined | null = null

export const nodeFileSystem: FileSystem = {
  bootId() {
    if (bootId === null) bootId = readBootId()
    return bootId
  },
  async open(path, intent, mode = 0o600) {
    return fs.openSync(path, FLAGS[intent], mode)
  },
  async close(fd) {
    fs.closeSync(fd)
  },
  read(fd, buffer, offset, length, position) {
    if (length > SMALL && reads.isAtOnce(fd, length))
      return reads.timed(() => fs.readSync(fd, buffer, offset, length, position))
    return new Promise((resolve, reject) => {
      fs.read(fd, buffer, offset, length, position, (error, count) => (error ? reject(error) : resolve(count)))
    })
  },
  async write(fd, buffer, offset, length, position) {
    if (length <= SMALL) return fs.writeSync(fd, buffer, offset, length, position)
    const isAtOnce = writes.isAtOnce(fd, length)
    return inTurn(fd, () =>
      isAtOnce
        ? writes.timed(() => fs.writeSync(fd, buffer, offset, length, position))
        : writeInThread(fd, buffer, offset, length, position),
    )
  },
  ftruncate(fd, length) {
    return settled((done) => fs.ftruncate(fd, length, done))
  },
  async fchmod(fd, mode) {
    fs.fchmodSync(fd, mode)
  },
  fdatasync(fd) {
    return settled((done) => fs.fdatasync(fd, done))
  },
  fsync(fd, device) {
    const inThread = () => settled((done) => fs.fsync(fd, done))
    return device === undefined ? inThread() : syncs.sync(device, () => fs.fsyncSync(fd), inThread)
  },
  async fstat(fd) {
    return factsOf(fs.fstatSync(fd))
  },
  async lstat(path) {
    const stats = fs.lstatSync(path, {throwIfNoEntry: false})
    return stats === undefined ? undefined : factsOf(stats)
  },
  async stat(path) {
    const stats = fs.statSync(path, {throwIfNoEntry: false})
    return stats === undefined ? undefined : factsOf(stats)
  },
  async access(directory) {
    // Reading is asked for because a directory is opened for reading to be synced.
    fs.accessSync(directory, W_OK | X_OK | R_OK)
  },
  async rename(from, to) {
    fs.renameSync(from, to)
  },
  async link(existing, name) {
    fs.linkSync(existing, name)
  },
  async remove(path, isFurther = false) {
    if (isFurther) return removeAtOnce(path)
    const stats = fs.lstatSync(path, {throwIfNoEntry: false})
    if (stats === undefined) return false
    if (stats.nlink > 1 || stats.size <= SMALL_FILE) return removeAtOnce(path)
    await settled((done) => fs.unlink(path, (error) => done(error?.code === 'ENOENT' ? null : error)))
    return true
  },
  readdir(directory) {
    return new Promise((resolve, reject) => {
      fs.readdir(directory, (error, names) => (error ? reject(error) : resolve(names)))
    })
  },
  space(directory) {
    return new Promise((resolve) => {
      // What cannot be asked is not known: a file system in user space, an old kernel.
      fs.statfs(directory, (error, stats) => resolve(error === null ? spaceOf(stats) : undefined))
    })
  },
  async fsyncDirectory(directory, device) {
    const fd = fs.openSync(directory, O_RDONLY | O_DIRECTORY)
    try {
      await nodeFileSystem.fsync(fd, device)
    } catch (error) {
      if (!isErrno(error) || !DIRECTORY_SYNC_UNKNOWN.has(error.code ?? '')) throw error
    } finally {
      fs.closeSync(fd)
    }
  },
}

function removeAtOnce(path: string): boolean {
  try {
    fs.unlinkSync(path)
    return true
  } catch (error) {
    if (!isErrno(error) || error.code !== 'ENOENT') throw error
    return false
  }
}

/** Magic numbers of statfs(2), and the largest file in bytes, of file systems whose limit a download may meet. */
const FAT = 0x4d44
const FAT_LIMIT = 2 ** 32 - 1
const EXT = 0xef53
/** Block numbers of a file have 32 bits. */
const EXT_BLOCKS = 2 ** 32

function spaceOf({type, bsize, blocks, bavail}: fs.StatsFs): Space {
  const maxFileBytes = type === FAT ? FAT_LIMIT : type === EXT ? bsize * EXT_BLOCKS : undefined
  return {
    totalBytes: blocks * bsize,
    freeBytes: bavail * bsize,
    ...(maxFileBytes === undefined ? {} : {maxFileBytes}),
  }
}

/** Large writes of one file that have not ended: the kernel takes one at a time, and whoever else comes spins for its turn. */
const turns = new Map<number, Promise<unknown>>()

async function inTurn(fd: number, write: () => number | Promise<number>): Promise<number> {
  const before = turns.get(fd)
  const writing = before === undefined ? write() : before.then(write, write)
  if (typeof writing === 'number') return writing
  turns.set(fd, writing)
  try {
    return await writing
  } finally {
    if (turns.get(fd) === writing) turns.delete(fd)
  }
}

function writeInThread(fd: number, buffer: Buffer, offset: number, length: number, position: number): Promise<number> {
  return new Promise((resolve, reject) => {
    fs.write(fd, buffer, offset, length, position, (error, count) => (error ? reject(error) : resolve(count)))
  })
}

function settled(start: (done: (error: Error | null) => void) => void): Promise<void> {
  return new Promise((resolve, reject) => {
    start((error) => (error ? reject(error) : resolve()))
  })
}

function factsOf(stats: fs.Stats): FileFacts {
  return {
    kind: kindOf(stats),
    device: stats.dev,
    inode: stats.ino,
    mode: stats.mode & 0o777,
    links: stats.nlink,
    size: stats.size,
    modifiedMs: stats.mtimeMs,
  }
}

function kindOf(stats: fs.Stats): FileFacts['kind'] {
  if (stats.isFile()) return 'file'
  if (stats.isDirectory()) return 'directory'
  return stats.isSymbolicLink() ? 'link' : 'other'
}

function readBootId(): string | undefined {
  try {
    const text = fs.readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim()
    return text === '' ? undefined : text
  } catch {
    // Not Linux, or hidden by a sandbox: every block of a part is then verified.
    return undefined
  }
}

function isErrno(error: unknown): error is NodeJS.ErrnoException {
  return error instanceof Error && 'code' in error
}
