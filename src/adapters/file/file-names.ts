/**
 * Every name that the sink gives to a file: the part, its side file, the side file's next version, its note, and the alternatives
 * of a taken destination. All fit into the 255 bytes that common file systems allow.
 */

import {basename, dirname, extname, join, sep} from 'node:path'
import type {OperationId} from '../../domain/operation-id.ts'
import type {PartName} from '../../ports/file-sink.ts'

const NAME_LIMIT = 255

/** An extension longer than this is no extension. */
const EXTENSION_LIMIT = 32

const SUFFIXES = {part: '.part', side: '.side', next: '.next', note: '.note'} as const

export interface PartPaths {
  readonly directory: string
  readonly part: string
  readonly side: string
  /** Where a rewritten side file is made before it takes the side file's name. */
  readonly nextSide: string
}

/** Between two slashes is nothing, or a dot or two: `node:path` knows what that means. */
const ODD = /^[^/]|\/\.{0,2}(?:\/|$)/

/**
 * Where the name begins in a path that can be cut at its last slash; undefined for any other one. Nearly all can, and the few thousand
 * files of a short command are not enough for `node:path` to become quick.
 */
function nameStart(file: string): number | undefined {
  const slash = file.lastIndexOf('/')
  return slash > 0 && sep === '/' && !ODD.test(file) ? slash + 1 : undefined
}

/** As `dirname` of `node:path`. */
export function directoryOf(file: string): string {
  const start = nameStart(file)
  return start === undefined ? dirname(file) : file.slice(0, start - 1)
}

/** The path of `name`, which is neither empty nor dots, in the directory of `file`. */
export function siblingOf(file: string, name: string): string {
  const start = nameStart(file)
  return start === undefined ? join(dirname(file), name) : file.slice(0, start) + name
}

/** `.<name>.<last 8 of id>.<generation>` and a suffix, beside the destination; the name is shortened where need be. */
export function partPaths({id, file, generation}: PartName): PartPaths {
  const mark = `.${shortId(id)}.${generation}`
  const room = NAME_LIMIT - 1 - mark.length - SUFFIXES.part.length
  const start = nameStart(file)
  const name = start === undefined ? basename(file) : file.slice(start)
  const directory = start === undefined ? dirname(file) : file.slice(0, start - 1)
  const stem = siblingOf(file, `.${shorten(name, room)}${mark}`)
  return {
    directory,
    part: stem + SUFFIXES.part,
    side: stem + SUFFIXES.side,
    nextSide: stem + SUFFIXES.next,
  }
}

/** Beside the part, of whatever generation, while a placeholder holds a name for it. */
export function noteOf({id, file}: PartName): string {
  const mark = `.${shortId(id)}`
  const name = basename(file)
  const stem = shorten(name, NAME_LIMIT - 1 - mark.length - SUFFIXES.note.length)
  return siblingOf(file, `.${stem}${mark}${SUFFIXES.note}`)
}

const SIDE_NAME = /^\..*\.[0-9a-f]{8}\.\d{1,16}\.side$/s

export function isSideName(name: string): boolean {
  return SIDE_NAME.test(name)
}

/** The `n`-th name to try for a destination: `name.ext`, `name (2).ext`, `name (3).ext` … */
export function alternative(file: string, n: number): string {
  if (n === 1) return file
  const name = basename(file)
  const suffix = extname(name)
  const extension = Buffer.byteLength(suffix) > EXTENSION_LIMIT ? '' : suffix
  const number = ` (${n})`
  const room = NAME_LIMIT - number.length - Buffer.byteLength(extension)
  return siblingOf(file, shorten(name.slice(0, name.length - extension.length), room) + number + extension)
}

/** The longest prefix that has at most `bytes` bytes of UTF-8 and splits no character. */
export function shorten(name: string, bytes: number): string {
  // No unit of UTF-16 takes more.
  if (name.length * 3 <= bytes) return name
  const encoded = Buffer.from(name)
  if (encoded.length <= bytes) return name
  let end = bytes
  while (end > 0 && ((encoded[end] ?? 0) & 0xc0) === 0x80) end--
  return encoded.toString('utf8', 0, end)
}

function shortId(id: OperationId): string {
  return id.slice(-8)
}
