/**
 * One try of a download: its own connection moves one stretch after the other, beside those of its parts, until every byte is in
 * the file, and reports milestones. The chart owns every timeout and every retry.
 */

import type {AttemptCommand, AttemptEvent, AttemptInput} from '../domain/attempt.ts'
import {TransferError} from '../domain/errors.ts'
import {type OtherFile, sourcesOf} from '../domain/mirrors.ts'
import type {ConnectionStanding, PartId, PartReport} from '../domain/part.ts'
import {addRange, type ByteRange, missingRangeFrom, type RangeSet, sizeOf, sizeWith} from '../domain/range-set.ts'
import type {OperationFacts} from '../domain/record.ts'
import type {ByteReaders} from '../ports/byte-readers.ts'
import type {Clock} from '../ports/clock.ts'
import type {ConnectionPermits} from '../ports/connection-permits.ts'
import type {FileSink} from '../ports/file-sink.ts'
import type {ByteCounts, Gauge, ProgressMeter} from '../ports/progress-meter.ts'
import type {RateAllowance, RateLimiter} from '../ports/rate-limiter.ts'
import type {Transport} from '../ports/transport.ts'
import {Answers} from './answers.ts'
import type {BufferPool} from './buffer-pool.ts'
import type {Checkpoints} from './checkpoints.ts'
import {Connection, type Hop, type Reception} from './connection.ts'
import {failureOfTry} from './failure-of-try.ts'
import {FIRST, Parts} from './parts.ts'
import {TryFile} from './try-file.ts'
import {TryRequests, type TryRequestsPorts} from './try-requests.ts'

export interface TransferBytesPorts extends TryRequestsPorts {
  readonly transport: Transport
  readonly sink: FileSink
  readonly clock: Clock
  readonly meter: ProgressMeter
  readonly pool: BufferPool
  readonly limiter: RateLimiter
  readonly readers: ByteReaders
  readonly permits: ConnectionPermits
  /** The fewest bytes for which another connection is opened. */
  readonly minSliceBytes: number
}

export class Attempt {
  readonly #ports: TransferBytesPorts
  readonly #facts: OperationFacts
  readonly #tell: (event: AttemptEvent) => void
  /** One for all its connections: more of them get no more of a limit that others share. */
  readonly #rate: RateAllowance
  #stage: 'open' | 'yielding' | 'over' = 'open'
  readonly #file: TryFile
  readonly #requests: TryRequests
  readonly #answers: Answers
  #connection: Connection | undefined
  /** Which of the file's addresses its own connection asks. */
  readonly #source: number
  /** Further connections; absent where there is to be one only. */
  readonly #parts: Parts | undefined
  /** What is missing from there on is fetched first. */
  #wanted: number
  #positionAtLastPulse: number | undefined
  readonly #beganAt: number
  #gauge: Gauge | undefined
  #detachReaders: (() => void) | undefined
  #giveBack: (() => void) | undefined

  constructor(ports: TransferBytesPorts, {facts, wanted}: AttemptInput, tell: (event: AttemptEvent) => void) {
    this.#ports = ports
    this.#beganAt = ports.clock.now()
    this.#facts = facts
    this.#rate = ports.limiter.allowanceOf(facts)
    this.#requests = new TryRequests(ports, facts)
    this.#source = facts.source ?? 0
    this.#wanted = wanted ?? 0
    this.#tell = tell
    this.#file = new TryFile({
      facts,
      sink: ports.sink,
      meter: ports.meter,
      now: () => ports.clock.now(),
      checkpointed: (evidence) => this.#report({type: 'attempt.checkpointed', evidence}),
      broken: () => this.#stop(),
    })
    this.#answers = new Answers({
      ...ports,
      facts,
      file: this.#file,
      rate: this.#rate,
      source: this.#source,
      parts: () => this.#parts,
      report: (event) => this.#report(event),
      drop: (source, other) => this.#drop(source, other),
      placed: (connection, missingFrom, end) => this.#placed(connection, missingFrom, end),
    })
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
        if (!this.#file.restartRecorded()) return
        this.#connection?.letGo()
        this.#goToWanted()
        return
      case 'range.wanted':
        this.#wanted = command.position
        this.#goToWanted()
        return
      case 'answer.due':
        if (this.#connection?.conclude() !== true) this.#report({type: 'attempt.unanswered'})
        return
      case 'attempt.yield':
        if (this.#stage !== 'open') return
        this.#stage = 'yielding'
        this.#flush()
        this.#stop()
        this.#file.giveUp()
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
    this.#file.checkpoint()
    return position
  }

  leavePart(part: PartId): void {
    this.#parts?.leave(part)
  }

  /** Who brings what now; empty where there is to be one connection only. */
  get connections(): readonly ConnectionStanding[] {
    return this.#parts?.standings ?? []
  }

  get #bytes(): Checkpoints {
    return this.#file.bytes
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

  /** The chart left the try: nothing more is reported, the connection closes now, the file when its writes are done. */
  abandon(): void {
    this.#stage = 'over'
    this.#stop()
    this.#file.abandon()
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
    this.#file.forgetRestart()
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
    const {response, writer} = this.#connection ?? {}
    const error = failureOfTry(failure === undefined ? thrown : failure.error, {
      facts: this.#facts,
      evidence,
      isMidBody: writer !== undefined,
      lastedMs: this.#ports.clock.now() - this.#beganAt,
    })
    this.#report({
      type: 'attempt.failed',
      error: error.toSerialized(),
      evidence,
      ...(response === undefined ? {} : {response}),
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
    this.#detachReaders = readers.follow(id, () => this.#flush())
    // Its place in the line is that of its own address.
    if (this.#source > 0) this.#giveBack = permits.take(sourcesOf(this.#facts.request)[this.#source] ?? '', id)
    await sink.checkTarget(target)
    // Given up meanwhile: the part may have been removed already, and opening would make it anew.
    this.#assertWanted()
    await this.#file.open()
    this.#assertWanted()
    // What is really there is counted from here on: a part that was damaged begins anew.
    this.#gauge = meter.attach(id, () => this.#counts())
    if (this.#file.isWhole) return
    await this.#file.demandRoom()
    this.#assertWanted()
    for (let stretch: ByteRange | undefined; ; ) {
      // A body that falls short fails, so that every turn brings a stretch to its end.
      const {kind} = await this.#fetch(stretch)
      if (kind === 'nothing' || this.#bytes.evidence.total === undefined || this.#file.isWritten) return
      this.#assertWanted()
      stretch = await this.#nextStretch()
      if (this.#file.isWritten) return
      this.#report({type: 'attempt.continuing'})
    }
  }

  /** What to bring next, where others bring something too; waits while that is everything. */
  async #nextStretch(): Promise<ByteRange | undefined> {
    const parts = this.#parts
    if (parts === undefined) return undefined
    this.#connection = undefined
    for (let attends = false; !this.#file.isWritten; attends = true) {
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
    const {total, validator} = this.#bytes.evidence
    if (total === undefined || validator === undefined || this.#facts.policy.randomAccess !== true) return
    const connection = this.#connection
    // Where there is none, it waits for the parts, or has not asked yet.
    const isMovable = connection === undefined ? this.#parts !== undefined : connection.isReceiving
    if (!isMovable) return
    const [start] = missingRangeFrom(this.#received, total, this.#wanted) ?? []
    if (start === undefined || connection?.bringsSoon(start) === true) return
    if (this.#parts?.board.free(start) === false) return
    connection?.endHere()
    this.#parts?.changed()
  }

  #assertWanted(): void {
    if (this.#stage !== 'open') throw new TransferError('CANCELED', 'the try was given up')
  }

  /** `stretch`: what was chosen already, because parts bring the rest. */
  async #fetch(stretch: ByteRange | undefined): Promise<Reception> {
    const first = this.#requests.firstHop(this.#source)
    const body = await this.#requests.body()
    this.#assertWanted()
    const questionTo = (hop: Hop) => this.#requests.question(hop, this.#source, this.#file.known, this.#wanted, stretch)
    let question = questionTo(first)
    const connection = new Connection({
      transport: this.#ports.transport,
      connected: () => this.#report({type: 'attempt.connected'}),
      redirected: (redirect) => this.#report({type: 'attempt.redirected', redirect}),
      challenged: () => this.#report({type: 'attempt.challenged'}),
      login: this.#requests.login(first),
      body,
      headersFor: (hop) => {
        question = questionTo(hop)
        return question.headers
      },
      responded: (head) => this.#answers.take(question, connection, head),
      // What several bring together is known by reading only.
      ...(this.#parts === undefined ? {moved: () => this.#gauge?.moved(this.#receivedBytes)} : {}),
    })
    this.#connection = connection
    this.#gauge?.changed()
    this.#parts?.board.attach(FIRST, connection)
    const reception = await connection.run(first)
    // A body that is here at once ends before its restart is recorded.
    await this.#file.recorded()
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

  #drop(source: number, other: OtherFile): void {
    this.#report({type: 'source.dropped', dropped: {source, ...other}})
  }

  #createParts(): Parts {
    const {transport, origins, permits, minSliceBytes} = this.#ports
    return new Parts({
      facts: this.#facts,
      transport,
      origins,
      permits,
      rate: this.#rate,
      unit: minSliceBytes,
      bytes: () => this.#bytes,
      wanted: () => this.#wanted,
      isOpen: () => this.#stage === 'open' && this.#bytes.failure === undefined,
      callFor: (part) => this.#report({type: 'part.wanted', part}),
      source: this.#source,
      drop: (source, other) => this.#drop(source, other),
      firstHop: (source) => this.#requests.firstHop(source),
      login: (first) => this.#requests.login(first),
      ask: (hop, source, stretch) => this.#requests.question(hop, source, this.#file.known, this.#wanted, stretch),
      judge: (question, head) => this.#answers.judge(question, head),
      receive: (connection, question, verdict, end) => this.#answers.goOn(connection, question, verdict, end),
    })
  }

  #placed(connection: Connection, missingFrom: number, end: number | undefined): void {
    this.#gauge?.changed()
    if (connection === this.#connection && end !== undefined) {
      this.#parts?.board.begin(FIRST, connection, missingFrom, end)
    }
    if (this.#wanted > 0) queueMicrotask(() => this.#goToWanted())
  }

  /** Once a second or so: hands a slow body's bytes over, says whether anything moved, makes it durable. */
  #pulse(): void {
    const {position, writer} = this.#connection ?? {}
    const hasMoved = position !== undefined && position !== this.#positionAtLastPulse
    if (hasMoved || writer?.isHolding === true) this.#report({type: 'attempt.progressed'})
    this.#positionAtLastPulse = position
    this.#file.guardSize(sizeOf(this.#received))
    this.#connection?.flush()
    this.#file.checkpoint()
    this.#parts?.pulse(this.#ports.clock.now())
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
