/** A lane carries one exchange at a time: over one connection of ours, or (a foreign one) by a dispatcher. */

import type {HeaderField} from '../../domain/header-fields.ts'
import type {BodyOutlet} from './body-outlet.ts'
import type {BodySink} from './parser-stream.ts'
import type {Framing} from './response-head.ts'

export interface LaneRequest {
  readonly origin: string
  /** With the query; a whole address where a proxy is asked. */
  readonly path: string
  readonly method: string
  readonly headers: readonly HeaderField[]
  readonly body?: BodyOutlet
}

/** How an exchange goes on. After its lane was released or destroyed it may still be told things, and must not listen. */
export interface LaneListener {
  /** The connection stands, and the request goes out now. */
  started(): void
  /** The final answer's head; `framing` where it was found out already. */
  head(status: number, fields: readonly HeaderField[], framing?: Framing): void
  /** Where the next bytes of the body may be put; `undefined` where they are to come in memory of the lane's. */
  memory(): Buffer | undefined
  /** `bytes` lies in the memory that was asked for last, or in the lane's: then it is valid during the call only. */
  bytes(bytes: Buffer): void
  ended(): void
  failed(cause: Error): void
}

export interface Lane {
  /** The connection served another request before, and the server may have closed it unnoticed. */
  readonly used: boolean
  /** Bytes came since the request went out. */
  readonly heard: boolean
  /** The connection ended, and the server had not said within TLS that it would; undefined where the lane cannot know. */
  readonly isCut: boolean | undefined
  /** Bytes of the request body that the connection took; undefined where the lane cannot know. */
  readonly bodySent: number | undefined
  /** `pause` works. */
  readonly holdable: boolean
  /** What comes is told within the read that brought it. */
  readonly tellsAtOnce: boolean
  dispatch(request: LaneRequest, listener: LaneListener): void
  /** Stops reading; what is on its way may still come. */
  pause(): void
  resume(): void
  /** Takes what follows the head past undici's parser, where undici has the connection. */
  takeOver?(sink: BodySink): void
  /** The sink has the bytes now: ends undici's request, and spares the connection. */
  endParsing?(): void
  /** The exchange is over and the connection is in order. Nothing may be asked of the lane afterwards. */
  release(): void
  /** Closes the connection. Idempotent. */
  destroy(): void
}

/** `fresh` gives up idle connections: where one was found dead, its neighbours are not trusted either. */
export type LaneChoice = 'any' | 'fresh'
