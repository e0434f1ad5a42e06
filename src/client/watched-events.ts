/**
 * The events of a host, as whoever watches hears them: asked for while anybody does, and in order. What came about while the stream
 * was broken is told behind it, by how operations stand then, as if it came about there.
 */

import {Observable, Subject} from 'rxjs'
import type {JournalEntry} from '../domain/journal.ts'
import type {OperationId} from '../domain/operation-id.ts'
import {sizeOf} from '../domain/range-set.ts'
import type {OperationRecord} from '../domain/record.ts'
import {withChanges} from '../domain/record-changes.ts'
import {isTerminal} from '../domain/status.ts'
import type {EngineEvent} from '../engine/events.ts'
import type {MovedOn} from '../host/protocol.ts'
import type {CallQueue} from './call-queue.ts'

/** Of ids in one call. */
const PAGE = 10_000

export class WatchedEvents {
  readonly events$: Observable<EngineEvent>
  readonly #calls: CallQueue
  readonly #now: () => number
  readonly #events = new Subject<EngineEvent>()
  #watchers = 0
  /** While somebody watches: what events said of the unfinished last; and which of them this client began. */
  readonly #seen = new Map<OperationId, OperationRecord>()
  readonly #begun = new Set<OperationId>()
  /** Those that were asked for last how they stand, and of which nothing was told since. */
  #awaited = new Set<OperationId>()

  /** `now`: epoch ms. */
  constructor(calls: CallQueue, now: () => number) {
    this.#calls = calls
    this.#now = now
    this.events$ = new Observable((subscriber) => {
      this.#watchers += 1
      if (this.#watchers === 1) this.watch()
      const subscription = this.#events.subscribe(subscriber)
      return () => {
        subscription.unsubscribe()
        this.#watchers -= 1
        if (this.#watchers === 0) this.#unwatch()
      }
    })
  }

  /** This client begins them: they are caught up on also before anything was told of them. */
  began(ids: readonly OperationId[]): void {
    if (this.#watchers > 0) for (const id of ids) this.#begun.add(id)
  }

  /** They were not begun after all. */
  refused(ids: readonly OperationId[]): void {
    for (const id of ids) this.#begun.delete(id)
  }

  /** The host is to tell of its events, if anybody watches. */
  watch(): void {
    if (this.#watchers > 0) this.#calls.tell('watch', {events: true})
  }

  /** Events that were missed: how those stand that had not ended is told as if they came there now. */
  catchUp(): void {
    if (this.#watchers === 0) return
    const ids = [...new Set([...this.#seen.keys(), ...this.#begun])]
    const awaited = new Set(ids)
    this.#awaited = awaited
    for (let at = 0; at < ids.length; at += PAGE) {
      const page = ids.slice(at, at + PAGE)
      const attach = page.filter((id) => this.#begun.has(id))
      this.#calls.tell('catchUp', {ids: page, attach}, (records) => {
        for (const record of records) {
          // An event has overtaken the answer, or another question has.
          if (this.#awaited !== awaited || !awaited.has(record.id)) continue
          const event = movedMeanwhile(record, this.#seen.get(record.id), this.#now())
          if (event !== undefined) this.hear(event)
        }
      })
    }
  }

  /** The step after one that was told before. */
  hearStep({changes, ...step}: MovedOn): void {
    const before = this.#seen.get(step.id)
    // Nobody has watched for a while: the host has not heard of it.
    if (before !== undefined) this.hear({...step, record: withChanges(before, changes)})
  }

  hear(event: EngineEvent): void {
    if (event.type === 'operation.started' || event.type === 'operation.moved') {
      const {record} = event
      this.#awaited.delete(record.id)
      if (isTerminal(record.state)) {
        this.#seen.delete(record.id)
        this.#begun.delete(record.id)
      } else {
        this.#seen.set(record.id, record)
      }
    }
    this.#events.next(event)
  }

  /** Nothing more will come. */
  complete(): void {
    this.#events.complete()
  }

  #unwatch(): void {
    this.#begun.clear()
    this.#awaited.clear()
    // Until the host has heard it, its steps go on from what it told: somebody may watch again by then.
    this.#calls.tell('watch', {events: false}, () => {
      if (this.#watchers === 0) this.#seen.clear()
    })
  }
}

/** Undefined when it stands where it stood. */
function movedMeanwhile(
  record: OperationRecord,
  before: OperationRecord | undefined,
  at: number,
): EngineEvent | undefined {
  if (before === undefined && record.state === 'queued') return {type: 'operation.started', at, record}
  if (before?.state === record.state) return undefined
  const {id, state, attempts, evidence, journalled = 0} = record
  const step = {from: before?.state ?? 'queued', to: state}
  const entry: JournalEntry = {
    ...step,
    seq: journalled,
    at,
    event: 'link.welcomed',
    state,
    attempts: attempts.total,
    failures: attempts.failures,
    bytes: sizeOf(evidence.ranges),
    generation: evidence.generation,
  }
  return {...step, type: 'operation.moved', at, id, state, because: 'link.welcomed', entry, record}
}
