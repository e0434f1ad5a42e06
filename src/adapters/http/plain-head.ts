/**
 * Reads the head of an answer where it is beyond doubt: HTTP/1.1 as everybody writes it, with one Content-Length or with a status
 * that has no body. Everything else is odd, which is no verdict: undici's parser has it then, and says what it is.
 *
 * What is accepted here is a part of what llhttp accepts, and means the same there; test/http/plain-exchange.test.ts compares them.
 */

import {type HeaderField, isSpaceAt, withoutSpaceAround} from '../../domain/header-fields.ts'
import {KEEP_ALIVE_MARGIN_MS, KEEP_ALIVE_MS} from './limits.ts'
import type {Framing} from './response-head.ts'

export interface PlainHead {
  readonly status: number
  readonly fields: readonly HeaderField[]
  readonly framing: Framing & {readonly kind: 'length' | 'none'}
  /** How long the connection may lie idle afterwards; 0: it is to be closed. */
  readonly keepAliveMs: number
}

/** `more`: so far so good, but the head goes on. */
export type HeadReading = PlainHead | 'more' | 'odd'

/** Interim answers were taken out before; a status from 600 on has no meaning that could be beyond doubt. */
const STATUS_LINE = /HTTP\/1\.1 ([2-5]\d\d) [\t\x20-\x7e\x80-\xff]*\r\n/y
const FIELD_LINE = /[!#$%&'*+\-.^_`|~0-9A-Za-z]+:[\t\x20-\x7e\x80-\xff]*\r\n/y
/** The beginning of such a line, whose end has not come yet. */
const STATUS_LINE_SO_FAR = /^(?:[2-5]\d{0,2}|[2-5]\d\d [\t\x20-\x7e\x80-\xff]*\r?)?$/
const FIELD_LINE_SO_FAR =
  /^(?:[!#$%&'*+\-.^_`|~0-9A-Za-z]*|[!#$%&'*+\-.^_`|~0-9A-Za-z]+:[\t\x20-\x7e\x80-\xff]*\r?|\r)$/
const VERSION = 'HTTP/1.1 '
const LINE_END = '\r\n'
const DIGITS = /^\d{1,16}$/
const KEEP_ALIVE_TIMEOUT = /timeout=(\d+)/

/** `text` is latin1, and ends with the head or in it. */
export function readHead(text: string): HeadReading {
  STATUS_LINE.lastIndex = 0
  const statusLine = STATUS_LINE.exec(text)
  if (statusLine === null) return isStatusLineSoFar(text) ? 'more' : 'odd'
  const status = Number(statusLine[1])
  const fields: HeaderField[] = []
  let length: number | undefined
  let connection: string | undefined
  let keepAlive: string | undefined
  let at = statusLine[0].length
  while (!text.startsWith(LINE_END, at)) {
    FIELD_LINE.lastIndex = at
    if (!FIELD_LINE.test(text)) return FIELD_LINE_SO_FAR.test(text.slice(at)) ? 'more' : 'odd'
    // Cut out here: what `exec` makes of a match is the larger part of what reading a head costs.
    const colon = text.indexOf(':', at)
    const name = text.slice(at, colon)
    at = FIELD_LINE.lastIndex
    const untrimmed = text.slice(startOfValue(text, colon + 1), at - LINE_END.length)
    const value = withoutSpaceAround(untrimmed)
    switch (meaningOf(name)) {
      case 'content-length':
        // Not even space may be around what decides.
        if (length !== undefined || !DIGITS.test(untrimmed)) return 'odd'
        length = Number(value)
        break
      case 'connection':
        if (connection !== undefined) return 'odd'
        connection = untrimmed.toLowerCase()
        break
      case 'keep-alive':
        if (keepAlive !== undefined) return 'odd'
        keepAlive = value
        break
      case 'odd':
        return 'odd'
    }
    fields.push([name, value])
  }
  if (connection !== undefined && connection !== 'close' && connection !== 'keep-alive') return 'odd'
  const framing = framingOf(status, length)
  if (framing === undefined) return 'odd'
  return {status, fields, framing, keepAliveMs: connection === 'close' ? 0 : keepAliveOf(keepAlive)}
}

function framingOf(status: number, length: number | undefined): PlainHead['framing'] | undefined {
  if (status === 204 || status === 304) return length === undefined ? {kind: 'none'} : undefined
  return length === undefined || !Number.isSafeInteger(length) ? undefined : {kind: 'length', length}
}

/** Which field says how the body is framed or what becomes of the connection; few have a length that asks for a look. */
function meaningOf(name: string): 'content-length' | 'connection' | 'keep-alive' | 'odd' | undefined {
  switch (name.length) {
    case 7: {
      const lower = name.toLowerCase()
      return lower === 'upgrade' || lower === 'trailer' ? 'odd' : undefined
    }
    case 10: {
      const lower = name.toLowerCase()
      return lower === 'connection' || lower === 'keep-alive' ? lower : undefined
    }
    case 14:
      return name.toLowerCase() === 'content-length' ? 'content-length' : undefined
    case 16:
      return name.toLowerCase() === 'proxy-connection' ? 'odd' : undefined
    case 17:
      return name.toLowerCase() === 'transfer-encoding' ? 'odd' : undefined
    default:
      return undefined
  }
}

/** As undici has it: some time before the server closes. */
function keepAliveOf(field: string | undefined): number {
  const [, seconds] = (field === undefined ? null : KEEP_ALIVE_TIMEOUT.exec(field)) ?? []
  if (seconds === undefined) return KEEP_ALIVE_MS
  return Math.max(0, Math.min(Number(seconds) * 1000 - KEEP_ALIVE_MARGIN_MS, KEEP_ALIVE_MS))
}

function startOfValue(text: string, afterColon: number): number {
  let start = afterColon
  while (isSpaceAt(text, start)) start += 1
  return start
}

function isStatusLineSoFar(text: string): boolean {
  return text.length < VERSION.length
    ? VERSION.startsWith(text)
    : text.startsWith(VERSION) && STATUS_LINE_SO_FAR.test(text.slice(VERSION.length))
}
