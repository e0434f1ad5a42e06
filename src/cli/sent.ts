/** What `bgt put` is asked to send, checked before anything of the engine is loaded. */

import {fstatSync, type Stats, statSync, writeSync} from 'node:fs'
import {stat} from 'node:fs/promises'
import {basename, resolve} from 'node:path'
import type {Readable} from 'node:stream'
import {TransferError} from '../domain/errors.ts'
import {shortened} from '../domain/given.ts'
import {redactUrl} from '../domain/redaction.ts'
import {type Header, headersOf, parseUrl, usageError} from './parse.ts'
import type {RequestFlags} from './request-flags.ts'

export interface PutFlags extends RequestFlags {
  /** Hand it to a host, and do not wait. */
  readonly detach?: boolean
  readonly method?: string
  readonly form?: readonly string[]
  readonly tus?: boolean
  readonly protocol?: string
  /** Bytes. */
  readonly partSize?: number
}

/** One part of a form; `file` is absolute. */
export type Field =
  | {readonly name: string; readonly text: string}
  | {readonly name: string; readonly file: string; readonly fileName: string; readonly type: string}

export type Content =
  /** Absolute path. */
  | {readonly kind: 'file'; readonly file: string}
  | {readonly kind: 'stdin'}
  | {readonly kind: 'form'; readonly fields: readonly Field[]}

export interface Sent {
  readonly url: URL
  readonly method: string
  readonly content: Content
  readonly headers: readonly Header[]
}

/** Rejects with INVALID_ARGUMENT, SOURCE_MISSING, FILE_ACCESS: nothing is begun unless all of it makes sense. */
export async function sentBy(
  first: string,
  second: string | undefined,
  flags: PutFlags,
  stdin: Readable,
): Promise<Sent> {
  const {form} = flags
  const [file, address] = second === undefined ? [undefined, first] : [first, second]
  if (file === undefined && form === undefined) {
    throw usageError('there is nothing to send', 'put', 'give FILE and URL, or URL and --form')
  }
  const url = parseUrl(address)
  if (url.protocol === 'ftp:') {
    throw usageError(
      'the scheme ftp is not supported',
      redactUrl(address),
      'give an http or https URL: FTP is for downloads',
    )
  }
  const content = await contentOf(file, form)
  if (content.kind === 'stdin') assertReadable(stdin)
  return {
    url,
    method: flags.method ?? (content.kind === 'form' || protocolOf(flags) !== undefined ? 'POST' : 'PUT'),
    content,
    headers: await headersOf(flags.header, flags.headerFile),
  }
}

/** Undefined for a plain upload. */
export function protocolOf({tus, protocol}: PutFlags): string | undefined {
  return tus === true ? 'tus' : protocol
}

async function contentOf(file: string | undefined, form: readonly string[] | undefined): Promise<Content> {
  if (form === undefined) {
    if (file === '-') return {kind: 'stdin'}
    return {kind: 'file', file: await sendable(file ?? '')}
  }
  if (file === '-') throw usageError('a form has no place for stdin', '-', 'give a file')
  const fields = await Promise.all(form.map(fieldOf))
  return {kind: 'form', fields: file === undefined ? fields : [...fields, await fileField('file', file)]}
}

/** Of a directory, and of nothing, Node makes a stream without anything in it, which would be sent. */
function assertReadable({fd}: Readable & {readonly fd?: number}): void {
  if (fd === undefined) return
  const found = fstatSync(fd)
  if (found.isDirectory()) throw usageError('this is a directory', 'stdin', 'give a file, or a pipe')
  if (isStopgap(fd, found)) {
    const what = 'standard input is closed, or /dev/null for writing, too'
    throw usageError(what, 'stdin', 'give a file, or a pipe; </dev/null sends an empty body')
  }
}

/** Node.js opens /dev/null in place of what is closed, for writing, too: so do some programs that give others nothing to read. */
function isStopgap(fd: number, {rdev}: Stats): boolean {
  const nothing = statSync('/dev/null', {throwIfNoEntry: false})
  if (nothing?.isCharacterDevice() !== true || nothing.rdev !== rdev) return false
  try {
    return writeSync(fd, ' ') > 0
  } catch {
    return false
  }
}

/** `name=value`, or `name=@file` with `;type=` and `;filename=` behind it. */
async function fieldOf(text: string): Promise<Field> {
  const equals = text.indexOf('=')
  if (equals < 1) throw usageError(`'${shortened(text)}' is no field`, '--form', 'write it as name=value or name=@file')
  const [name, value] = [text.slice(0, equals), text.slice(equals + 1)]
  if (!value.startsWith('@')) return {name, text: value}
  const [, file = '', more = ''] = /^@(.*?)((?:;(?:type|filename)=[^;]*)*)$/s.exec(value) ?? []
  return fileField(name, file, more)
}

async function fileField(name: string, file: string, more = ''): Promise<Field> {
  const [, type = 'application/octet-stream'] = /;type=([^;]*)/.exec(more) ?? []
  const [, fileName = basename(file)] = /;filename=([^;]*)/.exec(more) ?? []
  return {name, file: await sendable(file), fileName, type}
}

/** Absolute. */
async function sendable(file: string): Promise<string> {
  if (file === '') throw usageError('there is no file name', 'put', 'give the file to send')
  const found = await stat(file).catch((cause: unknown) => {
    const isMissing = cause instanceof Error && 'code' in cause && (cause.code === 'ENOENT' || cause.code === 'ENOTDIR')
    throw isMissing
      ? new TransferError('SOURCE_MISSING', 'the file to send does not exist', {where: file, cause})
      : new TransferError('FILE_ACCESS', 'the file to send cannot be looked at', {
          where: file,
          cause,
          advice: 'check the permissions of the directory that it is in',
        })
  })
  if (found.isFile()) return resolve(file)
  throw usageError('this is no file', file, 'give a file: only a file can be sent twice')
}
