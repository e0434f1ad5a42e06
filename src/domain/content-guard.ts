/** What an application expects of a download's content, so that an error page is not saved as the file. */

import {invalidArgument, TransferError} from './errors.ts'
import {assertOptions, type Known, shown} from './given.ts'
import {headerValue} from './header-fields.ts'
import {redactUrl} from './redaction.ts'
import type {ResponseFacts} from './response-facts.ts'

export interface ExpectedContent {
  /** Media types, any of them: 'application/zip', 'image/*'. An answer without a type is none of them. */
  readonly contentType?: string | readonly string[]
  /** Bytes of the whole file, at least. */
  readonly minBytes?: number
  /** Bytes of the whole file, at most; one of unknown length is given up soon after it passes them. */
  readonly maxBytes?: number
  /** The file's first bytes, in hexadecimal: '504b0304' of a zip file. */
  readonly magic?: string
}

export const EXPECTED_CONTENT: Known<ExpectedContent> = {contentType: true, minBytes: true, maxBytes: true, magic: true}

/** The expectation, checked and nothing else with it. Throws INVALID_ARGUMENT. */
export function expectedContentOf(expect: ExpectedContent): ExpectedContent {
  assertOptions('expect', expect, EXPECTED_CONTENT, 'options.expect')
  const {contentType, minBytes, maxBytes, magic} = expect
  const types = typesOf(contentType)
  // An empty list would hold nothing, and look as if it did.
  if (!Array.isArray(types) || (types.length === 0 && contentType !== undefined)) {
    throw invalidArgument('expect', `contentType must be a media type or a list of them, not ${shown(contentType)}`)
  }
  for (const type of types) {
    if (typeof type !== 'string' || !/^[\w.+-]+\/(?:[\w.+-]+|\*)$/.test(type)) {
      throw invalidArgument('expect', `contentType must be a media type such as image/png or image/*`)
    }
  }
  for (const [name, bytes] of Object.entries({minBytes, maxBytes})) {
    if (bytes !== undefined && !(Number.isSafeInteger(bytes) && bytes >= 0)) {
      throw invalidArgument('expect', `${name} must be a whole number of bytes, not ${shown(bytes)}`)
    }
  }
  if (magic !== undefined && !(typeof magic === 'string' && /^(?:[0-9a-f]{2}){1,64}$/i.test(magic))) {
    throw invalidArgument('expect', 'magic must be 1 to 64 bytes in hexadecimal')
  }
  return {
    ...(contentType === undefined ? {} : {contentType: typeof contentType === 'string' ? contentType : [...types]}),
    ...(minBytes === undefined ? {} : {minBytes}),
    ...(maxBytes === undefined ? {} : {maxBytes}),
    ...(magic === undefined ? {} : {magic: magic.toLowerCase()}),
  }
}

/** What is wrong with an answer that brings bytes. `total`: the whole file's, where it is known. */
export function unexpectedAnswer(
  expected: ExpectedContent | undefined,
  head: ResponseFacts,
  total: number | undefined,
): TransferError | undefined {
  const wanted = typesOf(expected?.contentType)
  const where = redactUrl(head.url)
  if (wanted.length > 0) {
    const given = headerValue(head.headers, 'content-type')?.split(';', 1)[0]?.trim().toLowerCase()
    if (!wanted.some((type) => matches(type.toLowerCase(), given))) {
      const message = `the server sent ${given ?? 'no media type'} instead of ${wanted.join(' or ')}`
      return new TransferError('CONTENT_UNEXPECTED', message, {where, details: {contentType: given ?? ''}})
    }
  }
  return total === undefined ? undefined : unexpectedSize(expected, total, where)
}

export function unexpectedSize(
  {minBytes = 0, maxBytes = Number.POSITIVE_INFINITY}: ExpectedContent = {},
  size: number,
  where: string,
): TransferError | undefined {
  if (size >= minBytes && size <= maxBytes) return undefined
  const message =
    size < minBytes
      ? `the file has ${size} bytes, and at least ${minBytes} are expected`
      : `the file has ${size} bytes or more, and at most ${maxBytes} are expected`
  return new TransferError('CONTENT_UNEXPECTED', message, {where, details: {size}})
}

export function unexpectedStart(magic: string, found: string, where: string): TransferError | undefined {
  if (found.startsWith(magic)) return undefined
  const message = `the file begins with ${found === '' ? 'nothing' : found}, and not with ${magic}`
  return new TransferError('CONTENT_UNEXPECTED', message, {where, details: {expected: magic, found}})
}

function typesOf(contentType: ExpectedContent['contentType']): readonly string[] {
  return contentType === undefined ? [] : typeof contentType === 'string' ? [contentType] : contentType
}

function matches(wanted: string, given: string | undefined): boolean {
  if (given === undefined) return false
  return wanted.endsWith('/*') ? given.startsWith(wanted.slice(0, -1)) : given === wanted
}
