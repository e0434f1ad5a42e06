/**
 * The engine's prefetcher: what is wished for, and the chart that fetches it. There is no chart before something is wished for. Its
 * waits keep no process alive: nobody waits for what it does.
 */

import {createActor, fromPromise, waitFor} from 'xstate'
import {
  type PrefetchActor,
  type PrefetchEvent,
  prefetchMachine,
  type RecordRunInput,
} from '../../../machines/prefetch.machine.ts'
import {createBufferPool} from '../../actors/buffer-pool.ts'
import {FetchAhead} from '../../actors/fetch-ahead.ts'
import type {Conditions} from '../../domain/conditions.ts'
import {TransferError} from '../../domain/errors.ts'
import type {OperationId} from '../../domain/operation-id.ts'
import {
  afterRun,
  hasNews,
  isEmptyWish,
  NO_COUNTS,
  NO_WISH,
  type PrefetchCounts,
  type PrefetchOutcome,
  type PrefetchRecord,
  type PrefetchSettings,
  type PrefetchWish,
  prefetchDueAt,
} from '../../domain/prefetch.ts'
import {redactUrl} from '../../domain/redaction.ts'
import type {Clock} from '../../ports/clock.ts'
import type {OriginManners} from '../../ports/origin-manners.ts'
import type {PrefetchApi} from '../engine-api.ts'
import type {EngineEvent} from '../events.ts'
import type {DurableWrites} from '../operations/durable-writes.ts'
import {pathOf} from '../operations/record-of.ts'
import type {EnginePorts} from '../ports.ts'
import type {Alarm} from './alarm.ts'

/** One body at a time: a few small buffers of it. */
const POOL_BYTES = 512 * 1024

export interface PrefetcherOptions {
  readonly ports: EnginePorts
  /** False: nothing is ever fetched ahead of need; what is wished for is kept. */
  readonly isOn: boolean
  readonly settings: PrefetchSettings
  readonly writes: DurableWrites
  readonly alarm: Alarm
  readonly origins: OriginManners
  readonly conditions: () => Conditions
  /** Names its deadline. */
  readonly id: OperationId
  readonly emit: (event: EngineEvent) => void
  /** Called when the chart has gone a step. */
  readonly onStep: () => void
}

export class Prefetcher implements PrefetchApi {
  readonly #options: PrefetcherOptions
  /** The present truth, which what is durable may lag by one commit. */
  #record: PrefetchRecord = {wish: NO_WISH}
  #lastSuccessAt: number | undefined
  #running = 0
  #phase: 'opening' | 'serving' | 'over' = 'opening'
  #actor: PrefetchActor | undefined
  #path = ''
  #fetchAhead: FetchAhead | undefined

  constructor(options: PrefetcherOptions) {
    this.#options = options
  }

  /** What earlier sessions left. */
  async load(): Promise<void> {
    const record = await this.#options.ports.store.prefetch()
    if (record === undefined) return
    this.#record = record
    this.#lastSuccessAt = record.lastSuccessAt
  }

  /** The engine serves. */
  start(): void {
    this.#phase = 'serving'
    if (!isEmptyWish(this.#record.wish)) this.#begin()
  }

  get wish(): PrefetchWish {
    return this.#record.wish
  }

  get lastSuccessAt(): number | undefined {
    return this.#lastSuccessAt
  }

  /** Path of the chart's state; '' before there is one. */
  get state(): string {
    return this.#path
  }

  /** Whether a run is under way. */
  get isRunning(): boolean {
    return this.#actor?.getSnapshot().hasTag('running') === true
  }

  /** Holds at once; resolves when it is durable. Throws CLOSED. */
  setWish(wish: PrefetchWish): Promise<void> {
    this.#assertServing()
    this.#record = {...this.#record, wish}
    const saved = this.#save()
    if (this.#actor === undefined) this.#begin()
    else this.#actor.send({type: 'wish.changed', wish})
    this.#options.emit({type: 'prefetch.changed', at: this.#options.ports.clock.now()})
    return saved
  }

  /** Fetches now, whatever is in the way; of what is listed when it is called. Rejects with CLOSED, ILLEGAL_STATE. */
  async run(): Promise<PrefetchCounts> {
    this.#assertServing()
    if (isEmptyWish(this.#record.wish)) return NO_COUNTS
    const actor = this.#actor ?? this.#begin()
    if (actor === undefined) {
      throw new TransferError('ILLEGAL_STATE', 'the engine was opened without prefetching', {
        advice: 'leave out the option prefetch, or give it an object',
      })
    }
    // A run that began with another list is not the one.
    for (;;) {
      const {runs} = actor.getSnapshot().context
      actor.send({type: 'prefetch.demand'})
      const ended = await waitFor(actor, ({context, status}) => status !== 'active' || context.runs > runs, {
        timeout: Number.POSITIVE_INFINITY,
      }).catch(() => actor.getSnapshot())
      if (ended.status !== 'active') throw closed()
      const {record, counts} = ended.context
      if (!hasNews(record)) return counts
    }
  }

  conditionsChanged(conditions: Conditions): void {
    this.#send({type: 'conditions.changed', conditions})
  }

  /** So many operations have traffic. */
  loadChanged(running: number): void {
    this.#running = running
    // One chart's step must not step another chart.
    if (this.#actor !== undefined) queueMicrotask(() => this.#send({type: 'load.changed', running}))
  }

  /** The engine closes. */
  stop(): void {
    this.#phase = 'over'
    this.#send({type: 'engine.draining'})
  }

  #send(event: PrefetchEvent): void {
    if (this.#actor?.getSnapshot().status === 'active') this.#actor.send(event)
  }

  #begin(): PrefetchActor | undefined {
    const {ports, isOn, settings, conditions} = this.#options
    if (!isOn) return undefined
    const actor = createActor(this.#provided(), {
      id: 'prefetch',
      input: {record: this.#record, conditions: conditions(), running: this.#running, settings},
      clock: idleClock(ports.clock),
    })
    this.#actor = actor
    actor.subscribe({
      next: () => this.#observe(actor),
      error: (error) => ports.log.error({error: String(error)}, 'the chart of what is fetched ahead of need failed'),
    })
    actor.start()
    return actor
  }

  #observe(actor: PrefetchActor): void {
    const snapshot = actor.getSnapshot()
    const path = pathOf(snapshot.value)
    if (path === this.#path) return
    this.#path = path
    const {alarm, id, ports} = this.#options
    const {dueAt} = this.#record
    if ((path === 'scheduled' || path === 'backingOff') && dueAt !== undefined) {
      const at = prefetchDueAt(dueAt, ports.clock.now())
      alarm.set(id, at, {wake: () => this.#send({type: 'prefetch.due'}), isIdle: true})
    } else {
      alarm.clear(id)
    }
    this.#options.onStep()
  }

  #provided() {
    const {emit, ports} = this.#options
    const now = () => ports.clock.now()
    return prefetchMachine().provide({
      actors: {
        fetchIndex: fromPromise<readonly string[], {readonly url: string}>(({input: {url}, signal}) =>
          this.#fetching.index(url, signal, (reason) =>
            emit({type: 'prefetch.indexIgnored', at: now(), url: redactUrl(url), reason}),
          ),
        ),
        fetchResource: fromPromise<PrefetchOutcome, {readonly url: string}>(({input: {url}, signal}) =>
          this.#fetching.resource(url, signal),
        ),
        recordRun: fromPromise<PrefetchRecord, RecordRunInput>(({input}) => this.#recordRun(input)),
      },
      actions: {
        tellStart: () => emit({type: 'prefetch.started', at: now()}),
        tellOutcome: (_, {url, outcome}) => {
          if (url !== undefined) emit({type: 'prefetch.fetched', at: now(), url: redactUrl(url), outcome})
        },
      },
    })
  }

  get #fetching(): FetchAhead {
    const {ports, origins} = this.#options
    this.#fetchAhead ??= new FetchAhead({
      ...ports,
      transport: ports.plainTransport,
      pool: createBufferPool(POOL_BYTES),
      origins,
    })
    return this.#fetchAhead
  }

  async #recordRun({ranFor, counts}: RecordRunInput): Promise<PrefetchRecord> {
    const {ports, settings, emit} = this.#options
    const at = ports.clock.now()
    const record = afterRun(this.#record, ranFor, counts, settings, at, ports.random.next())
    this.#record = record
    await this.#save()
    this.#lastSuccessAt = record.lastSuccessAt
    emit({type: 'prefetch.ended', at, counts, nextAt: record.dueAt ?? at})
    return record
  }

  #save(): Promise<void> {
    const {writes, ports} = this.#options
    return writes.persist(
      () => ports.store.savePrefetch(this.#record),
      (error) => ports.log.error({error: String(error)}, 'what is to be fetched ahead of need could not be written'),
    )
  }

  #assertServing(): void {
    if (this.#phase !== 'serving') throw closed()
  }
}

/** Its timers let a process end that has nothing else to do. */
function idleClock(clock: Clock): Pick<Clock, 'setTimeout' | 'clearTimeout'> {
  return {
    setTimeout(fn, delayMs) {
      const handle = clock.setTimeout(fn, delayMs)
      clock.hold?.(handle, false)
      return handle
    },
    clearTimeout: (handle) => clock.clearTimeout(handle),
  }
}

function closed(): TransferError {
  return new TransferError('CLOSED', 'the engine is not open')
}
