/**
 * From what the engine tells to messages: transitions at once; progress, groups and conditions looked at four times a
 * second, and told only where they changed.
 */

import type {Subscription} from 'rxjs'
import type {Conditions} from '../domain/conditions.ts'
import type {OperationId} from '../domain/operation-id.ts'
import type {OperationRecord} from '../domain/record.ts'
import type {Engine} from '../engine/engine.ts'
import type {EngineEvent, ProgressChange} from '../engine/events.ts'
import type {GroupView, InspectorMessage} from './protocol.ts'
import type {RateMeter} from './rate-meter.ts'
import type {Views} from './views.ts'

const TICK_MS = 250

/** Nothing moved: then groups are looked at only this often. */
const QUIET_TICKS = 8

/** More new operations than this in one tick are not told one by one. */
const MOST_STARTED = 500

type Progress = Extract<InspectorMessage, {type: 'progress'}>['changes'][number]

export interface LiveFeedOptions {
  readonly engine: Engine
  readonly views: Views
  readonly rates: RateMeter
  readonly publish: (message: InspectorMessage) => void
  /** The engine was closed. */
  readonly onEnd: () => void
}

export class LiveFeed {
  readonly #options: LiveFeedOptions
  readonly #subscription: Subscription
  readonly #timer: NodeJS.Timeout
  readonly #progress = new Map<OperationId, ProgressChange>()
  readonly #moving = new Map<OperationId, ProgressChange>()
  #started = new Map<OperationId, OperationRecord>()
  #toldGroups = new Map<string, string>()
  #toldConditions: Conditions
  #ticksSinceGroups = 0

  constructor(options: LiveFeedOptions) {
    this.#options = options
    this.#toldConditions = options.engine.conditions
    this.#toldGroups = new Map(this.#groups())
    this.#subscription = options.engine.events$.subscribe({
      next: (event) => this.#hear(event),
      complete: options.onEnd,
    })
    this.#timer = setInterval(() => this.#tick(), TICK_MS)
    this.#timer.unref()
  }

  /** The live counters of everything that moves. */
  snapshot(): InspectorMessage | undefined {
    return this.#moving.size === 0
      ? undefined
      : {type: 'progress', changes: [...this.#moving.values()].map((change) => this.#progressOf(change))}
  }

  stop(): void {
    clearInterval(this.#timer)
    this.#subscription.unsubscribe()
  }

  #hear(event: EngineEvent): void {
    const {views, rates, publish} = this.#options
    if (event.type === 'operation.started' || event.type === 'operation.moved') this.#ticksSinceGroups = QUIET_TICKS
    switch (event.type) {
      case 'operation.started':
        this.#started.set(event.record.id, event.record)
        return
      case 'operation.moved': {
        const {id, entry, record} = event
        if (record.state !== 'running') {
          rates.forget(id)
          this.#moving.delete(id)
          this.#progress.delete(id)
        }
        this.#started.delete(id)
        publish({type: 'transition', guid: id, entry, operation: views.operation(record, event.to)})
        return
      }
      case 'operation.restarted':
        this.#log(event.at, 'warn', 'the bytes that were here are worth nothing: it begins anew at zero', event.id)
        return
      case 'operation.forgotten':
        for (const guid of event.ids) publish({type: 'removed', guid})
        return
      case 'progress':
        for (const change of event.changes) {
          rates.note(change.id, change.bytesReceived, event.at)
          this.#progress.set(change.id, change)
          this.#moving.set(change.id, change)
        }
        return
      case 'store.failed':
        this.#log(event.at, 'error', `a record could not be written: ${event.message}`, event.id)
    }
  }

  #log(at: number, level: 'warn' | 'error', text: string, guid: OperationId): void {
    this.#options.publish({type: 'log', at, level, text, guid})
  }

  #tick(): void {
    const {engine, rates, publish} = this.#options
    if (engine.phase !== 'serving') return
    this.#tellStarted()
    for (const id of rates.takeStill(engine.now())) {
      const still = this.#moving.get(id)
      if (still !== undefined) this.#progress.set(id, still)
    }
    if (this.#progress.size > 0) {
      const changes = [...this.#progress.values()].map((change) => this.#progressOf(change))
      this.#progress.clear()
      publish({type: 'progress', changes})
    }
    this.#ticksSinceGroups += 1
    if (this.#ticksSinceGroups >= QUIET_TICKS) this.#tellGroups()
    const {conditions} = engine
    if (conditions !== this.#toldConditions) {
      this.#toldConditions = conditions
      publish({type: 'conditions', conditions})
    }
  }

  #tellStarted(): void {
    const {views, publish} = this.#options
    const started = this.#started
    if (started.size === 0) return
    this.#started = new Map()
    if (started.size > MOST_STARTED) {
      publish({type: 'resync'})
      return
    }
    for (const record of started.values()) publish({type: 'operation', operation: views.operation(record)})
  }

  #tellGroups(): void {
    this.#ticksSinceGroups = 0
    const groups = new Map(this.#groups())
    for (const [name, text] of groups) {
      if (this.#toldGroups.get(name) !== text) this.#options.publish({type: 'group', group: JSON.parse(text)})
    }
    // The engine puts away a group that has nobody left.
    for (const [name, text] of this.#toldGroups) {
      if (groups.has(name)) continue
      const group: GroupView = {...JSON.parse(text), state: 'idle', members: [], line: []}
      this.#options.publish({type: 'group', group})
    }
    this.#toldGroups = groups
  }

  *#groups(): Iterable<[name: string, text: string]> {
    const {engine, views} = this.#options
    for (const standing of engine.groups()) yield [standing.name, JSON.stringify(views.group(standing))]
  }

  #progressOf({id, bytesReceived, totalBytesToReceive}: ProgressChange): Progress {
    const {engine, rates} = this.#options
    return [id, bytesReceived, totalBytesToReceive, rates.of(id, engine.now())]
  }
}
