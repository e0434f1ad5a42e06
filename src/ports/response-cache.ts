/**
 * ResponseCache: answers of servers that may be used again (RFC 9111), bodies and all, in one bounded place. What is fetched ahead
 * of need is put in here; whether a later request is served from it is decided below the Transport. A cache may lose anything at
 * any time, and never gives what a server would not.
 */

import type {HeaderField} from '../domain/header-fields.ts'
import type {ResponseFacts} from '../domain/response-facts.ts'
import type {SpoolFile} from './spool.ts'

/** A GET as it goes out, without conditions. */
export interface CacheableRequest {
  /** Absolute, without fragment. */
  readonly url: string
  readonly headers: readonly HeaderField[]
}

export type CacheQuestion =
  /** What is stored may be used without asking anybody. */
  | {readonly kind: 'fresh'; readonly head: ResponseFacts}
  /** The server has to be asked, with these headers: conditional ones where something is stored. */
  | {readonly kind: 'ask'; readonly headers: readonly HeaderField[]}

export type CacheVerdict =
  /** What is stored is what the server has. `kept` resolves when that is noted. */
  | {readonly kind: 'validated'; readonly head: ResponseFacts; readonly kept: Promise<void>}
  /** It may be stored. */
  | {readonly kind: 'storable'; readonly begin: () => CacheEntryWriter}
  /** It may not, or must not; for people. */
  | {readonly kind: 'refused'; readonly reason: string}
  /** It is an answer to a condition that does not fit what is stored, which is gone now: ask again. */
  | {readonly kind: 'lost'}

/** A body on its way into the cache: nothing of it is there before `commit`. */
export interface CacheEntryWriter {
  /** Resolves with the file that the body goes to, in order. Rejects with DISK_FULL, DISK_FAILED, FILE_ACCESS. */
  readonly file: Promise<SpoolFile>
  /** The body is whole, synced and closed: from now on it is there, and what had to give way for it is gone. */
  commit(): Promise<void>
  /** Removes what came. Idempotent. */
  discard(): Promise<void>
}

export interface ResponseCache {
  /** The most bytes that one body may have. */
  readonly maxBodyBytes: number
  ask(request: CacheableRequest): Promise<CacheQuestion>
  /** What to do with the answer to a request as `ask` wanted it. */
  answered(request: CacheableRequest, head: ResponseFacts): CacheVerdict
  /** Lets go of everything under way. Idempotent. */
  close(): Promise<void>
}
