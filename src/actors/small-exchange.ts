/**
 * One plain exchange for a small file: one request to one address, a whole answer of known length, held in memory until it
 * becomes a file. An answer that refuses is a failure like any other's; whatever else the server says is not plain, and somebody
 * else asks again.
 */

import {asTransferError, type TransferError} from '../domain/errors.ts'
import {extended} from '../domain/extended.ts'
import {UNKNOWN_ORIGIN} from '../domain/origin-memory.ts'
import {pinDigest} from '../domain/pinned-digest.ts'
import {type Evidence, type OperationFacts, type ResponseFacts, withoutBytes} from '../domain/record.ts'
import {isRedirectStatus} from '../domain/redirect.ts'
import {judgeResponse, planRequest} from '../domain/resume-ladder.ts'
import type {Secrets} from '../ports/secrets.ts'
import {
  type BodyDisposition,
  type BodyReceiver,
  type BriefExchange,
  beginBrief,
  type Transport,
} from '../ports/transport.ts'
import type {BufferPool} from './buffer-pool.ts'
import {withPlan} from './question.ts'
import {requestHeaders} from './request-headers.ts'

/** Bytes. A larger file is worth a chart of its own. */
export const SMALL_FILE_BYTES = 256 * 1024

export interface SmallExchangePorts {
  readonly transport: Transport
  readonly secrets: Secrets
  readonly pool: BufferPool
  /** Epoch ms. */
  readonly now: () => number
}

/** Why there is no file to be had. */
export interface Refusal {
  readonly error: TransferError
  /** The answer that says so; absent where none came. */
  readonly response?: ResponseFacts
}

export type SmallOutcome = 'whole' | 'notPlain' | Refusal

/** What becomes of it on the way; all of them are told in the transport's own calls. */
export interface SmallExchangeListener {
  connected(): void
  /** `evidence`: what the answer says of the version, without bytes. */
  responded(response: ResponseFacts, evidence: Evidence): void
}

export class SmallExchange implements BodyReceiver {
  readonly #ports: SmallExchangePorts
  readonly #facts: OperationFacts
  readonly #listener: SmallExchangeListener
  /** Undefined before the request goes out. */
  #exchange: BriefExchange | undefined
  #isStopped = false
  readonly #plan
  /** Length of the body; undefined before there is a plain answer. */
  #expected: number | undefined
  #refusal: Refusal | undefined
  #lent: Buffer[] = []
  /** Filled parts of lent buffers, in the order of the body. */
  #bytes: Buffer[] = []

  constructor(ports: SmallExchangePorts, facts: OperationFacts, listener: SmallExchangeListener) {
    this.#ports = ports
    this.#facts = facts
    this.#listener = listener
    const {method} = facts.request
    this.#plan = planRequest(facts.evidence, {method, policy: facts.policy, origin: UNKNOWN_ORIGIN})
  }

  /** The body, in order; to be given back by `free`. */
  get body(): readonly Buffer[] {
    return this.#bytes
  }

  /** A body that was cut is not plain: what came of it may be worth something to a chart. */
  async run(): Promise<SmallOutcome> {
    try {
      const {bodyLength} = await this.#begin().finished
      return this.#refusal ?? (bodyLength === this.#expected ? 'whole' : 'notPlain')
    } catch (thrown) {
      return this.#expected === undefined ? {error: asTransferError(thrown)} : 'notPlain'
    }
  }

  #begin(): BriefExchange {
    const {transport, secrets} = this.#ports
    const {request} = this.#facts
    const headers = withPlan(requestHeaders(request, secrets), this.#plan)
    const asked = {
      url: request.url,
      method: request.method,
      headers,
      ...(request.proxy === undefined ? {} : {proxy: request.proxy}),
    }
    const exchange = beginBrief(transport, asked, this)
    this.#exchange = exchange
    // Whoever heard of it while it began may have had enough.
    if (this.#isStopped) exchange.stop()
    return exchange
  }

  /** Closes its connection. */
  stop(): void {
    this.#isStopped = true
    this.#exchange?.stop()
  }

  /** Gives the memory of the body back. */
  free(): void {
    for (const buffer of this.#lent) this.#ports.pool.give(buffer)
    this.#lent = []
    this.#bytes = []
  }

  connected(): void {
    this.#listener.connected()
  }

  responded(head: ResponseFacts): BodyDisposition {
    const {policy, request, evidence} = this.#facts
    const terms = {method: request.method, policy, origin: UNKNOWN_ORIGIN}
    const verdict = pinDigest(
      judgeResponse(this.#plan, evidence, terms, head, this.#ports.now()),
      evidence,
      policy,
      head,
    )
    if (verdict.kind === 'fail' && !isRedirectStatus(head.status))
      this.#refusal = {error: verdict.error, response: head}
    if (verdict.kind !== 'fromStart') return 'discard'
    const {total, validator, marks, description, coded, digest} = verdict
    const isPlain = total !== undefined && total <= SMALL_FILE_BYTES && coded === undefined && digest === undefined
    if (!isPlain) return 'discard'
    this.#expected = total
    const learned = {
      total,
      ...(validator === undefined ? {} : {validator}),
      ...(marks === undefined ? {} : {marks}),
      ...(description === undefined ? {} : {description}),
    }
    this.#listener.responded(head, extended(withoutBytes(evidence, evidence.generation), learned))
    return 'receive'
  }

  lend(): Buffer {
    const buffer = this.#ports.pool.take(this.#expected ?? 0)
    this.#lent.push(buffer)
    return buffer
  }

  filled(buffer: Buffer, length: number): void {
    this.#bytes.push(buffer.subarray(0, length))
  }

  release(buffer: Buffer): void {
    const at = this.#lent.indexOf(buffer)
    if (at < 0) return
    this.#lent.splice(at, 1)
    this.#ports.pool.give(buffer)
  }
}
