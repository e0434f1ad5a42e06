/**
 * An FTP server's replies in the words that the resume ladder understands: what an HTTP server would answer for the same file.
 * SIZE is its length, MDTM its Last-Modified, REST a range. Without a size nothing can be said of ranges.
 */

import {type HeaderField, headerValue} from '../../domain/header-fields.ts'
import type {ResponseFacts} from '../../domain/response-facts.ts'
import type {ExchangeRequest} from '../../ports/transport.ts'

/** What the server says of a file; undefined where it does not. */
export interface FileFacts {
  readonly size: number | undefined
  /** Epoch ms. */
  readonly modifiedAt: number | undefined
}

export interface FtpAnswer {
  readonly head: ResponseFacts
  /** The first byte to ask for. */
  readonly offset: number
  /** Bytes of the body; undefined where only its end tells. */
  readonly length: number | undefined
}

const OK = 200
const PARTIAL_CONTENT = 206
const RANGE_NOT_SATISFIABLE = 416

/** `mayRest`: the server can begin elsewhere than at zero. `now`: epoch ms, by our clock. */
export function answerFor(request: ExchangeRequest, file: FileFacts, mayRest: boolean, now: number): FtpAnswer {
  const {size} = file
  const common = commonFields(file, now)
  const range = size === undefined || !mayRest ? undefined : rangeOf(request, common)
  const head = (status: number, ...fields: HeaderField[]) => ({
    status,
    url: request.url,
    headers: [...common, ...fields],
  })
  if (size === undefined) return {head: head(OK), offset: 0, length: undefined}
  if (range === undefined) return {head: head(OK, ['Content-Length', String(size)]), offset: 0, length: size}
  const [start, last] = range
  const end = Math.min(last === undefined ? size : last + 1, size)
  if (start >= end) {
    const fields = head(RANGE_NOT_SATISFIABLE, ['Content-Range', `bytes */${size}`], ['Content-Length', '0'])
    return {head: fields, offset: 0, length: 0}
  }
  const place: HeaderField = ['Content-Range', `bytes ${start}-${end - 1}/${size}`]
  const length = end - start
  return {head: head(PARTIAL_CONTENT, place, ['Content-Length', String(length)]), offset: start, length}
}

/** Where a request begins, as far as its condition holds; undefined for the whole. */
export function offsetAsked(request: ExchangeRequest, file: FileFacts): number {
  return file.size === undefined ? 0 : (rangeOf(request, commonFields(file, 0))?.[0] ?? 0)
}

/** The server tells no time of its own: whether a file has been left alone for long enough is judged by our clock. */
function commonFields({modifiedAt}: FileFacts, now: number): readonly HeaderField[] {
  const date: HeaderField = ['Date', new Date(now).toUTCString()]
  return modifiedAt === undefined ? [date] : [date, ['Last-Modified', new Date(modifiedAt).toUTCString()]]
}

function rangeOf(
  {headers}: ExchangeRequest,
  common: readonly HeaderField[],
): readonly [start: number, last: number | undefined] | undefined {
  const [, start, last] = /^bytes=(\d+)-(\d*)$/.exec(headerValue(headers, 'range') ?? '') ?? []
  if (start === undefined) return undefined
  const condition = headerValue(headers, 'if-range')
  if (condition !== undefined && condition !== headerValue(common, 'last-modified')) return undefined
  return [Number(start), last === undefined || last === '' ? undefined : Number(last)]
}
