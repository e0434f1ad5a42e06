/**
 * What V8 made of the scripts of the command, kept in the user's cache directory: a file for each subcommand, since each needs other
 * functions. It is never needed: whatever is wrong with it, the command is compiled from its source.
 *
 * Node.js keeps compiled code by itself from version 22 on; this is for 20 too. NODE_DISABLE_COMPILE_CACHE=1 turns it off.
 */

import {
  accessSync,
  closeSync,
  constants,
  existsSync,
  fstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import {dirname, join} from 'node:path'
import type {Script} from 'node:vm'
import {crc32} from 'node:zlib'
import {homeDirectory} from './home-directory.ts'

/** A checksum of the rest, since V8 does not look whether what names its version is whole, and the length of the index. */
const HEADER_BYTES = 8
/** V8 copies what does not lie so. */
const ALIGNMENT = 8
/** Versions of the command may be in use side by side; what is older than this is of none, or is made anew. */
const KEPT_FOR_MS = 30 * 24 * 60 * 60 * 1000

/** A script, and how much was kept of it: they lie behind the index in its order. */
type Index = readonly (readonly [script: string, bytes: number])[]

export class CompiledCode {
  readonly #directory: string
  readonly #name: string
  readonly #kept: ReadonlyMap<string, Buffer>
  readonly #loaded = new Map<string, Script>()
  #isComplete = true
  #isSealed = false

  private constructor(directory: string, name: string) {
    this.#directory = directory
    this.#name = name
    this.#kept = unpack(readOwn(join(directory, name)))
  }

  /** `key`: of all that the code depends on. Undefined where nothing can be kept. */
  static of(key: string): CompiledCode | undefined {
    if (process.env.NODE_DISABLE_COMPILE_CACHE === '1') return undefined
    const base = cacheDirectory()
    if (base === undefined) return undefined
    const compiled = new CompiledCode(join(base, 'background-transfer'), `bgt-${key}`)
    return compiled.#kept.size > 0 || compiled.#canBeKept() ? compiled : undefined
  }

  #canBeKept(): boolean {
    try {
      makeDirectory(this.#directory)
      accessSync(this.#directory, constants.W_OK)
      return true
    } catch {
      return false
    }
  }

  /** Those of which something was kept. */
  get scripts(): Iterable<string> {
    return this.#kept.keys()
  }

  /** What an earlier run kept of this script. */
  of(script: string): Buffer | undefined {
    return this.#isSealed ? undefined : this.#kept.get(script)
  }

  /** Other flags hold from now on, if this gives true: V8 would take nothing of before, and nothing later of what is made now. */
  seal(): boolean {
    this.#isSealed = this.#isComplete
    return this.#isSealed
  }

  /** It runs in this process; `isKept`: from what was kept of it. */
  note(name: string, script: Script, isKept: boolean): void {
    this.#loaded.set(name, script)
    this.#isComplete &&= isKept
  }

  /** To be called at the end of a run. What other runs needed stays. */
  keep(): void {
    if (this.#isComplete || this.#isSealed) return
    const directory = this.#directory
    const draft = join(directory, `${this.#name}.${process.pid}`)
    try {
      const made = [...this.#loaded].map(([name, script]) => [name, script.createCachedData()] as const)
      // Under another name first: a run beside this one must not read a half.
      writeFileSync(draft, pack(new Map([...this.#kept, ...made])), {mode: 0o600})
      renameSync(draft, join(directory, this.#name))
      for (const other of readdirSync(directory)) if (other.startsWith('bgt-')) removeOld(join(directory, other))
    } catch {
      // Then it is compiled again next time.
      try {
        rmSync(draft, {force: true})
      } catch {
        // Nor was there a draft.
      }
    }
  }
}

function cacheDirectory(): string | undefined {
  const {XDG_CACHE_HOME: cache = '', LOCALAPPDATA: local = ''} = process.env
  if (process.platform === 'win32') return local === '' ? undefined : local
  // The specification says that a relative path is to be ignored.
  if (cache.startsWith('/')) return cache
  const home = homeDirectory()
  // Some users have a home that is not there, and it is not for us to make.
  if (home === undefined || !existsSync(home)) return undefined
  return process.platform === 'darwin' ? join(home, 'Library', 'Caches') : join(home, '.cache')
}

/** With those above it. The recursive `mkdir` of Node.js never ends where a directory takes no other, and says ENOENT: under /proc. */
function makeDirectory(path: string): void {
  if (existsSync(path)) return
  makeDirectory(dirname(path))
  try {
    mkdirSync(path, {mode: 0o700})
  } catch (thrown) {
    // A run beside this one was faster.
    if (!existsSync(path)) throw thrown
  }
}

/** It is code: from nobody but this user, and whom he would have to trust anyway. */
function readOwn(path: string): Buffer | undefined {
  let file: number | undefined
  try {
    file = openSync(path, 'r')
    const {uid, mode} = fstatSync(file)
    if (process.getuid !== undefined && (uid !== process.getuid() || (mode & 0o022) !== 0)) return undefined
    return readFileSync(file)
  } catch {
    return undefined
  } finally {
    if (file !== undefined) closeSync(file)
  }
}

function pack(scripts: ReadonlyMap<string, Buffer>): Buffer {
  const index: Index = [...scripts].map(([name, {length}]) => [name, length])
  const text = Buffer.from(JSON.stringify(index))
  const pieces = [Buffer.alloc(HEADER_BYTES), text, ...scripts.values()].flatMap((piece) => [
    piece,
    Buffer.alloc(aligned(piece.length) - piece.length),
  ])
  const packed = Buffer.concat(pieces)
  packed.writeUInt32LE(text.length, 4)
  packed.writeUInt32LE(crc32(packed.subarray(4)), 0)
  return packed
}

function unpack(packed: Buffer | undefined): ReadonlyMap<string, Buffer> {
  const scripts = new Map<string, Buffer>()
  if (packed === undefined || packed.length < HEADER_BYTES) return scripts
  if (crc32(packed.subarray(4)) !== packed.readUInt32LE(0)) return scripts
  let at = HEADER_BYTES
  const next = (bytes: number) => {
    const piece = packed.subarray(at, at + bytes)
    at += aligned(bytes)
    return piece
  }
  const index: Index = JSON.parse(next(packed.readUInt32LE(4)).toString())
  for (const [name, bytes] of index) scripts.set(name, next(bytes))
  return scripts
}

function aligned(bytes: number): number {
  return Math.ceil(bytes / ALIGNMENT) * ALIGNMENT
}

function removeOld(path: string): void {
  if (Date.now() - statSync(path).mtimeMs > KEPT_FOR_MS) rmSync(path, {force: true})
}
