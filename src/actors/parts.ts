/**
 * The parts of one try: further connections beside its own, as many as its width says. Says when one more would be of use, finds each
 * its stretches, and judges their answers. Whatever a part brings is pinned to the version that the try’s own answer named: an answer
 * of which that is not sure is left, and one that is surely newer ends the try.
 */

import {describedBy} from '../domain/content-description.ts'
import {unexpectedAnswer} from '../domain/content-guard.ts'
import {asTransferError, TransferError} from '../domain/errors.ts'
import {type OtherFile, sourcesOf} from '../domain/mirrors.ts'
import type {ConnectionStanding, PartId, PartReport} from '../domain/part.ts'
import {isNewerVersion} from '../domain/part-answer.ts'
import {type ByteRange, sizeOf} from '../domain/range-set.ts'
import type {OperationFacts} from '../domain/record.ts'
import type {ResponseFacts} from '../domain/response-facts.ts'
import type {ConnectionPermits} from '../ports/connection-permits.ts'
import type {OriginMemory} from '../ports/origin-memory.ts'
import type {RateAllowance} from '../ports/rate-limiter.ts'
import type {Transport} from '../ports/transport.ts'
import type {Checkpoints} from './checkpoints.ts'
import {Connection, type Hop, type Reception} from './connection.ts'
import type {Continuation, Judgement, Question} from './question.ts'
import type {ServerLogin} from './server-login.ts'
import {type Asking, SliceBoard} from './slice-board.ts'
import {Width} from './width.ts'

/** The try’s own connection, on the board. */
export const FIRST = 'first'

/** What a try shares with its parts. */
export interface PartsHost {
  readonly facts: OperationFacts
  readonly transport: Transport
  readonly origins: OriginMemory
  readonly permits: ConnectionPermits
  readonly rate: RateAllowance
  /** The fewest bytes for which another connection is opened. */
  readonly unit: number
  readonly bytes: () => Checkpoints
  /** What is missing from this position on is brought first. */
  readonly wanted: () => number
  /** The try goes on. */
  readonly isOpen: () => boolean
  /** One connection more would be of use. */
  readonly callFor: (part: PartId) => void
  /** Which of the file's addresses the try's own connection asks. */
  readonly source: number
  /** An address sends something else: it is not asked any more. */
  readonly drop: (source: number, other: OtherFile) => void
  readonly firstHop: (source: number) => Hop
  readonly login: (first: Hop) => ServerLogin
  readonly ask: (hop: Hop, source: number, stretch: ByteRange) => Question
  readonly judge: (question: Question, head: ResponseFacts) => Judgement
  readonly receive: (
    connection: Connection,
    question: Question,
    verdict: Continuation,
    stretchEnd: number | undefined,
  ) => Reception
}

interface Run {
  readonly part: PartId
  /** Which of the file's addresses it asks. */
  readonly source: number
  readonly tell: (report: PartReport) => void
  connection: Connection | undefined
  /** Its chart has left it, or the try has no more use for it. */
  isOver: boolean
}

export class Parts {
  readonly board: SliceBoard
  readonly #host: PartsHost
  /** In the order in which they began. */
  readonly #runs = new Map<PartId, Run>()
  #count = 0
  readonly #width: Width
  /** Bytes a second of all, as last measured. */
  #rate = 0
  #whenChanged: (() => void)[] = []

  constructor(host: PartsHost) {
    this.#host = host
    this.#width = new Width(host)
    this.board = new SliceBoard(host.unit)
  }

  /** The answer to the try’s own connection. */
  noteAnswer(head: ResponseFacts, now: number): void {
    this.#width.noteAnswer(head)
    if (this.#width.isUnknown) this.board.measure(now)
  }

  /** A stretch for the try’s own connection; undefined while parts bring all that is missing. */
  claimFirst(): ByteRange | undefined {
    const asking = this.#asking
    return asking === undefined ? undefined : this.board.claim(FIRST, asking)
  }

  /** Who brings what now: the try's own connection first. */
  get standings(): readonly ConnectionStanding[] {
    const {standings} = this.board
    const own = standings.get(FIRST)
    const first = own === undefined ? [] : [{connection: 'first' as const, source: this.#host.source, ...own}]
    const parts = [...this.#runs.values()].flatMap(({part, source}) => {
      const stretch = standings.get(part)
      return stretch === undefined ? [] : [{connection: part, source, ...stretch}]
    })
    return [...first, ...parts]
  }

  /** Resolves when there may be something else to bring. */
  change(): Promise<void> {
    return new Promise((resolve) => this.#whenChanged.push(resolve))
  }

  changed(): void {
    for (const resolve of this.#whenChanged.splice(0)) resolve()
  }

  /** Measures, and finds out whether more connections pay, or fewer. `now`: epoch ms. */
  pulse(now: number): void {
    const measured = this.board.measure(now)
    this.changed()
    this.#rate = measured.rate
    this.#grow(measured.isWhole)
  }

  /** The first measurement of a try, soon after its answer. `now`: epoch ms. */
  look(now: number): void {
    if (this.#width.isUnknown) this.pulse(now)
  }

  #grow(isWhole: boolean): void {
    const asking = this.#asking
    if (asking === undefined || !this.#width.maySplit(this.#host.bytes().evidence)) return
    const missing = asking.total - sizeOf(this.board.received(asking.written))
    this.#width.grow({rate: this.#rate, flowing: this.board.flowing, missing, isWhole})
    const {target} = this.#width
    for (const run of [...this.#runs.values()].slice(Math.max(0, target - 1))) this.#drop(run)
    for (let more = target - 1 - this.#runs.size; more > 0 && this.board.hasWork(asking); more--) {
      this.#count += 1
      this.#host.callFor(`part-${this.#count}`)
    }
  }

  /** Brings stretches until none is left for it. What becomes of it is told. */
  async run(part: PartId, tell: (report: PartReport) => void): Promise<void> {
    const {facts, permits, isOpen} = this.#host
    const source = this.#width.nextSource([...this.#runs.values()].map((each) => each.source))
    const run: Run = {part, source, tell, connection: undefined, isOver: false}
    const isTooMany = this.#runs.size >= this.#width.target - 1
    const giveBack =
      isTooMany || !isOpen()
        ? undefined
        : permits.tryTake(sourcesOf(facts.request)[source] ?? '', facts.id, () => this.#drop(run))
    if (giveBack === undefined) {
      tell({type: 'part.finished'})
      return
    }
    this.#runs.set(part, run)
    let failure: TransferError | undefined
    try {
      await this.#bring(run)
    } catch (thrown) {
      failure = asTransferError(thrown)
      this.#heed(run, failure)
      if (run.connection?.writer === undefined && failure.details.askAgain !== true) this.#refused(run)
    }
    this.#runs.delete(part)
    giveBack()
    this.changed()
    if (failure === undefined || run.isOver || !isOpen()) tell({type: 'part.finished'})
    else tell({type: 'part.broken', error: failure.toSerialized()})
  }

  /** Once a second or so: hands a slow body’s bytes over, and says whether any came. */
  pulseOf(part: PartId, before: number): number {
    const run = this.#runs.get(part)
    const {connection} = run ?? {}
    const position = connection?.position ?? 0
    if (position !== before || connection?.writer?.isHolding === true) run?.tell({type: 'part.progressed'})
    connection?.flush()
    return position
  }

  /** Its chart has left it: it came too late, or the try is over. */
  leave(part: PartId): void {
    const run = this.#runs.get(part)
    if (run === undefined) return
    if (this.#host.isOpen() && run.connection?.writer === undefined) this.#refused(run)
    run.isOver = true
    run.connection?.stop()
  }

  flush(): void {
    for (const {connection} of this.#runs.values()) connection?.flush()
  }

  /** Closes their connections now. */
  stop(): void {
    for (const run of this.#runs.values()) {
      run.isOver = true
      run.connection?.stop()
    }
    this.changed()
  }

  /** What they brought is of no use. */
  restart(): void {
    this.stop()
    this.board.clear()
  }

  #drop(run: Run): void {
    run.isOver = true
    if (run.connection?.writer === undefined) run.connection?.stop()
    else run.connection.endHere()
  }

  get #asking(): Asking | undefined {
    const {evidence, written} = this.#host.bytes()
    const {total} = evidence
    return total === undefined ? undefined : {total, written, wanted: this.#host.wanted()}
  }

  async #bring(run: Run): Promise<void> {
    for (let isFirst = true; ; isFirst = false) {
      const asking = this.#asking
      const stretch = asking === undefined ? undefined : this.board.claim(run.part, asking)
      if (stretch === undefined || run.isOver || !this.#host.isOpen()) break
      if (!isFirst) run.tell({type: 'part.continuing'})
      await this.#fetch(run, stretch)
    }
    this.board.release(run.part)
  }

  async #fetch(run: Run, stretch: ByteRange): Promise<void> {
    const host = this.#host
    const first = host.firstHop(run.source)
    let question = host.ask(first, run.source, stretch)
    const connection = new Connection({
      transport: host.transport,
      connected: () => run.tell({type: 'part.connected'}),
      redirected: () => run.tell({type: 'part.redirected'}),
      challenged: () => run.tell({type: 'part.challenged'}),
      login: host.login(first),
      headersFor: (hop) => {
        question = host.ask(hop, run.source, stretch)
        return question.headers
      },
      responded: (head) => this.#responded(run, connection, question, head),
    })
    run.connection = connection
    this.board.attach(run.part, connection)
    const bytes = host.bytes()
    try {
      if (question.plan.rung === 'whole') throw this.#refusal('parts of it cannot be asked for')
      await connection.run(first)
    } finally {
      const {writer} = connection
      if (writer !== undefined) {
        await writer.drained().catch(() => undefined)
        bytes.leave(writer)
      }
      // Only now: what it brought is in the file, and nobody asks for it again.
      this.board.release(run.part)
    }
  }

  #responded(run: Run, connection: Connection, question: Question, head: ResponseFacts): Reception {
    const {facts, bytes, judge, receive, origins} = this.#host
    if (run.isOver) return {kind: 'overtaken'}
    const {verdict, other} = judge(question, head)
    if (other !== undefined) this.#host.drop(run.source, other)
    if (question.mustProve && verdict.kind !== 'continue') {
      this.#width.leave(run.source)
      return verdict.kind === 'fail' ? verdict : {kind: 'fail', error: this.#refusal('no part of the file')}
    }
    if (!question.mustProve && isNewerVersion(bytes().evidence, head)) {
      const error = this.#refusal('a part of another version', {startOver: true})
      bytes().fail(error)
      return {kind: 'fail', error}
    }
    if (verdict.lesson !== undefined) origins.learn(question.url, verdict.lesson)
    if (verdict.kind === 'fail') {
      this.#width.refusedForGood(this.board.flowing)
      return verdict
    }
    if (verdict.kind === 'askAgain' && verdict.lesson?.kind === 'ifRangeRefused') {
      return {kind: 'fail', error: this.#refusal(verdict.reason, {askAgain: true})}
    }
    if (verdict.kind !== 'continue') {
      this.#width.onlyOne()
      const reason = 'reason' in verdict ? verdict.reason : 'a part was answered with the whole'
      return {kind: 'fail', error: this.#refusal(reason)}
    }
    const described = describedBy(bytes().evidence.description, head)
    const surprise = unexpectedAnswer(facts.policy.expect, described, verdict.total)
    if (surprise !== undefined) return {kind: 'fail', error: surprise}
    if (!this.board.commit(run.part)) return {kind: 'overtaken'}
    run.tell({type: 'part.responded'})
    const reception = receive(connection, question, verdict, this.board.endOf(run.part))
    if (this.#width.isWidening) this.#grow(false)
    return reception
  }

  #refusal(reason: string, details: {readonly startOver?: true; readonly askAgain?: true} = {}): TransferError {
    const where = new URL(this.#host.facts.request.url).origin
    return new TransferError('UNRELIABLE_RANGES', reason, {where, details})
  }

  /** One more was refused. */
  #refused({source}: Run): void {
    this.#width.refused(source, this.board.flowing)
  }

  /** Who asks for quiet gets it from every operation. */
  #heed({source}: Run, {details}: TransferError): void {
    const {facts, permits} = this.#host
    const quietMs = details.retryAfterMs
    if (typeof quietMs === 'number') permits.quiet(sourcesOf(facts.request)[source] ?? '', facts.id, quietMs)
  }
}
