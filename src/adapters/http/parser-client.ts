/**
 * undici's client over one connection of ours: for requests that are not plain, and for answers that are not. It is loaded with
 * the first of them, and not before: what it takes to load it is a third of a short run.
 */

import type {Dispatcher} from 'undici'
import type Client from 'undici/lib/dispatcher/client.js'
import {TransferError} from '../../domain/errors.ts'
import type {Connection} from './connection.ts'
import type {HeldAnswer} from './held-answer.ts'
import type {LaneListener, LaneRequest} from './lane.ts'
import {KEEP_ALIVE_MS, MAX_HEAD_BYTES} from './limits.ts'
import {type BodySink, ParserStream} from './parser-stream.ts'
import {fieldsOf} from './response-head.ts'

let ClientClass: typeof Client | undefined

/** Calls `use` at once where undici is there already. */
export function withUndici(use: (ClientOfUndici: typeof Client) => void, failed: (error: unknown) => void): void {
  if (ClientClass !== undefined) {
    use(ClientClass)
    return
  }
  import('undici/lib/dispatcher/client.js')
    .then((module) => {
      ClientClass = module.default
      return ClientClass
    })
    .then(use, failed)
}

/** Opens a connection for undici; `servername` is the name for TLS, if not the host's. */
export type Opener = (
  servername: string | undefined,
  opened: (error: TransferError | undefined, connection?: Connection) => void,
) => void

export interface ParserClientSetup {
  readonly origin: string
  readonly open: Opener
  /** undici gave up the connection. */
  readonly disconnected: () => void
}

export class ParserClient {
  readonly #client: Client
  readonly #origin: string
  #stream: ParserStream | undefined
  #answer: HeldAnswer | undefined
  #isInDoubt = false

  constructor(ClientOfUndici: typeof Client, {origin, open, disconnected}: ParserClientSetup) {
    this.#origin = origin
    this.#client = new ClientOfUndici(origin, {
      pipelining: 1,
      allowH2: false,
      maxHeaderSize: MAX_HEAD_BYTES,
      // All waiting is timed by the statechart, which aborts; idle connections alone are undici's to close.
      headersTimeout: 0,
      bodyTimeout: 0,
      keepAliveTimeout: KEEP_ALIVE_MS,
      keepAliveMaxTimeout: KEEP_ALIVE_MS,
      connect: ({servername}, done) => {
        open(servername, (error, connection) => {
          if (connection === undefined) {
            done(error ?? closed(origin), null)
            return
          }
          this.#stream = new ParserStream(connection, origin, this.#answer)
          this.#answer = undefined
          // undici wants a socket; it gets the stream that stands for one.
          done(null, this.#stream.duplex as never)
        })
      },
    })
    this.#client.on('disconnect', disconnected)
  }

  get alive(): boolean {
    return this.#stream?.alive === true
  }

  /**
   * Who answers in HTTP/1.0 knows no Transfer-Encoding, and may have passed on what it does not understand: where such an answer ends is
   * in doubt, and another one is not to be looked for behind it (RFC 9112 6.1).
   */
  get mayServeAgain(): boolean {
    return !this.#isInDoubt
  }

  get bodySent(): number {
    return this.#stream?.bodySent ?? 0
  }

  /** With an `answer` the request was sent before, and its listener knows. */
  dispatch(request: LaneRequest, listener: LaneListener, answer?: HeldAnswer): void {
    this.#answer = answer
    const handler = asHandler(listener)
    this.#client.dispatch(dispatchOptions(request), {
      ...handler,
      onResponseStart: (controller, status, headers, text) => {
        const isOld = this.#stream?.isAnswerOld === true
        if (isOld && headers['transfer-encoding'] !== undefined) this.#isInDoubt = true
        handler.onResponseStart?.(controller, status, headers, text)
      },
      onRequestStart: () => {
        this.#stream?.beginRequest()
        if (answer === undefined) listener.started()
      },
    })
  }

  takeOver(sink: BodySink): void {
    this.#stream?.takeOver(sink)
  }

  endRequest(): void {
    this.#stream?.endRequest()
  }

  /** Ends undici's request. Not by the request's own abort: its client would connect once more for the aborted request. */
  destroy(): void {
    void this.#client.destroy(closed(this.#origin))
  }
}

export function dispatchOptions({origin, path, method, headers, body}: LaneRequest): Dispatcher.DispatchOptions {
  return {
    origin,
    path,
    method: method as Dispatcher.HttpMethod,
    // Without its length what can be iterated would go out in chunks.
    headers: [...headers.flat(), ...(body === undefined ? [] : ['Content-Length', String(body.length)])],
    // undici's types know only the streams among what it can iterate.
    ...(body === undefined ? {} : {body: body as unknown as NonNullable<Dispatcher.DispatchOptions['body']>}),
  }
}

/** What undici tells, in our words. Interim answers are the connection's to swallow; a dispatcher's own come through here. */
export function asHandler(listener: LaneListener): Dispatcher.DispatchHandler {
  return {
    onRequestStart: () => listener.started(),
    onResponseStart: (controller, status) => {
      if (status >= 200) listener.head(status, fieldsOf(controller.rawHeaders))
    },
    onResponseData: (_, chunk) => listener.bytes(chunk),
    onResponseEnd: () => listener.ended(),
    onResponseError: (_, error) => listener.failed(error),
  }
}

function closed(where: string): TransferError {
  return new TransferError('CANCELED', 'the connection was closed', {where})
}
