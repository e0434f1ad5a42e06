/**
 * One plain exchange for a small file: one request, sent on to wherever redirects lead, and a whole answer. An answer that refuses
 * is a failure like any other's, and so is a redirect that is not followed; whatever else the server says is not plain, and somebody
 * else asks again.
 */

import {describedBy} from '../domain/content-description.ts'
import {unexpectedAnswer} from '../domain/content-guard.ts'
import {asTransferError, TransferError} from '../domain/errors.ts'
import {extended} from '../domain/extended.ts'
import {judgeResponse} from '../domain/judge-response.ts'
import {UNKNOWN_ORIGIN} from '../domain/origin-memory.ts'
import {pinDigest} from '../domain/pinned-digest.ts'
import {EMPTY} from '../domain/range-set.ts'
import {type Evidence, type OperationFacts, type PublishedFile, withoutBytes} from '../domain/record.ts'
import {isRedirectStatus, nextHop, type Redirect, redirectOf} from '../domain/redirect.ts'
import type {ResponseFacts} from '../domain/response-facts.ts'
import {planRequest} from '../domain/resume-ladder.ts'
import type {FileSink} from '../ports/file-sink.ts'
import type {ByteCounts, Gauge, ProgressMeter} from '../ports/progress-meter.ts'
import type {Secrets} from '../ports/secrets.ts'
import {
  type BodyDisposition,
  type BodyReceiver,
  type BriefExchange,
  beginBrief,
  type Transport,
} from '../ports/transport.ts'
import type {BufferPool} from './buffer-pool.ts'
import type {Hop} from './connection.ts'
import {GrowingBody} from './growing-body.ts'
import {withPlan} from './question.ts'
import {requestHeaders} from './request-headers.ts'
import {HeldBody, type SmallBody, WrittenBody} from './small-body.ts'

/** Bytes. Of a larger file its chart costs little, compared with its bytes. */
const SMALL_FILE_BYTES = 8 * 1024 * 1024

export interface SmallExchangePorts {
  readonly transport: Transport
  readonly secrets: Secrets
  readonly sink: FileSink
  readonly meter: ProgressMeter
  readonly pool: BufferPool
  /** Bytes. A larger body is written while it comes. */
  readonly mostHeldBytes: number
  /** Epoch ms. */
  readonly now: () => number
}

/** Why there is no file to be had. */
export interface Refusal {
  readonly error: TransferError
  /** The answer that says so; absent where none came. */
  readonly response?: ResponseFacts
}

export type SmallOutcome =
  | 'whole'
  | 'notPlain'
  /** The disk would not have it. */
  | 'notTaken'
  /** Whoever stopped it goes on. */
  | 'stopped'
  | Refusal

/** What becomes of it on the way; all but a redirect are told in the transport's own calls. */
export interface SmallExchangeListener {
  connected(): void
  /** It goes on elsewhere: told before anybody is asked there. */
  redirected(redirect: Redirect): void
  /** `evidence`: what the answer says of the version, without bytes. */
  responded(response: ResponseFacts, evidence: Evidence): void
}

export class SmallExchange implements BodyReceiver {
  readonly #ports: SmallExchangePorts
  readonly #facts: OperationFacts
  readonly #listener: SmallExchangeListener
  /** The answer to the present request, where that leads elsewhere. */
  #redirect: ResponseFacts | undefined
  /** Of the present request; undefined before the first one goes out. */
  #exchange: BriefExchange | undefined
  /** Why it was stopped before its end. */
  #cut: 'stopped' | 'notTaken' | 'notPlain' | undefined
  readonly #plan
  #refusal: Refusal | undefined
  /** Undefined before there is a plain answer. */
  #body: SmallBody | undefined
  #length: number | undefined
  #gauge: Gauge | undefined

  constructor(ports: SmallExchangePorts, facts: OperationFacts, listener: SmallExchangeListener) {
    this.#ports = ports
    this.#facts = facts
    this.#listener = listener
    const {method} = facts.request
    this.#plan = planRequest(facts.evidence, {method, policy: facts.policy, origin: UNKNOWN_ORIGIN})
  }

  /** Bytes of the body; undefined before the answer, or its end, has told. */
  get length(): number | undefined {
    return this.#length
  }

  /** A body that was cut is not plain: what came of it may be worth something to a chart. */
  async run(): Promise<SmallOutcome> {
    try {
      let bodyLength = 0
      for (let hop: Hop | undefined = this.#firstHop(), hops = 0; hop !== undefined; hop = this.#after(hop, hops++)) {
        bodyLength = (await this.#begin(hop).finished).bodyLength
      }
      if (this.#refusal !== undefined) return this.#refusal
      if (this.#body === undefined || bodyLength !== (this.#length ?? bodyLength)) return 'notPlain'
      this.#length = bodyLength
      this.#gauge?.changed()
    } catch (thrown) {
      if (this.#cut !== undefined) return this.#cut
      return this.#body === undefined ? {error: asTransferError(thrown)} : 'notPlain'
    }
    try {
      await this.#body.taken()
      return 'whole'
    } catch {
      return 'notTaken'
    }
  }

  #firstHop(): Hop {
    const {request} = this.#facts
    return {url: request.url, method: request.method, headers: requestHeaders(request, this.#ports.secrets)}
  }

  /** Whom to ask after this one, where its answer was a redirect that is followed. `hops`: followed before. */
  #after(hop: Hop, hops: number): Hop | undefined {
    const head = this.#redirect
    if (head === undefined) return undefined
    this.#redirect = undefined
    const next = nextHop({...hop, head, hops})
    if (next.kind === 'fail') this.#refusal = {error: next.error, response: head}
    if (next.kind !== 'follow') return undefined
    if (this.#cut === undefined) this.#listener.redirected(redirectOf(head.status, hop.url, next.url))
    // Whoever heard of it may have had enough.
    if (this.#cut !== undefined) throw new TransferError('CANCELED', 'the exchange was given up')
    return next
  }

  #begin({url, method, headers}: Hop): BriefExchange {
    const {proxy, ftpTls} = this.#facts.request
    const asked = {
      url,
      method,
      headers: withPlan(headers, this.#plan),
      ...(proxy === undefined ? {} : {proxy}),
      ...(ftpTls === undefined ? {} : {ftpTls}),
    }
    const exchange = beginBrief(this.#ports.transport, asked, this)
    this.#exchange = exchange
    // Whoever heard of it while it began may have had enough.
    if (this.#cut !== undefined) exchange.stop()
    return exchange
  }

  /** Closes its connection. */
  stop(): void {
    this.#cutOff('stopped')
  }

  #cutOff(why: 'stopped' | 'notTaken' | 'notPlain'): void {
    this.#cut ??= why
    this.#exchange?.stop()
  }

  /** Makes a whole and durable part of what came. */
  async store(facts: OperationFacts): Promise<PublishedFile> {
    if (this.#body === undefined) throw new TransferError('INTERNAL', 'there is no body to store')
    try {
      return await this.#body.store(facts)
    } catch (thrown) {
      // It came nevertheless, and nothing else will tell.
      this.#gauge ??= this.#attach()
      throw thrown
    }
  }

  /** Stops, and makes durable what came so far; resolves with what may be claimed of it. */
  async keep(facts: OperationFacts): Promise<Evidence> {
    this.#exchange?.flush()
    this.stop()
    return (await this.#body?.keep(facts)) ?? facts.evidence
  }

  /** Gives the memory of the body back, and its file. */
  free(): void {
    this.#gauge?.detach()
    this.#body?.free()
  }

  connected(): void {
    this.#listener.connected()
  }

  responded(head: ResponseFacts): BodyDisposition {
    if (isRedirectStatus(head.status)) {
      this.#redirect = head
      return 'discard'
    }
    const {policy, request, evidence} = this.#facts
    const terms = {method: request.method, policy, origin: UNKNOWN_ORIGIN}
    const verdict = pinDigest(
      judgeResponse(this.#plan, evidence, terms, head, this.#ports.now()),
      evidence,
      policy,
      head,
    )
    if (verdict.kind === 'fail') this.#refusal = {error: verdict.error, response: head}
    if (verdict.kind !== 'fromStart') return 'discard'
    const surprise = unexpectedAnswer(policy.expect, describedBy(evidence.description, head), verdict.total)
    if (surprise !== undefined) {
      this.#refusal = {error: surprise, response: head}
      return 'discard'
    }
    const {kind: _, restarted: __, lesson: ___, coded, ...learned} = verdict
    const {total} = learned
    const isPlain = (total ?? 0) <= SMALL_FILE_BYTES && coded === undefined
    if (!isPlain) return 'discard'
    this.#length = total
    this.#body = this.#bodyOf(total)
    this.#listener.responded(head, extended(withoutBytes(evidence, evidence.generation), learned))
    return 'receive'
  }

  moved(): void {
    this.#gauge?.moved(this.#exchange?.received ?? 0)
  }

  lend(): Buffer | undefined {
    return this.#body?.lend()
  }

  filled(buffer: Buffer, length: number, offset: number): void {
    this.#body?.filled(buffer, length, offset)
    // Not in the middle of the transport's own call.
    if (offset + length > SMALL_FILE_BYTES) queueMicrotask(() => this.#cutOff('notPlain'))
  }

  release(buffer: Buffer): void {
    this.#body?.release(buffer)
  }

  #bodyOf(expected: number | undefined): SmallBody {
    const {sink, pool, mostHeldBytes} = this.#ports
    if (expected !== undefined && expected > mostHeldBytes) return this.#writtenBody(expected)
    const held = new HeldBody(sink, pool, expected ?? 0)
    if (expected !== undefined) return held
    return new GrowingBody({held, mostHeldBytes, write: () => this.#writtenBody(undefined, held)})
  }

  #writtenBody(expected: number | undefined, held?: HeldBody): WrittenBody {
    const {sink, pool} = this.#ports
    this.#gauge = this.#attach()
    return new WrittenBody({
      sink,
      pool,
      facts: this.#facts,
      expected,
      ...(held === undefined ? {} : {held}),
      onRoom: () => this.#exchange?.resume(),
      onFailure: () => this.#cutOff('notTaken'),
    })
  }

  #attach(): Gauge {
    return this.#ports.meter.attach(this.#facts.id, () => this.#counts())
  }

  #counts(): ByteCounts {
    const {generation} = this.#facts.evidence
    // Nobody is to read what is written already: if it is let go of, the same generation may begin anew with another version.
    return {generation, received: this.#exchange?.received ?? 0, total: this.#length, written: EMPTY}
  }
}
