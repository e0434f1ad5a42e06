/**
 * A disk in memory with two layers: live (what processes see) and durable (what a power cut leaves). A sync copies from the
 * first to the second; names become durable with their directory, in the order in which they changed. `crash` is a power
 * cut, `kill` the death of the process alone; calls of a dead process never settle.
 */

import {dirname} from 'node:path'
import type {FileFacts, FileSystem, OpenIntent, Space} from '../../src/adapters/file/file-system.ts'
import type {Random} from '../../src/ports/random.ts'

const PAGE = 4096

type Change =
  | {readonly kind: 'write'; readonly position: number; readonly bytes: Buffer}
  | {readonly kind: 'cut'; readonly length: number}

interface Inode {
  readonly number: number
  readonly live: Bytes
  readonly durable: Bytes
  /** What was done to `live` and not yet to `durable`. */
  pending: Change[]
  mode: number
  modifiedMs: number
}

/** One atomic change of the names in a directory. */
type NameChange = (names: Map<string, Inode>) => void

export class MemoryDisk {
  readonly #directories = new Set<string>()
  readonly #durableNames = new Map<string, Inode>()
  readonly #unsyncedNames = new Map<string, NameChange[]>()
  readonly #open = new Map<number, Inode>()
  #names = new Map<string, Inode>()
  #lastInode = 0
  #lastFd = 2
  #ticks = 0
  #boot = 1
  #process = 1
  /** Permission bits that what is created does not get. */
  umask = 0
  /** Bytes that fit on it; beyond them a write fails as on any full disk. */
  capacity: number | undefined
  /** The largest file that it takes. */
  maxFileBytes: number | undefined

  constructor(...directories: readonly string[]) {
    for (const directory of directories) this.mkdir(directory)
  }

  /** Descriptors that a process has open: a leak shows here. */
  get openFiles(): number {
    return this.#open.size
  }

  /** With its ancestors. */
  mkdir(directory: string): void {
    this.#directories.add(directory)
    if (dirname(directory) !== directory) this.mkdir(dirname(directory))
  }

  names(directory: string): readonly string[] {
    return [...this.#names.keys()]
      .filter((path) => dirname(path) === directory)
      .map((path) => path.slice(directory.length + 1))
      .sort()
  }

  readFile(path: string): Buffer | undefined {
    const inode = this.#names.get(path)
    return inode === undefined ? undefined : Buffer.from(inode.live.view())
  }

  /** What a power cut now would leave of a file, whatever becomes of the rest. */
  readDurable(path: string): Buffer | undefined {
    const inode = this.#durableNames.get(path)
    return inode === undefined ? undefined : Buffer.from(inode.durable.view())
  }

  mode(path: string): number | undefined {
    return this.#names.get(path)?.mode
  }

  /** Puts a file there, durably, as somebody else would. */
  writeFile(path: string, bytes: Buffer): void {
    const inode = this.#names.get(path) ?? this.#create(path)
    inode.live.become(bytes)
    inode.durable.become(bytes)
    inode.pending = []
    inode.modifiedMs = this.#tick()
    this.#durableNames.set(path, inode)
  }

  removeFile(path: string): void {
    this.#names.delete(path)
    this.#durableNames.delete(path)
  }

  /** The process dies; what it wrote stays in the page cache. */
  kill(): void {
    this.#process++
    this.#open.clear()
  }

  /**
   * The power fails: of what was not synced nothing is left, or with `random` any part of it: pages of writes in any
   * combination, and the first so many changes of each directory.
   */
  crash(random?: Random): void {
    this.kill()
    this.#boot++
    for (const [directory, changes] of this.#unsyncedNames) {
      const kept = random === undefined ? 0 : Math.floor(random.next() * (changes.length + 1))
      for (const change of changes.slice(0, kept)) change(this.#durableNames)
      this.#unsyncedNames.delete(directory)
    }
    this.#names = new Map(this.#durableNames)
    for (const inode of new Set(this.#names.values())) {
      for (const change of inode.pending) {
        if (random === undefined) continue
        for (const piece of inPages(change)) if (random.next() < 0.5) inode.durable.apply(piece)
      }
      inode.pending = []
      inode.live.become(inode.durable.view())
    }
  }

  /** The disk as the present process sees it. */
  fileSystem(): FileSystem {
    const process = this.#process
    const boot = this.#boot
    const call = <T>(work: () => T): Promise<T> => {
      if (process !== this.#process) return new Promise<never>(() => undefined)
      return new Promise((resolve) => resolve(work()))
    }
    return {
      bootId: () => `boot ${boot}`,
      open: (path, intent, mode) => call(() => this.#openFile(path, intent, mode)),
      close: (fd) => call(() => this.#closeFile(fd)),
      read: (fd, buffer, offset, length, position) =>
        call(() =>
          this.#inode(fd)
            .live.view()
            .subarray(position, position + length)
            .copy(buffer, offset),
        ),
      write: (fd, buffer, offset, length, position) =>
        call(() => {
          const fitting = this.#fitting(fd, position, length)
          this.#change(fd, {kind: 'write', position, bytes: Buffer.from(buffer.subarray(offset, offset + fitting))})
          return fitting
        }),
      ftruncate: (fd, length) => call(() => this.#change(fd, {kind: 'cut', length})),
      fchmod: (fd, mode) =>
        call(() => {
          this.#inode(fd).mode = mode
        }),
      fdatasync: (fd) => call(() => this.#sync(fd)),
      fsync: (fd) => call(() => this.#sync(fd)),
      fstat: (fd) => call(() => this.#facts(this.#inode(fd))),
      lstat: (path) => call(() => this.#look(path)),
      stat: (path) => call(() => this.#look(path)),
      access: (directory) => call(() => this.#demandDirectory(directory)),
      rename: (from, to) => call(() => this.#rename(from, to)),
      link: (existing, name) => call(() => this.#link(existing, name)),
      remove: (path) => call(() => this.#remove(path)),
      readdir: (directory) =>
        call(() => {
          this.#demandDirectory(directory)
          return this.names(directory)
        }),
      space: () => call(() => this.#space()),
      fsyncDirectory: (directory) =>
        call(() => {
          this.#demandDirectory(directory)
          for (const change of this.#unsyncedNames.get(directory) ?? []) change(this.#durableNames)
          this.#unsyncedNames.delete(directory)
        }),
    }
  }

  #openFile(path: string, intent: OpenIntent, mode?: number): number {
    if (this.#directories.has(path)) throw errno('EISDIR')
    let inode = this.#names.get(path)
    if (inode === undefined) {
      if (intent !== 'createNew') throw errno('ENOENT')
      this.#demandDirectory(dirname(path))
      const created = this.#create(path, mode)
      this.#journal(path, (names) => names.set(path, created))
      inode = created
    } else if (intent === 'createNew') {
      throw errno('EEXIST')
    } else if ((inode.mode & neededMode(intent)) !== neededMode(intent)) {
      throw errno('EACCES')
    }
    this.#lastFd++
    this.#open.set(this.#lastFd, inode)
    return this.#lastFd
  }

  get #used(): number {
    let bytes = 0
    for (const inode of new Set([...this.#names.values(), ...this.#open.values()])) bytes += inode.live.view().length
    return bytes
  }

  #space(): Space | undefined {
    if (this.capacity === undefined && this.maxFileBytes === undefined) return undefined
    const totalBytes = this.capacity ?? Number.MAX_SAFE_INTEGER
    return {
      totalBytes,
      freeBytes: Math.max(0, totalBytes - this.#used),
      ...(this.maxFileBytes === undefined ? {} : {maxFileBytes: this.maxFileBytes}),
    }
  }

  /** How many of these bytes there is room for; the last ones that fit are a short write. */
  #fitting(fd: number, position: number, length: number): number {
    if (this.capacity === undefined) return length
    const size = this.#inode(fd).live.view().length
    const fitting = Math.min(length, this.capacity - this.#used + Math.max(0, size - position))
    if (fitting <= 0) throw errno('ENOSPC')
    return fitting
  }

  #create(path: string, mode = 0o600): Inode {
    this.#lastInode++
    const inode: Inode = {
      number: this.#lastInode,
      live: new Bytes(),
      durable: new Bytes(),
      pending: [],
      mode: mode & ~this.umask,
      modifiedMs: this.#tick(),
    }
    this.#names.set(path, inode)
    return inode
  }

  #closeFile(fd: number): void {
    this.#inode(fd)
    this.#open.delete(fd)
  }

  #change(fd: number, change: Change): void {
    const inode = this.#inode(fd)
    inode.live.apply(change)
    inode.pending.push(change)
    inode.modifiedMs = this.#tick()
  }

  #sync(fd: number): void {
    const inode = this.#inode(fd)
    for (const change of inode.pending) inode.durable.apply(change)
    inode.pending = []
  }

  #rename(from: string, to: string): void {
    const inode = this.#existing(from)
    if (this.#directories.has(to)) throw errno('EISDIR')
    if (this.#names.get(to) === inode) return
    this.#rewrite(to, (names) => {
      names.delete(from)
      names.set(to, inode)
    })
  }

  #link(existing: string, name: string): void {
    const inode = this.#existing(existing)
    if (this.#names.has(name) || this.#directories.has(name)) throw errno('EEXIST')
    this.#rewrite(name, (names) => names.set(name, inode))
  }

  #remove(path: string): boolean {
    const isThere = this.#names.has(path)
    if (isThere) this.#rewrite(path, (names) => names.delete(path))
    return isThere
  }

  #rewrite(path: string, change: NameChange): void {
    change(this.#names)
    this.#journal(path, change)
  }

  #journal(path: string, change: NameChange): void {
    const changes = this.#unsyncedNames.get(dirname(path))
    if (changes === undefined) this.#unsyncedNames.set(dirname(path), [change])
    else changes.push(change)
  }

  #existing(path: string): Inode {
    const inode = this.#names.get(path)
    if (inode === undefined) throw errno('ENOENT')
    return inode
  }

  #inode(fd: number): Inode {
    const inode = this.#open.get(fd)
    if (inode === undefined) throw errno('EBADF')
    return inode
  }

  #look(path: string): FileFacts | undefined {
    const inode = this.#names.get(path)
    if (inode !== undefined) return this.#facts(inode)
    if (!this.#directories.has(path)) return undefined
    return {kind: 'directory', device: 1, inode: 0, mode: 0o755, links: 2, size: 0, modifiedMs: 0}
  }

  #facts(inode: Inode): FileFacts {
    let links = 0
    for (const named of this.#names.values()) if (named === inode) links++
    return {
      kind: 'file',
      device: 1,
      inode: inode.number,
      mode: inode.mode,
      links,
      size: inode.live.view().length,
      modifiedMs: inode.modifiedMs,
    }
  }

  #demandDirectory(directory: string): void {
    if (!this.#directories.has(directory)) throw errno('ENOENT')
  }

  #tick(): number {
    this.#ticks++
    return this.#ticks
  }
}

/** Of the owner, who opens it. */
function neededMode(intent: OpenIntent): number {
  return intent === 'read' || intent === 'source' ? 0o400 : 0o600
}

export function errno(code: string): Error {
  return Object.assign(new Error(`${code}: injected or simulated`), {code})
}

/** Bytes that grow without being copied each time. */
class Bytes {
  #space = Buffer.alloc(0)
  #size = 0

  view(): Buffer {
    return this.#space.subarray(0, this.#size)
  }

  become(bytes: Buffer): void {
    this.#space = Buffer.from(bytes)
    this.#size = bytes.length
  }

  apply(change: Change): void {
    if (change.kind === 'cut') {
      this.#reserve(change.length)
      this.#space.fill(0, Math.min(this.#size, change.length))
      this.#size = change.length
      return
    }
    const end = change.position + change.bytes.length
    this.#reserve(end)
    change.bytes.copy(this.#space, change.position)
    this.#size = Math.max(this.#size, end)
  }

  #reserve(size: number): void {
    if (size <= this.#space.length) return
    const grown = Buffer.alloc(Math.max(size, 2 * this.#space.length))
    this.view().copy(grown)
    this.#space = grown
  }
}

/** A write may reach the disk page by page; a cut is one change. */
function inPages(change: Change): readonly Change[] {
  if (change.kind === 'cut') return [change]
  const pieces: Change[] = []
  let done = 0
  while (done < change.bytes.length) {
    const position = change.position + done
    const length = Math.min(change.bytes.length - done, PAGE - (position % PAGE))
    pieces.push({kind: 'write', position, bytes: change.bytes.subarray(done, done + length)})
    done += length
  }
  return pieces
}
