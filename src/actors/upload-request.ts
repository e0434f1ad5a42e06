/**
 * One request of an upload with everything on its way: redirects, challenges, limits, the body as it goes out, and the answer as
 * it is kept. The chart owns every timeout and every retry: aborting it closes the connection.
 */

import type {AttemptEvent} from '../domain/attempt.ts'
import {asTransferError, TransferError} from '../domain/errors.ts'
import {headerValue} from '../domain/header-fields.ts'
import type {RangeSet} from '../domain/range-set.ts'
import type {AnswerFacts, Evidence, OperationFacts} from '../domain/record.ts'
import {redactUrl} from '../domain/redaction.ts'
import {nextHop, redirectOf} from '../domain/redirect.ts'
import type {ResponseFacts} from '../domain/response-facts.ts'
import type {Clock} from '../ports/clock.ts'
import type {ContentSource} from '../ports/content-source.ts'
import type {ByteCounts, Gauge, ProgressMeter} from '../ports/progress-meter.ts'
import type {RateLimiter} from '../ports/rate-limiter.ts'
import type {Secrets} from '../ports/secrets.ts'
import type {Spool} from '../ports/spool.ts'
import type {BodyDisposition, Exchange, Transport} from '../ports/transport.ts'
import {AnswerWriter} from './answer-writer.ts'
import type {BufferPool} from './buffer-pool.ts'
import type {Hop} from './connection.ts'
import {type RatedBody, ratedBody} from './rated-body.ts'
import type {FreshRequests} from './refresh-request.ts'
import type {Logins, ServerLogin} from './server-login.ts'
import {acceptedButNotKept, answeredTooEarly} from './upload-errors.ts'
import type {Asked} from './upload-hops.ts'

export interface UploadPorts {
  readonly transport: Transport
  readonly content: ContentSource
  readonly spool: Spool
  readonly secrets: Secrets
  readonly clock: Clock
  readonly meter: ProgressMeter
  readonly pool: BufferPool
  readonly limiter: RateLimiter
  readonly logins: Logins
  readonly fresh: FreshRequests
}

export interface Answered {
  readonly head: ResponseFacts
  /** The beginning of the body. */
  readonly text: string
}

/** What the answer's head left to do once the exchange has ended. */
type AfterExchange =
  | {readonly kind: 'hop'; readonly hop: Hop}
  | {readonly kind: 'answered'; readonly head: ResponseFacts}
  | {readonly kind: 'fail'; readonly error: TransferError}

/** The most of an answer that is kept in memory, for whoever has to understand it. */
const MAX_TEXT_BYTES = 64 * 1024

export class UploadRequest {
  readonly #ports: UploadPorts
  readonly #facts: OperationFacts
  readonly #tell: (event: AttemptEvent) => void
  /** Of the present exchange. */
  #abort = new AbortController()
  readonly #evidence: Evidence
  readonly #total: number
  /** Bytes that the server had before. */
  readonly #before: number
  #isOver = false
  #isTaken = false
  #asked: Asked | undefined
  /** Of the newest answer, redirects too. */
  #status = 0
  #body: RatedBody | undefined
  #exchange: Exchange | undefined
  #after: AfterExchange | undefined
  #answer: AnswerWriter | undefined
  #answerTotal: number | undefined
  #text: Buffer[] = []
  #textBytes = 0
  #response: ResponseFacts | undefined
  #diskError: unknown
  #movedAtLastPulse = 0
  readonly #gauge: Gauge

  /** `before`: bytes that the server confirmed before this request. */
  constructor(ports: UploadPorts, facts: OperationFacts, before: number, tell: (event: AttemptEvent) => void) {
    this.#ports = ports
    this.#facts = facts
    this.#tell = tell
    this.#evidence = facts.evidence
    this.#total = facts.sending?.content?.length ?? 0
    this.#before = before
    this.#gauge = ports.meter.attach(facts.id, () => this.#counts())
  }

  get signal(): AbortSignal {
    return this.#abort.signal
  }

  /** The chart left the try: nothing more is reported, and the connection closes now. */
  abandon(): void {
    const wasOver = this.#isOver
    this.#isOver = true
    if (!wasOver) this.#abort.abort()
    this.#gauge.detach()
  }

  /** The last word of this request: nothing is reported after it. */
  end(event: AttemptEvent): void {
    if (this.#isOver) return
    this.#isOver = true
    this.#gauge.detach()
    this.#tell(event)
  }

  /** The same for what went wrong, with what came of an answer that the application may read. */
  async fail(thrown: unknown): Promise<void> {
    await this.#answer?.close()
    // What is left of it may be all that the disk has no room for, and the record of this needs some.
    if (this.#diskError !== undefined) await this.#ports.spool.remove(this.#facts.id, 'answer').catch(() => undefined)
    this.end({
      type: 'attempt.failed',
      error: asTransferError(this.#diskError ?? thrown).toSerialized(),
      evidence: this.#evidence,
      ...(this.#response === undefined ? {} : {response: this.#response, answer: this.answerFacts()}),
    })
  }

  /**
   * Resolves with the final answer, whatever its status, once its body is here, or does not go on; with nothing where a redirect took what
   * was sent, which was told then. Rejects with what the transport, a
   * redirect or the disk said, and with TRUNCATED for a success, or a redirect to GET, that came before the server had all of the body.
   */
  async perform(asked: Asked): Promise<Answered | undefined> {
    this.#asked = asked
    let hop: Hop = asked
    const login = this.#ports.logins.of(this.#facts.request, hop)
    for (let hops = 0; ; ) {
      const next = await this.#exchangeOnce(hop, hops, login)
      if ('head' in next) return {...next, text: Buffer.concat(this.#text).toString('utf8')}
      if (next === hop) {
        this.#report({type: 'attempt.challenged'})
        continue
      }
      login.follow(hop, next)
      const redirect = redirectOf(this.#status, hop.url, next.url)
      if (this.#isTaken) {
        this.end({type: 'attempt.redirected', redirect})
        return undefined
      }
      hop = next
      hops += 1
      this.#report({type: 'attempt.redirected', redirect})
    }
  }

  /** Once a second or so: says whether anything moved. */
  pulse(): void {
    const {received, answer} = this.#counts()
    const moved = received + (answer?.received ?? 0)
    const isAlive = moved !== this.#movedAtLastPulse || this.#body?.isHolding === true
    this.#movedAtLastPulse = moved
    if (isAlive) this.#report({type: 'attempt.progressed'})
    this.#exchange?.flush()
  }

  /** Waits no more for the end of an answer that decides by its head; where there is none, says so. */
  conclude(): void {
    // Its end is being told.
    if (this.#isOver) return
    if (!this.#isDecided()) {
      this.#report({type: 'attempt.unanswered'})
      return
    }
    const ended = this.#abort
    // The next hop has one of its own.
    this.#abort = new AbortController()
    ended.abort()
  }

  answerFacts(): AnswerFacts {
    const {received = 0} = this.#counts().answer ?? {}
    return {received, ...(this.#answerTotal === undefined ? {} : {total: this.#answerTotal})}
  }

  /** Resolves with where to go on, the same hop where its server asked who we are, or with the final head. */
  async #exchangeOnce(hop: Hop, hops: number, login: ServerLogin): Promise<Hop | {readonly head: ResponseFacts}> {
    const {transport} = this.#ports
    const body = this.#bodyFor(hop)
    const abort = this.#abort
    this.#after = undefined
    this.#exchange = transport.exchange(
      {
        url: hop.url,
        method: hop.method,
        ...login.way,
        headers: login.headersFor(hop.headers),
        ...(body === undefined ? {} : {body}),
      },
      {
        connected: () => {
          this.#report({type: 'attempt.connected'})
          // A redirect left the body behind: nothing is on its way but the answer.
          if (body === undefined) this.#report({type: 'attempt.sent'})
        },
        sent: () => this.#report({type: 'attempt.sent'}),
        repeated: () => this.#report({type: 'attempt.challenged'}),
        responded: (head) => this.#responded(hop, hops, head, login),
        lend: () => (this.#answer === undefined ? this.#ports.pool.take(0) : this.#answer.lend()),
        filled: (buffer, length, offset) => this.#filled(buffer, length, offset),
        release: (buffer) => this.#release(buffer),
      },
      abort.signal,
    )
    // A limit tells nobody who waits in it that an answer came first.
    await this.#exchange.finished
      .catch((thrown) => this.#brokeOff(thrown, abort !== this.#abort))
      .finally(() => body?.stop())
    await this.#answer?.finish().catch((error) => this.#diskFailed(error))
    if (this.#diskError !== undefined) throw this.#diskError
    const after = this.#planned()
    if (after?.kind === 'fail') throw after.error
    if (after === undefined) throw new TransferError('INTERNAL', 'an exchange ended without an answer')
    const {given} = this.#exchange
    // A redirect that leaves the body behind takes it for received.
    const isTaken = after.kind === 'answered' ? isGood(after.head) : after.hop.method !== hop.method
    if (body !== undefined && isTaken && given < body.length)
      throw answeredTooEarly(this.#facts.request.url, given, body.length)
    if (after.kind === 'hop') this.#noteIfTaken(hop, after.hop)
    return after.kind === 'hop' ? after.hop : {head: after.head}
  }

  /** Told once. Where the head came before the last byte was given, the end of the exchange says whether all of it was. */
  #noteIfTaken(from: Hop, to: Hop): void {
    const isLeftBehind = this.#asked?.isByStatus === true && to.method !== from.method
    const isWhole = this.#body === undefined || (this.#exchange?.given ?? 0) >= this.#body.length
    if (this.#isTaken || !isLeftBehind || !isWhole) return
    this.#isTaken = true
    const ranges: RangeSet = this.#total === 0 ? [] : [[0, this.#total]]
    this.#report({type: 'attempt.taken', answerUrl: to.url, evidence: {...this.#evidence, ranges}})
  }

  /**
   * An answer that was cut off, ended in silence or went on as no HTTP is what its head says. Who refuses a request closes without
   * reading the rest of it, and may so cut off what it has to say; but it has refused it. Who accepted one has it (RFC 9110 15.3): to
   * send it again would be to do it twice. Nor does a redirect become another one by its end, whether it is followed or not.
   */
  #brokeOff(thrown: unknown, isConcluded: boolean): void {
    const {kind, code} = asTransferError(thrown)
    const isCut = isConcluded || kind === 'network' || code === 'INVALID_RESPONSE'
    if (!this.#isDecided() || !isCut) throw thrown
  }

  /** A head is here that decides without the end of its body. */
  #isDecided(): boolean {
    const after = this.#planned()
    if (after?.kind !== 'answered') return after !== undefined
    return this.#asked?.isByStatus === true || !isGood(after.head)
  }

  /** What `responded` left to do; a method, because it is set behind the compiler's back. */
  #planned(): AfterExchange | undefined {
    return this.#after
  }

  /** A redirect may have turned the request into a GET, which carries nothing. */
  #bodyFor({method}: Hop): RatedBody | undefined {
    const asked = this.#asked
    if (asked?.body === undefined || method !== asked.method) return undefined
    this.#body = ratedBody(asked.body, this.#ports.limiter.allowanceOf(this.#facts))
    return this.#body
  }

  #responded(hop: Hop, hops: number, answer: ResponseFacts, login: ServerLogin): BodyDisposition {
    this.#status = answer.status
    if (login.answers(hop, answer)) {
      this.#after = {kind: 'hop', hop}
      return 'discard'
    }
    const next = nextHop({...hop, head: answer, hops})
    if (next.kind === 'follow') {
      this.#after = {kind: 'hop', hop: next}
      this.#noteIfTaken(hop, next)
      return 'discard'
    }
    // What the application gave for this request alone is not kept.
    const head = hop.secretNames === undefined ? answer : {...answer, url: redactUrl(answer.url)}
    this.#after = next.kind === 'fail' ? {kind: 'fail', error: next.error} : {kind: 'answered', head}
    const isLast = this.#asked?.isLast === true
    // What a server says in passing is no news for the application; what may stop the upload is kept.
    if (!isLast && isGood(head)) return 'receive'
    this.#response = head
    const length = Number(headerValue(head.headers, 'content-length'))
    this.#answerTotal = Number.isSafeInteger(length) && hop.method !== 'HEAD' ? length : undefined
    this.#answer = new AnswerWriter({
      file: this.#ports.spool.openAnswer(this.#facts.id),
      pool: this.#ports.pool,
      onRoom: () => this.#exchange?.resume(),
      onError: (error) => this.#diskFailed(error),
    })
    this.#report({type: 'attempt.responded', response: head, evidence: this.#evidence})
    return 'receive'
  }

  #filled(buffer: Buffer, length: number, offset: number): void {
    const wanted = Math.min(length, MAX_TEXT_BYTES - this.#textBytes)
    if (wanted > 0) {
      this.#text.push(Buffer.from(buffer.subarray(0, wanted)))
      this.#textBytes += wanted
    }
    if (this.#answer === undefined) this.#release(buffer)
    else this.#answer.filled(buffer, length, offset)
  }

  #release(buffer: Buffer): void {
    if (this.#answer === undefined) this.#ports.pool.give(buffer)
    else this.#answer.release(buffer)
  }

  #diskFailed(error: unknown): void {
    const after = this.#planned()
    this.#diskError ??= after?.kind === 'answered' && isGood(after.head) ? acceptedButNotKept(error) : error
    this.#abort.abort()
  }

  #counts(): ByteCounts {
    return {
      generation: this.#evidence.generation,
      received: this.#before + (this.#asked?.carriesContent === true ? (this.#exchange?.sent ?? 0) : 0),
      total: this.#total,
      written: [],
      answer: {
        received: this.#answer === undefined ? 0 : (this.#exchange?.received ?? 0),
        ...(this.#answerTotal === undefined ? {} : {total: this.#answerTotal}),
      },
    }
  }

  #report(event: AttemptEvent): void {
    if (!this.#isOver) this.#tell(event)
  }
}

export function isGood({status}: ResponseFacts): boolean {
  return status >= 200 && status < 300
}
