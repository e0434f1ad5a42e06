/**
 * A stored answer as one exchange: what of the body is asked for, and how it is handed over. A part of it is given where the range
 * is one that a server would give, too (RFC 9110, 14.2).
 */

import type {FileHandle} from 'node:fs/promises'
import {cacheStatus} from '../../domain/cache-status.ts'
import {type HeaderField, headerValue, withoutHeader} from '../../domain/header-fields.ts'
import type {ResponseFacts} from '../../domain/response-facts.ts'
import type {BodyReceiver} from '../../ports/transport.ts'

/** `[from, to)` of a body. */
export interface Slice {
  readonly from: number
  readonly to: number
  readonly isPart: boolean
}

/** Undefined where the server had better be asked: several ranges, or one beyond the end. */
export function sliceFor(headers: readonly HeaderField[], stored: ResponseFacts, size: number): Slice | undefined {
  const range = headerValue(headers, 'range')
  const whole = {from: 0, to: size, isPart: false}
  if (range === undefined) return whole
  const [, first, last] = /^bytes=(\d{1,15})-(\d{1,15})?$/.exec(range.trim()) ?? []
  if (stored.status !== 200 || first === undefined) return undefined
  const condition = headerValue(headers, 'if-range')
  if (condition !== undefined && !isSameVersion(condition.trim(), stored)) return whole
  const from = Number(first)
  const to = last === undefined ? size : Math.min(size, Number(last) + 1)
  return from < to ? {from, to, isPart: true} : undefined
}

/** Strongly: a weak tag says nothing of bytes. */
function isSameVersion(condition: string, {headers}: ResponseFacts): boolean {
  if (condition.startsWith('"')) return headerValue(headers, 'etag') === condition
  return !condition.startsWith('W/') && headerValue(headers, 'last-modified') === condition
}

/** The head for a slice. Fields that describe one message's content are not those of a part. */
export function headFor(stored: ResponseFacts, {from, to, isPart}: Slice, size: number, status: string): ResponseFacts {
  const changed = ['content-length', 'content-range', ...(isPart ? ['content-digest', 'content-md5'] : [])]
  const headers = [
    ...changed.reduce(withoutHeader, stored.headers),
    ['Content-Length', String(to - from)] as const,
    ...(isPart ? [['Content-Range', `bytes ${from}-${to - 1}/${size}`] as const] : []),
  ]
  return withCacheStatus({...stored, status: isPart ? 206 : stored.status, headers}, status)
}

/** How this cache handled the request (RFC 9211), behind what caches before it said. */
export function withCacheStatus(head: ResponseFacts, status: string): ResponseFacts {
  return {...head, headers: [...head.headers, cacheStatus(status)]}
}

const PIECE = 256 * 1024

/** Hands a slice of a body over as memory comes. */
export class SliceReader {
  readonly #handle: FileHandle
  readonly #receiver: BodyReceiver
  readonly #signal: AbortSignal
  #read = 0
  #onRoom: () => void = () => undefined

  constructor(handle: FileHandle, receiver: BodyReceiver, signal: AbortSignal) {
    this.#handle = handle
    this.#receiver = receiver
    this.#signal = signal
  }

  get read(): number {
    return this.#read
  }

  /** Memory is there again. */
  resume(): void {
    this.#onRoom()
  }

  /** Resolves with how many bytes were handed over: fewer when the signal aborts, or the file ends too early. */
  async run({from, to}: Slice): Promise<number> {
    // Not into lent memory: a read that an abort overtakes must not touch it any more.
    const piece = Buffer.allocUnsafe(Math.min(PIECE, to - from))
    for (let at = from; at < to && !this.#signal.aborted; ) {
      const {bytesRead} = await this.#handle.read(piece, 0, Math.min(piece.length, to - at), at)
      if (bytesRead === 0) break
      await this.#handOver(piece.subarray(0, bytesRead))
      at += bytesRead
    }
    return this.#read
  }

  async #handOver(bytes: Buffer): Promise<void> {
    for (let done = 0; done < bytes.length && !this.#signal.aborted; ) {
      const buffer = this.#receiver.lend()
      if (buffer === undefined) {
        await this.#room()
        continue
      }
      const length = bytes.copy(buffer, 0, done)
      const offset = this.#read
      done += length
      this.#read += length
      this.#receiver.filled(buffer, length, offset)
    }
  }

  #room(): Promise<void> {
    return new Promise((resolve) => {
      const done = () => {
        this.#signal.removeEventListener('abort', done)
        this.#onRoom = () => undefined
        resolve()
      }
      this.#onRoom = done
      this.#signal.addEventListener('abort', done, {once: true})
      if (this.#signal.aborted) done()
    })
  }
}
