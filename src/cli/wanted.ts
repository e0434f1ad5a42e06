/** What `bgt get` is asked for, checked before anything of the engine is loaded. */

import {realpath, stat} from 'node:fs/promises'
import {basename, dirname, join, parse, resolve, sep} from 'node:path'
import {TransferError} from '../domain/errors.ts'
import {fileNameFromUrl} from '../domain/file-name.ts'
import {lazily} from '../domain/lazily.ts'
import type {Checksum, CollisionPolicy} from '../index.ts'
import {type Io, stdinError} from './io.ts'
import {
  type Header,
  headersOf,
  type ListEntry,
  parseUrl,
  pathIn,
  plainUrl,
  readAll,
  readGiven,
  usageError,
} from './parse.ts'
import type {RequestFlags} from './request-flags.ts'
import {type Wish, WishList} from './wish-list.ts'

/** Times in ms. */
export interface GetFlags extends RequestFlags {
  readonly output?: string
  /** Hand it to a host, and do not wait. */
  readonly detach?: boolean
  readonly directory?: string
  readonly input?: string
  readonly checksum?: Checksum
  /** `skip`: what is there is left as it is, and counts as had. */
  readonly ifExists?: CollisionPolicy | 'skip'
  readonly resumeWithoutValidator?: boolean
  readonly compareOnResume?: boolean
  readonly ftpTls?: 'none' | 'explicit' | 'implicit'
  readonly connections?: number
  /** Other addresses of the one file. */
  readonly mirror?: readonly string[]
}

export interface Wanted {
  readonly wishes: WishList
  readonly headers: readonly Header[]
}

/** Rejects with INVALID_ARGUMENT: nothing is begun unless all of it makes sense. */
export async function wantedBy(io: Io, addresses: readonly string[], flags: GetFlags): Promise<Wanted> {
  return {wishes: await wishesOf(io, addresses, flags), headers: await headersOf(flags.header, flags.headerFile)}
}

async function wishesOf(io: Io, addresses: readonly string[], flags: GetFlags): Promise<WishList> {
  const {output, directory, input, checksum} = flags
  const folder = lazily(() => resolve(directory ?? '.'))
  const entries = addresses.map((address): ListEntry => ({url: parseUrl(address)}))
  const list = input === undefined ? undefined : await listOf(io, input)
  const rename = flags.ifExists === 'generateUniqueName' ? setApart() : undefined
  /** By directory: the first file in it. Many files of a list share few. */
  const directories = new Map<string, string>()
  const wishes = new WishList(
    {entries, ...(list === undefined ? {} : {list}), wishOf: wishesIn(folder, flags)},
    (wish) => {
      const {file} = wish
      if (directory !== undefined && !directories.has(dirname(file))) directories.set(dirname(file), file)
      return rename?.(wish)
    },
  )
  if (wishes.length === 0) throw usageError('there is no URL', 'get', 'give one, or a list with --input')
  if (output !== undefined) {
    if (input !== undefined || wishes.length > 1) {
      throw usageError('one file cannot hold several downloads', '--output', 'use --directory instead')
    }
    if (output === '-') throw usageError('stdout is no file', '--output', 'give a file: only a file survives a crash')
  }
  if (flags.mirror !== undefined && wishes.length > 1) {
    throw usageError('a mirror is of one file', '--mirror', 'run bgt get for each file')
  }
  if (checksum !== undefined && wishes.length > 1) {
    throw usageError('several files have no digest in common', '--checksum', 'give each its own in a list (--input)')
  }
  if (directory !== undefined) {
    await demandDirectory(folder())
    await demandAllWithin(folder(), directories)
  }
  return wishes
}

/** Made apart from what the first reading needs: it is kept for as long as the list is. */
function wishesIn(folder: () => string, {output, user, checksum: common}: GetFlags): (entry: ListEntry) => Wish {
  return ({url, file, checksum: own}) => {
    if (own !== undefined && common !== undefined) {
      throw usageError('the list has a digest of its own for the file', '--checksum', 'give one of the two')
    }
    const checksum = own ?? common
    const name = output ?? file
    const given = withUser(url, user)
    return {
      url: given.href,
      plain: plainUrl(given),
      file: pathIn(folder, name ?? fileNameFromUrl(given)),
      isUnnamed: name === undefined,
      ...(checksum === undefined ? {} : {checksum}),
    }
  }
}

async function listOf(io: Io, input: string): Promise<{readonly text: string; readonly name: string}> {
  if (input !== '-') return {text: await readGiven(input, '--input'), name: input}
  try {
    return {text: await readAll(io.stdin, 'stdin'), name: 'stdin'}
  } catch (thrown) {
    throw stdinError(io, thrown)
  }
}

/** Over FTP the address says who logs in; nobody asks. */
function withUser(url: URL, user: GetFlags['user']): URL {
  if (url.protocol !== 'ftp:' || user === undefined || url.username !== '') return url
  const named = new URL(url)
  named.username = encodeURIComponent(user.userName)
  named.password = encodeURIComponent(user.password)
  return named
}

/** Asked once: else each file of a list would fail of it. */
async function demandDirectory(folder: string): Promise<void> {
  const found = await stat(folder).catch(() => undefined)
  if (found?.isDirectory() === true) return
  const [what, advice] =
    found === undefined
      ? ['the directory does not exist', 'create it, or choose another with --directory']
      : ['this is not a directory', 'choose another directory, or move what stands in its place']
  throw new TransferError('DIRECTORY_MISSING', what, {where: folder, advice})
}

/** Lists come from elsewhere: with --directory none of their files lies outside it, by whatever links lead there. */
async function demandAllWithin(folder: string, directories: ReadonlyMap<string, string>): Promise<void> {
  const root = await realPathOf(folder)
  for (const [directory, file] of directories) {
    if (directory === folder) continue
    const parent = await realPathOf(directory)
    if (parent !== root && !parent.startsWith(root.endsWith(sep) ? root : root + sep)) {
      throw usageError('this file is not within --directory', file, 'name files below it, or leave --directory out')
    }
  }
}

/** Of what is not there yet: that of the deepest directory that is, and the rest. */
async function realPathOf(path: string): Promise<string> {
  try {
    return await realpath(path)
  } catch {
    const above = dirname(path)
    return above === path ? path : join(await realPathOf(above), basename(path))
  }
}

/** Addresses that end alike (`/get?id=1`, `/get?id=2`) have part files of their own until the server names them. */
function setApart(): (wish: Wish) => string {
  const owners = new Map<string, string>()
  return (wish) => {
    const {dir, name, ext} = parse(wish.file)
    for (let n = 1; ; n++) {
      const file = n === 1 ? wish.file : join(dir, `${name} (${n})${ext}`)
      const owner = owners.get(file)
      if (owner !== undefined && owner !== wish.plain && wish.isUnnamed) continue
      owners.set(file, owner ?? wish.plain)
      return file
    }
  }
}
