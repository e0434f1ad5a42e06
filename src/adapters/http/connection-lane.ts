/**
 * A lane over one connection of ours. Plain requests are written and their plain answers read by us; whatever is not plain, the request
 * or the head of the answer, makes the connection undici's, and then it stays so.
 */

import {asTransferError, type TransferError} from '../../domain/errors.ts'
import {Connection, type ConnectionReader} from './connection.ts'
import type {DialTools} from './dial.ts'
import {HeldAnswer} from './held-answer.ts'
import type {Lane, LaneListener, LaneRequest} from './lane.ts'
import type {LoopTurns} from './loop-turns.ts'
import {type Opener, ParserClient, withUndici} from './parser-client.ts'
import type {BodySink} from './parser-stream.ts'
import {PlainBody} from './plain-body.ts'
import {PlainReader} from './plain-reader.ts'
import {plainRequest} from './plain-request.ts'
import {isForwarded, type Route} from './route.ts'

export interface LaneOwner {
  /** The lane can serve another exchange. */
  released(lane: ConnectionLane): void
  /** The lane is of no more use. */
  gone(lane: ConnectionLane): void
}

export interface LaneTools extends DialTools {
  readonly turns: LoopTurns
  /** What is plain is undici's, too: for tests that compare. */
  readonly undiciOnly: boolean
}

export class ConnectionLane implements Lane {
  readonly route: Route
  readonly holdable = true
  readonly #tools: LaneTools
  readonly #owner: LaneOwner
  readonly #server: URL
  /** As the field Host says it. */
  readonly #host: string
  #connection: Connection | undefined
  /** Absent as long as everything was plain. */
  #parser: ParserClient | undefined
  /** What reads the present plain answer, or read the last one. */
  #plain: PlainReader | undefined
  /** What we write of the present request, where it has a body. */
  #body: PlainBody | undefined
  /** Exchanges of the present connection. */
  #exchanges = 0
  /** Has the present connection while it lies idle. */
  #atRest: ConnectionReader | undefined
  /** The turn of the loop in which the connection came to rest. */
  #restedAt = 0
  #busy = false
  #gone = false

  constructor(route: Route, tools: LaneTools, owner: LaneOwner) {
    this.route = route
    this.#tools = tools
    this.#owner = owner
    this.#server = new URL(route.origin)
    this.#host = this.#server.host
  }

  get used(): boolean {
    return this.#exchanges > 1
  }

  get heard(): boolean {
    return this.#connection?.heard === true
  }

  get isCut(): boolean {
    return this.#connection?.isCut === true
  }

  get tellsAtOnce(): boolean {
    return this.#connection?.tellsAtOnce === true
  }

  get bodySent(): number {
    return this.#body?.sent ?? this.#parser?.bodySent ?? 0
  }

  get alive(): boolean {
    return !this.#gone && this.#connection?.alive === true && this.#parser?.alive !== false
  }

  dispatch(request: LaneRequest, listener: LaneListener): void {
    this.#busy = true
    this.#exchanges += 1
    this.#body = undefined
    const {turns, undiciOnly} = this.#tools
    const isOurs = this.#parser === undefined && !undiciOnly
    const text = isOurs ? plainRequest(request, this.#host) : undefined
    if (text === undefined) this.#ask(request, listener)
    else if (this.#connection === undefined) this.#openAndSend(text, request, listener)
    else turns.after(this.#restedAt, () => this.#send(text, request, listener))
  }

  addressesGone(addresses: ReadonlySet<string>): void {
    this.#connection?.addressesGone(addresses)
  }

  pause(): void {
    this.#connection?.pause()
  }

  resume(): void {
    this.#connection?.resume()
  }

  takeOver(sink: BodySink): void {
    this.#parser?.takeOver(sink)
  }

  endParsing(): void {
    this.#parser?.destroy()
  }

  release(): void {
    this.#busy = false
    if (this.alive && this.#rest()) this.#owner.released(this)
    else this.destroy()
  }

  destroy(): void {
    if (this.#gone) return
    this.#gone = true
    this.#body?.stop()
    this.#connection?.destroy()
    this.#parser?.destroy()
    this.#owner.gone(this)
  }

  /** Whether the connection may serve another exchange. */
  #rest(): boolean {
    // The server answered before it had all of the request, or so that undici had to read it, which knows nothing of the body.
    if (this.#body !== undefined && (!this.#body.isWhole || this.#parser !== undefined)) return false
    if (this.#parser !== undefined) {
      if (!this.#parser.mayServeAgain) return false
      this.#parser.endRequest()
      return true
    }
    const keepAliveMs = this.#plain?.keepAliveMs ?? 0
    if (keepAliveMs === 0 || this.#atRest === undefined) return false
    this.#restedAt = this.#tools.turns.present
    this.#connection?.rest(this.#atRest, keepAliveMs)
    return true
  }

  #send(text: string, request: LaneRequest, listener: LaneListener): void {
    if (this.#gone) return
    const connection = this.#connection
    if (connection?.alive !== true) {
      this.#openAndSend(text, request, listener)
      return
    }
    const {origin} = this.route
    this.#plain = new PlainReader(origin, listener, (answer) => {
      connection.pause()
      const held = new HeldAnswer(answer)
      connection.reader = held
      // What is left of the request's own body goes out as before.
      const {body: _, ...bare} = request
      this.#ask(bare, listener, held)
      return held
    })
    connection.beginRequest(this.#plain)
    connection.ref()
    listener.started()
    // Whoever heard it may have had enough.
    if (this.#gone) return
    if (request.body === undefined) {
      connection.write(text, 'latin1')
      return
    }
    this.#body = new PlainBody(connection, request.body)
    this.#body.send(text).catch((thrown) => listener.failed(asTransferError(thrown)))
  }

  #openAndSend(text: string, request: LaneRequest, listener: LaneListener): void {
    this.#open(undefined, (error) => {
      if (error === undefined) this.#send(text, request, listener)
      else listener.failed(error)
    })
  }

  #open(servername: string | undefined, opened: (error: TransferError | undefined) => void): Connection {
    const {route} = this
    const {protocol, hostname, port} = this.#server
    const secure = protocol === 'https:'
    const target = {
      secure,
      hostname: hostname.startsWith('[') ? hostname.slice(1, -1) : hostname,
      port: port === '' ? (secure ? 443 : 80) : Number(port),
      where: route.origin,
      forwarded: isForwarded(route),
      ...(servername ? {servername} : {}),
      ...(route.proxy === undefined ? {} : {proxy: route.proxy}),
    }
    this.#exchanges = 1
    const connection = new Connection(target, this.#tools, opened)
    this.#connection = connection
    this.#atRest = this.#readerAtRest(connection)
    return connection
  }

  /** By undici, which gets the connection as it is, or with an answer that was odd. */
  #ask(request: LaneRequest, listener: LaneListener, answer?: HeldAnswer): void {
    if (this.#parser !== undefined) {
      this.#parser.dispatch(request, listener)
      return
    }
    withUndici(
      (ClientOfUndici) => {
        if (this.#gone) return
        this.#parser = new ParserClient(ClientOfUndici, {
          origin: this.route.origin,
          open: this.#opener(answer),
          disconnected: () => {
            if (!this.#busy) this.destroy()
          },
        })
        this.#parser.dispatch(request, listener, answer)
      },
      (error) => listener.failed(asTransferError(error)),
    )
  }

  /** The first time undici gets the connection that is there. */
  #opener(answer: HeldAnswer | undefined): Opener {
    let present = this.#connection
    return (servername, opened) => {
      const given = present
      present = undefined
      const giveNew = () => {
        const connection = this.#open(servername, (error) => {
          if (error === undefined) opened(undefined, connection)
          else opened(error)
        })
      }
      // undici goes on only after it was told later.
      if (given === undefined) giveNew()
      else if (answer !== undefined) queueMicrotask(() => opened(undefined, given))
      else {
        this.#tools.turns.after(this.#restedAt, () => {
          if (this.#gone) return
          // It was opened for the name of the server.
          if (given.alive && !servername) {
            given.ref()
            opened(undefined, given)
          } else {
            given.destroy()
            giveNew()
          }
        })
      }
    }
  }

  /** Nothing may come while nothing was asked. A request that waits for its turn goes to another connection then. */
  #readerAtRest(connection: Connection): ConnectionReader {
    const giveUp = () => {
      if (this.#busy) connection.destroy()
      else this.destroy()
    }
    return {memory: () => undefined, bytes: giveUp, ended: giveUp, failed: giveUp, closed: giveUp, idledOut: giveUp}
  }
}
