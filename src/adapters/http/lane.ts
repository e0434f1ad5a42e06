/** A lane carries one exchange at a time. Ours is an undici client with one connection of ours; a foreign one, a dispatcher. */

import type {Dispatcher} from 'undici'
import Client from 'undici/lib/dispatcher/client.js'
import {TransferError} from '../../domain/errors.ts'
import {type BodySink, Connection} from './connection.ts'
import type {DialTools} from './dial.ts'
import {MAX_HEAD_BYTES} from './limits.ts'
import {isForwarded, type Route} from './route.ts'

export interface Lane {
  /** The connection served another request before, and the server may have closed it unnoticed. */
  readonly used: boolean
  /** Bytes came since the request went out. */
  readonly heard: boolean
  /** Bytes of the request body that the connection took; undefined where the lane cannot know. */
  readonly bodySent: number | undefined
  /** `pause` works. */
  readonly holdable: boolean
  dispatch(options: Dispatcher.DispatchOptions, handler: Dispatcher.DispatchHandler): void
  /** The request goes out now. */
  beginRequest(): void
  /** Stops reading; what is on its way may still come. */
  pause(): void
  resume(): void
  /** Takes what follows the head past the parser. Absent where the lane has no connection of its own. */
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

export interface LaneOwner {
  /** The lane can serve another exchange. */
  released(lane: ClientLane): void
  /** The lane is of no more use. */
  gone(lane: ClientLane): void
}

const KEEP_ALIVE_MS = 4_000

export class ClientLane implements Lane {
  readonly route: Route
  readonly holdable = true
  readonly #owner: LaneOwner
  readonly #client: Client
  #connection: Connection | undefined
  /** Exchanges of the present connection. */
  #exchanges = 0
  #busy = true
  #gone = false

  constructor(route: Route, tools: DialTools, owner: LaneOwner) {
    const {origin} = route
    this.route = route
    this.#owner = owner
    this.#client = new Client(origin, {
      pipelining: 1,
      allowH2: false,
      maxHeaderSize: MAX_HEAD_BYTES,
      // All waiting is timed by the statechart, which aborts; idle connections alone are undici's to close.
      headersTimeout: 0,
      bodyTimeout: 0,
      keepAliveTimeout: KEEP_ALIVE_MS,
      keepAliveMaxTimeout: KEEP_ALIVE_MS,
      connect: ({protocol, hostname, port, servername}, done) => {
        const secure = protocol === 'https:'
        const target = {
          secure,
          hostname,
          port: port === '' ? (secure ? 443 : 80) : Number(port),
          where: origin,
          forwarded: isForwarded(route),
          ...(servername ? {servername} : {}),
          ...(route.proxy === undefined ? {} : {proxy: route.proxy}),
        }
        this.#exchanges = 1
        const connection = new Connection(target, tools, (error) => {
          // undici wants a socket; it gets the stream that stands for one.
          if (error === undefined) done(null, connection.stream as never)
          else done(error, null)
        })
        this.#connection = connection
      },
    })
    this.#client.on('disconnect', () => {
      if (!this.#busy) this.destroy()
    })
  }

  get used(): boolean {
    return this.#exchanges > 1
  }

  get heard(): boolean {
    return this.#connection?.heard === true
  }

  get bodySent(): number {
    return this.#connection?.bodySent ?? 0
  }

  get alive(): boolean {
    return !this.#gone && this.#connection?.alive === true
  }

  dispatch(options: Dispatcher.DispatchOptions, handler: Dispatcher.DispatchHandler): void {
    this.#busy = true
    this.#exchanges += 1
    this.#client.dispatch(options, handler)
  }

  beginRequest(): void {
    this.#connection?.beginRequest()
  }

  pause(): void {
    this.#connection?.pause()
  }

  resume(): void {
    this.#connection?.resume()
  }

  takeOver(sink: BodySink): void {
    this.#connection?.takeOver(sink)
  }

  endParsing(): void {
    // Not the request's own abort: its client would connect once more for the aborted request.
    void this.#client.destroy(
      new TransferError('CANCELED', 'the body goes past the parser', {where: this.route.origin}),
    )
  }

  release(): void {
    this.#busy = false
    if (this.alive) {
      this.#connection?.endRequest()
      this.#owner.released(this)
    } else {
      this.destroy()
    }
  }

  destroy(): void {
    if (this.#gone) return
    this.#gone = true
    this.#connection?.destroy()
    void this.#client.destroy(new TransferError('CANCELED', 'the connection was closed', {where: this.route.origin}))
    this.#owner.gone(this)
  }
}

/**
 * An injected dispatcher opens its own connections, out of our reach: they cannot be held back without pausing undici's parser,
 * which can end in an uncaught assertion, and a reset at the end of an answer without length passes for its end.
 */
export class ForeignLane implements Lane {
  readonly holdable = false
  readonly used = false
  readonly heard = false
  readonly bodySent = undefined
  readonly #dispatcher: Dispatcher
  #controller: Dispatcher.DispatchController | undefined
  #gone = false

  constructor(dispatcher: Dispatcher) {
    this.#dispatcher = dispatcher
  }

  dispatch(options: Dispatcher.DispatchOptions, handler: Dispatcher.DispatchHandler): void {
    this.#dispatcher.dispatch(options, {
      ...handler,
      onRequestStart: (controller, context) => {
        this.#controller = controller
        if (this.#gone) this.destroy()
        else handler.onRequestStart?.(controller, context)
      },
    })
  }

  beginRequest(): void {}

  pause(): void {}

  resume(): void {}

  release(): void {}

  destroy(): void {
    this.#gone = true
    this.#controller?.abort(new TransferError('CANCELED', 'the connection was closed'))
  }
}
