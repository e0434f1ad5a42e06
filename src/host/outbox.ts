/**
 * What a session says to its client, in the order in which it came about. What was said in one turn of the event loop goes out at its
 * end, in one write: each is a call of the system.
 * What is only progress waits for the session's turn, the newest of each operation; where anything else is said before that, it goes
 * first: nobody is told older counts after newer ones, or any after an end.
 */

import type {Writable} from 'node:stream'
import type {EngineEvent, ProgressChange} from '../engine/events.ts'
import type {OperationNotice} from '../engine/operations/followed-notices.ts'
import type {Frames} from './frames.ts'
import type {ProgressTurns, TurnTaker} from './progress-turns.ts'
import type {HostMessage} from './protocol.ts'

/**
 * A client that reads this much too slowly is cut off; it comes back and is told how things stand. What it has asked for does not count,
 * or it would never hear that: it would ask for all of it again, and be cut off each time.
 */
const MOST_UNREAD_BYTES = 32 * 1024 * 1024

/** Among the variants of a notice, of which the others are numbers of holds. */
const COUNTS = 0

export type ProgressEvent = EngineEvent & {readonly type: 'progress'}

/** An operation whose counters have moved. */
export interface MovingOperation {
  /** What was heard of it last. */
  readonly newest: OperationNotice
  /** It has begun anew, and the client has not been told so: in this turn it will be, with the counters that it has now. */
  readonly hasRestarted: boolean
  /** Its counters as they are. */
  countsMessage(): HostMessage
  /** It has been told of: it says so when it moves again. */
  listen(): void
}

export interface OutboxOptions {
  /** Of all sessions. */
  readonly frames: Frames
  readonly turns: ProgressTurns
}

export class Outbox implements TurnTaker {
  readonly #options: OutboxOptions
  #out: Writable | undefined
  /** Streams that were opened. What one was told, the next knows nothing of. */
  #streams = 0
  /** Bytes of answers: those that were given in this turn, and those of writes that were not read to their ends. */
  #unsentAnswers = 0
  #unreadAnswers = 0
  /** What was said in this turn. */
  #unsent: string[] = []
  /** What has moved since the client was told. */
  readonly #moved = new Set<MovingOperation>()
  /** Heard since the client was told. */
  #progress: ProgressEvent[] = []

  constructor(options: OutboxOptions) {
    this.#options = options
  }

  /** From now on it goes there. What was not sent to an earlier stream is not said again: the client asks how things stand. */
  open(out: Writable): void {
    this.close()
    this.#out = out
    this.#streams += 1
    this.#unreadAnswers = 0
    for (const operation of this.#moved) operation.listen()
    this.#moved.clear()
  }

  /** Nobody is there: what is said is lost. */
  close(): void {
    this.#out = undefined
    this.#unsent = []
    this.#unsentAnswers = 0
    this.#progress = []
    this.#options.turns.leave(this)
  }

  /** Which stream is open, or was the last. */
  get stream(): number {
    return this.#streams
  }

  get isOpen(): boolean {
    return this.#out !== undefined
  }

  say(frame: string): void {
    if (this.#out === undefined) return
    if (this.#unsent.length === 0) setImmediate(this.flush)
    this.#sayProgress()
    this.#unsent.push(frame)
  }

  /** What the client has asked for, however much it is. */
  answer(frame: string): void {
    if (this.#out === undefined) return
    this.#unsentAnswers += Buffer.byteLength(frame)
    this.say(frame)
  }

  /** Its counts have changed, and nothing else. They are put into words when they are said; until then it need not say so again. */
  moved(operation: MovingOperation): void {
    if (this.#out !== undefined) this.#wait()
    this.#moved.add(operation)
  }

  progressed(event: ProgressEvent): void {
    if (this.#out === undefined) return
    this.#wait()
    this.#progress.push(event)
  }

  takeTurn(): void {
    this.#sayProgress()
    this.flush()
  }

  readonly flush = (): void => {
    const unsent = this.#unsent
    if (this.#out === undefined || unsent.length === 0) return
    this.#unsent = []
    const out = this.#out
    const answers = this.#unsentAnswers
    this.#unsentAnswers = 0
    this.#unreadAnswers += answers
    out.write(this.#options.frames.packed(unsent), () => {
      if (this.#out === out) this.#unreadAnswers -= answers
    })
    if (out.writableLength - this.#unreadAnswers > MOST_UNREAD_BYTES) out.destroy()
  }

  get #hasProgress(): boolean {
    return this.#moved.size > 0 || this.#progress.length > 0
  }

  #wait(): void {
    if (!this.#hasProgress) this.#options.turns.wait(this)
  }

  #sayProgress(): void {
    if (!this.#hasProgress) return
    const {frames, turns} = this.#options
    turns.leave(this)
    const last = this.#progress.at(-1)
    if (last !== undefined) {
      const heard = this.#progress
      this.#progress = []
      // Whoever heard as many until this one heard the same.
      this.#unsent.push(frames.shared(last, heard.length, () => ({type: 'event', event: merged(heard, last)})))
    }
    for (const operation of this.#moved) {
      operation.listen()
      // They would fall, and nobody could say why.
      if (operation.hasRestarted) continue
      this.#unsent.push(frames.shared(operation.newest, COUNTS, () => operation.countsMessage()))
    }
    this.#moved.clear()
  }
}

/** The newest of each operation. */
function merged(events: readonly ProgressEvent[], last: ProgressEvent): ProgressEvent {
  if (events.length === 1) return last
  const changes = new Map<string, ProgressChange>()
  for (const event of events) for (const change of event.changes) changes.set(change.id, change)
  return {...last, changes: [...changes.values()]}
}
