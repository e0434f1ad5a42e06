/** From the engine's events to the channels: the one place that publishes. */

import type {Observable} from 'rxjs'
import {extended} from '../domain/extended.ts'
import type {JournalEntry} from '../domain/journal.ts'
import type {OperationId} from '../domain/operation-id.ts'
import {hostOf} from '../domain/origin.ts'
import type {OperationRecord} from '../domain/record.ts'
import {isTerminal, type LifeState} from '../domain/status.ts'
import type {EngineEvent, ProgressChange} from '../engine/events.ts'
import {stateOfPath} from '../engine/operations/position.ts'
import {type AttemptMessage, teller} from './channels.ts'
import {codeOf, isRetry, outcomeOf, TRYING} from './steps.ts'

const engineOpen = teller('bgt:engine:open')
const engineClose = teller('bgt:engine:close')
const state = teller('bgt:transfer:state')
const retry = teller('bgt:transfer:retry')
const restart = teller('bgt:transfer:restart')
const progress = teller('bgt:transfer:progress')
const storeFailed = teller('bgt:store:failed')
const attempt = {
  start: teller('bgt:attempt:start'),
  end: teller('bgt:attempt:end'),
  asyncStart: teller('bgt:attempt:asyncStart'),
  asyncEnd: teller('bgt:attempt:asyncEnd'),
  error: teller('bgt:attempt:error'),
}

let engines = 0

interface Running {
  readonly message: AttemptMessage
  /** Body bytes that were told. */
  told: number
  /** To which audience. */
  audience: number
}

type Moved = Extract<EngineEvent, {type: 'operation.moved'}>

export class Publisher {
  readonly #engine: number
  readonly #now: () => number
  /** Tries that are on the wire, or were just now: never more than there are slots. */
  readonly #running = new Map<OperationId, Running>()
  /** Another one for each time that progress is heard after nobody heard it: what came before is no news, and is not counted. */
  #audience = 0
  #isProgressHeard = false

  constructor(now: () => number) {
    engines += 1
    this.#engine = engines
    this.#now = now
  }

  /** Whether it pays to count what is unfinished. */
  get isOpenHeard(): boolean {
    return engineOpen.hasSubscribers
  }

  opened(unfinished: Readonly<Partial<Record<LifeState, number>>>): void {
    engineOpen.publish({engine: this.#engine, at: this.#now(), unfinished})
  }

  follow(events$: Observable<EngineEvent>): void {
    events$.subscribe({
      next: (event) => this.#hear(event),
      complete: () => {
        this.#running.clear()
        if (engineClose.hasSubscribers) engineClose.publish({engine: this.#engine, at: this.#now()})
      },
    })
  }

  #hear(event: EngineEvent): void {
    switch (event.type) {
      case 'operation.started':
        if (state.hasSubscribers) {
          state.publish({...this.#told(event.at, event.record), state: 'queued', because: 'operation.start'})
        }
        return
      case 'operation.moved':
        this.#tellAttempt(event)
        this.#tellState(event)
        if (retry.hasSubscribers && isRetry(event.entry)) {
          const {retryAt} = event.record
          const error = codeOf(event.entry.error)
          retry.publish({...this.#told(event.at, event.record), error, ...(retryAt === undefined ? {} : {retryAt})})
        }
        return
      case 'operation.restarted':
        if (restart.hasSubscribers) {
          restart.publish({...this.#told(event.at, event.record), generation: event.record.evidence.generation})
        }
        return
      case 'progress':
        this.#tellProgress(event.at, event.changes)
        return
      case 'store.failed':
        if (storeFailed.hasSubscribers) {
          const {at, id, message} = event
          storeFailed.publish({engine: this.#engine, at, id, message})
        }
    }
  }

  #told(at: number, {id, request, policy}: OperationRecord) {
    return {engine: this.#engine, at, id, server: hostOf(request.url), group: policy.group}
  }

  #tellState({at, from, because, entry, record}: Moved): void {
    if (!state.hasSubscribers) return
    const previous = stateOfPath(from)
    if (previous === record.state) return
    const {error, createdAt, endedAt, attempts} = record
    const isFirstTry = previous === 'queued' && entry.seq === 1 && attempts.total === 1
    state.publish({
      ...this.#told(at, record),
      state: record.state,
      previous,
      because,
      ...(isFirstTry ? {queuedMs: Math.max(0, entry.at - createdAt)} : {}),
      ...(isTerminal(record.state) ? {durationMs: Math.max(0, (endedAt ?? entry.at) - createdAt)} : {}),
      ...(error === undefined ? {} : {error: error.code}),
    })
  }

  /** A try begins where the chart comes into exchanging, and ends where it leaves it. */
  #tellAttempt({from, to, id, entry, record}: Moved): void {
    const isTrying = to.startsWith(TRYING)
    if (isTrying && !from.startsWith(TRYING)) {
      const {attempts, bytes, at} = entry
      const message: AttemptMessage = extended(this.#told(at, record), {attempt: attempts, from: bytes})
      this.#hasAudience()
      this.#running.set(id, {message, told: entry.bytes, audience: this.#audience})
      if (attempt.start.hasSubscribers) attempt.start.publish(message)
      if (attempt.end.hasSubscribers) attempt.end.publish(message)
      return
    }
    const running = this.#running.get(id)
    if (running === undefined) return
    if (running.message.outcome !== undefined) {
      // What was not durable yet when the try was over is by now.
      this.#tellRest(running, entry)
      this.#running.delete(id)
      return
    }
    if (isAnswer(entry) && entry.status !== undefined) running.message.status = entry.status
    if (isTrying) return
    this.#tellRest(running, entry)
    const {message} = running
    message.endedAt = entry.at
    message.outcome = outcomeOf(to)
    message.to = message.outcome === 'finished' ? Math.max(running.told, record.evidence.total ?? 0) : entry.bytes
    if (message.outcome !== 'finished') this.#running.delete(id)
    if (message.outcome === 'failed') {
      message.error = codeOf(entry.error)
      if (attempt.error.hasSubscribers) attempt.error.publish(message)
    }
    if (attempt.asyncStart.hasSubscribers) attempt.asyncStart.publish(message)
    if (attempt.asyncEnd.hasSubscribers) attempt.asyncEnd.publish(message)
  }

  /** What came since the last tick. */
  #tellRest(running: Running, {at, bytes}: JournalEntry): void {
    const {id, server} = running.message
    if (bytes <= running.told || !this.#hasAudience()) return
    const added = this.#added(running, bytes)
    if (added > 0) progress.publish({engine: this.#engine, at, changes: [{id, server, added}]})
  }

  #tellProgress(at: number, changes: readonly ProgressChange[]): void {
    // Thousands may move, and to look each of them up takes its time.
    if (!this.#hasAudience()) return
    const told: {id: OperationId; server: string; added: number}[] = []
    for (const {id, bytesReceived} of changes) {
      const running = this.#running.get(id)
      if (running === undefined) continue
      const added = this.#added(running, bytesReceived)
      if (added > 0) told.push({id, server: running.message.server, added})
    }
    if (told.length > 0) progress.publish({engine: this.#engine, at, changes: told})
  }

  #hasAudience(): boolean {
    const isHeard = progress.hasSubscribers
    if (isHeard && !this.#isProgressHeard) this.#audience += 1
    this.#isProgressHeard = isHeard
    return isHeard
  }

  /** Bytes that its audience does not know of: none that came before there was one. */
  #added(running: Running, bytes: number): number {
    const before = running.audience === this.#audience ? running.told : bytes
    running.audience = this.#audience
    running.told = bytes
    // Counters fall when a transfer begins again at zero.
    return bytes < before ? bytes : bytes - before
  }
}

/** Until the answer of this try is here, the status is still that of the one before. */
function isAnswer({event, error}: JournalEntry): boolean {
  if (event === 'attempt.responded' || event === 'attempt.restarted') return true
  return event === 'attempt.failed' && error?.startsWith('HTTP_STATUS') === true
}
