/**
 * The actor `transferBytes`: one try of a download. Asks for what is missing, follows redirects, judges the answer by the
 * resume ladder, moves the body into the part file, and reports milestones. The chart owns every timeout and every retry:
 * stopping this actor aborts the connection.
 */

import {fromCallback} from 'xstate'
import type {AttemptCommand, AttemptEvent, AttemptInput} from '../domain/attempt.ts'
import {asTransferError, TransferError} from '../domain/errors.ts'
import {prefixLength} from '../domain/range-set.ts'
import {
  type Evidence,
  type HeaderField,
  type OperationFacts,
  type ResponseFacts,
  withoutBytes,
} from '../domain/record.ts'
import {nextHop} from '../domain/redirect.ts'
import {
  type AskingTerms,
  couldGoOn,
  judgeResponse,
  planRequest,
  type RangePlan,
  type Verdict,
} from '../domain/resume-ladder.ts'
import type {Clock} from '../ports/clock.ts'
import {type FileSink, type PartFile, type PartName, partNameOf} from '../ports/file-sink.ts'
import type {OriginMemory} from '../ports/origin-memory.ts'
import type {ByteCounts, ProgressMeter} from '../ports/progress-meter.ts'
import type {RateLimiter} from '../ports/rate-limiter.ts'
import type {Secrets} from '../ports/secrets.ts'
import type {BodyDisposition, BodyReceiver, Exchange, Transport} from '../ports/transport.ts'
import {BodyWriter} from './body-writer.ts'
import type {BufferPool} from './buffer-pool.ts'

export interface TransferBytesPorts {
  readonly transport: Transport
  readonly sink: FileSink
  readonly secrets: Secrets
  readonly clock: Clock
  readonly meter: ProgressMeter
  readonly pool: BufferPool
  readonly limiter: RateLimiter
  readonly origins: OriginMemory
}

const USER_AGENT: HeaderField = ['User-Agent', 'background-transfer']

export function createTransferBytes(ports: TransferBytesPorts) {
  return fromCallback<AttemptCommand, AttemptInput>(({input, sendBack, receive}) => {
    const attempt = new Attempt(ports, input.facts, sendBack)
    receive((command) => attempt.obey(command))
    void attempt.run()
    return () => attempt.abandon()
  })
}

/** What to do once the present exchange has ended. */
type AfterExchange =
  | {readonly kind: 'finish'; readonly total: number | undefined}
  | {readonly kind: 'hop'; readonly url: string; readonly method: string; readonly headers: readonly HeaderField[]}
  | {readonly kind: 'done'}
  | {readonly kind: 'fail'; readonly error: TransferError}

class Attempt {
  readonly #ports: TransferBytesPorts
  readonly #facts: OperationFacts
  readonly #tell: (event: AttemptEvent) => void
  readonly #abort = new AbortController()
  #stage: 'open' | 'yielding' | 'over' = 'open'
  #evidence: Evidence
  #part: Promise<PartFile> | undefined
  #writer: BodyWriter | undefined
  #exchange: Exchange | undefined
  #response: ResponseFacts | undefined
  #after: AfterExchange = {kind: 'done'}
  #diskError: unknown
  #bodyIsHeld = false
  #bodyBase = 0
  #receivedAtLastPulse = 0
  #detachMeter: (() => void) | undefined

  constructor(ports: TransferBytesPorts, facts: OperationFacts, tell: (event: AttemptEvent) => void) {
    this.#ports = ports
    this.#facts = facts
    this.#tell = tell
    this.#evidence = facts.evidence
  }

  obey(command: AttemptCommand): void {
    switch (command.type) {
      case 'checkpoint.due':
        this.#pulse()
        return
      case 'restart.recorded':
        this.#bodyIsHeld = false
        this.#exchange?.resume()
        return
      case 'attempt.yield':
        if (this.#stage !== 'open') return
        this.#stage = 'yielding'
        this.#exchange?.flush()
        this.#abort.abort()
        return
    }
  }

  /** The chart left the try: nothing more is reported, the connection closes now, the file when its writes are done. */
  abandon(): void {
    const wasOver = this.#stage === 'over'
    this.#stage = 'over'
    // An abort makes an error object with a stack: too dear for every small file that has ended by itself.
    if (!wasOver) this.#abort.abort()
    this.#detachMeter?.()
  }

  async run(): Promise<void> {
    try {
      await this.#transfer()
      await this.#closePart()
      this.#reportLast({type: 'attempt.finished', evidence: this.#evidence})
    } catch (thrown) {
      await this.#settle(thrown)
    } finally {
      this.#detachMeter?.()
    }
  }

  async #settle(thrown: unknown): Promise<void> {
    // Once the chart has left the try nobody is told of a checkpoint, and whoever comes next waits for the part.
    if (this.#stage !== 'over') await this.#writer?.settle()
    await this.#closePart()
    const evidence = this.#writer?.evidence ?? this.#evidence
    if (this.#stage === 'yielding') {
      this.#report({type: 'attempt.yielded', evidence})
      return
    }
    const error = this.#explain(this.#diskError ?? thrown)
    this.#report({
      type: 'attempt.failed',
      error: error.toSerialized(),
      evidence,
      ...(this.#response === undefined ? {} : {response: this.#response}),
    })
  }

  /** A cut in mid-body is told apart, because it may be continued at once. */
  #explain(thrown: unknown): TransferError {
    const error = asTransferError(thrown)
    const isCut = error.code === 'CONNECTION_RESET' || error.code === 'TRUNCATED'
    if (!isCut || this.#writer === undefined) return error
    const resumable = couldGoOn(this.#evidence, this.#facts.policy)
    return new TransferError(error.code, error.message, {
      ...(error.where === undefined ? {} : {where: error.where}),
      details: {...error.details, midBody: true, resumable},
      cause: error.cause,
    })
  }

  #reportLast(event: AttemptEvent): void {
    if (this.#stage === 'over') return
    this.#stage = 'over'
    this.#tell(event)
  }

  #report(event: AttemptEvent): void {
    if (this.#stage !== 'over') this.#tell(event)
  }

  async #transfer(): Promise<void> {
    const {sink, meter} = this.#ports
    const {id, target} = this.#facts
    this.#detachMeter = meter.attach(id, () => this.#counts())
    await sink.checkTarget(target)
    // Given up meanwhile: the part may have been removed already, and opening would make it anew.
    this.#abort.signal.throwIfAborted()
    if (this.#evidence.ranges.length > 0) await this.#reopenPart()
    this.#abort.signal.throwIfAborted()
    if (this.#isWhole()) return
    let hop: {url: string; method: string; headers: readonly HeaderField[]} = {
      url: this.#facts.request.url,
      method: this.#facts.request.method,
      headers: this.#requestHeaders(),
    }
    for (let hops = 0; ; hops++) {
      const after = await this.#exchangeOnce(hop, hops)
      if (after.kind === 'hop') {
        hop = after
        this.#report({type: 'attempt.redirected'})
        continue
      }
      if (after.kind === 'fail') throw after.error
      if (after.kind === 'finish')
        this.#evidence = {...this.#evidence, ...(after.total === undefined ? {} : {total: after.total})}
      return
    }
  }

  /** Every byte was durable before the process died: nothing is left to ask for. */
  #isWhole(): boolean {
    const {total, ranges} = this.#evidence
    return total !== undefined && prefixLength(ranges) === total && total > 0
  }

  async #reopenPart(): Promise<void> {
    const opened = await this.#ports.sink.openPart(this.#partName(), this.#evidence.ranges)
    this.#part = Promise.resolve(opened.part)
    this.#evidence = {...this.#evidence, ranges: opened.ranges}
  }

  #partName(): PartName {
    return partNameOf({...this.#facts, evidence: this.#evidence})
  }

  #requestHeaders(): readonly HeaderField[] {
    const {headers, sealed} = this.#facts.request
    const secret: readonly HeaderField[] = sealed === undefined ? [] : JSON.parse(this.#ports.secrets.unseal(sealed))
    const named = headers.some(([name]) => name.toLowerCase() === 'user-agent')
    return [...(named ? [] : [USER_AGENT]), ...headers, ...secret]
  }

  /** How to ask, as far as the origin of this hop is known. */
  #termsFor(url: string): AskingTerms {
    const {request, policy} = this.#facts
    return {method: request.method, policy, origin: this.#ports.origins.recall(url)}
  }

  async #exchangeOnce(
    hop: {readonly url: string; readonly method: string; readonly headers: readonly HeaderField[]},
    hops: number,
  ): Promise<AfterExchange> {
    this.#after = {kind: 'done'}
    const terms = this.#termsFor(hop.url)
    const plan = planRequest(this.#evidence, terms)
    const receiver: BodyReceiver = {
      connected: () => this.#report({type: 'attempt.connected'}),
      responded: (head) => this.#responded({plan, terms}, hop, hops, head),
      lend: () => (this.#bodyIsHeld ? undefined : this.#writer?.lend()),
      filled: (buffer, length, offset) => this.#writer?.filled(buffer, length, offset),
      release: (buffer) => this.#writer?.release(buffer),
    }
    const asked = {url: hop.url, method: hop.method, headers: withPlan(hop.headers, plan)}
    this.#exchange = this.#ports.transport.exchange(asked, receiver, this.#abort.signal)
    const end = await this.#exchange.finished
    const after = this.#planned()
    if (after.kind !== 'finish') return after
    await this.#writer?.drained()
    // An empty body was written to nobody: its part may not be there yet.
    await this.#part
    return this.#checkLength(end.bodyLength, after.total)
  }

  /** What `responded` left to do; a method, because it is set behind the compiler's back. */
  #planned(): AfterExchange {
    return this.#after
  }

  #checkLength(bodyLength: number, total: number | undefined): AfterExchange {
    const arrived = this.#bodyBase + bodyLength
    if (total !== undefined && arrived !== total) {
      const message = `the body ended at ${arrived} of ${total} bytes`
      return {kind: 'fail', error: new TransferError('TRUNCATED', message, {where: this.#where()})}
    }
    return {kind: 'finish', total: arrived}
  }

  #where(): string {
    return new URL(this.#facts.request.url).origin
  }

  #responded(
    {plan, terms}: {readonly plan: RangePlan; readonly terms: AskingTerms},
    hop: {readonly url: string; readonly method: string; readonly headers: readonly HeaderField[]},
    hops: number,
    head: ResponseFacts,
  ): BodyDisposition {
    const next = nextHop({...hop, head, hops})
    if (next.kind === 'follow') {
      this.#after = {kind: 'hop', url: next.url, method: next.method, headers: next.headers}
      return 'discard'
    }
    this.#response = head
    if (next.kind === 'fail') {
      this.#after = {kind: 'fail', error: next.error}
      return 'discard'
    }
    const verdict = judgeResponse(plan, this.#evidence, terms, head, this.#ports.clock.now())
    if (verdict.lesson !== undefined) this.#ports.origins.learn(hop.url, verdict.lesson)
    return this.#follow(verdict, head)
  }

  #follow(verdict: Verdict, head: ResponseFacts): BodyDisposition {
    switch (verdict.kind) {
      case 'fail':
        this.#after = {kind: 'fail', error: verdict.error}
        return 'discard'
      case 'askAgain':
      case 'startOver':
        this.#after = {
          kind: 'fail',
          error: new TransferError('UNRELIABLE_RANGES', verdict.reason, {
            where: this.#where(),
            details: {[verdict.kind]: true},
          }),
        }
        return 'discard'
      case 'complete':
        this.#after = {kind: 'finish', total: verdict.total}
        this.#bodyBase = verdict.total
        this.#report({type: 'attempt.responded', response: head, evidence: this.#evidence})
        return 'discard'
      case 'continue':
        this.#evidence = {
          ...this.#evidence,
          ...(verdict.total === undefined ? {} : {total: verdict.total}),
        }
        this.#receive(verdict.offset, verdict.bodyLength, verdict.missingFrom)
        this.#report({type: 'attempt.responded', response: head, evidence: this.#evidence})
        return 'receive'
      case 'fromStart':
        return this.#receiveFromStart(verdict, head)
    }
  }

  #receiveFromStart(verdict: Verdict & {kind: 'fromStart'}, head: ResponseFacts): BodyDisposition {
    const generation = this.#evidence.generation + (verdict.restarted ? 1 : 0)
    const stale = this.#part
    this.#evidence = {
      ...withoutBytes(this.#evidence, generation),
      ...(verdict.total === undefined ? {} : {total: verdict.total}),
      ...(verdict.validator === undefined ? {} : {validator: verdict.validator}),
      ...(verdict.marks === undefined ? {} : {marks: verdict.marks}),
      ...(verdict.coded === undefined ? {} : {coded: verdict.coded}),
    }
    if (verdict.restarted) {
      this.#bodyIsHeld = true
      this.#part = undefined
      void stale?.then((part) => part.close()).catch(() => undefined)
    }
    this.#receive(0, verdict.total, 0)
    const type = verdict.restarted ? 'attempt.restarted' : 'attempt.responded'
    this.#report({type, response: head, evidence: this.#evidence})
    return 'receive'
  }

  #receive(base: number, expected: number | undefined, missingFrom: number): void {
    this.#part ??= this.#createPart()
    const part = this.#part
    part.catch((error) => this.#diskFailed(error))
    this.#bodyBase = base
    this.#after = {kind: 'finish', total: this.#evidence.total}
    const {id, request, target} = this.#facts
    this.#writer = new BodyWriter({
      part,
      pool: this.#ports.pool,
      rate: this.#ports.limiter.allowanceOf(this.#facts),
      evidence: this.#evidence,
      base,
      missingFrom,
      expected,
      side: {id, request: {url: request.url, method: request.method}, target},
      onRoom: () => {
        if (!this.#bodyIsHeld) this.#exchange?.resume()
      },
      onCheckpoint: (evidence) => {
        this.#evidence = evidence
        this.#report({type: 'attempt.checkpointed', evidence})
      },
      onError: (error) => this.#diskFailed(error),
    })
  }

  async #createPart(): Promise<PartFile> {
    const name = this.#partName()
    const {part} = await this.#ports.sink.openPart(name, [])
    if (name.generation > 1) await this.#ports.sink.discard(name, name.generation)
    return part
  }

  #diskFailed(error: unknown): void {
    this.#diskError ??= error
    this.#abort.abort()
  }

  /** Once a second or so: hands a slow body's bytes over, says whether anything moved, makes it durable. */
  #pulse(): void {
    const {received} = this.#counts()
    const isAlive = received !== this.#receivedAtLastPulse || this.#writer?.isHolding === true
    if (isAlive) this.#report({type: 'attempt.progressed'})
    this.#receivedAtLastPulse = received
    this.#exchange?.flush()
    const writer = this.#writer
    if (writer === undefined) return
    void writer
      .drained()
      .then(() => writer.checkpoint())
      .catch(() => undefined)
  }

  #counts(): ByteCounts {
    const {generation, total, ranges} = this.#evidence
    const received =
      this.#writer === undefined ? prefixLength(ranges) : this.#bodyBase + (this.#exchange?.received ?? 0)
    return {generation, received, total}
  }

  /** Before the try reports its end: whoever goes on has the part to itself. */
  async #closePart(): Promise<void> {
    await this.#writer?.drained().catch(() => undefined)
    await this.#part?.then((part) => part.close()).catch(() => undefined)
  }
}

/** The caller's own Accept-Encoding stands in for ours (O19). */
function withPlan(headers: readonly HeaderField[], plan: RangePlan): readonly HeaderField[] {
  const own = new Set(headers.map(([name]) => name.toLowerCase()))
  return [...headers, ...plan.headers.filter(([name]) => !own.has(name.toLowerCase()))]
}
