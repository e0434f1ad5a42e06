/**
 * The part file of one try, from generation to generation: opened with what is claimed to be in it, made when the first body has
 * a place, left for a new one when an answer begins at zero. Its checkpoints say what is durable.
 */

import {unexpectedSize} from '../domain/content-guard.ts'
import {TransferError} from '../domain/errors.ts'
import {expectedDigests} from '../domain/expected-file.ts'
import {missingRanges, prefixLength, sizeOf} from '../domain/range-set.ts'
import {type Evidence, type OperationFacts, withoutBytes} from '../domain/record.ts'
import {type FileSink, type PartFile, type PartName, partNameOf} from '../ports/file-sink.ts'
import type {ProgressMeter} from '../ports/progress-meter.ts'
import {Checkpoints} from './checkpoints.ts'

export interface TryFileHost {
  readonly facts: OperationFacts
  readonly sink: FileSink
  readonly meter: ProgressMeter
  /** Epoch ms. */
  readonly now: () => number
  readonly checkpointed: (durable: Evidence) => void
  /** The disk failed, or what came is not wanted: nothing more is written. */
  readonly broken: () => void
}

export class TryFile {
  readonly #host: TryFileHost
  #bytes: Checkpoints
  /** A restart is being recorded: settles when it is, or when the try is given up before. */
  #recording: {readonly settled: Promise<void>; readonly settle: () => void} | undefined
  /** The part of the generation before is being closed. */
  #retiring: Promise<void> | undefined
  #isAbandoned = false

  constructor(host: TryFileHost) {
    this.#host = host
    this.#bytes = this.#checkpointsOver(host.facts.evidence)
  }

  /** Of the present generation. */
  get bytes(): Checkpoints {
    return this.#bytes
  }

  /** What is known of the version, with all bytes that are in the file. */
  get known(): Evidence {
    return {...this.#bytes.evidence, ranges: this.#bytes.written}
  }

  get isWritten(): boolean {
    const {total} = this.#bytes.evidence
    return total !== undefined && missingRanges(this.#bytes.written, total).length === 0
  }

  /** Every byte was durable before the process died: nothing is left to ask for. */
  get isWhole(): boolean {
    const {total, ranges} = this.#bytes.evidence
    return total !== undefined && prefixLength(ranges) === total && total > 0
  }

  /** Opens what is there already. */
  async open(): Promise<void> {
    const {evidence} = this.#bytes
    if (evidence.ranges.length === 0) return
    const {part, ranges} = await this.#host.sink.openPart(this.#name, evidence.ranges)
    this.#bytes.found(part, ranges)
    await this.#prepare(part)
  }

  /** An earlier answer said how long the file is: no request is made for what there is no room for. */
  async demandRoom(): Promise<void> {
    const {total} = this.#bytes.evidence
    if (total === undefined || this.#bytes.hasPart) return
    const name = this.#name
    await this.#dropOlder(name)
    await this.#host.sink.demandRoom(name, total, total)
  }

  /** Makes the part where there is none yet. */
  demandPart(): void {
    if (!this.#bytes.hasPart) this.#bytes.writeTo(this.#createPart())
  }

  /** An answer begins at zero although bytes are here. The new generation gets no part before it is recorded. */
  restart(): void {
    const stale = this.#bytes
    this.#bytes = this.#checkpointsOver(withoutBytes(stale.evidence, stale.evidence.generation + 1))
    this.#recording = deferred()
    this.#retiring = stale.retire()
  }

  /**
   * Only now the new generation gets its part: before, a crash would leave one that no record knows of. False where none was being
   * recorded.
   */
  restartRecorded(): boolean {
    const recording = this.#recording
    if (recording === undefined) return false
    this.#recording = undefined
    this.#bytes.writeTo(this.#createPart())
    recording.settle()
    return true
  }

  /** Resolves when no restart is being recorded any more. */
  async recorded(): Promise<void> {
    await this.#recording?.settled
  }

  /** Nobody waits for the record of a restart any more. */
  giveUp(): void {
    this.#recording?.settle()
  }

  /** The same, for good. */
  forgetRestart(): void {
    this.#recording = undefined
  }

  /** The chart has left the try: its part may be removed any time, and is not made anew. */
  abandon(): void {
    this.#isAbandoned = true
    this.giveUp()
  }

  checkpoint(): void {
    const bytes = this.#bytes
    if (!bytes.hasPart) return
    void bytes
      .drained()
      .then(() => bytes.checkpoint())
      .catch(() => undefined)
  }

  /** A body of unknown length, or one that is longer than it was said to be, ends when it is too much. */
  guardSize(received: number): void {
    const {policy, request} = this.#host.facts
    const {maxBytes} = policy.expect ?? {}
    if (maxBytes === undefined || received <= maxBytes) return
    const error = unexpectedSize({maxBytes}, received, new URL(request.url).origin)
    if (error !== undefined) this.#bytes.fail(error)
  }

  get #name(): PartName {
    return partNameOf({...this.#host.facts, evidence: this.#bytes.evidence})
  }

  #checkpointsOver(evidence: Evidence): Checkpoints {
    const {facts, meter, now, checkpointed, broken} = this.#host
    const {id, request, target} = facts
    const bytes: Checkpoints = new Checkpoints({
      evidence,
      side: {id, request: {url: request.url, method: request.method}, target},
      onCheckpoint: (durable) => {
        // What was under way as a new generation began says nothing of that.
        if (bytes !== this.#bytes) return
        checkpointed(durable)
        this.guardSize(sizeOf(durable.ranges))
      },
      onWritten: () => meter.wrote(id),
      onError: broken,
      now,
    })
    return bytes
  }

  async #createPart(): Promise<PartFile> {
    const name = this.#name
    await this.#retiring
    await this.#dropOlder(name)
    // Whoever was told of the answer may have canceled: a removal that has begun would not find what is made now.
    if (this.#isAbandoned) throw new TransferError('CANCELED', 'the try was given up')
    const {part} = await this.#host.sink.openPart(name, [])
    try {
      await this.#prepare(part)
    } catch (error) {
      // Nobody else knows of it yet.
      await part.close()
      throw error
    }
    return part
  }

  /** Before room is asked for: what older generations left is of no use, and may be all that the disk has no room for. */
  async #dropOlder(name: PartName): Promise<void> {
    if (name.generation > 1) await this.#host.sink.discard(name, name.generation)
  }

  /** Sets its bytes aside on the disk, and has it hashed as it grows. */
  async #prepare(part: PartFile): Promise<void> {
    const {evidence} = this.#bytes
    const {total, ranges} = evidence
    for (const {algorithm} of expectedDigests(this.#host.facts.policy, evidence)) part.digest(algorithm)
    if (total !== undefined) await part.claimRoom(total - sizeOf(ranges), total)
  }
}

function deferred(): {readonly settled: Promise<void>; readonly settle: () => void} {
  let settle = () => {}
  const settled = new Promise<void>((resolve) => {
    settle = resolve
  })
  return {settled, settle}
}
