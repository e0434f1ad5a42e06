/**
 * One TCP or TLS connection whose bytes come to us first. undici gets a stream that looks like a socket, and its parser is fed
 * through it; the rest of a plain body can be taken past the parser, and undici's side ended without harm to the socket.
 *
 * Reading is governed here, at the socket, and never by undici: its parser is never paused. A parser that is paused when the
 * server closes ends in an uncaught assertion or a hang (undici 7.26 to 7.30), and this way it cannot be.
 *
 * What the parser is to see is read into memory of ours. A body that goes past it is read straight into the memory that its
 * sink offers: no copy, and nothing that has to be kept aside while the disk is behind. The socket asks for the next memory
 * after each read, so the sink must not let go of what it offered before the next read, or the end of the connection.
 */

import type {Socket} from 'node:net'
import {Duplex} from 'node:stream'
import type {TransferError} from '../../domain/errors.ts'
import {type ConnectionTarget, type DialTools, dial, openingError} from './dial.ts'
import {toTransferError} from './error-table.ts'
import {InterimFilter} from './interim-filter.ts'
import {PARSED_READ_BYTES} from './limits.ts'

/** Who takes the bytes of a body past the parser. */
export interface BodySink {
  /** Where the next read goes; `undefined` when there is no memory, and reading was paused. */
  memory(): Buffer | undefined
  /** From here on bytes come to the sink; undici's request is to be ended. */
  tookOver(): void
  /** `bytes` lies in the memory that was offered last, or in ours: then it is valid during the call only. */
  bytes(bytes: Buffer): void
  /** The other side is done (FIN). */
  ended(): void
  failed(error: TransferError): void
}

type Route =
  | {readonly to: 'parser'}
  /** The sink takes over once the parser has had what was read for it. */
  | {readonly to: 'parserThenSink'; readonly sink: BodySink}
  | {readonly to: 'sink'; readonly sink: BodySink}

const TCP_KEEP_ALIVE_MS = 60_000

/** Shared by all connections: the loop reads for one of them at a time, and the bytes are copied before the next read. */
const readMemory = Buffer.allocUnsafeSlow(PARSED_READ_BYTES)

export class Connection {
  readonly #target: ConnectionTarget
  readonly #where: string
  readonly #interim: InterimFilter
  /** Carries the server's bytes; absent while a proxy is being talked to. */
  #socket: Socket | undefined
  /** The TCP connection below it. */
  #wire: Socket | undefined
  #reads: 'hook' | 'events' = 'hook'
  #giveUp: () => void = () => {}
  #isDestroyed = false
  #route: Route = {to: 'parser'}
  #heardSinceRequest = false
  #bodySent = 0
  #opened: ((error: TransferError | undefined) => void) | undefined

  /** What undici takes for the socket. */
  readonly stream: Duplex

  /** Starts to connect; `opened` is called once, unless `destroy` comes first. */
  constructor(target: ConnectionTarget, tools: DialTools, opened: (error: TransferError | undefined) => void) {
    this.#target = target
    this.#where = target.where
    this.#opened = opened
    this.#interim = new InterimFilter(target.where)
    this.stream = this.#streamForParser()
    const hook = {
      buffer: () => (this.#route.to === 'sink' ? this.#route.sink.memory() : undefined) ?? readMemory,
      callback: (count: number, memory: Uint8Array) => {
        this.#read(Buffer.from(memory.buffer, memory.byteOffset, count))
        return true
      },
    }
    this.#giveUp = dial(target, tools, hook, {
      socket: (socket, wire, reads) => this.#adopt(socket, wire, reads),
      opened: () => this.#settleOpening(undefined),
      failed: (error) => this.#failed(error),
    })
  }

  get alive(): boolean {
    return !this.#isDestroyed && this.#socket?.destroyed !== true && !this.stream.destroyed
  }

  #adopt(socket: Socket, wire: Socket, reads: 'hook' | 'events'): void {
    this.#socket = socket
    this.#wire = wire
    this.#reads = reads
    socket
      .on('end', () => this.#ended())
      .on('error', (error) => this.#failed(error))
      .on('close', () => this.stream.destroy())
    wire.setNoDelay(true).setKeepAlive(true, TCP_KEEP_ALIVE_MS)
    if (reads === 'events') socket.on('data', (bytes: Buffer) => this.#read(bytes))
    if (this.#isDestroyed) socket.destroy()
  }

  /** Bytes came since the request went out. */
  get heard(): boolean {
    return this.#heardSinceRequest
  }

  /** Bytes of the present request's body that the kernel took. */
  get bodySent(): number {
    return this.#bodySent
  }

  /** A request goes out now. */
  beginRequest(): void {
    this.#heardSinceRequest = false
    this.#bodySent = 0
    this.#route = {to: 'parser'}
    this.#interim.begin()
  }

  /** The exchange is over: whatever comes before the next request is the parser's to refuse. */
  endRequest(): void {
    this.#route = {to: 'parser'}
    this.resume()
  }

  pause(): void {
    this.#socket?.pause()
  }

  resume(): void {
    // Not the socket's own resume: that starts to read once more in the next tick, even if it was paused again meanwhile.
    if (this.#socket === undefined || this.#socket.destroyed) return
    if (this.#reads === 'hook') this.#socket.read(0)
    else this.#socket.resume()
  }

  /** To be called while the parser works on the head: what it does not get to see any more goes to the sink. */
  takeOver(sink: BodySink): void {
    this.#route = {to: 'parserThenSink', sink}
  }

  destroy(): void {
    this.#opened = undefined
    this.#isDestroyed = true
    this.#giveUp()
    this.#socket?.destroy()
    this.stream.destroy()
  }

  #read(bytes: Buffer): void {
    this.#heardSinceRequest = true
    // Several TLS records can arrive before the parser had its turn: those that wait in its stream come first.
    if (this.#route.to === 'parserThenSink' && this.stream.readableLength === 0) {
      const {sink} = this.#route
      this.#route = {to: 'sink', sink}
      sink.tookOver()
    }
    if (this.#route.to === 'sink') {
      this.#route.sink.bytes(bytes)
      return
    }
    if (this.stream.destroyed) return
    try {
      const forParser = this.#interim.pass(bytes)
      if (forParser.length > 0) this.stream.push(Buffer.from(forParser))
    } catch (error) {
      this.stream.destroy(toTransferError(error, this.#where, 'connected'))
    }
  }

  #ended(): void {
    // libuv reports data and a reset that arrive together as data and a clean end. The kernel knows the difference: a connection
    // that was reset has no peer any more. (Nobody may ask for the address before: Node remembers it.)
    if (this.#wire?.remoteAddress === undefined) this.#failed(Object.assign(new Error('reset'), {code: 'ECONNRESET'}))
    else if (this.#route.to === 'sink') this.#route.sink.ended()
    else if (!this.stream.destroyed) this.stream.push(null)
  }

  #failed(cause: Error): void {
    const error =
      this.#opened === undefined ? toTransferError(cause, this.#where, 'connected') : openingError(this.#target, cause)
    if (this.#route.to === 'sink') this.#route.sink.failed(error)
    // undici takes an ECONNRESET at the end of an answer without length for its end; an error of ours it reports.
    else this.stream.destroy(error)
    this.#settleOpening(error)
  }

  #settleOpening(error: TransferError | undefined): void {
    const opened = this.#opened
    this.#opened = undefined
    opened?.(error)
  }

  #streamForParser(): Duplex {
    const stream = new Duplex({
      // What is read is pushed as it comes: demand is not what governs reading here.
      read: () => {},
      decodeStrings: false,
      // Whoever writes waits until the kernel has it: only then is a body's memory free for other bytes.
      writableHighWaterMark: 1,
      write: (chunk: Buffer | string, encoding, done) => {
        this.#socket?.write(chunk, encoding, (error) => {
          // undici writes a head as text, and a body as the buffers that it was given.
          if (!error && typeof chunk !== 'string') this.#bodySent += chunk.length
          done(error)
        })
      },
      final: (done) => {
        if (this.#socket === undefined) done()
        else this.#socket.end(done)
      },
      destroy: (error, done) => {
        if (this.#route.to !== 'sink') this.#socket?.destroy()
        done(error)
      },
    })
    stream.on('error', () => {})
    // undici lets an idle connection keep no process alive; what the sink reads is none of its business.
    return Object.assign(stream, {
      ref: () => this.#socket?.ref(),
      unref: () => {
        if (this.#route.to !== 'sink') this.#socket?.unref()
      },
    })
  }
}
