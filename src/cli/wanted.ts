/** What `bgt get` is asked for, checked before anything of the engine is loaded. */

import {resolve} from 'node:path'
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
  readAll,
  readGiven,
  usageError,
} from './parse.ts'
import type {RequestFlags} from './request-flags.ts'

/** Times in ms. */
export interface GetFlags extends RequestFlags {
  readonly output?: string
  readonly directory?: string
  readonly input?: string
  readonly checksum?: Checksum
  readonly ifExists?: CollisionPolicy
}

/** One file to have: where from, where to. */
export interface Wish {
  readonly url: URL
  /** Absolute. */
  readonly file: string
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
  return given.map(({url, file}) => ({url, file: pathIn(folder, output ?? file ?? fileNameFromUrl(url.href))}))
}
