/** Follows the transfers of one run by the engine's events: who moves, what there is to tell, and when nothing is left. */

import {MOST_WAITING} from '../domain/conditions.ts'
import type {OperationId} from '../domain/operation-id.ts'
import {sizeOf} from '../domain/range-set.ts'
import type {OperationRecord} from '../domain/record.ts'
import {isTerminal} from '../domain/status.ts'
import type {EngineEvent} from '../index.ts'
import {EXIT, gravest} from './exit-code.ts'
import {isHeldByConditions} from './resting.ts'
import {type Happening, type Known, type Notice, Transfer} from './transfer.ts'

/** Which operations are this run's, and whether any of them may still move. */
export interface Scope {
  /** One moved: whether it is one of them. Not asked of one that is known to be, while it runs. */
  includes(id: OperationId): boolean
  /** An operation was started: whether it is one of them. */
  begins(record: OperationRecord): boolean
  /** Asked when one of them ended or paused. `live` of them are on their way at this moment. */
  isOver(counts: {readonly live: number; readonly ended: number; readonly resting: number}): boolean | Promise<boolean>
}

export interface Listener {
  /** Whether it is told of what is only queued. */
  readonly hearsQueued: boolean
  tell(notice: Notice): void
  /** A file of this run was there before, and is left as it is. `url` is redacted. */
  skipped(file: string, url: string, at: number): void
  /** Counters of these moved. */
  progress(changed: readonly Transfer[], at: number): void
  /** Something that concerns no transfer alone. */
  note(text: string): void
  /** The exit code of an operation that ended without its file, or that stands still. */
  codeOf(transfer: Transfer): number
  /** ms to wait for one that stands still when nothing moves any more. */
  patienceOf(transfer: Transfer): number
}

export interface Totals {
  readonly completed: number
  /** Those that started in this run, however they ended, and those that were there before. */
  readonly files: number
  /** Of the completed, those that were left as they were. */
  readonly skipped: number
  /** Received or sent in this run. */
  readonly fetchedBytes: number
  /** None of them was a download. */
  readonly isSending: boolean
  readonly retries: number
}

/** A record that cannot be written is offered again every few seconds; this long the run waits for room to be made. */
const STORE_PATIENCE_MS = 30_000
/** Failures further apart than this are troubles of their own. */
const STORE_LULL_MS = 15_000

/** On the wire: one request, or a step of a protocol. */
const EXCHANGING = /^running\.(exchanging|stepping)\b/
const TRANSFERRING = 'running.exchanging.active.transferring'
const ASKING = 'running.stepping.askingOffset'
const APPENDING = 'running.stepping.appending'

export class Follower {
  readonly #scope: Scope
  readonly #listener: Listener
  readonly #live = new Map<OperationId, Transfer>()
  readonly #resting = new Map<OperationId, Transfer>()
  readonly #codes = new Set<number>()
  readonly #over: Promise<void>
  #finish: () => void = () => {}
  #completed = 0
  #ended = 0
  /** Files that were there before: no operations of this run. */
  #found = 0
  #skipped = 0
  #fetchedBytes = 0
  #retries = 0
  #hasDownloads = false
  /** Runs while nothing moves and something may yet. */
  #waiting: NodeJS.Timeout | undefined
  #check: 'none' | 'running' | 'again' = 'none'
  /** Operations whose records are waiting to be written: since when, and when it was last tried. */
  readonly #unwritten = new Map<OperationId, {readonly since: number; readonly last: number}>()
  /** Why records could not be written, for too long to go on. */
  storeFailure: string | undefined

  constructor(scope: Scope, listener: Listener) {
    this.#scope = scope
    this.#listener = listener
    this.#over = new Promise((resolve) => {
      this.#finish = resolve
    })
  }

  /** Resolves when nothing of this run moves any more. */
  get over(): Promise<void> {
    return this.#over
  }

  /** Those that started and have not ended. */
  get unfinished(): readonly Transfer[] {
    return [...this.#live.values(), ...this.#resting.values()]
  }

  get totals(): Totals {
    const {unfinished} = this
    return {
      completed: this.#completed,
      files: this.#ended + this.#found + unfinished.length,
      skipped: this.#skipped,
      fetchedBytes: unfinished.reduce((sum, {fetched}) => sum + fetched, this.#fetchedBytes),
      isSending: !this.#hasDownloads,
      retries: this.#retries,
    }
  }

  /** The gravest outcome so far. */
  get exitCode(): number {
    const codes = [...this.#resting.values()].map((each) => this.#listener.codeOf(each))
    // Who is still on its way when it is asked for has no file.
    if (this.#live.size > 0) codes.push(EXIT.unfinished)
    return gravest([...this.#codes, ...codes])
  }

  readonly handle = (event: EngineEvent): void => {
    switch (event.type) {
      case 'operation.started':
        // Only told: a million queued operations must not stand in memory.
        if (this.#scope.begins(event.record) && this.#listener.hearsQueued) {
          this.#listener.tell({happening: 'queued', at: event.at, transfer: Transfer.ofRecord(event.record)})
        }
        return
      case 'operation.moved':
        if (this.#unwritten.size > 0) this.#unwritten.delete(event.id)
        // Most moves are of what runs, and go on to run.
        if (event.state === 'running' && this.#live.has(event.id)) this.#moved(event)
        else if (this.#scope.includes(event.id)) this.#moved(event)
        return
      case 'operation.restarted':
        this.#restarted(event.id, event.at)
        return
      case 'progress':
        this.#progressed(event)
        return
      case 'store.failed':
        this.#storeFailed(event)
        return
      case 'host.fellSilent':
        this.#listener.note(
          `the host (process ${event.pid}) does not answer: see whether it is stopped, or has no time`,
        )
        return
      case 'host.silenceEnded':
        this.#listener.note(`the host (process ${event.pid}) is waited for no more: it answers, or is gone`)
        return
    }
  }

  /** Asks the scope whether the run is over; to be called when its answer may have changed. */
  reconsider(): void {
    if (this.#check !== 'none') {
      this.#check = 'again'
      return
    }
    const counts = {live: this.#live.size, ended: this.#ended, resting: this.#resting.size}
    const isHeld = counts.live === 0 && counts.resting >= MOST_WAITING && isHeldByConditions(this.#resting.values())
    const answer = isHeld || this.#scope.isOver(counts)
    if (answer === false) return
    this.#check = 'running'
    void Promise.resolve(answer).then(
      (isOver) => {
        const again = this.#check === 'again'
        this.#check = 'none'
        // What moves again since the question was asked asks anew when it ends or rests.
        if (isOver && this.#live.size <= counts.live) this.#wait()
        else if (again) this.reconsider()
      },
      // The engine was closed meanwhile.
      () => this.#finish(),
    )
  }

  /** Nothing is waited for any more. */
  stop(): void {
    clearTimeout(this.#waiting)
    this.#waiting = undefined
  }

  /** Only those that stand still are left: as long as one of them deserves it. */
  #wait(): void {
    const patienceMs = Math.max(0, ...[...this.#resting.values()].map((each) => this.#listener.patienceOf(each)))
    this.stop()
    if (patienceMs === 0) this.#finish()
    else this.#waiting = setTimeout(() => this.#finish(), patienceMs)
  }

  /** One of this run that needs no traffic any more: its file is there. */
  alreadyComplete(known: Known, at: number): void {
    this.#found += 1
    this.#completed += 1
    if (known.direction === 'download') this.#hasDownloads = true
    this.#listener.tell({happening: 'completed', at, transfer: new Transfer(known)})
  }

  /** One of this run goes on. What somebody else has on the wire already tells of no move before its end. */
  join(known: Known, at: number): void {
    if (known.state !== 'running' || this.#live.has(known.guid)) return
    const transfer = new Transfer(known)
    transfer.started = true
    if (known.direction === 'download') this.#hasDownloads = true
    this.#live.set(known.guid, transfer)
    this.#listener.tell({happening: 'joined', at, transfer})
  }

  /** A file that is there, and is left as it is. `url` is redacted. */
  skip(file: string, url: string, at: number): void {
    this.#found += 1
    this.#skipped += 1
    this.#completed += 1
    this.#hasDownloads = true
    this.#listener.skipped(file, url, at)
  }

  #moved(event: EngineEvent & {type: 'operation.moved'}): void {
    const {id, at, record} = event
    const transfer = this.#transferOf(record)
    const before = transfer.state
    transfer.update(record)
    const durable = sizeOf(record.evidence.ranges)
    if (event.to === TRANSFERRING) transfer.resumeAt(durable)
    else transfer.count(durable, at)
    if (!transfer.started && EXCHANGING.test(event.to)) {
      transfer.started = true
      this.#tell('started', at, transfer)
    }
    if (event.to === TRANSFERRING && durable > 0) this.#tell('resumed', at, transfer)
    if (event.to.startsWith(ASKING)) transfer.asked = true
    if (event.to.startsWith(APPENDING) && transfer.asked) {
      transfer.asked = false
      transfer.resumeAt(durable)
      if (durable > 0) this.#tell('resumed', at, transfer)
    }
    if (event.from === 'running.weighing' && EXCHANGING.test(event.to)) this.#retries += 1
    if (isTerminal(record.state)) {
      this.#end(transfer, at)
    } else if (record.state === 'waitingToRetry') {
      // An operation that is read again from its record comes out of the state that it is in.
      if (event.from.endsWith('waitingToRetry')) return
      this.#retries += 1
      this.#tell('retrying', at, transfer)
    } else if (record.state.startsWith('paused') && record.state !== 'pausedByApplication') {
      // Pauses by the application are this command's own way to set something going anew.
      this.#live.delete(id)
      this.#resting.set(id, transfer)
      if (before !== record.state || !event.from.startsWith('paused')) this.#tell('paused', at, transfer)
      this.reconsider()
    }
  }

  #storeFailed({id, at, message}: EngineEvent & {type: 'store.failed'}): void {
    for (const [each, {last}] of this.#unwritten) if (at - last > STORE_LULL_MS) this.#unwritten.delete(each)
    if (this.#unwritten.size === 0) this.#listener.note(`a record could not be written, and is tried again: ${message}`)
    const since = this.#unwritten.get(id)?.since ?? at
    this.#unwritten.set(id, {since, last: at})
    if (at - since < STORE_PATIENCE_MS) return
    this.storeFailure ??= message
    this.#finish()
  }

  #tell(happening: Happening, at: number, transfer: Transfer): void {
    this.#listener.tell({happening, at, transfer})
  }

  #end(transfer: Transfer, at: number): void {
    this.#live.delete(transfer.guid)
    this.#resting.delete(transfer.guid)
    this.#ended += 1
    this.#fetchedBytes += transfer.fetched
    if (transfer.state === 'completed') this.#completed += 1
    else this.#codes.add(this.#listener.codeOf(transfer))
    const {state} = transfer
    this.#tell(state === 'completed' || state === 'canceled' ? state : 'failed', at, transfer)
    this.reconsider()
  }

  #transferOf(record: OperationRecord): Transfer {
    const live = this.#live.get(record.id)
    if (live !== undefined) return live
    const known = this.#resting.get(record.id) ?? Transfer.ofRecord(record)
    if (record.direction === 'download') this.#hasDownloads = true
    if (this.#resting.delete(record.id)) this.stop()
    this.#live.set(record.id, known)
    return known
  }

  #restarted(id: OperationId, at: number): void {
    const transfer = this.#live.get(id)
    if (transfer === undefined) return
    transfer.restart()
    this.#listener.tell({happening: 'restarted', at, transfer})
  }

  #progressed({changes, at}: EngineEvent & {type: 'progress'}): void {
    const changed: Transfer[] = []
    for (const {id, bytesReceived, totalBytesToReceive, bytesSent, totalBytesToSend} of changes) {
      const transfer = this.#live.get(id)
      if (transfer === undefined) continue
      const total = totalBytesToSend ?? totalBytesToReceive
      transfer.count(bytesSent ?? bytesReceived, at)
      if (total > 0) transfer.total = total
      changed.push(transfer)
    }
    if (changed.length > 0) this.#listener.progress(changed, at)
  }
}
