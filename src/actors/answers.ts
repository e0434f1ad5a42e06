/**
 * What an answer is worth to one try: judged (src/domain/judge-response.ts), it brings the rest, all of it anew, or nothing; and
 * its body has its place in the file.
 */

import type {AttemptEvent} from '../domain/attempt.ts'
import {describedBy} from '../domain/content-description.ts'
import {unexpectedAnswer} from '../domain/content-guard.ts'
import {TransferError} from '../domain/errors.ts'
import {type Verdict, WORTH_ASKING_BYTES} from '../domain/judge-response.ts'
import type {OtherFile} from '../domain/mirrors.ts'
import {randomAccessFault} from '../domain/random-access.ts'
import type {OperationFacts} from '../domain/record.ts'
import type {ResponseFacts} from '../domain/response-facts.ts'
import type {ByteReaders} from '../ports/byte-readers.ts'
import type {Clock} from '../ports/clock.ts'
import type {OriginMemory} from '../ports/origin-memory.ts'
import type {RateAllowance} from '../ports/rate-limiter.ts'
import {BodyWriter} from './body-writer.ts'
import type {BufferPool} from './buffer-pool.ts'
import type {VersionFacts} from './checkpoints.ts'
import type {Connection, Reception} from './connection.ts'
import {FIRST, type Parts} from './parts.ts'
import {type Continuation, type Judgement, judge, type Question} from './question.ts'
import type {TryFile} from './try-file.ts'

export interface AnswersHost {
  readonly facts: OperationFacts
  readonly file: TryFile
  readonly origins: OriginMemory
  readonly clock: Clock
  readonly pool: BufferPool
  readonly readers: ByteReaders
  readonly rate: RateAllowance
  /** Which of the file's addresses the try's own connection asks. */
  readonly source: number
  /** Absent where there is to be one connection only. */
  readonly parts: () => Parts | undefined
  readonly report: (event: AttemptEvent) => void
  /** An address sends something else: it is not asked any more. */
  readonly drop: (source: number, other: OtherFile) => void
  /** A body has its place in the file; `end` is undefined where only its own end tells. */
  readonly placed: (connection: Connection, missingFrom: number, end: number | undefined) => void
}

/** Where a body belongs. */
interface BodyPlace {
  readonly base: number
  readonly expected: number | undefined
  readonly missingFrom: number
  /** Position behind the last byte that was asked for; absent where it is that of the resource. */
  readonly end: number | undefined
}

export class Answers {
  readonly #host: AnswersHost

  constructor(host: AnswersHost) {
    this.#host = host
  }

  judge(question: Question, head: ResponseFacts): Judgement {
    const {facts, file, clock} = this.#host
    return judge(question, facts, file.known, head, clock.now())
  }

  /** The answer to the try's own connection. */
  take(question: Question, connection: Connection, head: ResponseFacts): Reception {
    const {facts, file, origins, source, report, drop} = this.#host
    const {url, plan} = question
    const {verdict, other} = this.judge(question, head)
    if (other !== undefined) drop(source, other)
    const surprise = unexpectedContent(facts, verdict, describedBy(file.known.description, head))
    if (surprise !== undefined) return {kind: 'fail', error: surprise}
    const fault = facts.policy.randomAccess === true ? randomAccessFault(plan, verdict, head) : undefined
    if (fault !== undefined) return {kind: 'fail', error: fault}
    if (verdict.lesson !== undefined) origins.learn(url, verdict.lesson)
    switch (verdict.kind) {
      case 'fail':
        return verdict
      case 'askAgain':
      case 'startOver': {
        const where = new URL(facts.request.url).origin
        const error = new TransferError('UNRELIABLE_RANGES', verdict.reason, {where, details: {[verdict.kind]: true}})
        return {kind: 'fail', error}
      }
      case 'complete':
        file.bytes.learn({total: verdict.total})
        file.demandPart()
        report({type: 'attempt.responded', response: head, evidence: file.bytes.evidence})
        return {kind: 'nothing'}
      case 'continue': {
        const parts = this.#host.parts()
        if (parts?.board.commit(FIRST) === false) return {kind: 'overtaken'}
        this.#noteAnswer(head)
        file.bytes.learn(learnedFrom(verdict))
        report({type: 'attempt.responded', response: head, evidence: file.bytes.evidence})
        return this.goOn(connection, question, verdict, parts?.board.endOf(FIRST))
      }
      case 'fromStart':
        this.#noteAnswer(head)
        return this.#fromStart(connection, verdict, head)
    }
  }

  /** The answer brings what was asked for, up to `stretchEnd`: others may bring the rest meanwhile. */
  goOn(
    connection: Connection,
    {plan}: Question,
    verdict: Continuation,
    stretchEnd = Number.POSITIVE_INFINITY,
  ): Reception {
    const {bytes} = this.#host.file
    bytes.learn(learnedFrom(verdict))
    const end = Math.min(plan.end ?? Number.POSITIVE_INFINITY, stretchEnd, endOfPiece(verdict))
    const isLast = end >= (bytes.evidence.total ?? Number.POSITIVE_INFINITY)
    return this.#place(connection, {
      base: verdict.offset,
      expected: verdict.bodyLength,
      missingFrom: verdict.missingFrom,
      end: isLast ? undefined : end,
    })
  }

  #noteAnswer(head: ResponseFacts): void {
    this.#host.parts()?.noteAnswer(head, this.#host.clock.now())
  }

  #fromStart(connection: Connection, verdict: Verdict & {kind: 'fromStart'}, head: ResponseFacts): Reception {
    const {facts, file, source, report} = this.#host
    this.#host.parts()?.restart()
    if (verdict.restarted) {
      connection.hold()
      file.restart()
    }
    const {mirrors} = facts.request
    file.bytes.learnAnew({...learnedFrom(verdict), ...(mirrors === undefined ? {} : {source})})
    const type = verdict.restarted ? 'attempt.restarted' : 'attempt.responded'
    report({type, response: head, evidence: file.bytes.evidence})
    return this.#place(connection, {base: 0, expected: verdict.total, missingFrom: 0, end: undefined})
  }

  #place(connection: Connection, {base, expected, missingFrom, end}: BodyPlace): Reception {
    const {facts, file, pool, rate, readers, placed} = this.#host
    if (!connection.isHeld) file.demandPart()
    const writer = new BodyWriter({
      checkpoints: file.bytes,
      pool,
      rate,
      base,
      missingFrom,
      expected,
      isAwaited: () => readers.isAwaited(facts.id),
      onRoom: () => connection.resume(),
    })
    const {total} = file.bytes.evidence
    const bodyEnd = end === undefined ? total : Math.max(end, base + (expected ?? 0))
    // A server that sends more than was asked for is cut off, lest it writes over what is there.
    if (end !== undefined) connection.endAt(end)
    placed(connection, missingFrom, end ?? total)
    return {kind: 'receive', writer, bodyEnd}
  }
}

/** Servers may send less than was asked for (RFC 9110, 15.3.7): the rest is asked for then. A crumb is a body that falls short. */
function endOfPiece({offset, missingFrom, bodyLength = Number.POSITIVE_INFINITY}: Continuation): number {
  const end = offset + bodyLength
  return end - missingFrom < WORTH_ASKING_BYTES ? Number.POSITIVE_INFINITY : end
}

function unexpectedContent({policy}: OperationFacts, verdict: Verdict, head: ResponseFacts): TransferError | undefined {
  if (verdict.kind !== 'fromStart' && verdict.kind !== 'continue') return undefined
  return unexpectedAnswer(policy.expect, head, verdict.total)
}

/** What an answer says of the version, and nothing else that a verdict on it holds. */
function learnedFrom({
  total,
  validator,
  marks,
  description,
  coded,
  digest,
}: Partial<VersionFacts>): Partial<VersionFacts> {
  return {
    ...(total === undefined ? {} : {total}),
    ...(validator === undefined ? {} : {validator}),
    ...(marks === undefined ? {} : {marks}),
    ...(description === undefined ? {} : {description}),
    ...(coded === undefined ? {} : {coded}),
    ...(digest === undefined ? {} : {digest}),
  }
}
