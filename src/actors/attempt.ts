/**
 * One try of a download: plans what to ask for, opens the part file, judges the answer by the resume ladder, and reports
 * milestones. Its connections move the bytes, its checkpoints make them durable, and the chart owns every timeout and retry.
 */

import type {AttemptCommand, AttemptEvent, AttemptInput} from '../domain/attempt.ts'
import {describedBy} from '../domain/content-description.ts'
import {unexpectedAnswer, unexpectedSize} from '../domain/content-guard.ts'
import {asTransferError, TransferError} from '../domain/errors.ts'
import {expectedDigests} from '../domain/expected-file.ts'
import {isForeign, type OtherFile, sourcesOf} from '../domain/mirrors.ts'
import type {ConnectionStanding, PartId, PartReport} from '../domain/part.ts'
import {randomAccessFault} from '../domain/random-access.ts'
import {
  addRange,
  type ByteRange,
  missingRanges,
  prefixLength,
  type RangeSet,
  sizeOf,
  sizeWith,
} from '../domain/range-set.ts'
import {type Evidence, type OperationFacts, type ResponseFacts, withoutBytes} from '../domain/record.ts'
import {couldGoOn, type Verdict, WORTH_ASKING_BYTES} from '../domain/resume-ladder.ts'
import type {ByteReaders} from '../ports/byte-readers.ts'
import type {Clock} from '../ports/clock.ts'
import type {ConnectionPermits} from '../ports/connection-permits.ts'
import type {ContentSource} from '../ports/content-source.ts'
import {type FileSink, type PartFile, type PartName, partNameOf} from '../ports/file-sink.ts'
import type {OriginMemory} from '../ports/origin-memory.ts'
import type {ByteCounts, Gauge, ProgressMeter} from '../ports/progress-meter.ts'
import type {RateAllowance, RateLimiter} from '../ports/rate-limiter.ts'
import type {Secrets} from '../ports/secrets.ts'
import type {RequestBody, Transport} from '../ports/transport.ts'
import {BodyWriter} from './body-writer.ts'
import type {BufferPool} from './buffer-pool.ts'
import {Checkpoints, type VersionFacts} from './checkpoints.ts'
import {Connection, type Hop, type Reception} from './connection.ts'
import {FIRST, Parts} from './parts.ts'
import {judge, type Question, questionTo} from './question.ts'
import {type FreshRequests, firstHop} from './refresh-request.ts'
import {requestHeaders} from './request-headers.ts'
import type {Logins} from './server-login.ts'

export interface TransferBytesPorts {
  readonly transport: Transport
  readonly content: ContentSource
  readonly sink: FileSink
  readonly secrets: Secrets
  readonly clock: Clock
  readonly meter: ProgressMeter
  readonly pool: BufferPool
  readonly limiter: RateLimiter
  readonly origins: OriginMemory
  readonly readers: ByteReaders
  readonly logins: Logins
  readonly fresh: FreshRequests
  readonly permits: ConnectionPermits
  /** The fewest bytes for which another connection is opened. */
  readonly minSliceBytes: number
}

/** Where a body belongs. */
interface BodyPlace {
  readonly base: number
  readonly expected: number | undefined
  readonly missingFrom: number
  /** Position behind the last byte that was asked for; absent where it is that of the resource. */
  readonly end: number | undefined
}

/** Bytes that come this soon are waited for: a new request would bring them later. */
const NEAR_BYTES = 256 * 1024

export class Attempt {
  readonly #ports: TransferBytesPorts
  readonly #facts: OperationFacts
  readonly #tell: (event: AttemptEvent) => void
  /** One for all its connections: more of them get no more of a limit that others share. */
  readonly #rate: RateAllowance
  #stage: 'open' | 'yielding' | 'over' = 'open'
  #bytes: Checkpoints
  #connection: Connection | undefined
  /** Where its requests begin: what was given for this try is for all of them. */
  readonly #begin: (own: Hop) => Hop
  /** Which of the file's addresses its own connection asks. */
  readonly #source: number
  /** Further connections; absent where there is to be one only. */
  readonly #parts: Parts | undefined
  /** What is missing from there on is fetched first. */
  #wanted: number
  /** A restart is being recorded: settles when it is, or when the try is given up before. */
  #recording: {readonly settled: Promise<void>; readonly settle: () => void} | undefined
  /** The part of the generation before is being closed. */
  #retiring: Promise<void> | undefined
  #positionAtLastPulse: number | undefined
  #gauge: Gauge | undefined
  #detachReaders: (() => void) | undefined
  #giveBack: (() => void) | undefined

  constructor(ports: TransferBytesPorts, {facts, wanted}: AttemptInput, tell: (event: AttemptEvent) => void) {
    this.#ports = ports
    this.#facts = facts
    this.#rate = ports.limiter.allowanceOf(facts)
    this.#begin = ports.fresh.take(facts.id)
    this.#source = facts.source ?? 0
    this.#wanted = wanted ?? 0
    this.#tell = tell
    this.#bytes = this.#checkpointsOver(facts.evidence)
    // Over FTP one stream is all that servers like, and a REST has no end.
    if ((facts.policy.connections ?? 1) > 1 && !facts.request.url.startsWith('ftp:')) this.#parts = this.#createParts()
  }

  obey(command: AttemptCommand): void {
    switch (command.type) {
      case 'checkpoint.due':
        this.#pulse()
        return
      case 'width.due':
        this.#parts?.look(this.#ports.clock.now())
        return
      case 'restart.recorded':
        this.#restartRecorded()
        return
      case 'range.wanted':
        this.#wanted = command.position
        this.#goToWanted()
        return
      case 'attempt.yield':
        if (this.#stage !== 'open') return
        this.#stage = 'yielding'
        this.#flush()
        this.#stop()
        this.#recording?.settle()
        return
    }
  }

  /** Moves a part’s bytes until none is left for it, and tells what becomes of it. */
  runPart(part: PartId, tell: (report: PartReport) => void): void {
    if (this.#parts === undefined) tell({type: 'part.finished'})
    else void this.#parts.run(part, tell)
  }

  /** The same as the chart's own pulse, for one part; answers how far it is. */
  pulsePart(part: PartId, before: number): number {
    const position = this.#parts?.pulseOf(part, before) ?? before
    this.#checkpoint()
    return position
  }

  leavePart(part: PartId): void {
    this.#parts?.leave(part)
  }

  /** Who brings what now; empty where there is to be one connection only. */
  get connections(): readonly ConnectionStanding[] {
    return this.#parts?.standings ?? []
  }

  #flush(): void {
    this.#connection?.flush()
    this.#parts?.flush()
  }

  /** Closes every connection now. */
  #stop(): void {
    this.#connection?.stop()
    this.#parts?.stop()
  }

  /** Only now the new generation gets its part: before, a crash would leave one that no record knows of. */
  #restartRecorded(): void {
    const recording = this.#recording
    if (recording === undefined) return
    this.#recording = undefined
    this.#bytes.writeTo(this.#createPart())
    recording.settle()
    this.#connection?.letGo()
    this.#goToWanted()
  }

  /** The chart left the try: nothing more is reported, the connection closes now, the file when its writes are done. */
  abandon(): void {
    this.#stage = 'over'
    this.#stop()
    this.#recording?.settle()
    this.#detach()
  }

  #detach(): void {
    this.#gauge?.detach()
    this.#detachReaders?.()
    this.#giveBack?.()
  }

  async run(): Promise<void> {
    try {
      await this.#transfer()
      this.#parts?.stop()
      await this.#bytes.close()
      this.#reportLast({type: 'attempt.finished', evidence: this.#bytes.evidence})
    } catch (thrown) {
      await this.#settle(thrown)
    } finally {
      this.#detach()
    }
  }

  async #settle(thrown: unknown): Promise<void> {
    this.#recording = undefined
    this.#parts?.flush()
    this.#parts?.stop()
    // Once the chart has left the try nobody is told of a checkpoint, and whoever comes next waits for the part.
    if (this.#stage !== 'over') await this.#bytes.settle()
    // Before the try reports its end: whoever goes on has the part to itself.
    await this.#bytes.close()
    const {evidence, failure} = this.#bytes
    if (this.#stage === 'yielding') {
      this.#report({type: 'attempt.yielded', evidence})
      return
    }
    const error = this.#explain(failure === undefined ? thrown : failure.error)
    const response = this.#connection?.response
    this.#report({
      type: 'attempt.failed',
      error: error.toSerialized(),
      evidence,
      ...(response === undefined ? {} : {response}),
    })
  }

  /** A cut in mid-body is told apart, because it may be continued at once. */
  #explain(thrown: unknown): TransferError {
    const error = asTransferError(thrown)
    const isCut = error.code === 'CONNECTION_RESET' || error.code === 'TRUNCATED'
    if (!isCut || this.#connection?.writer === undefined) return error
    const {request, policy} = this.#facts
    const resumable = request.body === undefined && couldGoOn(this.#bytes.evidence, policy)
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
    const {sink, meter, readers, permits} = this.#ports
    const {id, target} = this.#facts
    this.#gauge = meter.attach(id, () => this.#counts())
    this.#detachReaders = readers.follow(id, () => this.#flush())
    // Its place in the line is that of its own address.
    if (this.#source > 0) this.#giveBack = permits.take(sourcesOf(this.#facts.request)[this.#source] ?? '', id)
    await sink.checkTarget(target)
    // Given up meanwhile: the part may have been removed already, and opening would make it anew.
    this.#assertWanted()
    if (this.#bytes.evidence.ranges.length > 0) {
      const {part, ranges} = await sink.openPart(this.#partName(), this.#bytes.evidence.ranges)
      this.#bytes.found(part, ranges)
      await this.#prepare(part)
      this.#assertWanted()
    }
    if (this.#isWhole()) return
    await this.#demandRoom()
    for (let stretch: ByteRange | undefined; ; ) {
      // A body that falls short fails, so that every turn brings a stretch to its end.
      const {kind} = await this.#fetch(stretch)
      if (kind === 'nothing' || this.#bytes.evidence.total === undefined || this.#isWritten) return
      this.#assertWanted()
      stretch = await this.#nextStretch()
      if (this.#isWritten) return
      this.#report({type: 'attempt.continuing'})
    }
  }

  get #isWritten(): boolean {
    const {total} = this.#bytes.evidence
    return total !== undefined && missingRanges(this.#bytes.written, total).length === 0
  }

  /** What to bring next, where others bring something too; waits while that is everything. */
  async #nextStretch(): Promise<ByteRange | undefined> {
    const parts = this.#parts
    if (parts === undefined) return undefined
    this.#connection = undefined
    for (let attends = false; !this.#isWritten; attends = true) {
      const stretch = parts.claimFirst()
      if (stretch !== undefined) return stretch
      if (!attends) this.#report({type: 'attempt.attending'})
      await parts.change()
      this.#assertWanted()
      if (this.#bytes.failure !== undefined) throw this.#bytes.failure.error
    }
    return undefined
  }

  /** Leaves the present stretch where the wanted bytes are neither here nor about to come, and could be asked for. */
  #goToWanted(): void {
    const connection = this.#connection
    const {total, validator} = this.#bytes.evidence
    if (total === undefined || validator === undefined || this.#facts.policy.randomAccess !== true) return
    const isAttending = connection === undefined && this.#parts !== undefined
    const {position, end} = connection ?? {}
    if (!isAttending && (connection?.isHeld !== false || position === undefined || end === undefined)) return
    const next = missingRanges(this.#received, total).find((each) => each[1] > this.#wanted)
    if (next === undefined) return
    const start = Math.max(next[0], this.#wanted)
    if (
      position !== undefined &&
      end !== undefined &&
      start >= position &&
      start < Math.min(end, position + NEAR_BYTES)
    )
      return
    if (this.#parts?.board.free(start) === false) return
    connection?.endHere()
    this.#parts?.changed()
  }

  #assertWanted(): void {
    if (this.#stage !== 'open') throw new TransferError('CANCELED', 'the try was given up')
  }

  /** Every byte was durable before the process died: nothing is left to ask for. */
  #isWhole(): boolean {
    const {total, ranges} = this.#bytes.evidence
    return total !== undefined && prefixLength(ranges) === total && total > 0
  }

  /** `stretch`: what was chosen already, because parts bring the rest. */
  async #fetch(stretch: ByteRange | undefined): Promise<Reception> {
    const first = this.#firstHop(this.#source)
    const body = await this.#requestBody()
    this.#assertWanted()
    let question = this.#questionTo(first, this.#source, stretch)
    const connection = new Connection({
      transport: this.#ports.transport,
      connected: () => this.#report({type: 'attempt.connected'}),
      redirected: (redirect) => this.#report({type: 'attempt.redirected', redirect}),
      challenged: () => this.#report({type: 'attempt.challenged'}),
      login: this.#ports.logins.of(this.#facts.request, first),
      body,
      headersFor: (hop) => {
        question = this.#questionTo(hop, this.#source, stretch)
        return question.headers
      },
      responded: (head) => this.#responded(question, connection, head),
      // What several bring together is known by reading only.
      ...(this.#parts === undefined ? {moved: () => this.#gauge?.moved(this.#receivedBytes)} : {}),
    })
    this.#connection = connection
    this.#gauge?.changed()
    this.#parts?.board.attach(FIRST, connection)
    const reception = await connection.run(first)
    // A body that is here at once ends before its restart is recorded.
    await this.#recording?.settled
    if (!this.#bytes.hasPart) this.#assertWanted()
    await connection.writer?.drained()
    // An empty body was written by nobody: its part may not be there yet.
    if (this.#bytes.hasPart) await this.#bytes.opened()
    if (this.#parts !== undefined && connection.writer !== undefined) this.#bytes.leave(connection.writer)
    this.#parts?.board.release(FIRST)
    // Only the end of the body told how long it is.
    if (reception.kind === 'receive' && reception.bodyEnd === undefined) {
      this.#bytes.learn({total: connection.position ?? 0})
      this.#gauge?.changed()
    }
    return reception
  }

  #partName(): PartName {
    return partNameOf({...this.#facts, evidence: this.#bytes.evidence})
  }

  /** As its files are now: what the request carries is read anew for each try. */
  async #requestBody(): Promise<RequestBody | undefined> {
    const {body} = this.#facts.request
    if (body === undefined) return undefined
    const {content} = this.#ports
    return content.body(body, await content.inspect(body))
  }

  #ownHop(): Hop {
    const {request} = this.#facts
    return {url: request.url, method: request.method, headers: requestHeaders(request, this.#ports.secrets)}
  }

  /** Where the requests to a source begin. A mirror is told nothing that is meant for the server of the operation's own address. */
  #firstHop(source: number): Hop {
    const own = this.#ownHop()
    const url = source === 0 ? undefined : sourcesOf(this.#facts.request)[source]
    return url === undefined ? this.#begin(own) : firstHop(own, {url, headers: []})
  }

  #questionTo(hop: Hop, source: number, stretch?: ByteRange): Question {
    const known = this.#known
    // What a part brings is always beside the bytes of the own connection, which may still be on their way.
    const hasBytes = known.ranges.length > 0 || stretch !== undefined
    const mustProve = hasBytes && isForeign(known, source)
    return questionTo(hop, this.#facts, known, this.#ports.origins, this.#wanted, stretch, mustProve)
  }

  #drop(source: number, other: OtherFile): void {
    this.#report({type: 'source.dropped', dropped: {source, ...other}})
  }

  /** What is known of the version, with all bytes that are in the file. */
  get #known(): Evidence {
    return {...this.#bytes.evidence, ranges: this.#bytes.written}
  }

  #createParts(): Parts {
    const {transport, origins, permits, logins, clock, minSliceBytes} = this.#ports
    const facts = this.#facts
    return new Parts({
      facts,
      transport,
      origins,
      permits,
      rate: this.#rate,
      unit: minSliceBytes,
      bytes: () => this.#bytes,
      wanted: () => this.#wanted,
      isOpen: () => this.#stage === 'open' && this.#bytes.failure === undefined,
      want: (part) => this.#report({type: 'part.wanted', part}),
      source: this.#source,
      drop: (source, other) => this.#drop(source, other),
      firstHop: (source) => this.#firstHop(source),
      login: (first) => logins.of(facts.request, first),
      ask: (hop, source, stretch) => this.#questionTo(hop, source, stretch),
      judge: (question, head) => judge(question, facts, this.#known, head, clock.now()),
      receive: (connection, {plan, verdict}, end) =>
        this.#goOn(
          connection,
          verdict as Verdict & {kind: 'continue'},
          Math.min(plan.end ?? Number.POSITIVE_INFINITY, end),
        ),
    })
  }

  #responded(question: Question, connection: Connection, head: ResponseFacts): Reception {
    const {url, plan} = question
    const known = this.#known
    const {verdict, other} = judge(question, this.#facts, known, head, this.#ports.clock.now())
    if (other !== undefined) this.#drop(this.#source, other)
    const surprise = unexpectedContent(this.#facts, verdict, describedBy(known.description, head))
    if (surprise !== undefined) return {kind: 'fail', error: surprise}
    const fault = this.#facts.policy.randomAccess === true ? randomAccessFault(plan, verdict, head) : undefined
    if (fault !== undefined) return {kind: 'fail', error: fault}
    if (verdict.lesson !== undefined) this.#ports.origins.learn(url, verdict.lesson)
    switch (verdict.kind) {
      case 'fail':
        return verdict
      case 'askAgain':
      case 'startOver': {
        const where = new URL(this.#facts.request.url).origin
        const error = new TransferError('UNRELIABLE_RANGES', verdict.reason, {where, details: {[verdict.kind]: true}})
        return {kind: 'fail', error}
      }
      case 'complete':
        this.#bytes.learn({total: verdict.total})
        if (!this.#bytes.hasPart) this.#bytes.writeTo(this.#createPart())
        this.#report({type: 'attempt.responded', response: head, evidence: this.#bytes.evidence})
        return {kind: 'nothing'}
      case 'continue': {
        if (this.#parts?.board.commit(FIRST) === false) return {kind: 'overtaken'}
        this.#parts?.noteAnswer(head, this.#ports.clock.now())
        const end = this.#parts?.board.endOf(FIRST) ?? Number.POSITIVE_INFINITY
        this.#bytes.learn(learned(verdict))
        this.#report({type: 'attempt.responded', response: head, evidence: this.#bytes.evidence})
        return this.#goOn(connection, verdict, Math.min(plan.end ?? Number.POSITIVE_INFINITY, end))
      }
      case 'fromStart':
        this.#parts?.noteAnswer(head, this.#ports.clock.now())
        return this.#receiveFromStart(connection, verdict, head)
    }
  }

  /** The answer brings what is missing, up to `end`. */
  #goOn(connection: Connection, verdict: Verdict & {kind: 'continue'}, asked: number): Reception {
    this.#bytes.learn(learned(verdict))
    const end = Math.min(asked, endOfPiece(verdict))
    const isLast = end >= (this.#bytes.evidence.total ?? Number.POSITIVE_INFINITY)
    return this.#receive(connection, {
      base: verdict.offset,
      expected: verdict.bodyLength,
      missingFrom: verdict.missingFrom,
      end: isLast ? undefined : end,
    })
  }

  #receiveFromStart(connection: Connection, verdict: Verdict & {kind: 'fromStart'}, head: ResponseFacts): Reception {
    const stale = this.#bytes
    this.#parts?.restart()
    if (verdict.restarted) {
      const evidence = withoutBytes(stale.evidence, stale.evidence.generation + 1)
      this.#bytes = this.#checkpointsOver(evidence)
      connection.hold()
      this.#recording = deferred()
      this.#retiring = stale.retire()
    }
    const {mirrors} = this.#facts.request
    this.#bytes.learnAnew({...learned(verdict), ...(mirrors === undefined ? {} : {source: this.#source})})
    const type = verdict.restarted ? 'attempt.restarted' : 'attempt.responded'
    this.#report({type, response: head, evidence: this.#bytes.evidence})
    return this.#receive(connection, {base: 0, expected: verdict.total, missingFrom: 0, end: undefined})
  }

  #receive(connection: Connection, {base, expected, missingFrom, end}: BodyPlace): Reception {
    if (!this.#bytes.hasPart && !connection.isHeld) this.#bytes.writeTo(this.#createPart())
    const writer = new BodyWriter({
      checkpoints: this.#bytes,
      pool: this.#ports.pool,
      rate: this.#rate,
      base,
      missingFrom,
      expected,
      isAwaited: () => this.#ports.readers.isAwaited(this.#facts.id),
      onRoom: () => connection.resume(),
    })
    this.#gauge?.changed()
    const {total} = this.#bytes.evidence
    const bodyEnd = end === undefined ? total : Math.max(end, base + (expected ?? 0))
    // A server that sends more than was asked for is cut off, lest it writes over what is there.
    if (end !== undefined) connection.endAt(end)
    if (connection === this.#connection && total !== undefined) {
      this.#parts?.board.begin(FIRST, connection, missingFrom, end ?? total)
    }
    if (this.#wanted > 0) queueMicrotask(() => this.#goToWanted())
    return {kind: 'receive', writer, bodyEnd}
  }

  #checkpointsOver(evidence: Evidence): Checkpoints {
    const {id, request, target} = this.#facts
    const bytes: Checkpoints = new Checkpoints({
      evidence,
      side: {id, request: {url: request.url, method: request.method}, target},
      onCheckpoint: (durable) => {
        // What was under way as a new generation began says nothing of that.
        if (bytes !== this.#bytes) return
        this.#report({type: 'attempt.checkpointed', evidence: durable})
        this.#guardSize(sizeOf(durable.ranges))
      },
      onWritten: () => this.#ports.meter.wrote(id),
      onError: () => this.#stop(),
    })
    return bytes
  }

  async #createPart(): Promise<PartFile> {
    const name = this.#partName()
    await this.#retiring
    const {part} = await this.#ports.sink.openPart(name, [])
    try {
      await this.#prepare(part)
    } catch (error) {
      // Nobody else knows of it yet.
      await part.close()
      throw error
    }
    if (name.generation > 1) await this.#ports.sink.discard(name, name.generation)
    return part
  }

  /** An earlier answer said how long the file is: no request is made for what there is no room for. */
  async #demandRoom(): Promise<void> {
    const {total} = this.#bytes.evidence
    if (total === undefined || this.#bytes.hasPart) return
    await this.#ports.sink.demandRoom(this.#partName(), total, total)
    this.#assertWanted()
  }

  /** Sets its bytes aside on the disk, and has it hashed as it grows. */
  async #prepare(part: PartFile): Promise<void> {
    const {evidence} = this.#bytes
    const {total, ranges} = evidence
    for (const {algorithm} of expectedDigests(this.#facts.policy, evidence)) part.digest(algorithm)
    if (total !== undefined) await part.claimRoom(total - sizeOf(ranges), total)
  }

  /** Once a second or so: hands a slow body's bytes over, says whether anything moved, makes it durable. */
  #pulse(): void {
    const {position, writer} = this.#connection ?? {}
    const hasMoved = position !== undefined && position !== this.#positionAtLastPulse
    if (hasMoved || writer?.isHolding === true) this.#report({type: 'attempt.progressed'})
    this.#positionAtLastPulse = position
    this.#guardSize(sizeOf(this.#received))
    this.#connection?.flush()
    this.#checkpoint()
    this.#parts?.pulse(this.#ports.clock.now())
  }

  #checkpoint(): void {
    const bytes = this.#bytes
    if (!bytes.hasPart) return
    void bytes
      .drained()
      .then(() => bytes.checkpoint())
      .catch(() => undefined)
  }

  /** A body of unknown length, or one that is longer than it was said to be, ends when it is too much. */
  #guardSize(received: number): void {
    const {maxBytes} = this.#facts.policy.expect ?? {}
    if (maxBytes === undefined || received <= maxBytes) return
    const error = unexpectedSize({maxBytes}, received, new URL(this.#facts.request.url).origin)
    if (error !== undefined) this.#bytes.fail(error)
  }

  #counts(): ByteCounts {
    const {written, evidence} = this.#bytes
    return {generation: evidence.generation, received: this.#receivedBytes, total: evidence.total, written}
  }

  /** The same as the size of what is received; without parts it takes no set to know it, and progress asks at each tick. */
  get #receivedBytes(): number {
    if (this.#parts !== undefined) return sizeOf(this.#received)
    const {writer, position = 0} = this.#connection ?? {}
    const {written} = this.#bytes
    return writer === undefined ? sizeOf(written) : sizeWith(written, writer.base, position)
  }

  /** What is in the file, or on its way into it. */
  get #received(): RangeSet {
    const {writer, position = 0} = this.#connection ?? {}
    const {written} = this.#bytes
    const received = writer === undefined ? written : addRange(written, writer.base, position)
    return this.#parts?.board.received(received) ?? received
  }
}

function deferred(): {readonly settled: Promise<void>; readonly settle: () => void} {
  let settle = () => {}
  const settled = new Promise<void>((resolve) => {
    settle = resolve
  })
  return {settled, settle}
}

/** Servers may send less than was asked for (RFC 9110, 15.3.7): the rest is asked for then. A crumb is a body that falls short. */
function endOfPiece({
  offset,
  missingFrom,
  bodyLength = Number.POSITIVE_INFINITY,
}: Verdict & {kind: 'continue'}): number {
  const end = offset + bodyLength
  return end - missingFrom < WORTH_ASKING_BYTES ? Number.POSITIVE_INFINITY : end
}

function unexpectedContent({policy}: OperationFacts, verdict: Verdict, head: ResponseFacts): TransferError | undefined {
  if (verdict.kind !== 'fromStart' && verdict.kind !== 'continue') return undefined
  return unexpectedAnswer(policy.expect, head, verdict.total)
}

function learned({total, validator, marks, description, coded, digest}: Partial<VersionFacts>): Partial<VersionFacts> {
  return {
    ...(total === undefined ? {} : {total}),
    ...(validator === undefined ? {} : {validator}),
    ...(marks === undefined ? {} : {marks}),
    ...(description === undefined ? {} : {description}),
    ...(coded === undefined ? {} : {coded}),
    ...(digest === undefined ? {} : {digest}),
  }
}
