/**
 * The directory of a cache: which entries there are, in the order of their last use, within a bound of bytes. Bodies are files,
 * mode 0600. Durable order: the body, then its entry, then the removal of what it replaces.
 */

import {createHash, type Hash, randomUUID} from 'node:crypto'
import {type FileHandle, mkdir, open, readdir, readFile, rename, rm, stat, utimes, writeFile} from 'node:fs/promises'
import {join} from 'node:path'
import type {SpoolFile} from '../../ports/spool.ts'
import {asFileWork, errnoOf} from '../file/file-errors.ts'
import {BODY_ENDING, type CacheEntry, decodeEntry, ENTRY_ENDING, encodeEntry, entryName} from './cache-entry.ts'

export interface CacheFilesOptions {
  /** Created, mode 0700, with the first body. */
  readonly directory: string
  /** power: what is there survives loss of power. process: it survives the death of the process. */
  readonly durability: 'power' | 'process'
  /** The most bytes of all bodies together. */
  readonly maxBytes: number
  /** Epoch ms. */
  readonly now: () => number
}

/** Bodies beside the bytes: a million empty ones would be a burden, too. */
const MOST_ENTRIES = 2_000

/** Read at a time when a body is verified. */
const VERIFY_BYTES = 1024 * 1024

export class CacheFiles {
  readonly #options: CacheFilesOptions
  /** By address; the one used longest ago first. */
  readonly #entries = new Map<string, CacheEntry>()
  #bytes = 0
  /** Changes of the directory, one after the other. */
  #last: Promise<unknown> = Promise.resolve()

  constructor(options: CacheFilesOptions) {
    this.#options = options
  }

  get(url: string): CacheEntry | undefined {
    return this.#entries.get(url)
  }

  /** Reads what earlier sessions left, and removes what a crash left. A directory that cannot be read counts as empty. */
  async load(): Promise<void> {
    const {directory} = this.#options
    let names: readonly string[]
    try {
      names = await readdir(directory)
    } catch {
      return
    }
    const found: {readonly entry: CacheEntry; readonly usedAt: number}[] = []
    const unwanted = new Set(names)
    for (const name of names) {
      if (!name.endsWith(ENTRY_ENDING)) continue
      const each = await this.#read(name).catch(() => undefined)
      if (each === undefined) continue
      found.push(each)
      unwanted.delete(name)
      unwanted.delete(each.entry.body)
    }
    for (const name of unwanted) await rm(join(directory, name), {force: true, recursive: true}).catch(() => undefined)
    found.sort((a, b) => a.usedAt - b.usedAt)
    for (const {entry} of found) this.#add(entry)
    await this.#makeRoom(0)
  }

  /** A body that is there and is what it was; its place in the order is the last from now on. Undefined, and gone, if not. */
  async open(entry: CacheEntry): Promise<FileHandle | undefined> {
    const {directory, now} = this.#options
    let handle: FileHandle | undefined
    try {
      handle = await open(join(directory, entry.body), 'r')
      if (await isWhole(handle, entry)) {
        this.#touch(entry)
        const at = new Date(now())
        // The order is worth no wait, and no failure.
        utimes(join(directory, entryName(entry.url)), at, at).catch(() => undefined)
        return handle
      }
    } catch {
      // Whatever is wrong with it, a server has it, too.
    }
    await handle?.close().catch(() => undefined)
    await this.remove(entry)
    return undefined
  }

  /** Whether a body is there, as far as its name and size tell. */
  async isThere({body, size}: CacheEntry): Promise<boolean> {
    try {
      return (await stat(join(this.#options.directory, body))).size === size
    } catch {
      return false
    }
  }

  /** A new body. */
  begin(): BodyFile {
    return new BodyFile(this.#options)
  }

  /** The body is whole and closed: from now on it is there. Rejects like file work; the body is gone then. */
  add(entry: CacheEntry): Promise<void> {
    return this.#inTurn(async () => {
      const before = this.#entries.get(entry.url)
      await this.#makeRoom(entry.size, entry.url)
      await this.#writeEntry(entry)
      this.#add(entry)
      if (before !== undefined) await this.#removeFile(before.body)
    })
  }

  /** Another head for the same body. */
  replaceHead(before: CacheEntry, entry: CacheEntry): Promise<void> {
    return this.#inTurn(async () => {
      if (this.#entries.get(entry.url) !== before) return
      await this.#writeEntry(entry)
      this.#add(entry)
    })
  }

  remove(entry: CacheEntry): Promise<void> {
    if (this.#entries.get(entry.url) !== entry) return Promise.resolve()
    this.#drop(entry)
    return this.#inTurn(() => this.#removeFiles(entry))
  }

  /** Resolves when what was asked for is done. */
  async settled(): Promise<void> {
    await this.#last
  }

  async #read(name: string): Promise<{readonly entry: CacheEntry; readonly usedAt: number} | undefined> {
    const path = join(this.#options.directory, name)
    const entry = decodeEntry(await readFile(path, 'utf8'), name)
    if (entry === undefined || !(await this.isThere(entry))) return undefined
    return {entry, usedAt: (await stat(path)).mtimeMs}
  }

  async #writeEntry(entry: CacheEntry): Promise<void> {
    const {directory, durability, now} = this.#options
    const path = join(directory, entryName(entry.url))
    const draft = join(directory, `${randomUUID()}.draft`)
    const isSynced = durability === 'power'
    await asFileWork(directory, 'store', async () => {
      try {
        await writeFile(draft, encodeEntry(entry), {mode: 0o600, flag: 'wx', flush: isSynced})
        const at = new Date(now())
        await utimes(draft, at, at)
        await rename(draft, path)
        if (isSynced) await syncDirectory(directory)
      } catch (thrown) {
        await rm(draft, {force: true}).catch(() => undefined)
        throw thrown
      }
    })
  }

  #add(entry: CacheEntry): void {
    const before = this.#entries.get(entry.url)
    if (before !== undefined) this.#drop(before)
    this.#entries.set(entry.url, entry)
    this.#bytes += entry.size
  }

  #drop(entry: CacheEntry): void {
    this.#entries.delete(entry.url)
    this.#bytes -= entry.size
  }

  #touch(entry: CacheEntry): void {
    if (this.#entries.get(entry.url) !== entry) return
    this.#entries.delete(entry.url)
    this.#entries.set(entry.url, entry)
  }

  /** What was used longest ago gives way; `forUrl` is about to be replaced and does not count. */
  async #makeRoom(bytes: number, forUrl?: string): Promise<void> {
    const {maxBytes} = this.#options
    const replaced = forUrl === undefined ? undefined : this.#entries.get(forUrl)
    for (const entry of [...this.#entries.values()]) {
      const isFull = this.#bytes - (replaced?.size ?? 0) + bytes > maxBytes || this.#entries.size > MOST_ENTRIES
      if (!isFull) return
      if (entry === replaced) continue
      this.#drop(entry)
      await this.#removeFiles(entry)
    }
  }

  /** First what makes it an entry; by now that may be another one's. */
  async #removeFiles({url, body}: CacheEntry): Promise<void> {
    if (!this.#entries.has(url)) await this.#removeFile(entryName(url))
    await this.#removeFile(body)
  }

  /** What stays is swept by the next session. */
  async #removeFile(name: string): Promise<void> {
    await rm(join(this.#options.directory, name), {force: true}).catch(() => undefined)
  }

  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const done = this.#last.then(work)
    this.#last = done.catch(() => undefined)
    return done
  }
}

/** A body on its way; nothing of it is there before an entry names it. */
export class BodyFile {
  readonly name = `${randomUUID()}${BODY_ENDING}`
  readonly file: Promise<SpoolFile>
  readonly #path: string
  readonly #hash: Hash = createHash('sha256')
  #size = 0

  constructor({directory, durability}: CacheFilesOptions) {
    this.#path = join(directory, this.name)
    this.file = asFileWork(this.#path, 'store', () => this.#open(directory, durability === 'power'))
  }

  get size(): number {
    return this.#size
  }

  /** To be called once. */
  digest(): string {
    return this.#hash.digest('hex')
  }

  async discard(): Promise<void> {
    await this.file.then((file) => file.close()).catch(() => undefined)
    await rm(this.#path, {force: true}).catch(() => undefined)
  }

  async #open(directory: string, isSynced: boolean): Promise<SpoolFile> {
    await mkdir(directory, {recursive: true, mode: 0o700})
    const handle = await open(this.#path, 'wx', 0o600)
    let isOpen = true
    return {
      write: (buffer, length, position) =>
        asFileWork(this.#path, 'store', async () => {
          for (let done = 0; done < length; ) {
            const {bytesWritten} = await handle.write(buffer, done, length - done, position + done)
            done += bytesWritten
          }
          this.#hash.update(buffer.subarray(0, length))
          this.#size += length
        }),
      sync: () => asFileWork(this.#path, 'store', () => (isSynced ? handle.datasync() : Promise.resolve())),
      close: async () => {
        if (!isOpen) return
        isOpen = false
        await handle.close()
      },
    }
  }
}

async function isWhole(handle: FileHandle, {size, sha256}: CacheEntry): Promise<boolean> {
  const hash = createHash('sha256')
  const buffer = Buffer.allocUnsafe(Math.min(VERIFY_BYTES, Math.max(size, 1)))
  let at = 0
  for (;;) {
    const {bytesRead} = await handle.read(buffer, 0, buffer.length, at)
    if (bytesRead === 0) break
    at += bytesRead
    if (at > size) return false
    hash.update(buffer.subarray(0, bytesRead))
  }
  return at === size && hash.digest('hex') === sha256
}

/** Some systems know of no such thing. */
async function syncDirectory(directory: string): Promise<void> {
  try {
    const handle = await open(directory, 'r')
    try {
      await handle.sync()
    } finally {
      await handle.close()
    }
  } catch (thrown) {
    if (!['EISDIR', 'EPERM', 'EINVAL', 'ENOTSUP', 'EACCES'].includes(errnoOf(thrown) ?? '')) throw thrown
  }
}
