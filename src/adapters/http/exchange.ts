/**
 * One exchange from request to proven end. Bytes reach it from a plain reader, from undici's parser, or past that from the
 * connection; all ways go through one intake to the receiver, and one place decides whether an end is an end.
 */

import {asTransferError, TransferError} from '../../domain/errors.ts'
import type {HeaderField} from '../../domain/header-fields.ts'
import type {
  BodyReceiver,
  BriefExchange,
  Exchange,
  ExchangeEnd,
  ExchangeRequest,
  RequestBody,
} from '../../ports/transport.ts'
import type {Address} from './address.ts'
import {tooFastBody, truncatedBody} from './body-faults.ts'
import {BodyIntake} from './body-intake.ts'
import {BodyOutlet} from './body-outlet.ts'
import {isEarlyEnd, toTransferError} from './error-table.ts'
import type {Lane, LaneChoice, LaneListener} from './lane.ts'
import {MAX_DRAIN_BYTES, MAX_REPEATED_BYTES, MAX_UNHELD_BYTES} from './limits.ts'
import type {BodySink} from './parser-stream.ts'
import type {ProxyLogin} from './proxy-login.ts'
import {type Framing, framingOf} from './response-head.ts'
import {isForwarded, type Route} from './route.ts'

export interface ExchangeSetup {
  readonly request: ExchangeRequest
  /** The request's. */
  readonly url: Address
  readonly receiver: BodyReceiver
  /** Absent where only `stop` stops it. */
  readonly signal?: AbortSignal
  readonly route: Route
  /** Calls back with a lane when there is one; returns how to stop waiting. */
  readonly acquire: (route: Route, choice: LaneChoice, use: (lane: Lane) => void) => () => void
  /** For a proxy that forwards, and asks who we are. */
  readonly proxyLogin?: ProxyLogin
  readonly directBodyThreshold: number
  /** Its outcome is known: it needs nothing more. */
  readonly over: (exchange: HttpExchange) => void
}

type Phase =
  /** Waiting for a lane, a connection, or the head. */
  | 'awaitingHead'
  | 'receiving'
  | 'discarding'
  /** The outcome is known; the receiver does not have all bytes yet. */
  | 'delivering'
  | 'settled'

const PROXY_AUTHENTICATION_REQUIRED = 407
/** They do the same once or twice (RFC 9110 9.2.2). */
const IDEMPOTENT: ReadonlySet<string> = new Set(['GET', 'HEAD', 'PUT', 'DELETE', 'OPTIONS', 'TRACE'])

export class HttpExchange implements Exchange, BriefExchange {
  readonly finished: Promise<ExchangeEnd>
  readonly #setup: ExchangeSetup
  readonly #url: Address
  readonly #intake: BodyIntake
  readonly #onAbort = () => this.stop()
  #resolve: (end: ExchangeEnd) => void = () => {}
  #reject: (error: TransferError) => void = () => {}
  #phase: Phase = 'awaitingHead'
  #framing: Framing = {kind: 'none'}
  #lane: Lane | undefined
  #stopWaiting: () => void = () => {}
  #connectedSaid = false
  #requestSent = false
  #repeated = false
  #passedBy = false
  #discarded = 0
  #outlet: BodyOutlet | undefined
  #sent = 0

  constructor(setup: ExchangeSetup) {
    this.#setup = setup
    this.#url = setup.url
    this.finished = new Promise((resolve, reject) => {
      this.#resolve = resolve
      this.#reject = reject
    })
    this.#intake = new BodyIntake(setup.receiver, {
      starved: () => this.#lane?.pause(),
      fed: () => this.#lane?.resume(),
      tellsAtOnce: () => this.#lane?.tellsAtOnce === true,
    })
    const {signal} = setup
    if (signal?.aborted === true) {
      this.stop()
      return
    }
    signal?.addEventListener('abort', this.#onAbort, {once: true})
    this.#dispatch('any')
  }

  get origin(): string {
    return this.#url.origin
  }

  get isSettled(): boolean {
    return this.#phase === 'settled'
  }

  get received(): number {
    return this.#intake.received
  }

  get sent(): number {
    return this.#lane?.bodySent ?? this.#outlet?.taken ?? this.#sent
  }

  get given(): number {
    return this.#outlet?.given ?? 0
  }

  flush(): void {
    if (this.#phase !== 'settled') this.#guard(() => this.#intake.flush())
  }

  resume(): void {
    if (this.#phase !== 'settled') this.#guard(() => this.#intake.resume())
  }

  /** The transport goes away. */
  fail(error: TransferError): void {
    // First the connection: it may be reading into memory that the receiver gets back.
    this.#dropLane()
    this.#settle(() => this.#reject(error))
  }

  #dispatch(choice: LaneChoice): void {
    const {request, route, proxyLogin} = this.#setup
    const {method, body} = request
    const {origin, pathname, search} = this.#url
    const isThroughProxy = isForwarded(route)
    const path = isThroughProxy ? origin + pathname + search : pathname + search
    const headers = proxyLogin?.headersFor(request.headers) ?? request.headers
    this.#stopWaiting = this.#setup.acquire(route, choice, (lane) => {
      this.#lane = lane
      this.#requestSent = false
      const bare = {origin, path, method, headers}
      lane.dispatch(body === undefined ? bare : {...bare, body: this.#outgoing(body, lane)}, this.#listener(lane))
    })
  }

  #outgoing(body: RequestBody, lane: Lane): BodyOutlet {
    const tellSent = () => {
      if (this.#lane === lane && this.#phase === 'awaitingHead') this.#guard(() => this.#setup.receiver.sent?.())
    }
    this.#outlet?.close()
    this.#outlet = new BodyOutlet(body, tellSent)
    return this.#outlet
  }

  #listener(lane: Lane): LaneListener {
    // undici tells the end of a request even after we left it: only the present lane's word counts.
    const listening = () => this.#lane === lane && !this.#passedBy
    return {
      started: () => {
        if (!listening()) return
        this.#requestSent = true
        if (this.#connectedSaid) return
        this.#connectedSaid = true
        this.#guard(() => this.#setup.receiver.connected())
      },
      head: (status, fields, framing) => {
        if (listening()) this.#guard(() => this.#head(lane, status, fields, framing))
      },
      memory: () => (listening() ? this.#memory() : undefined),
      bytes: (bytes) => {
        if (listening()) this.#guard(() => this.#bodyBytes(bytes))
      },
      ended: () => {
        if (listening()) this.#guard(() => this.#ended())
      },
      failed: (error) => {
        if (listening()) this.#guard(() => this.#brokeOff(lane, error))
      },
    }
  }

  #head(lane: Lane, status: number, headers: readonly HeaderField[], known: Framing | undefined): void {
    const {request, receiver, directBodyThreshold, proxyLogin, route} = this.#setup
    const framing = known ?? framingOf(request.method, status, headers, this.#url.origin)
    this.#framing = framing
    if (status === PROXY_AUTHENTICATION_REQUIRED && proxyLogin !== undefined && isForwarded(route)) {
      this.#proxyAsks(proxyLogin, headers)
      return
    }
    const disposition = receiver.responded({status, url: request.url, headers})
    if (this.#phase === 'settled') return
    if (disposition === 'discard') {
      this.#phase = 'discarding'
      const rest = framing.kind === 'length' ? framing.length : framing.kind === 'close' ? Number.POSITIVE_INFINITY : 0
      if (rest > MAX_DRAIN_BYTES) this.#discardedEnough()
      return
    }
    this.#phase = 'receiving'
    // With a body of its own, which may still be on its way, a request keeps its reader.
    const isBare = request.method === 'GET' && request.body === undefined
    const plain = isBare && (status === 200 || status === 206) && framing.kind === 'length'
    if (plain && framing.length >= directBodyThreshold) lane.takeOver?.(this.#sink(framing.length, lane))
  }

  /** The same request again, with the answer, within the same exchange. */
  #proxyAsks(login: ProxyLogin, fields: readonly HeaderField[]): void {
    const error = login.challenged(fields)
    if (error !== undefined) {
      this.#fail(error)
      return
    }
    this.#repeat('any')
  }

  /** From connecting on; a body that it carries is read anew. */
  #repeat(choice: LaneChoice): void {
    this.#dropLane()
    const {receiver} = this.#setup
    if (receiver.repeated !== undefined) {
      this.#guard(() => receiver.repeated?.())
      if (this.#phase === 'settled') return
      this.#connectedSaid = false
    }
    this.#dispatch(choice)
  }

  #bodyBytes(chunk: Buffer): void {
    if (this.#phase === 'discarding') {
      this.#discarded += chunk.length
      if (this.#discarded > MAX_DRAIN_BYTES) this.#discardedEnough()
    } else if (this.#phase === 'receiving') {
      this.#intake.take(chunk)
      if (this.#lane?.holdable === false && this.#intake.waiting > MAX_UNHELD_BYTES)
        this.#fail(tooFastBody(this.#url.origin))
    }
  }

  /** Room for what the connection reads next. */
  #memory(): Buffer | undefined {
    let memory: Buffer | undefined
    if (this.#phase === 'receiving') {
      this.#guard(() => {
        memory = this.#intake.memory()
      })
    }
    return memory
  }

  #discardedEnough(): void {
    this.#succeed()
    this.#dropLane()
  }

  #ended(): void {
    if (this.#phase === 'receiving' && !this.#isWhole) {
      this.#fail(this.#truncated())
      return
    }
    const lane = this.#leaveLane()
    lane?.release()
    this.#succeed()
  }

  /** By what its framing says of its end. */
  get #isWhole(): boolean {
    if (this.#framing.kind === 'length') return this.received === this.#framing.length
    // The answer to an upload is no file: to send that again would be worse than to miss the end of what was said of it.
    return this.#framing.kind !== 'close' || this.#setup.request.body !== undefined || this.#lane?.isCut !== true
  }

  #brokeOff(lane: Lane, cause: Error): void {
    if (this.#phase === 'discarding') {
      this.#discardedEnough()
      return
    }
    const error = this.#describe(cause)
    const stale = this.#phase === 'awaitingHead' && this.#requestSent && lane.used && !lane.heard
    // What fails the reading of a body fails it again. And a server that took much of one had not closed an idle connection.
    const isRepeatable =
      error.kind === 'network' && IDEMPOTENT.has(this.#setup.request.method) && this.sent <= MAX_REPEATED_BYTES
    if (stale && !this.#repeated && isRepeatable) {
      // The server closed the idle connection as the request went out. RFC 9112 9.3.1 lets a client repeat it unasked.
      this.#repeated = true
      this.#repeat('fresh')
      return
    }
    this.#fail(error)
  }

  #describe(cause: Error): TransferError {
    const error = toTransferError(cause, this.#url.origin, this.#requestSent ? 'connected' : 'connecting')
    // The connection reports a reset as an error of ours. What undici finds out by itself in a body that has not ended: a FIN.
    const early = !(cause instanceof TransferError) && (isEarlyEnd(cause) || error.code === 'CONNECTION_RESET')
    return this.#phase === 'receiving' && early ? this.#truncated(cause) : error
  }

  /** Takes a plain body of known length past the parser. The connection has served its time then. */
  #sink(length: number, lane: Lane): BodySink {
    return {
      memory: () => this.#memory(),
      tookOver: () => {
        this.#passedBy = true
        lane.endParsing?.()
      },
      bytes: (bytes) => {
        this.#guard(() => {
          if (this.#phase !== 'receiving') return
          // More than was promised is not the body's.
          const left = length - this.received
          this.#intake.take(bytes.length > left ? bytes.subarray(0, left) : bytes)
          if (this.received < length || this.#phase !== 'receiving') return
          this.#dropLane()
          this.#succeed()
        })
      },
      ended: () => this.#guard(() => this.#fail(this.#truncated())),
      failed: (error) => this.#guard(() => this.#fail(error)),
    }
  }

  #truncated(cause?: Error): TransferError {
    return truncatedBody(this.#url.origin, this.#framing, this.received, cause)
  }

  #succeed(): void {
    const framing = this.#framing.kind
    this.#deliver(() => this.#resolve({bodyLength: this.received, framing}))
  }

  #fail(error: TransferError): void {
    if (this.#phase === 'settled' || this.#phase === 'delivering') return
    this.#dropLane()
    this.#deliver(() => this.#reject(error))
  }

  /** The receiver gets what is here before the outcome is told. */
  #deliver(tell: () => void): void {
    if (this.#phase === 'settled' || this.#phase === 'delivering') return
    this.#phase = 'delivering'
    this.#intake.end(() => this.#settle(tell))
  }

  stop(): void {
    const {signal} = this.#setup
    const cause: unknown = signal?.reason
    this.fail(new TransferError('CANCELED', 'the exchange was canceled', {where: this.#url.origin, cause}))
  }

  #settle(tell: () => void): void {
    if (this.#phase === 'settled') return
    this.#phase = 'settled'
    this.#stopWaiting()
    this.#setup.signal?.removeEventListener('abort', this.#onAbort)
    this.#intake.drop()
    this.#outlet?.close()
    this.#setup.over(this)
    tell()
  }

  #dropLane(): void {
    this.#leaveLane()?.destroy()
  }

  #leaveLane(): Lane | undefined {
    const lane = this.#lane
    this.#sent = this.sent
    this.#lane = undefined
    return lane
  }

  /** A receiver that throws ends its exchange, not the process. */
  #guard(run: () => void): void {
    try {
      run()
    } catch (thrown) {
      this.fail(asTransferError(thrown))
    }
  }
}
