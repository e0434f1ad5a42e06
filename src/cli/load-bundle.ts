/**
 * Loads the command from its one file, and where it can from what V8 made of it in an earlier run: compiling anew is a third of
 * a short run. That is kept in the user's cache directory, a file for each subcommand, and is never needed: whatever is wrong
 * with it, the command is compiled from its source.
 *
 * Node.js keeps compiled code by itself from version 22 on; this is for 20 too. NODE_DISABLE_COMPILE_CACHE=1 turns it off.
 */

import {
  closeSync,
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
import {createRequire} from 'node:module'
import {homedir} from 'node:os'
import {dirname, join} from 'node:path'
import {fileURLToPath} from 'node:url'
import {setFlagsFromString} from 'node:v8'
import {Script} from 'node:vm'
import {crc32} from 'node:zlib'

export interface LoadedBundle {
  readonly exports: typeof import('./main.ts')
  /** Called at the end, when V8 knows what the subcommand needs. */
  keepCompiled(): void
}

type Body = (
  exports: object,
  require: NodeJS.Require,
  module: {exports: object},
  filename: string,
  directory: string,
) => void

/** What the build makes of main.ts: the expression of a CommonJS module's function, in ASCII. */
const BUNDLE = fileURLToPath(new URL('./bundle/main.js', import.meta.url))
/** A checksum of the rest: V8 does not look whether a file that names its version is whole. */
const HEADER_BYTES = 4
/** Versions of the command may be in use side by side; what is older than this is of none, or is made anew. */
const KEPT_FOR_MS = 30 * 24 * 60 * 60 * 1000

export function loadBundle(args: readonly string[]): LoadedBundle {
  // undici's parser is one large function of WebAssembly. To optimise it takes longer than it ever parses here, and 30 MiB.
  setFlagsFromString('--wasm-tiering-budget=1000000000')
  // A list of a million lines takes half the memory when the heap may grow by a third between two collections, and no more time.
  if (mayTakeLong(args)) setFlagsFromString('--heap-growing-percent=30')
  // Eleven times the default: to optimise what a short run uses a few thousand times takes longer than it gains.
  else setFlagsFromString('--interrupt-budget=1500000')
  const bytes = readFileSync(BUNDLE)
  const cache = cacheFile(bytes, args)
  const cachedData = cache === undefined ? undefined : readCompiled(cache)
  const script = new Script(bytes.toString('latin1'), {
    filename: BUNDLE,
    ...(cachedData === undefined ? {} : {cachedData}),
  })
  const body: Body = script.runInThisContext()
  const module = {exports: {}}
  body(module.exports, createRequire(BUNDLE), module, BUNDLE, dirname(BUNDLE))
  const isKept = cachedData !== undefined && script.cachedDataRejected !== true
  return {
    exports: module.exports as typeof import('./main.ts'),
    keepCompiled: () => {
      if (cache !== undefined && !isKept) writeCompiled(cache, () => script.createCachedData())
    },
  }
}

/** Many files, or whatever is asked of a host: what is done ten thousand times is worth optimising. */
function mayTakeLong(args: readonly string[]): boolean {
  return args.some((arg) => arg === 'host' || arg === 'resume' || arg.startsWith('--input') || /^-[a-zA-Z]*i/.test(arg))
}

interface CacheFile {
  readonly directory: string
  readonly name: string
}

/** By the bytes: of a string the checksum takes a hundred times as long, because it is encoded first. */
function cacheFile(bundle: Buffer, args: readonly string[]): CacheFile | undefined {
  if (process.env.NODE_DISABLE_COMPILE_CACHE === '1') return undefined
  const base = cacheDirectory()
  if (base === undefined) return undefined
  const [command = 'help'] = args.filter((arg) => /^[a-z]{1,16}$/.test(arg))
  // V8 takes nothing that was compiled under other flags.
  const flags = mayTakeLong(args) ? '-long' : ''
  const name = `bgt-${crc32(bundle).toString(16)}-${process.versions.v8}-${command}${flags}`
  return {directory: join(base, 'background-transfer'), name}
}

function cacheDirectory(): string | undefined {
  const {XDG_CACHE_HOME: cache = '', LOCALAPPDATA: local = ''} = process.env
  if (process.platform === 'win32') return local === '' ? undefined : local
  // The specification says that a relative path is to be ignored.
  if (cache.startsWith('/')) return cache
  const home = homedir()
  // Some users have a home that is not there, and it is not for us to make.
  if (!existsSync(home)) return undefined
  return process.platform === 'darwin' ? join(home, 'Library', 'Caches') : join(home, '.cache')
}

function readCompiled({directory, name}: CacheFile): Buffer | undefined {
  let file: number | undefined
  try {
    file = openSync(join(directory, name), 'r')
    // It is code: from nobody but this user, and whom he would have to trust anyway.
    const {uid, mode} = fstatSync(file)
    if (process.getuid !== undefined && (uid !== process.getuid() || (mode & 0o022) !== 0)) return undefined
    const content = readFileSync(file)
    if (content.length < HEADER_BYTES) return undefined
    const compiled = content.subarray(HEADER_BYTES)
    return crc32(compiled) === content.readUInt32LE(0) ? compiled : undefined
  } catch {
    return undefined
  } finally {
    if (file !== undefined) closeSync(file)
  }
}

/** Under another name first: a run beside this one must not read a half. */
function writeCompiled({directory, name}: CacheFile, compile: () => Buffer): void {
  const draft = join(directory, `${name}.${process.pid}`)
  try {
    mkdirSync(directory, {recursive: true, mode: 0o700})
    const compiled = compile()
    const header = Buffer.alloc(HEADER_BYTES)
    header.writeUInt32LE(crc32(compiled))
    writeFileSync(draft, Buffer.concat([header, compiled]), {mode: 0o600})
    renameSync(draft, join(directory, name))
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

function removeOld(path: string): void {
  if (Date.now() - statSync(path).mtimeMs > KEPT_FOR_MS) rmSync(path, {force: true})
}
