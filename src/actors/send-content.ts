/**
 * The actor `sendContent`: one try of an upload. Sends the request with its body, follows redirects, keeps the answer, and
 * reports milestones. The chart owns every timeout and every retry: stopping this actor aborts the connection.
 */

import {fromCallback} from 'xstate'
import type {AttemptCommand, AttemptEvent, AttemptInput} from '../domain/attempt.ts'
import {asTransferError, TransferError} from '../domain/errors.ts'
import {headerValue} from '../domain/header-fields.ts'
import type {AnswerFacts, Evidence, OperationFacts, ResponseFacts} from '../domain/record.ts'
import {nextHop} from '../domain/redirect.ts'
import {httpStatusError} from '../domain/retry.ts'
import type {Clock} from '../ports/clock.ts'
import type {ContentSource} from '../ports/content-source.ts'
import type {ByteCounts, ProgressMeter} from '../ports/progress-meter.ts'
import type {RateLimiter} from '../ports/rate-limiter.ts'
import type {Secrets} from '../ports/secrets.ts'
import type {Spool} from '../ports/spool.ts'
import type {BodyDisposition, Exchange, Transport} from '../ports/transport.ts'
import {AnswerWriter} from './answer-writer.ts'
import type {BufferPool} from './buffer-pool.ts'
import type {Hop} from './connection.ts'
import {type RatedBody, ratedBody} from './rated-body.ts'
import {requestHeaders} from './request-headers.ts'
import type {Logins, ServerLogin} from './server-login.ts'

export interface SendContentPorts {
  readonly transport: Transport
  readonly content: ContentSource
  readonly spool: Spool
  readonly secrets: Secrets
  readonly clock: Clock
  readonly meter: ProgressMeter
  readonly pool: BufferPool
  readonly limiter: RateLimiter
  readonly logins: Logins
}

export function createSendContent(ports: SendContentPorts) {
  return fromCallback<AttemptCommand, AttemptInput>(({input, sendBack, receive}) => {
    const sending = new Sending(ports, input.facts, sendBack)
    receive((command) => sending.obey(command))
    void sending.run()
    return () => sending.abandon()
  })
}

/** What the answer's head left to do once the exchange has ended. */
type AfterExchange =
  | {readonly kind: 'hop'; readonly hop: Hop}
  | {readonly kind: 'succeed'}
  | {readonly kind: 'fail'; readonly error: TransferError}

class Sending {
  readonly #ports: SendContentPorts
  readonly #facts: OperationFacts
  readonly #tell: (event: AttemptEvent) => void
  readonly #abort = new AbortController()
  readonly #evidence: Evidence
  readonly #total: number
  #isOver = false
  #body: RatedBody | undefined
  #exchange: Exchange | undefined
  #after: AfterExchange | undefined
  #answer: AnswerWriter | undefined
  #answerTotal: number | undefined
  #response: ResponseFacts | undefined
  #diskError: unknown
  #movedAtLastPulse = 0
  #detachMeter: (() => void) | undefined

  constructor(ports: SendContentPorts, facts: OperationFacts, tell: (event: AttemptEvent) => void) {
    this.#ports = ports
    this.#facts = facts
    this.#tell = tell
    this.#evidence = facts.evidence
    this.#total = facts.sending?.content?.length ?? 0
  }

  obey(command: AttemptCommand): void {
    if (command.type === 'checkpoint.due') this.#pulse()
  }

  /** The chart left the try: nothing more is reported, and the connection closes now. */
  abandon(): void {
    const wasOver = this.#isOver
    this.#isOver = true
    if (!wasOver) this.#abort.abort()
    this.#detachMeter?.()
  }

  async run(): Promise<void> {
    this.#detachMeter = this.#ports.meter.attach(this.#facts.id, () => this.#counts())
    try {
      await this.#send()
      const ranges: Evidence['ranges'] = this.#total === 0 ? [] : [[0, this.#total]]
      this.#end({type: 'attempt.finished', evidence: {...this.#evidence, ranges}, answer: this.#answerFacts()})
    } catch (thrown) {
      await this.#answer?.close()
      this.#end({
        type: 'attempt.failed',
        error: asTransferError(this.#diskError ?? thrown).toSerialized(),
        evidence: this.#evidence,
        ...(this.#response === undefined ? {} : {response: this.#response, answer: this.#answerFacts()}),
      })
    } finally {
      this.#detachMeter?.()
    }
  }

  async #send(): Promise<void> {
    const {request} = this.#facts
    let hop: Hop = {
      url: request.url,
      method: request.method,
      headers: requestHeaders(request, this.#ports.secrets),
    }
    const login = this.#ports.logins.of(request, hop)
    for (let hops = 0; ; ) {
      const next = await this.#exchangeOnce(hop, hops, login)
      if (next === undefined) return
      if (next === hop) {
        this.#report({type: 'attempt.challenged'})
        continue
      }
      login.follow(hop, next)
      hop = next
      hops += 1
      this.#report({type: 'attempt.redirected'})
    }
  }

  /** Resolves with where to go on, the same hop where its server asked who we are; with nothing when the server has it all. */
  async #exchangeOnce(hop: Hop, hops: number, login: ServerLogin): Promise<Hop | undefined> {
    const {transport} = this.#ports
    const body = this.#bodyFor(hop)
    this.#exchange = transport.exchange(
      {...hop, ...login.way, headers: login.headersFor(hop.headers), ...(body === undefined ? {} : {body})},
      {
        connected: () => this.#report({type: 'attempt.connected'}),
        sent: () => this.#report({type: 'attempt.sent'}),
        repeated: () => this.#report({type: 'attempt.challenged'}),
        responded: (head) => this.#responded(hop, hops, head, login),
        lend: () => this.#answer?.lend(),
        filled: (buffer, length, offset) => this.#answer?.filled(buffer, length, offset),
        release: (buffer) => this.#answer?.release(buffer),
      },
      this.#abort.signal,
    )
    await this.#exchange.finished
    await this.#answer?.finish()
    if (this.#diskError !== undefined) throw this.#diskError
    const after = this.#planned()
    if (after?.kind === 'hop') return after.hop
    if (after?.kind === 'fail') throw after.error
    if (body !== undefined && this.#exchange.given < this.#total) throw this.#answeredTooEarly(this.#exchange.given)
    return undefined
  }

  /** What `responded` left to do; a method, because it is set behind the compiler's back. */
  #planned(): AfterExchange | undefined {
    return this.#after
  }

  /** A redirect may have turned the request into a GET, which carries nothing. */
  #bodyFor({method}: Hop): RatedBody | undefined {
    const {request, sending} = this.#facts
    if (method !== request.method || request.body === undefined || sending?.content === undefined) return undefined
    const {content, limiter} = this.#ports
    const body = content.body(request.body, sending.content)
    this.#body = ratedBody(body, limiter.allowanceOf(this.#facts), this.#abort.signal)
    return this.#body
  }

  #responded(hop: Hop, hops: number, head: ResponseFacts, login: ServerLogin): BodyDisposition {
    if (login.answers(hop, head)) {
      this.#after = {kind: 'hop', hop}
      return 'discard'
    }
    const next = nextHop({...hop, head, hops})
    if (next.kind === 'follow') {
      this.#after = {kind: 'hop', hop: next}
      return 'discard'
    }
    this.#response = head
    const isGood = head.status >= 200 && head.status < 300
    this.#after =
      next.kind === 'fail'
        ? {kind: 'fail', error: next.error}
        : isGood
          ? {kind: 'succeed'}
          : {kind: 'fail', error: httpStatusError(head, this.#ports.clock.now())}
    const length = Number(headerValue(head.headers, 'content-length'))
    this.#answerTotal = Number.isSafeInteger(length) ? length : undefined
    this.#answer = new AnswerWriter({
      file: this.#ports.spool.openAnswer(this.#facts.id),
      pool: this.#ports.pool,
      onRoom: () => this.#exchange?.resume(),
      onError: (error) => this.#diskFailed(error),
    })
    this.#report({type: 'attempt.responded', response: head, evidence: this.#evidence})
    return 'receive'
  }

  /** No server can have stored what it never got, whatever it says. */
  #answeredTooEarly(sent: number): TransferError {
    return new TransferError('TRUNCATED', 'the server answered before it had the whole request', {
      where: new URL(this.#facts.request.url).origin,
      details: {expected: this.#total, sent},
    })
  }

  #diskFailed(error: unknown): void {
    this.#diskError ??= this.#after?.kind === 'succeed' ? acceptedButNotKept(error) : error
    this.#abort.abort()
  }

  /** Once a second or so: says whether anything moved. */
  #pulse(): void {
    const {received, answer} = this.#counts()
    const moved = received + (answer?.received ?? 0)
    const isAlive = moved !== this.#movedAtLastPulse || this.#body?.isHolding === true
    this.#movedAtLastPulse = moved
    if (isAlive) this.#report({type: 'attempt.progressed'})
    this.#exchange?.flush()
  }

  #counts(): ByteCounts {
    return {
      generation: this.#evidence.generation,
      received: this.#exchange?.sent ?? 0,
      total: this.#total,
      written: [],
      answer: {
        received: this.#answer === undefined ? 0 : (this.#exchange?.received ?? 0),
        ...(this.#answerTotal === undefined ? {} : {total: this.#answerTotal}),
      },
    }
  }

  #answerFacts(): AnswerFacts {
    const {received = 0} = this.#counts().answer ?? {}
    return {received, ...(this.#answerTotal === undefined ? {} : {total: this.#answerTotal})}
  }

  #report(event: AttemptEvent): void {
    if (!this.#isOver) this.#tell(event)
  }

  #end(event: AttemptEvent): void {
    if (this.#isOver) return
    this.#isOver = true
    this.#tell(event)
  }
}

/** The server has it: sending it again, once there is room, would store it twice. */
function acceptedButNotKept(thrown: unknown): TransferError {
  const {code, message, where} = asTransferError(thrown)
  return new TransferError(code, `the server took the upload, and its answer could not be kept: ${message}`, {
    retry: 'never',
    ...(where === undefined ? {} : {where}),
    advice: 'make room or mend the disk of the store; do not send it again unasked',
    cause: thrown,
  })
}
