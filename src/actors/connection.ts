/**
 * One connection of a try: sends the request, follows redirects, asks its owner what the answer is worth, and moves the body
 * through a body writer, up to the end of its stretch. Its owner decides everything, and stops it.
 */

import type {Credential} from '../domain/credential.ts'
import {TransferError} from '../domain/errors.ts'
import type {HeaderField} from '../domain/header-fields.ts'
import {redactUrl} from '../domain/redaction.ts'
import {keepsBody, nextHop, type Redirect, redirectOf} from '../domain/redirect.ts'
import type {ResponseFacts} from '../domain/response-facts.ts'
import type {BodyDisposition, BodyReceiver, Exchange, RequestBody, Transport} from '../ports/transport.ts'
import type {BodyWriter} from './body-writer.ts'
import type {ServerLogin} from './server-login.ts'

export interface Hop {
  readonly url: string
  readonly method: string
  /** What redirects left of the request's headers, secret ones too. */
  readonly headers: readonly HeaderField[]
  /** Headers that are secret whatever their names. Where it is there, the address is secret, too. */
  readonly secretNames?: readonly string[]
  /** Over FTP: who we are there, where that was given for this try. */
  readonly credential?: Credential
}

/** What the owner makes of an answer. */
export type Reception =
  | {
      readonly kind: 'receive'
      readonly writer: BodyWriter
      /** Position behind the last byte that has to come; undefined where only the end of the body tells. */
      readonly bodyEnd: number | undefined
    }
  /** Every byte is there already: the body is of no interest. */
  | {readonly kind: 'nothing'}
  /** Others brought its stretch meanwhile: the body is of no interest. */
  | {readonly kind: 'overtaken'}
  | {readonly kind: 'fail'; readonly error: TransferError}

export interface ConnectionOptions {
  readonly transport: Transport
  readonly connected: () => void
  readonly redirected: (redirect: Redirect) => void
  /** The server asks who we are, and is told. */
  readonly challenged: () => void
  /** Who the operation is for its server; of this connection alone. */
  readonly login: ServerLogin
  /** What goes out with this hop: its own headers, and what is asked of this very address. */
  readonly headersFor: (hop: Hop) => readonly HeaderField[]
  /** What the request carries, to be read anew at each sending. */
  readonly body?: RequestBody | undefined
  /** The head of an answer that is no redirect. */
  readonly responded: (head: ResponseFacts, hop: Hop) => Reception
  /** More of the body came. */
  readonly moved?: () => void
}

/** Bytes that come this soon are waited for: a new request would bring them later. */
export const NEAR_BYTES = 256 * 1024

export class Connection {
  readonly #options: ConnectionOptions
  /** Of the present exchange. */
  #abort = new AbortController()
  #exchange: Exchange | undefined
  #response: ResponseFacts | undefined
  #reception: Reception | undefined
  #next: Hop | undefined
  /** Of the newest answer, redirects too. */
  #status = 0
  #end = Number.POSITIVE_INFINITY
  /** Position behind the last byte that was given to the writer. */
  #handedOver = 0
  /** A redirect asked for the answer alone. */
  #isBodyDropped = false
  #isHeld = false
  #isCut = false
  #isOver = false

  constructor(options: ConnectionOptions) {
    this.#options = options
  }

  /** The head of the last answer that was not followed elsewhere. */
  get response(): ResponseFacts | undefined {
    return this.#response
  }

  /** Its body is kept back. */
  get isHeld(): boolean {
    return this.#isHeld
  }

  /** Position behind the last byte of its stretch; undefined before there is a body. */
  get end(): number | undefined {
    const reception = this.#reception
    return reception?.kind === 'receive' ? Math.min(this.#end, reception.bodyEnd ?? this.#end) : undefined
  }

  /** It has a body, and does not keep it back. */
  get isReceiving(): boolean {
    return this.writer !== undefined && !this.#isHeld
  }

  /** Whether its stretch comes to this position next, or nearly so. */
  bringsSoon(wanted: number): boolean {
    const {position, end} = this
    if (position === undefined || end === undefined) return false
    return wanted >= position && wanted < Math.min(end, position + NEAR_BYTES)
  }

  get writer(): BodyWriter | undefined {
    return this.#reception?.kind === 'receive' ? this.#reception.writer : undefined
  }

  /** How far its end could still be moved out; undefined before there is a body, and when it is over. */
  get reach(): number | undefined {
    const reception = this.#reception
    return this.#isCut || this.#isOver || reception?.kind !== 'receive' ? undefined : reception.bodyEnd
  }

  /** Position behind the last byte that came for its stretch; undefined before there is a body. */
  get position(): number | undefined {
    const {writer} = this
    return writer && Math.min(this.#end, writer.base + (this.#exchange?.received ?? 0))
  }

  /** Resolves when the body is with the writer, up to its end or to that of the stretch. */
  async run(first: Hop): Promise<Reception> {
    try {
      let hop = first
      for (let hops = 0; ; ) {
        this.#next = undefined
        await this.#exchangeOnce(hop, hops)
        const next = this.#followed()
        if (next === undefined || this.#isCut) return this.#received()
        if (next === hop) {
          this.#options.challenged()
          continue
        }
        this.#options.login.follow(hop, next)
        const redirect = redirectOf(this.#status, hop.url, next.url)
        hop = next
        hops += 1
        this.#options.redirected(redirect)
      }
    } finally {
      this.#isOver = true
    }
  }

  /** Nothing is written from `end` on; the connection closes when it has come that far, if its body goes on. */
  endAt(end: number): void {
    this.#end = end
    this.#cutAtEnd()
    this.#handOverAtEnd()
  }

  /** Ends the stretch where the body stands now. */
  endHere(): void {
    this.flush()
    this.endAt(this.#handedOver)
  }

  /** Others have brought its stretch: whatever is answered, nothing of it is wanted. */
  leave(): void {
    if (this.writer !== undefined) {
      this.endHere()
      return
    }
    this.#isCut = true
    this.stop()
  }

  /** Keeps the body back. */
  hold(): void {
    this.#isHeld = true
  }

  letGo(): void {
    this.#isHeld = false
    this.resume()
  }

  /** Memory is free again. */
  resume(): void {
    if (this.#isHeld) return
    this.#exchange?.resume()
    this.#handOverAtEnd()
  }

  /** Hands over what a slow body brought so far. */
  flush(): void {
    this.#exchange?.flush()
  }

  /** Closes the connection now. */
  stop(): void {
    // An abort makes an error object with a stack: too dear for every small file that has ended by itself.
    if (!this.#isOver) this.#abort.abort()
  }

  /** Waits no more for the end of a body that nobody wants; false where there is none, because no head came or a body is received. */
  conclude(): boolean {
    // Its end is being told, once the file is closed.
    if (this.#isOver) return true
    const reception = this.#reception?.kind
    if (this.#next === undefined && (reception === undefined || reception === 'receive')) return false
    const ended = this.#abort
    // The next hop has one of its own.
    this.#abort = new AbortController()
    ended.abort()
    return true
  }

  async #exchangeOnce(hop: Hop, hops: number): Promise<void> {
    const receiver: BodyReceiver = {
      connected: this.#options.connected,
      responded: (head) => this.#responded(hop, hops, head),
      lend: (isMuch) => (this.#isHeld || this.#isCut ? undefined : this.writer?.lend(isMuch)),
      filled: (buffer, length, offset) => this.#filled(buffer, length, offset),
      release: (buffer) => this.writer?.release(buffer),
      moved: () => {
        this.#handOverAtEnd()
        this.#options.moved?.()
      },
    }
    const abort = this.#abort
    const {transport, headersFor, login, body} = this.#options
    const asked = {
      url: hop.url,
      method: hop.method,
      headers: login.headersFor(headersFor(hop)),
      ...login.way,
      ...(body === undefined || this.#isBodyDropped ? {} : {body}),
    }
    this.#exchange = transport.exchange(asked, receiver, abort.signal)
    try {
      const {bodyLength} = await this.#exchange.finished
      this.#checkEnd(bodyLength)
    } catch (thrown) {
      const isConcluded = abort !== this.#abort
      if (!this.#isCut && !isConcluded) throw thrown
    }
  }

  /** What `responded` left to do, the same hop where its server asked who we are: methods, because it is set behind the compiler's back. */
  #followed(): Hop | undefined {
    return this.#next
  }

  #received(): Reception {
    const reception = this.#reception
    if (reception === undefined && this.#isCut) return {kind: 'overtaken'}
    if (reception === undefined) throw new TransferError('INTERNAL', 'an exchange ended without an answer')
    if (reception.kind === 'fail') throw reception.error
    return reception
  }

  #responded(hop: Hop, hops: number, head: ResponseFacts): BodyDisposition {
    this.#status = head.status
    if (this.#options.login.answers(hop, head)) {
      this.#next = hop
      return 'discard'
    }
    const next = nextHop({...hop, head, hops})
    if (next.kind === 'follow') {
      this.#next = next
      if (!keepsBody(head.status, hop.method)) this.#isBodyDropped = true
      return 'discard'
    }
    // What the application gave for this try alone is not kept.
    const known = hop.secretNames === undefined ? head : {...head, url: redactUrl(head.url)}
    this.#response = known
    this.#reception = next.kind === 'fail' ? next : this.#options.responded(known, hop)
    if (this.writer !== undefined) this.#handedOver = this.writer.base
    return this.#reception.kind === 'receive' ? 'receive' : 'discard'
  }

  #filled(buffer: Buffer, length: number, offset: number): void {
    const {writer} = this
    if (writer === undefined) return
    const start = writer.base + offset
    const wanted = Math.min(length, this.#end - start)
    if (wanted <= 0) {
      writer.release(buffer)
    } else {
      this.#handedOver = start + wanted
      writer.filled(buffer, wanted, offset)
    }
    this.#cutAtEnd()
  }

  /** All of the stretch is here: nothing that comes behind it, and fills the memory, has to be waited for. */
  #handOverAtEnd(): void {
    const reception = this.#reception
    if (this.#isCut || reception?.kind !== 'receive' || reception.bodyEnd === this.#end) return
    const {base} = reception.writer
    if (this.#handedOver >= this.#end || base + (this.#exchange?.received ?? 0) < this.#end) return
    // Not in the middle of the transport's own call.
    queueMicrotask(() => this.flush())
  }

  /** A body that ends there by itself leaves a connection that can be used again. */
  #cutAtEnd(): void {
    const reception = this.#reception
    if (this.#isCut || reception?.kind !== 'receive') return
    if (this.#handedOver < this.#end || reception.bodyEnd === this.#end) return
    this.#isCut = true
    // Not in the middle of the transport's own call.
    queueMicrotask(() => this.stop())
  }

  #checkEnd(bodyLength: number): void {
    const reception = this.#reception
    if (reception?.kind !== 'receive' || reception.bodyEnd === undefined) return
    const arrived = reception.writer.base + bodyLength
    if (arrived === reception.bodyEnd) return
    const message = `the body ended at ${arrived} of ${reception.bodyEnd} bytes`
    throw new TransferError('TRUNCATED', message, {where: new URL(this.#response?.url ?? '').origin})
  }
}
