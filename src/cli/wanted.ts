/** What `bgt get` is asked for, checked before anything of the engine is loaded. */

import {realpath} from 'node:fs/promises'
import {basename, dirname, join, parse, resolve, sep} from 'node:path'
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
}

/** One file to have: where from, where to. */
export interface Wish {
  readonly url: URL
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
  const given: ListEntry[] = addresses.map((address) => ({url: parseUrl(address)}))
  if (input !== undefined) {
    const text = input === '-' ? await readAll(io.stdin) : await readGiven(input, '--input')
    for (const entry of parseList(text, input === '-' ? 'stdin' : input)) given.push(entry)
  }
  if (given.length === 0) throw usageError('there is no URL', 'get', 'give one, or a list with --input')
  if (output !== undefined) {
    if (input !== undefined || given.length > 1) {
      throw usageError('one file cannot hold several downloads', '--output', 'use --directory instead')
    }
    if (output === '-') throw usageError('stdout is no file', '--output', 'give a file: only a file survives a crash')
  }
  if (checksum !== undefined && given.length > 1) {
    throw usageError('several files have no digest in common', '--checksum', 'run bgt get for each file')
  }
  const folder = resolve(directory ?? '.')
  const wishes = given.map(({url, file}): Wish => {
    const name = output ?? file
    return {
      url: withUser(url, flags.user),
      file: pathIn(folder, name ?? fileNameFromUrl(url.href)),
      isUnnamed: name === undefined,
    }
  })
  if (directory !== undefined) for (const {file} of wishes) await demandWithin(folder, file)
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

/** Lists come from elsewhere: with --directory none of their files lies outside it, by whatever links lead there. */
async function demandWithin(folder: string, file: string): Promise<void> {
  const [root, parent] = await Promise.all([realPathOf(folder), realPathOf(dirname(file))])
  if (parent === root || parent.startsWith(root.endsWith(sep) ? root : root + sep)) return
  throw usageError('this file is not within --directory', file, 'name files below it, or leave --directory out')
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
    const url = plainUrl(wish.url)
    for (let n = 1; ; n++) {
      const file = n === 1 ? wish.file : join(dir, `${name} (${n})${ext}`)
      const owner = owners.get(file)
      if (owner !== undefined && owner !== url && wish.isUnnamed) continue
      owners.set(file, owner ?? url)
      return {...wish, file}
    }
  })
}
