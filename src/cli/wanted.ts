/** What `bgt get` is asked for, checked before anything of the engine is loaded. */

import {realpath, stat} from 'node:fs/promises'
import {basename, dirname, join, parse, resolve, sep} from 'node:path'
import {TransferError} from '../domain/errors.ts'
import {fileNameFromUrl} from '../domain/file-name.ts'
import type {Checksum, CollisionPolicy} from '../index.ts'
import type {Io} from './io.ts'
import {
  type Header,
  headersOf,
  type ListEntry,
  parseList,
  parseUrl,
  pathIn,
  plainUrl,
  readAll,
  readGiven,
  usageError,
} from './parse.ts'
import type {RequestFlags} from './request-flags.ts'

/** Times in ms. */
export interface GetFlags extends RequestFlags {
  readonly output?: string
  /** Hand it to a host, and do not wait. */
  readonly detach?: boolean
  readonly directory?: string
  readonly input?: string
  readonly checksum?: Checksum
  readonly ifExists?: CollisionPolicy
  readonly resumeWithoutValidator?: boolean
  readonly compareOnResume?: boolean
  readonly ftpTls?: 'none' | 'explicit' | 'implicit'
  readonly connections?: number
  /** Other addresses of the one file. */
  readonly mirror?: readonly string[]
}

/** One file to have: where from, where to. */
export interface Wish {
  /** With the user information that was given. Texts: a list may have a million of them. */
  readonly url: string
  /** As the engine keeps it: without user information and fragment. */
  readonly plain: string
  /** Absolute. */
  readonly file: string
  /** Nobody said how it is to be called: its name is the server's, in this directory. */
  readonly isUnnamed: boolean
}

export interface Wanted {
  readonly wishes: readonly Wish[]
  readonly headers: readonly Header[]
}

/** Rejects with INVALID_ARGUMENT: nothing is begun unless all of it makes sense. */
export async function wantedBy(io: Io, addresses: readonly string[], flags: GetFlags): Promise<Wanted> {
  return {wishes: await wishesOf(io, addresses, flags), headers: await headersOf(flags.header, flags.headerFile)}
}

async function wishesOf(io: Io, addresses: readonly string[], flags: GetFlags): Promise<readonly Wish[]> {
  const {output, directory, input, checksum} = flags
  const folder = resolve(directory ?? '.')
  const wishes: Wish[] = []
  const wish = ({url, file}: ListEntry) => {
    const name = output ?? file
    const given = withUser(url, flags.user)
    wishes.push({
      url: given.href,
      plain: plainUrl(given),
      file: pathIn(folder, name ?? fileNameFromUrl(given)),
      isUnnamed: name === undefined,
    })
  }
  for (const address of addresses) wish({url: parseUrl(address)})
  if (input !== undefined) {
    const text = input === '-' ? await readAll(io.stdin) : await readGiven(input, '--input')
    for (const entry of parseList(text, input === '-' ? 'stdin' : input)) wish(entry)
  }
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
    throw usageError('several files have no digest in common', '--checksum', 'run bgt get for each file')
  }
  if (directory !== undefined) {
    await demandDirectory(folder)
    await demandAllWithin(folder, wishes)
  }
  return flags.ifExists === 'generateUniqueName' ? setApart(wishes) : wishes
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
      : ['is not a directory', 'choose another directory, or move what stands in its place']
  throw new TransferError('DIRECTORY_MISSING', what, {where: folder, advice})
}

/** Lists come from elsewhere: with --directory none of their files lies outside it, by whatever links lead there. */
async function demandAllWithin(folder: string, wishes: readonly Wish[]): Promise<void> {
  const root = await realPathOf(folder)
  // Many files of a list share few directories.
  const within = new Set<string>([folder])
  for (const {file} of wishes) {
    const above = dirname(file)
    if (within.has(above)) continue
    const parent = await realPathOf(above)
    if (parent !== root && !parent.startsWith(root.endsWith(sep) ? root : root + sep)) {
      throw usageError('this file is not within --directory', file, 'name files below it, or leave --directory out')
    }
    within.add(above)
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
function setApart(wishes: readonly Wish[]): readonly Wish[] {
  const owners = new Map<string, string>()
  return wishes.map((wish) => {
    const {dir, name, ext} = parse(wish.file)
    for (let n = 1; ; n++) {
      const file = n === 1 ? wish.file : join(dir, `${name} (${n})${ext}`)
      const owner = owners.get(file)
      if (owner !== undefined && owner !== wish.plain && wish.isUnnamed) continue
      owners.set(file, owner ?? wish.plain)
      return {...wish, file}
    }
  })
}
