/** A Transport over a simulated network: one process's connections, moved by the simulated clock, body by pieces. */

import {asTransferError, TransferError} from '../../src/domain/errors.ts'
import {type HeaderField, headerValue} from '../../src/domain/header-fields.ts'
import type {Clock} from '../../src/ports/clock.ts'
import type {
  BodyReceiver,
  Exchange,
  ExchangeEnd,
  ExchangeRequest,
  RequestBody,
  Transport,
} from '../../src/ports/transport.ts'
import {contentSlice} from './content.ts'
import type {ExchangeNote, NetworkFault, SimulatedNetwork, SimulatedResource} from './simulated-network.ts'

export class SimulatedTransport implements Transport {
  readonly #network: SimulatedNetwork
  readonly #clock: Clock
  readonly #open = new Set<SimulatedExchange>()

  constructor(network: SimulatedNetwork, clock: Clock) {
    this.#network = network
    this.#clock = clock
  }

  exchange(request: ExchangeRequest, receiver: BodyReceiver, signal: AbortSignal): Exchange {
    const exchange = new SimulatedExchange({
      request,
      receiver,
      signal,
      network: this.#network,
      clock: this.#clock,
      onEnd: (ended) => this.#open.delete(ended),
    })
    if (!exchange.isOver) this.#open.add(exchange)
    return exchange
  }

  async close(): Promise<void> {
    for (const exchange of [...this.#open]) exchange.drop()
  }

  /** The process dies: its connections go, and nobody is told. */
  kill(): void {
    for (const exchange of this.#open) this.#network.open.delete(exchange)
    this.#open.clear()
  }
}

interface Setup {
  readonly request: ExchangeRequest
  readonly receiver: BodyReceiver
  readonly signal: AbortSignal
  readonly network: SimulatedNetwork
  readonly clock: Clock
  readonly onEnd: (exchange: SimulatedExchange) => void
}

interface Body {
  readonly resource: SimulatedResource
  /** Where in the resource the body begins. */
  readonly start: number
  readonly length: number
}

export class SimulatedExchange implements Exchange {
  readonly finished: Promise<ExchangeEnd>
  readonly #setup: Setup
  readonly #fault: NetworkFault | undefined
  readonly #note: ExchangeNote
  readonly #onAbort = () => this.#cancel()
  #resolve: (end: ExchangeEnd) => void = () => {}
  #reject: (error: TransferError) => void = () => {}
  #over = false
  #timer: unknown
  /** What to do when the network, or memory, is there again. */
  #next: (() => void) | undefined
  #body: Body | undefined
  #received = 0
  #sent = 0
  #endOfWait: () => void = () => {}
  #buffer: Buffer | undefined
  #inBuffer = 0

  constructor(setup: Setup) {
    this.#setup = setup
    const {network, request, signal, clock} = setup
    this.finished = new Promise((resolve, reject) => {
      this.#resolve = resolve
      this.#reject = reject
    })
    this.finished.catch(() => undefined)
    this.#fault = signal.aborted ? undefined : network.takeFault(request.url)
    this.#note = {request, at: clock.now(), fault: this.#fault?.kind, status: undefined}
    if (signal.aborted) {
      this.#cancel()
      return
    }
    network.notes.push(this.#note)
    network.open.add(this)
    network.onBegin(this)
    signal.addEventListener('abort', this.#onAbort, {once: true})
    this.#later(network.latencyMs, () => this.#connect())
  }

  get url(): string {
    return this.#setup.request.url
  }

  get fault(): NetworkFault | undefined {
    return this.#fault
  }

  /** When it began. */
  get at(): number {
    return this.#note.at
  }

  get isOver(): boolean {
    return this.#over
  }

  get received(): number {
    return this.#received
  }

  get sent(): number {
    return this.#sent
  }

  get given(): number {
    return this.#sent
  }

  flush(): void {
    const buffer = this.#buffer
    if (this.#over || buffer === undefined || this.#inBuffer === 0) return
    const length = this.#inBuffer
    this.#buffer = undefined
    this.#inBuffer = 0
    this.#setup.receiver.filled(buffer, length, this.#received - length)
  }

  resume(): void {
    this.wake()
  }

  /** The network, or memory, is there again. */
  wake(): void {
    const next = this.#next
    this.#next = undefined
    if (next !== undefined && !this.#over) this.#later(0, next)
  }

  /** The transport is closed. */
  drop(): void {
    this.#fail('CONNECTION_RESET', 'the transport was closed')
  }

  #later(ms: number, step: () => void): void {
    this.#timer = this.#setup.clock.setTimeout(() => {
      if (this.#over) return
      if (this.#setup.network.isUp) step()
      else this.#next = step
    }, ms)
  }

  #connect(): void {
    switch (this.#fault?.kind) {
      case 'refused':
        this.#fail('CONNECTION_REFUSED', 'the connection was refused')
        return
      case 'neverConnects':
        return
    }
    this.#setup.receiver.connected()
    if (this.#over || this.#fault?.kind === 'neverAnswers') return
    const {body} = this.#setup.request
    if (body !== undefined) void this.#send(body)
    else this.#later(this.#setup.network.latencyMs, () => this.#answer())
  }

  /** Piece by piece, at the pace of the network. A fault's `after` counts bytes of the request here. */
  async #send(body: RequestBody): Promise<void> {
    const {network, receiver} = this.#setup
    const fault = this.#fault
    const most = fault !== undefined && 'after' in fault ? fault.after : Number.POSITIVE_INFINITY
    const pieces: Buffer[] = []
    try {
      for await (const chunk of body.chunks()) {
        for (let at = 0; at < chunk.length && this.#sent < most; ) {
          const piece = chunk.subarray(at, Math.min(at + network.pieceBytes, at + most - this.#sent))
          await new Promise<void>((resolve) => {
            this.#endOfWait = resolve
            this.#later(network.pieceDelayMs, resolve)
          })
          if (this.#over) return
          pieces.push(Buffer.from(piece))
          this.#sent += piece.length
          at += piece.length
        }
        if (this.#sent >= most) break
      }
    } catch (thrown) {
      this.#end(() => this.#reject(asTransferError(thrown)))
      return
    }
    if (this.#over) return
    if (this.#sent >= most) {
      if (fault?.kind !== 'stalled') this.#fail('CONNECTION_RESET', 'the connection was reset')
      return
    }
    receiver.sent?.()
    this.#later(network.latencyMs, () => {
      network.take(this.#setup.request, Buffer.concat(pieces))
      this.#answer()
    })
  }

  #answer(): void {
    const resource = this.#setup.network.resource(this.url)
    if (this.#fault?.kind === 'status') {
      const {status, retryAfterS} = this.#fault
      this.#head(status, retryAfterS === undefined ? [] : [['Retry-After', String(retryAfterS)]])
    } else if (resource === undefined) {
      this.#head(404, [])
    } else if (resource.redirect !== undefined) {
      this.#head(302, [['Location', resource.redirect]])
    } else {
      this.#serve(resource)
    }
  }

  #serve(resource: SimulatedResource): void {
    const etag = `"v${resource.seed}"`
    const more = resource.headers ?? []
    const validator: readonly HeaderField[] = resource.validator === 'none' ? more : [['ETag', etag], ...more]
    const {headers} = this.#setup.request
    if (resource.headers !== undefined && headerValue(headers, 'if-none-match') === etag) {
      this.#head(304, validator)
      return
    }
    const [, first, last = ''] = /^bytes=(\d+)-(\d*)$/.exec(headerValue(headers, 'range') ?? '') ?? []
    const asked = Number(first ?? 0)
    const condition = headerValue(headers, 'if-range')
    const same = condition === undefined || (resource.validator !== 'none' && condition === etag)
    if (first !== undefined && same && this.#fault?.kind !== 'rangeIgnored') {
      if (asked >= resource.size) {
        this.#head(416, [['Content-Range', `bytes */${resource.size}`], ...validator])
        return
      }
      const end = last === '' ? resource.size : Math.min(resource.size, Number(last) + 1)
      const by = this.#fault?.kind === 'rangeMoved' ? this.#fault.by : 0
      const start = Math.min(end - 1, Math.max(0, asked + by))
      this.#head(206, [['Content-Range', `bytes ${start}-${end - 1}/${resource.size}`], ...validator], {
        resource,
        start,
        length: end - start,
      })
      return
    }
    this.#head(200, [['Accept-Ranges', 'bytes'], ...validator], {resource, start: 0, length: resource.size})
  }

  #head(status: number, fields: readonly HeaderField[], body?: Body): void {
    this.#note.status = status
    const headers: readonly HeaderField[] = [...framingFields(body), ...fields]
    const disposition = this.#setup.receiver.responded({status, url: this.url, headers})
    if (this.#over) return
    if (disposition === 'discard' || body === undefined) {
      this.#succeed(0)
      return
    }
    this.#body = body
    this.#flow()
  }

  #flow(): void {
    const {pieceBytes, pieceDelayMs} = this.#setup.network
    const body = this.#body
    if (body === undefined) return
    const cut = this.#cut(body)
    if (this.#received >= cut) {
      this.#finish(body)
      return
    }
    if (!this.#take(body, Math.min(pieceBytes, cut - this.#received))) {
      this.#next = () => this.#flow()
      return
    }
    this.#later(pieceDelayMs, () => this.#flow())
  }

  #finish(body: Body): void {
    switch (this.#received < body.length ? this.#fault?.kind : undefined) {
      case 'stalled':
        return
      case 'reset':
        this.#fail('CONNECTION_RESET', 'the connection was reset')
        return
      case 'truncated':
        this.#fail('TRUNCATED', 'the connection was closed')
        return
    }
    this.#succeed(body.length)
  }

  /** How far the body comes. */
  #cut(body: Body): number {
    const fault = this.#fault
    return fault !== undefined && 'after' in fault ? Math.min(body.length, fault.after) : body.length
  }

  /** False when no memory is lent. */
  #take(body: Body, length: number): boolean {
    let left = length
    while (left > 0) {
      this.#buffer ??= this.#setup.receiver.lend()
      const buffer = this.#buffer
      if (buffer === undefined) return left < length
      const count = Math.min(left, buffer.length - this.#inBuffer)
      const from = body.start + this.#received
      const {text, seed} = body.resource
      const bytes = text === undefined ? contentSlice(seed, from, from + count) : Buffer.from(text).subarray(from)
      bytes.copy(buffer, this.#inBuffer, 0, count)
      this.#inBuffer += count
      this.#received += count
      left -= count
      if (this.#inBuffer === buffer.length) this.flush()
      if (this.#over) return true
    }
    return true
  }

  #succeed(bodyLength: number): void {
    this.flush()
    const framing = bodyLength === 0 ? 'none' : (this.#body?.resource.framing ?? 'length')
    this.#end(() => this.#resolve({bodyLength, framing}))
  }

  #fail(code: 'CONNECTION_REFUSED' | 'CONNECTION_RESET' | 'TRUNCATED', message: string): void {
    this.flush()
    this.#end(() => this.#reject(new TransferError(code, message, {where: new URL(this.url).origin})))
  }

  #cancel(): void {
    this.#end(() => this.#reject(new TransferError('CANCELED', 'the exchange was aborted')))
  }

  #end(settle: () => void): void {
    if (this.#over) return
    this.#over = true
    this.#endOfWait()
    const {clock, network, receiver, signal, onEnd} = this.#setup
    clock.clearTimeout(this.#timer)
    signal.removeEventListener('abort', this.#onAbort)
    network.open.delete(this)
    onEnd(this)
    if (this.#buffer !== undefined) receiver.release(this.#buffer)
    this.#buffer = undefined
    settle()
  }
}

function framingFields(body: Body | undefined): readonly HeaderField[] {
  const framing = body?.resource.framing ?? 'length'
  if (framing === 'length') return [['Content-Length', String(body?.length ?? 0)]]
  return framing === 'chunked' ? [['Transfer-Encoding', 'chunked']] : []
}
