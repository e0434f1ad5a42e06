/** What stands on the command line, checked where it enters. Each failure is a usage error that names its flag. */

import {isUtf8} from 'node:buffer'
import {readFile} from 'node:fs/promises'
import {isAbsolute, resolve, sep} from 'node:path'
import type {Credential} from '../domain/credential.ts'
import {asTransferError, TransferError} from '../domain/errors.ts'
import {shortened} from '../domain/given.ts'
import {withHeader} from '../domain/header-fields.ts'
import {BackgroundTransferPriority} from '../domain/priority.ts'
import type {Checksum, ChecksumAlgorithm} from '../domain/record.ts'
import {redactUrl} from '../domain/redaction.ts'
import {MAX_SECONDS, msOfSeconds} from '../domain/seconds.ts'

/** A usage error: exit code 2. `where` is the flag. */
export function usageError(what: string, where: string, advice = 'see bgt --help'): TransferError {
  return new TransferError('INVALID_ARGUMENT', what, {where, advice})
}

/** Parser of a flag in seconds, fractions allowed; answers ms. */
export function seconds(flag: string, {zero}: {readonly zero: boolean}): (text: string) => number {
  return (text) => {
    const ms = msOfSeconds(text)
    if (Number.isNaN(ms) || (!zero && ms === 0)) {
      throw usageError(
        `'${shortened(text)}' is no time`,
        flag,
        `give seconds, such as 30 or 0.5, ${zero ? '0' : 'above 0'} to ${MAX_SECONDS}`,
      )
    }
    return ms
  }
}

/** Parser of a whole number. */
export function count(flag: string, low: number, high: number): (text: string) => number {
  return (text) => {
    const value = /^\d{1,9}$/.test(text) ? Number(text) : Number.NaN
    if (!(value >= low && value <= high)) {
      throw usageError(`'${shortened(text)}' is not possible`, flag, `give a whole number from ${low} to ${high}`)
    }
    return value
  }
}

const RATE_UNITS: Readonly<Record<string, number>> = {'': 1, K: 1024, M: 1024 ** 2, G: 1024 ** 3}

/** Parser of bytes a second: 500000, 800K, 2M, 1.5M (powers of 1024). */
export function byteRate(flag: string): (text: string) => number {
  return (text) => {
    const rate = bytesIn(text)
    if (rate === undefined) {
      throw usageError(`'${shortened(text)}' is no rate`, flag, 'give bytes a second, such as 500000, 800K or 2M')
    }
    return rate
  }
}

/** Parser of a number of bytes, written in the same way. */
export function byteCount(flag: string): (text: string) => number {
  return (text) => {
    const bytes = bytesIn(text)
    if (bytes === undefined)
      throw usageError(`'${shortened(text)}' is no size`, flag, 'give bytes, such as 500000, 800K or 2M')
    return bytes
  }
}

function bytesIn(text: string): number | undefined {
  const [, digits = '', unit = ''] = /^(\d+(?:\.\d+)?)([KMG]?)$/i.exec(text) ?? []
  const bytes = Math.round(Number(digits) * (RATE_UNITS[unit.toUpperCase()] ?? 1))
  return digits === '' || bytes < 1 || !Number.isSafeInteger(bytes) ? undefined : bytes
}

/** Parser of one of a few words, which it names for completion scripts. */
export function oneOf<Value>(
  flag: string,
  words: Readonly<Record<string, Value>>,
): ((text: string) => Value) & {readonly words: readonly string[]} {
  const parse = (text: string): Value => {
    const value = Object.hasOwn(words, text) ? words[text] : undefined
    if (value === undefined) {
      throw usageError(`'${shortened(text)}' is not known`, flag, `give one of ${Object.keys(words).join(', ')}`)
    }
    return value
  }
  return Object.assign(parse, {words: Object.keys(words)})
}

export const PRIORITIES = {
  high: BackgroundTransferPriority.high,
  default: BackgroundTransferPriority.default,
  low: BackgroundTransferPriority.low,
} as const

const DIGEST_LENGTH: Readonly<Record<ChecksumAlgorithm, number>> = {sha256: 64, sha512: 128, sha1: 40, md5: 32}

/** `where` is the flag, or the line of a list. */
export function parseChecksum(text: string, where: string): Checksum {
  const [, name = text, hex = ''] = /^([^=:]*)[=:](.*)$/s.exec(text) ?? []
  const algorithm = name.toLowerCase().replace('-', '')
  if (!isAlgorithm(algorithm)) {
    throw usageError(
      `'${shortened(name)}' is no known digest`,
      where,
      'give sha256=HEX, sha512=HEX, sha1=HEX or md5=HEX',
    )
  }
  if (!/^[0-9a-fA-F]*$/.test(hex) || hex.length !== DIGEST_LENGTH[algorithm]) {
    throw usageError(
      `this is no ${algorithm} digest`,
      where,
      `give ${DIGEST_LENGTH[algorithm]} hexadecimal digits after ${algorithm}=`,
    )
  }
  return {algorithm, hex: hex.toLowerCase()}
}

function isAlgorithm(name: string): name is ChecksumAlgorithm {
  return Object.hasOwn(DIGEST_LENGTH, name)
}

/** Only http, https and ftp. User information stays in it for the engine, which seals it. */
export function parseUrl(text: string, where?: string): URL {
  let url: URL
  try {
    url = new URL(text)
  } catch {
    throw usageError('this is not a URL', placeOf(text, where), 'give a whole one, such as https://example.com/file')
  }
  if (url.protocol !== 'http:' && url.protocol !== 'https:' && url.protocol !== 'ftp:') {
    throw usageError(
      `the scheme ${shortened(url.protocol.slice(0, -1))} is not supported`,
      placeOf(text, where),
      'give an http, https or ftp URL',
    )
  }
  return url
}

function placeOf(address: string, where: string | undefined): string {
  const shown = shortened(redactUrl(address))
  return where === undefined ? shown : `${where}: ${shown}`
}

/** As the engine keeps it: without user information and fragment. */
export function plainUrl(url: URL): string {
  // Of a long list most lines are that already.
  if (url.username === '' && url.password === '' && !url.href.includes('#')) return url.href
  const plain = new URL(url)
  plain.username = ''
  plain.password = ''
  plain.hash = ''
  return plain.href
}

export type Header = readonly [name: string, value: string]

/** `where` is the flag or file; the value is never shown. */
export function parseHeader(text: string, where = '--header'): Header {
  const colon = text.indexOf(':')
  if (colon < 1) throw usageError('this is no header', where, "write it as 'Name: value'")
  const header: Header = [text.slice(0, colon).trim(), text.slice(colon + 1).trim()]
  try {
    withHeader([], ...header)
  } catch (thrown) {
    throw usageError(asTransferError(thrown).message, where, "write it as 'Name: value'")
  }
  return header
}

/** Lines of `Name: value`; empty lines and those that begin with # do not count. */
async function readHeaderFile(file: string): Promise<readonly Header[]> {
  const lines = (await readGiven(file, '--header-file')).split(/\r?\n/)
  const headers: Header[] = []
  for (const [index, line] of lines.entries()) {
    if (line.trim() !== '' && !line.startsWith('#')) headers.push(parseHeader(line, `${file}, line ${index + 1}`))
  }
  return headers
}

/** Parser of `NAME:PASSWORD`. */
export function user(flag: string): (text: string) => Credential {
  return (text) => {
    const colon = text.indexOf(':')
    const how = 'write it as NAME:PASSWORD'
    if (colon < 0 || colon === text.length - 1) throw usageError('there is no password', flag, how)
    if (colon === 0) throw usageError('there is no name', flag, how)
    if (/\p{Cc}/u.test(text)) throw usageError('there are control characters in it', flag, how)
    return {userName: text.slice(0, colon), password: text.slice(colon + 1)}
  }
}

/** Parser of the path of a file that is to be made. */
export function filePath(flag: string): (text: string) => string {
  const parse = path(flag)
  return (text) => {
    assertNamesFile(parse(text), flag)
    return text
  }
}

/** Nobody writes a slash, or dots, behind a file: without them, a directory that is not there would be made as one. */
function assertNamesFile(file: string, where: string): void {
  const last = file.slice(Math.max(file.lastIndexOf('/'), file.lastIndexOf(sep)) + 1)
  if (last !== '' && last !== '.' && last !== '..') return
  throw usageError('this names a directory', where, 'name a file in it')
}

/** Parser of a path. What a script left empty is none, and does not stand for the path that holds without the flag. */
export function path(flag: string): (text: string) => string {
  return (text) => {
    if (text === '') throw usageError('there is no path', flag, 'name one, or leave the flag out')
    return text
  }
}

/** The headers of a command line, then those of its file. */
export async function headersOf(header: readonly Header[] = [], headerFile?: string): Promise<readonly Header[]> {
  return [...header, ...(headerFile === undefined ? [] : await readHeaderFile(headerFile))]
}

export interface ListEntry {
  readonly url: URL
  readonly file?: string
  readonly checksum?: Checksum
}

/** Where each line begins, and its number from 1; empty lines and those that begin with # do not count. */
export function* linesOf(text: string): Generator<{readonly start: number; readonly number: number}, void> {
  let number = 0
  for (let start = 0; start < text.length; ) {
    number += 1
    const line = lineAt(text, start)
    if (line.trim() !== '' && !line.startsWith('#')) yield {start, number}
    start += line.length + 1
  }
}

/** The line of a list that begins at `start`: `URL [TAB FILE [TAB DIGEST]]`. `where` is told when it makes no sense. */
export function listEntryAt(text: string, start: number, where: string): ListEntry {
  const [address = '', file = '', digest = '', ...more] = lineAt(text, start)
    .split('\t')
    .map((field) => field.trim())
  if (more.length > 0) {
    throw usageError('there is more than a URL, a file and a digest', where, 'write URL, a tab, FILE, a tab, DIGEST')
  }
  const url = parseUrl(address, where)
  if (file.includes('\0'))
    throw usageError('the name of the file has a null character in it', where, 'write the list as text')
  if (file !== '') assertNamesFile(file, where)
  return {
    url,
    ...(file === '' ? {} : {file}),
    ...(digest === '' ? {} : {checksum: parseChecksum(digest, where)}),
  }
}

function lineAt(text: string, start: number): string {
  const end = text.indexOf('\n', start)
  return text.slice(start, end === -1 ? text.length : end)
}

/** A file that a flag names. */
export async function readGiven(file: string, flag: string): Promise<string> {
  let bytes: Buffer
  try {
    bytes = await readFile(file)
  } catch (cause) {
    const isMissing = cause instanceof Error && 'code' in cause && cause.code === 'ENOENT'
    throw isMissing
      ? usageError(`the file of ${flag} does not exist`, file, 'check its name')
      : usageError(`the file of ${flag} cannot be read`, file, 'check that it is a file, and its permissions')
  }
  return textOf(bytes, file)
}

/** `name`: what to call it. */
export async function readAll(stream: NodeJS.ReadableStream, name: string): Promise<string> {
  const chunks: Buffer[] = []
  for await (const chunk of stream) chunks.push(Buffer.from(chunk))
  return textOf(Buffer.concat(chunks), name)
}

const NEWLINE = 0x0a

/** What a decoder would put in the place of bytes that are no text would name another file, or another address. */
function textOf(bytes: Buffer, name: string): string {
  if (!isUtf8(bytes)) {
    let line = 1
    for (let start = 0; start < bytes.length; line += 1) {
      const end = bytes.indexOf(NEWLINE, start)
      if (end === -1 || !isUtf8(bytes.subarray(start, end))) break
      start = end + 1
    }
    throw usageError('this is no text in UTF-8', `${name}, line ${line}`, 'write it in UTF-8')
  }
  const text = bytes.toString('utf8')
  // Some editors begin a text with a byte order mark, behind which a # would not begin its line.
  return text.startsWith('\ufeff') ? text.slice(1) : text
}

/** `directory` gives an absolute path, and is not asked for a file that needs none. */
export function pathIn(directory: () => string, file: string): string {
  if (isAbsolute(file)) return file
  const folder = directory()
  // Nothing to resolve: true of most names of a long list.
  if (/^[A-Za-z0-9_-][A-Za-z0-9_.-]*$/.test(file) && folder !== sep) return folder + sep + file
  return resolve(folder, file)
}
