/**
 * What undici takes for its socket: a stream over a connection of ours, through which its parser is fed. The rest of a plain body
 * can be taken past the parser, and undici's side ended without harm to the connection. An answer whose beginning was read by us
 * can be given to it too: then the request, which went out long ago, is not written once more.
 */

import {Duplex} from 'node:stream'
import type {TransferError} from '../../domain/errors.ts'
import type {Connection, ConnectionReader} from './connection.ts'
import {toTransferError} from './error-table.ts'
import type {HeldAnswer} from './held-answer.ts'
import {InterimFilter} from './interim-filter.ts'
import {SentCount} from './sent-count.ts'

/** Who takes the bytes of a body past the parser. */
export interface BodySink extends ConnectionReader {
  /** From here on bytes come to the sink; undici's request is to be ended. */
  tookOver(): void
}

export class ParserStream implements ConnectionReader {
  /** What undici gets. */
  readonly duplex: Duplex
  readonly #connection: Connection
  readonly #where: string
  readonly #interim: InterimFilter
  /** Takes over once the parser has had what was read for it. */
  #sink: BodySink | undefined
  /** The answer to the request that undici is about to write; absent where the server is to answer it. */
  #answer: HeldAnswer | undefined
  #sent: SentCount

  constructor(connection: Connection, where: string, answer?: HeldAnswer) {
    this.#connection = connection
    this.#where = where
    this.#answer = answer
    this.#interim = new InterimFilter(where)
    this.#sent = new SentCount(connection)
    this.duplex = this.#asSocket()
    if (answer === undefined) connection.reader = this
  }

  /** Bytes of the present request's body that the kernel took. */
  get bodySent(): number {
    return this.#sent.bytes
  }

  get alive(): boolean {
    return !this.duplex.destroyed && this.#connection.alive
  }

  /** The answer is one in HTTP/1.0. */
  get isAnswerOld(): boolean {
    return this.#interim.isOld
  }

  /** A request goes out now, or its answer is about to come. */
  beginRequest(): void {
    this.#sent = new SentCount(this.#connection)
    this.#sink = undefined
    this.#interim.begin()
    if (this.#answer === undefined) this.#connection.beginRequest(this)
  }

  /** The exchange is over: whatever comes before the next request is the parser's to refuse. */
  endRequest(): void {
    this.#sink = undefined
    this.#connection.resume()
  }

  /** To be called while the parser works on the head: what it does not get to see any more goes to the sink. */
  takeOver(sink: BodySink): void {
    this.#sink = sink
  }

  memory(): undefined {}

  bytes(bytes: Buffer): void {
    // Several TLS records can arrive before the parser had its turn: those that wait in its stream come first.
    if (this.#sink !== undefined && this.duplex.readableLength === 0) {
      const sink = this.#sink
      this.#connection.reader = sink
      sink.tookOver()
      sink.bytes(bytes)
      return
    }
    if (this.duplex.destroyed) return
    try {
      const forParser = this.#interim.pass(bytes)
      if (forParser.length > 0) this.duplex.push(Buffer.from(forParser))
    } catch (error) {
      this.duplex.destroy(toTransferError(error, this.#where, 'connected'))
    }
  }

  ended(): void {
    if (!this.duplex.destroyed) this.duplex.push(null)
  }

  /** undici takes an ECONNRESET at the end of an answer without length for its end; an error of ours it reports. */
  failed(error: TransferError): void {
    this.duplex.destroy(error)
  }

  closed(): void {
    this.duplex.destroy()
  }

  #asSocket(): Duplex {
    const connection = this.#connection
    const isOurs = () => connection.reader === this || this.#answer !== undefined
    const stream = new Duplex({
      // What is read is pushed as it comes: demand is not what governs reading here.
      read: () => {},
      decodeStrings: false,
      // Whoever writes waits until the kernel has it: only then is a body's memory free for other bytes.
      writableHighWaterMark: 1,
      write: (chunk: Buffer | string, encoding, done) => {
        if (this.#answer !== undefined) {
          this.#replay(this.#answer)
          done()
          return
        }
        // undici writes a head as text, and a body as the buffers that it was given.
        const length = typeof chunk === 'string' ? 0 : chunk.length
        const sent = this.#sent
        sent.writing(length, () => {
          connection.write(chunk, encoding, (error) => {
            // The connection tells it itself, once all that came before that was read: it may be the answer.
            if (error) return
            sent.written(length)
            done()
          })
        })
      },
      final: (done) => connection.end(done),
      destroy: (error, done) => {
        if (isOurs()) connection.destroy()
        done(error)
      },
    })
    stream.on('error', () => {})
    // undici lets an idle connection keep no process alive; what the sink reads is none of its business.
    return Object.assign(stream, {
      ref: () => connection.ref(),
      unref: () => {
        if (isOurs()) connection.unref()
      },
    })
  }

  /** The request is there: undici takes what comes now for its answer. */
  #replay(answer: HeldAnswer): void {
    this.#answer = undefined
    this.#connection.reader = this
    answer.replayTo(this)
    this.#connection.resume()
  }
}
