/**
 * One operation as this process knows it: the record that was last told, the actor while there is one, and the notices that
 * handles follow. An entry is told only what is durable.
 */

import type {OperationActor, OperationSnapshot} from '../../../machines/operation.machine.ts'
import type {Carried, OperationEvent} from '../../../machines/transfer.vocabulary.ts'
import type {Member} from '../../domain/admission.ts'
import {sizeOf} from '../../domain/range-set.ts'
import type {OperationFacts, OperationRecord} from '../../domain/record.ts'
import type {Redirect} from '../../domain/redirect.ts'
import {isTerminal, type LifeState} from '../../domain/status.ts'
import type {ByteCounts} from '../../ports/progress-meter.ts'
import {FollowedNotices, type OperationNotice} from './followed-notices.ts'
import {JournalTail} from './journal-tail.ts'
import {pathOfState} from './position.ts'
import type {Counted} from './progress-ticker.ts'
import {lifeStateOf} from './record-of.ts'

/** What a carrier leaves of an operation. `carried`: it goes on at once; else it is queued, and waits for its turn. */
export interface LetGo {
  readonly record: OperationRecord
  readonly carried?: Carried
}

/** A batch of small files, as one of its operations sees it. */
export interface Carrier {
  /** Lets go of it: what its actor is born from. Undefined when it is too late: its file is taking its name. */
  letGo(): LetGo | undefined
  /** A change that holds in every state but the last. False while it is on the wire, where its own chart takes it, and when it has ended. */
  change(changes: Partial<Pick<OperationFacts, 'policy' | 'request'>>): boolean
  /** Where it stands, which the told record may lag by one commit. */
  readonly state: LifeState
  readonly facts: OperationFacts
  /** Its end is being made durable. */
  readonly hasEnded: boolean
}

/** What its journal wants to know of an event. */
interface Cause {
  readonly type: string
  readonly redirect?: Redirect
}

export class OperationEntry implements Counted {
  /** The newest durable, or freely tellable, truth. */
  record: OperationRecord
  /** The newest record that was given to the store. */
  saved: OperationRecord
  path: string
  /** Settles when everything observed so far was told; false when it never will be. */
  tail: Promise<boolean> | undefined
  /** How many steps the tail waits for. */
  untold = 0
  /** A step of it is being told. */
  isTelling = false
  /** The event that the chart took last. */
  cause: Cause = {type: 'restored'}
  /** Position from which the application wants bytes first (random access). */
  wanted: number | undefined
  /** Handles that follow it. */
  holders = 0
  /** Its standing in its group, as the dispatcher was told. */
  phase: Member['phase'] | undefined
  readonly journal: JournalTail
  readonly notices: FollowedNotices
  /** Where the ticker keeps its live counters; it knows whose they are. */
  slot = 0
  readonly #onLife: (entry: OperationEntry) => void
  #actor: OperationActor | undefined
  #carrier: Carrier | undefined
  /** Whoever waits for bytes; most entries never have one. */
  #waiting: Set<() => void> | undefined
  #shown: ByteCounts
  /** The generation of which bytes were shown to be in the part file since it was begun. */
  #seenOf: number | undefined
  #beginnings = 0

  /**
   * `onListened`: whoever wants to know that its counters move is another one now, or nobody any more. `onLife`: it may be live now,
   * or no more.
   */
  constructor(record: OperationRecord, onListened: () => void, onLife: (entry: OperationEntry) => void = () => {}) {
    this.#onLife = onLife
    this.record = record
    this.notices = new FollowedNotices({onListened})
    this.saved = record
    this.path = pathOfState(record.state)
    this.journal = new JournalTail(record.journalled ?? 0)
    this.#shown = countsOf(record)
    this.#noteSeen(this.#shown)
  }

  get actor(): OperationActor | undefined {
    return this.#actor
  }

  set actor(actor: OperationActor | undefined) {
    this.#actor = actor
    this.#onLife(this)
  }

  /** What takes its steps while it has no actor: a batch of small files. */
  get carrier(): Carrier | undefined {
    return this.#carrier
  }

  set carrier(carrier: Carrier | undefined) {
    this.#carrier = carrier
    this.#onLife(this)
  }

  /** The chart's present state, which the told record may lag by one commit. */
  get state(): LifeState {
    if (this.actor !== undefined) return lifeStateOf(this.actor.getSnapshot())
    return this.carrier?.state ?? this.record.state
  }

  get snapshot(): OperationSnapshot | undefined {
    return this.actor?.getSnapshot()
  }

  /** The chart's present facts, which the told record may lag by one commit: what a further change builds on. */
  get facts(): OperationFacts {
    return this.snapshot?.context.facts ?? this.carrier?.facts ?? this.record
  }

  /** An actor that has ended, and is kept until its end is durable, hears nothing more. */
  send(event: OperationEvent): void {
    if (this.actor?.getSnapshot().status === 'active') this.actor.send(event)
  }

  /** Live counters that never fall within a generation (invariant 13.3.5). */
  get counts(): ByteCounts {
    return this.#shown
  }

  /**
   * How often a generation was begun a second time, after bytes of it were shown to be in the part file: none of them was durable, or
   * the part was damaged, and what comes now may be of another version.
   */
  get beginnings(): number {
    return this.#beginnings
  }

  /** What is counted where bytes move: answers what may be shown from now on. */
  observe(counts: ByteCounts): ByteCounts {
    if (counts.written.length === 0 && this.#seenOf === counts.generation) {
      this.#seenOf = undefined
      this.#beginnings += 1
    }
    return this.#show(counts)
  }

  /** A newer generation is shown when its restart was told, not before. */
  #show(counts: ByteCounts): ByteCounts {
    const shown = this.#shown
    const sameGeneration = counts.generation === shown.generation
    if (!sameGeneration && counts.generation !== this.record.evidence.generation) return shown
    this.#noteSeen(counts)
    if (isPlainGrowth(counts, shown)) {
      this.#shown = counts
      return counts
    }
    const received = sameGeneration ? Math.max(shown.received, counts.received) : counts.received
    this.#shown = {
      generation: counts.generation,
      received,
      total: counts.total ?? (sameGeneration ? totalOf(shown, received) : undefined),
      written: counts.written,
      ...answerIn(counts, sameGeneration ? shown : undefined),
    }
    return this.#shown
  }

  #noteSeen({generation, written}: ByteCounts): void {
    if (written.length > 0) this.#seenOf = generation
  }

  tell(record: OperationRecord): OperationNotice {
    const hasResponseChanged = record.response !== undefined && record.response !== this.record.response
    const hasRestarted = record.evidence.generation > this.record.evidence.generation
    this.record = record
    if (record.state === 'completed') this.#shown = countsOf(record)
    else this.#show(this.#toldCounts(record))
    return {record, hasResponseChanged, hasRestarted}
  }

  /** While bytes flow, what is durable is less than what was seen in the part file already. */
  #toldCounts(record: OperationRecord): ByteCounts {
    const isFlowing = record.state === 'running' && record.evidence.generation === this.#shown.generation
    return countsOf(record, isFlowing ? this.#shown.written : undefined)
  }

  /** Calls back at each write into its part file, until the returned function is called. */
  onArrival(wake: () => void): () => void {
    this.#waiting ??= new Set()
    this.#waiting.add(wake)
    return () => this.#waiting?.delete(wake)
  }

  /** Bytes are in the part file that were not there before. */
  arrived(): void {
    for (const wake of [...(this.#waiting ?? [])]) wake()
  }

  /** It has an actor, or is carried: it stands in no line. */
  get isLive(): boolean {
    return this.actor !== undefined || this.carrier !== undefined
  }

  /** Nothing of it needs to stay in memory. */
  get isForgettable(): boolean {
    return !this.isLive && this.tail === undefined && this.holders <= 0
  }

  get isOver(): boolean {
    return isTerminal(this.record.state)
  }
}

/** Nothing of what was shown has to be kept: so it is at nearly every tick, for each of many. */
function isPlainGrowth(counts: ByteCounts, shown: ByteCounts): boolean {
  return (
    counts.generation === shown.generation &&
    counts.received >= shown.received &&
    (counts.total !== undefined || shown.total === undefined) &&
    (counts.answer !== undefined || shown.answer === undefined)
  )
}

/** As it was shown; where more came, that was the length of another version. */
function totalOf({total}: ByteCounts, received: number): number | undefined {
  return total !== undefined && received > total ? undefined : total
}

/** What a count of an upload says of the answer, or what an earlier one said. */
function answerIn(counts: ByteCounts, shown: ByteCounts | undefined): Pick<ByteCounts, 'answer'> {
  const answer = counts.answer ?? shown?.answer
  return answer === undefined ? {} : {answer}
}

/** `written`: where that is not what is durable. */
function countsOf({evidence, sending}: OperationRecord, written = evidence.ranges): ByteCounts {
  const {generation, total, ranges} = evidence
  const counts = {generation, received: sizeOf(ranges), total, written}
  const answer = sending?.answer
  return answer === undefined ? counts : {...counts, answer}
}
