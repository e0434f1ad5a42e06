/**
 * The operations that this process holds in memory. Makes actors of records, which live only while their operations have something
 * to do. What is read beside them is in current-records.ts, and what becomes of the steps that they go in told-steps.ts.
 */

import {createActor} from 'xstate'
import type {OperationActor, OperationSnapshot} from '../../../machines/operation.machine.ts'
import type {Carried} from '../../../machines/transfer.vocabulary.ts'
import type {BufferPool} from '../../actors/buffer-pool.ts'
import {OpenTries} from '../../actors/open-tries.ts'
import {FreshRequests} from '../../actors/refresh-request.ts'
import type {Conditions} from '../../domain/conditions.ts'
import {asTransferError, TransferError} from '../../domain/errors.ts'
import type {OperationId} from '../../domain/operation-id.ts'
import type {Direction, OperationRecord} from '../../domain/record.ts'
import type {ConnectionPermits} from '../../ports/connection-permits.ts'
import type {RateLimiter} from '../../ports/rate-limiter.ts'
import {type ResolvedEngineOptions, settingsFor} from '../options.ts'
import type {EnginePorts} from '../ports.ts'
import {CurrentRecords} from './current-records.ts'
import type {DurableWrites} from './durable-writes.ts'
import {KnownOrigins} from './known-origins.ts'
import {type OpenConnection, openConnections} from './open-connections.ts'
import {OperationEntry} from './operation-entry.ts'
import {snapshotAt} from './position.ts'
import type {ProgressTicker} from './progress-ticker.ts'
import {type OperationProvisions, provideOperationMachine, provideUploadMachine} from './provide.ts'
import {type ChartStep, stepOf} from './record-of.ts'
import {type StepObserver, ToldSteps} from './told-steps.ts'
import {WaitingReaders} from './waiting-readers.ts'

/** What the rest of the engine hears. */
export interface OperationObserver extends StepObserver {
  /** The actor was put away. */
  rested(entry: OperationEntry): void
  /** The actor failed, and is no more. */
  broken(entry: OperationEntry): void
}

export interface OperationsOptions {
  readonly ports: EnginePorts
  readonly options: ResolvedEngineOptions
  readonly ticker: ProgressTicker
  readonly limiter: RateLimiter
  readonly pool: BufferPool
  readonly permits: ConnectionPermits
  readonly observer: OperationObserver
  /** Names this session. */
  readonly session: () => string
  readonly conditions: () => Conditions
  readonly writes: DurableWrites
}

/** The chart of an upload speaks the events, the tags and the context of a download's; only its states are others. */
type ProvidedMachine = ReturnType<typeof provideOperationMachine>

export class Operations {
  readonly #entries = new Map<OperationId, OperationEntry>()
  /** Those of them that are live: handles may hold any number of others, and a page is not to walk over them. */
  readonly #live = new Set<OperationEntry>()
  /** What is on record, as these operations stand now. */
  readonly records: CurrentRecords
  /** Whoever waits for bytes of them. */
  readonly readers = new WaitingReaders()
  readonly #tries = new OpenTries()
  readonly #options: OperationsOptions
  readonly #provisions: OperationProvisions
  /** Made when the first operation of its direction comes alive: a chart is read anew for what it is provided with. */
  readonly #machines = new Map<Direction, ProvidedMachine>()
  readonly #steps: ToldSteps
  #stopped = false

  constructor(options: OperationsOptions) {
    this.#options = options
    this.records = new CurrentRecords({store: options.ports.store, held: this.#entries, live: this.#live})
    this.#steps = new ToldSteps({
      ...options,
      journal: options.options.journal,
      journalOf: (id) => this.#entries.get(id)?.journal,
      onTold: (entry) => this.#putAwayIfPassive(entry),
    })
    this.#provisions = {
      tries: this.#tries,
      ports: options.ports,
      meter: options.ticker,
      pool: options.pool,
      limiter: options.limiter,
      origins: new KnownOrigins(options.ports.clock),
      readers: this.readers,
      fresh: new FreshRequests(options.options.providers),
      permits: options.permits,
      minSliceBytes: options.options.minSliceBytes,
      commit: (record) => this.#steps.persist(this.hold(record), record),
    }
  }

  #machineOf(direction: Direction): ProvidedMachine {
    const known = this.#machines.get(direction)
    if (known !== undefined) return known
    const machine = this.#traced(
      direction === 'download'
        ? provideOperationMachine(this.#provisions)
        : (provideUploadMachine(this.#provisions) as unknown as ProvidedMachine),
    )
    this.#machines.set(direction, machine)
    return machine
  }

  get(id: OperationId): OperationEntry | undefined {
    return this.#entries.get(id)
  }

  /** Who brings what of its bytes now, and where the chart of each stands; empty where there is to be one connection only. */
  connections(id: OperationId): readonly OpenConnection[] {
    const entry = this.#entries.get(id)
    return entry?.snapshot === undefined ? [] : openConnections(entry.snapshot, this.#tries.of(id)?.connections ?? [])
  }

  all(): IterableIterator<OperationEntry> {
    return this.#entries.values()
  }

  /** It has an actor, or is carried. */
  isLive(id: OperationId): boolean {
    return this.#entries.get(id)?.isLive === true
  }

  /** The entry of a record, known from now on until it is forgotten. */
  hold(record: OperationRecord): OperationEntry {
    const known = this.#entries.get(record.id)
    if (known !== undefined) return known
    const onListened = () => this.#options.ticker.listenedTo(record.id)
    const entry = new OperationEntry(record, onListened, this.#noteLife)
    this.#entries.set(record.id, entry)
    if (this.#stopped) entry.notices.error(closed())
    return entry
  }

  readonly #noteLife = (entry: OperationEntry): void => {
    if (entry.isLive && this.#entries.get(entry.record.id) === entry) this.#live.add(entry)
    else this.#live.delete(entry)
  }

  /** Uses an entry in the turn in which it is found, read from the store if need be: in a later one it may be put away. */
  async find<T>(id: OperationId, use: (entry: OperationEntry | undefined) => T): Promise<T> {
    const known = this.#entries.get(id)
    if (known !== undefined) return use(known)
    const {store} = this.#options.ports
    return this.records.read(
      async () => [await store.get(id)],
      ([record]) => use(record === undefined ? undefined : this.hold(record)),
    )
  }

  /** Gives the entry an actor, born from its record; none where it is carried, and too late for anything else. */
  activate(entry: OperationEntry): OperationEntry {
    if (entry.actor !== undefined) return entry
    const {carrier, record} = entry
    if (carrier === undefined) return this.#giveActor(entry, record)
    const left = carrier.letGo()
    return left === undefined ? entry : this.#giveActor(entry, left.record, left.carried)
  }

  /** The chart of one that is carried, as it would stand; undefined for any other. */
  carriedAt({carrier, path}: OperationEntry): OperationSnapshot | undefined {
    if (carrier === undefined) return undefined
    const {options, conditions} = this.#options
    const {facts, state} = carrier
    return snapshotAt(path, {...facts, state}, conditions(), settingsFor(facts.policy, options.settings))
  }

  /** `carried`: it goes on at once. */
  #giveActor(entry: OperationEntry, record: OperationRecord, carried?: Carried): OperationEntry {
    const {ports, options, session, conditions} = this.#options
    const actor = createActor(this.#machineOf(record.direction), {
      id: record.id,
      input: {
        record,
        conditions: conditions(),
        settings: settingsFor(record.policy, options.settings),
        wanted: entry.wanted,
        carried,
        ...(record.direction === 'upload' ? {session: session()} : {}),
      },
      clock: ports.clock,
      ...(options.inspect === undefined ? {} : {inspect: options.inspect}),
    }) as OperationActor
    entry.actor = actor
    actor.subscribe({
      next: (snapshot) => void this.#steps.take(entry, stepOf(snapshot)),
      error: (error) => this.#broken(entry, error),
    })
    actor.start()
    return entry
  }

  /** The machine, noting the event that each step takes: cheaper than an inspection observer on every send. */
  #traced(machine: ProvidedMachine): ProvidedMachine {
    const transition: ProvidedMachine['transition'] = (snapshot, event, scope) => {
      const entry = this.#entries.get(scope.self.id as OperationId)
      if (entry !== undefined) entry.cause = event
      return machine.transition(snapshot, event, scope)
    }
    return Object.create(machine, {transition: {value: transition}})
  }

  /** An operation has gone a step. Resolves when its record is durable, where that is worth a write. */
  take(entry: OperationEntry, step: ChartStep): Promise<void> | undefined {
    return this.#steps.take(entry, step)
  }

  /** In a microtask, so that the command an actor was woken for comes first. */
  #putAwayIfPassive(entry: OperationEntry): void {
    if (entry.tail !== undefined) return
    if (entry.carrier?.hasEnded === true) entry.carrier = undefined
    if (entry.actor?.getSnapshot().hasTag('passive') === true) {
      this.#passivate(entry)
      this.#options.observer.rested(entry)
    }
    this.forgetIfIdle(entry)
  }

  #passivate(entry: OperationEntry): void {
    entry.actor?.stop()
    entry.actor = undefined
  }

  /** A handle lets go of the entry. */
  release(entry: OperationEntry): void {
    entry.holders -= 1
    this.forgetIfIdle(entry)
  }

  /** Drops the entry if nobody follows it. */
  forgetIfIdle(entry: OperationEntry): void {
    const {id} = entry.record
    if (!entry.isForgettable || this.#entries.get(id) !== entry) return
    this.#entries.delete(id)
    this.records.putAway(id)
  }

  /** Its record is gone: handles keep what they saw, nobody finds it again. */
  drop(id: OperationId): void {
    const entry = this.#entries.get(id)
    if (entry !== undefined) this.#live.delete(entry)
    this.#entries.delete(id)
    this.records.putAway(id)
  }

  /** A chart threw, which its audit should have made impossible: the operation stays as its last record says. */
  #broken(entry: OperationEntry, error: unknown): void {
    const {observer, ports} = this.#options
    ports.log.error({id: entry.record.id, error: String(error)}, 'an operation’s chart failed')
    entry.actor = undefined
    observer.broken(entry)
    entry.notices.error(asTransferError(error))
  }

  /** Stops every actor without ceremony: the records say the rest. Whoever follows one hears that nothing more will come. */
  stopAll(): void {
    this.#stopped = true
    for (const entry of this.#entries.values()) {
      this.#passivate(entry)
      if (entry.isOver) entry.notices.complete()
      else entry.notices.error(closed())
    }
  }

  /** Throws CLOSED once every actor was stopped. */
  requireRunning(): void {
    if (this.#stopped) throw closed()
  }

  /** Resolves when everything observed so far, of these or of all, was told, or never will be. */
  async settled(entries?: readonly OperationEntry[]): Promise<void> {
    for (;;) {
      const watched = entries ?? [...this.#entries.values()]
      const tails = watched.flatMap(({tail}) => (tail === undefined ? [] : [tail]))
      if (tails.length === 0) return
      await Promise.all(tails)
    }
  }
}

function closed(): TransferError {
  return new TransferError('CLOSED', 'the engine was closed before the operation ended', {
    advice: 'open the engine again: the operation is kept, and can be attached to',
  })
}
