/** The words in which a test tells the faulty server how to answer, and what answering them means in headers. */

import {contentSlice} from './content.ts'

export interface ReceivedRequest {
  readonly method: string
  /** With the query, as sent. */
  readonly path: string
  /** Names in lower case; repeated fields are joined by a comma. */
  readonly headers: Readonly<Record<string, string>>
  /** What it carried; it is answered when all of that is here. */
  readonly body: Buffer
  /** Counts the server's connections from 1. */
  readonly connection: number
  /** Body bytes handed to the socket so far: live. */
  readonly bytesSent: number
  /** The connection is gone: live. */
  readonly closed: boolean
}

/** Where bytes come from: a buffer, `size` bytes of `contentOf(seed, size)` made on the fly, or any maker of slices. */
export type Content =
  | Buffer
  | {readonly seed: number; readonly size: number}
  | {readonly length: number; slice(start: number, end: number): Buffer}

/** `bareFin`: the FIN of TCP, without what TLS says before it. */
export type Cut = 'reset' | 'fin' | 'bareFin' | 'stall'

export interface Script {
  /** 200, or 206 where a range is honoured, by default. */
  readonly status?: number
  readonly content?: Content
  /** Strong when quoted, as in HTTP; none by default. */
  readonly etag?: string
  readonly lastModified?: string
  /** `honour` (default) obeys Range and If-Range; `ignore` answers with the whole. */
  readonly ranges?: 'honour' | 'ignore'
  /** Overrides the Content-Range of a 206. */
  readonly contentRange?: string
  readonly framing?: 'length' | 'chunked' | 'close'
  /** A lie about the length; the bytes sent are those of the content. */
  readonly contentLength?: string
  /** Chunked without its last chunk. */
  readonly chunkedEnd?: 'whole' | 'missing' | 'noTrailerEnd'
  /** Data per chunk of the chunked framing, and per write; 64 KiB by default. */
  readonly pieceBytes?: number
  /** Waits this long after each piece. */
  readonly pieceDelayMs?: number
  /** The piece that reaches this many body bytes is followed by no other before `until` is resolved. */
  readonly hold?: {readonly after: number; readonly until: Promise<void>}
  readonly retryAfter?: string
  readonly location?: string
  /** More header lines, sent as given. */
  readonly headers?: readonly (readonly [string, string])[]
  /** Interim responses before the final one, e.g. [100, 103]. */
  readonly interim?: readonly number[]
  /** Says and does `Connection: close`. */
  readonly close?: boolean
  /** After this many body bytes (0: right after the head), do this instead of going on. */
  readonly cutAfter?: number
  readonly cut?: Cut
  /** Do this before any byte of the answer. */
  readonly beforeHead?: Cut
  /** Sends these bytes instead of an answer, then ends by `cut` (`fin` by default, 'keep' leaves the connection open). */
  readonly raw?: string | Buffer
  readonly rawEnd?: Cut | 'keep'
}

/** One script for all requests, one for each in turn (the last one repeats), or a decision at each request. */
export type Route = Script | readonly Script[] | ((request: ReceivedRequest) => Script)

/** The answer a script stands for, once it has met a request. */
export interface Answer {
  readonly head: string
  readonly start: number
  readonly end: number
  readonly hasBody: boolean
  readonly framing: 'length' | 'chunked' | 'close'
}

export function sizeOfContent(content: Content | undefined): number {
  if (content === undefined) return 0
  return 'size' in content ? content.size : content.length
}

export function sliceOfContent(content: Content | undefined, start: number, end: number): Buffer {
  if (content === undefined) return Buffer.alloc(0)
  if (Buffer.isBuffer(content)) return content.subarray(start, end)
  return 'seed' in content ? contentSlice(content.seed, start, end) : content.slice(start, end)
}

export function answerTo(request: ReceivedRequest, script: Script): Answer {
  const total = sizeOfContent(script.content)
  const range = script.ranges === 'ignore' ? undefined : requestedRange(request, script, total)
  const [start, end] = range ?? [0, total]
  const unsatisfiable = range !== undefined && start >= end
  const status = script.status ?? (unsatisfiable ? 416 : range === undefined ? 200 : 206)
  const framing = script.framing ?? 'length'
  const hasBody = request.method !== 'HEAD' && status !== 204 && status !== 304 && !unsatisfiable
  const fields: (readonly [string, string])[] = []
  if (script.etag !== undefined) fields.push(['ETag', script.etag])
  if (script.lastModified !== undefined) fields.push(['Last-Modified', script.lastModified])
  if (script.ranges !== 'ignore' && script.content !== undefined) fields.push(['Accept-Ranges', 'bytes'])
  if (unsatisfiable) fields.push(['Content-Range', `bytes */${total}`])
  else if (status === 206) {
    fields.push(['Content-Range', script.contentRange ?? `bytes ${start}-${end - 1}/${total}`])
  }
  if (script.retryAfter !== undefined) fields.push(['Retry-After', script.retryAfter])
  if (script.location !== undefined) fields.push(['Location', script.location])
  if (script.close === true || framing === 'close') fields.push(['Connection', 'close'])
  if (script.contentLength !== undefined) fields.push(['Content-Length', script.contentLength])
  else if (unsatisfiable) fields.push(['Content-Length', '0'])
  else if (framing === 'length' && status !== 204) fields.push(['Content-Length', String(end - start)])
  if (framing === 'chunked') fields.push(['Transfer-Encoding', 'chunked'])
  fields.push(...(script.headers ?? []))
  const interim = (script.interim ?? []).map((code) => `HTTP/1.1 ${code} Interim\r\n\r\n`).join('')
  const lines = fields.map(([name, value]) => `${name}: ${value}\r\n`).join('')
  return {head: `${interim}HTTP/1.1 ${status} Scripted\r\n${lines}\r\n`, start, end, hasBody, framing}
}

/** For a route: its body stops after this many bytes until `release` is called. */
export function heldAfter(bytes: number): {readonly hold: NonNullable<Script['hold']>; readonly release: () => void} {
  let release = () => {}
  const until = new Promise<void>((resolve) => {
    release = resolve
  })
  return {hold: {after: bytes, until}, release}
}

/** The one range asked for, when it is to be honoured: If-Range must name the present validator, byte for byte. */
function requestedRange(
  request: ReceivedRequest,
  script: Script,
  total: number,
): readonly [number, number] | undefined {
  const match = /^bytes=(\d*)-(\d*)$/.exec(request.headers.range ?? '')
  if (match === null || request.method !== 'GET' || script.content === undefined) return undefined
  const condition = request.headers['if-range']
  if (condition !== undefined && condition !== script.etag && condition !== script.lastModified) return undefined
  if (condition?.startsWith('W/') === true) return undefined
  const [, first = '', last = ''] = match
  if (first === '') return [Math.max(0, total - Number(last)), total]
  return [Number(first), last === '' ? total : Math.min(total, Number(last) + 1)]
}
