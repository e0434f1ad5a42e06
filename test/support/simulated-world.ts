/**
 * A whole engine on parts that are all in memory, under one clock and one seed: what survives a crash (store disk, file
 * disk, network, conditions) stands here, and each process that opens an engine over it can be killed at any deadline.
 */

import type {Scheduler} from 'fast-check'
import {BehaviorSubject, Subject, takeUntil} from 'rxjs'
import {createContentSource} from '../../src/adapters/file/content-source.ts'
import {createFileSink} from '../../src/adapters/file/file-sink.ts'
import {createFileSpool} from '../../src/adapters/file/file-spool.ts'
import {createKeySecrets} from '../../src/adapters/secrets/key-secrets.ts'
import {uploadProtocols} from '../../src/adapters/uploads/registry.ts'
import {readIndex} from '../../src/adapters/xml/read-index.ts'
import {type Conditions, GOOD_CONDITIONS} from '../../src/domain/conditions.ts'
import type {Notice} from '../../src/domain/notice.ts'
import {Engine} from '../../src/engine/engine.ts'
import type {OperationDraft} from '../../src/engine/engine-api.ts'
import type {EngineTuning} from '../../src/engine/engine-parts.ts'
import type {EngineEvent} from '../../src/engine/events.ts'
import type {EngineOptions} from '../../src/engine/options.ts'
import type {EnginePorts} from '../../src/engine/ports.ts'
import type {Clock} from '../../src/ports/clock.ts'
import type {RecordStore} from '../../src/ports/record-store.ts'
import type {TaskRunner} from '../../src/ports/task-runner.ts'
import {type CachedBodies, MemoryCache} from './memory-cache.ts'
import {errno, MemoryDisk} from './memory-disk.ts'
import {MemoryStore, StoreDisk} from './memory-store.ts'
import {noTasks} from './no-tasks.ts'
import {PortFaults} from './port-faults.ts'
import {queuedRecord, type RecordWish} from './records.ts'
import {SeededRandom} from './seeded-random.ts'
import {SimulatedClock} from './simulated-clock.ts'
import {SimulatedNetwork} from './simulated-network.ts'
import {SimulatedTransport} from './simulated-transport.ts'
import {slowFiles} from './slow-files.ts'

const SPOOL = '/store/spool'

const START = Date.UTC(2026, 0, 1)

const STORE_WRITES: ReadonlySet<keyof RecordStore> = new Set([
  'create',
  'save',
  'saveSoon',
  'remove',
  'saveGroup',
  'savePrefetch',
  'changeTally',
  'flush',
])

export interface WorldOptions {
  readonly seed?: number
  readonly engine?: EngineOptions
  /** The longest that an answer of the disk or the store takes; 0 by default. */
  readonly mostDelayMs?: number
  /** Draws the order in which store, disk and transport answer; without it they answer after seeded delays. */
  readonly scheduler?: Scheduler
  /** As in the engine; its own by default. */
  readonly mostAwakeGroups?: number
  /** The same. */
  readonly smallFilesAfter?: number
  /** The same. */
  readonly mostHeldBytes?: number
  readonly tasks?: TaskRunner
}

/** One process with its engine. */
export interface SimulatedProcess {
  readonly engine: Engine
  readonly store: MemoryStore
  readonly events: EngineEvent[]
  /** What went to log.error. */
  readonly complaints: string[]
  readonly clock: ProcessClock
  readonly transport: SimulatedTransport
  readonly death$: Subject<void>
}

export class SimulatedWorld {
  readonly clock = new SimulatedClock(START)
  readonly network = new SimulatedNetwork()
  readonly disk = new MemoryDisk('/downloads', SPOOL)
  readonly storeDisk = new StoreDisk()
  /** What was fetched ahead of need; survives a crash. */
  readonly cached: CachedBodies = new Map()
  readonly conditions$ = new BehaviorSubject<Conditions>(GOOD_CONDITIONS)
  /** Of single calls to the disk and the store. */
  readonly faults = new PortFaults()
  readonly random: SeededRandom
  /** What was shown, in all processes. */
  readonly notices: Notice[] = []
  /** Called after each moment at which anything happened. */
  onStep: () => void = () => {}
  /** Called with the store of each process, before its engine has it. */
  onStore: (store: MemoryStore) => void = () => {}
  /** Called with each event of the present engine. */
  onEvent: (event: EngineEvent) => void = () => {}
  /** Called before each call to the file system; throws to make it fail. */
  beforeDiskCall: (call: string) => void = () => {}
  /** So many answers are drawn, at most, before `settle` is over. */
  turns = Number.POSITIVE_INFINITY
  readonly #options: WorldOptions
  #present: SimulatedProcess | undefined
  #diskFault: {readonly calls: ReadonlySet<string>; readonly code: string; left: number} | undefined

  constructor(options: WorldOptions = {}) {
    this.#options = options
    this.random = new SeededRandom(options.seed ?? 1)
  }

  get process(): SimulatedProcess {
    if (this.#present === undefined) throw new Error('no process runs')
    return this.#present
  }

  get engine(): Engine {
    return this.process.engine
  }

  /** False where it is over, and no other one runs yet. */
  isPresent(process: SimulatedProcess): boolean {
    return this.#present === process
  }

  /** Starts a process; resolves when its engine serves. One whose engine does not open is over. */
  async open(options: EngineOptions = {}): Promise<Engine> {
    const present = this.#boot({...this.#options.engine, ...options})
    this.#present = present
    try {
      await this.until(present.engine.open())
    } catch (thrown) {
      present.death$.next()
      this.#present = undefined
      throw thrown
    }
    return present.engine
  }

  async close(): Promise<void> {
    await this.until(this.engine.close())
    this.process.death$.next()
    this.#present = undefined
  }

  /** The process dies. `power` takes what was not synced along. */
  crash(how: 'kill' | 'power'): void {
    const {clock, transport, store, death$} = this.process
    clock.die()
    transport.kill()
    this.faults.die()
    store.crash()
    death$.next()
    if (how === 'kill') this.disk.kill()
    else this.disk.crash(this.random)
    this.#present = undefined
  }

  /** Everything that needs no time happens. */
  async settle(): Promise<void> {
    await new Promise<void>((resolve) => setImmediate(resolve))
    this.onStep()
    const {scheduler} = this.#options
    for (let turn = 0; scheduler !== undefined && turn < this.turns && scheduler.count() > 0; turn++) {
      await scheduler.waitNext(1)
      await new Promise<void>((resolve) => setImmediate(resolve))
      this.onStep()
    }
  }

  async advance(ms: number): Promise<void> {
    const end = this.clock.now() + ms
    await this.settle()
    for (let at = this.clock.nextAt; at !== undefined && at <= end; at = this.clock.nextAt) {
      this.clock.advanceToNext()
      await this.settle()
    }
    this.clock.advanceBy(end - this.clock.now())
  }

  /** Lets time pass until `done` settles, or the predicate holds; fails when nothing is left to happen, or after `mostMs`. */
  async until<T>(done: Promise<T> | (() => boolean), mostMs = 24 * 3_600_000): Promise<T> {
    const {turns} = this
    this.turns = Number.POSITIVE_INFINITY
    let isDone = false
    let outcome: Promise<T> | undefined
    if (typeof done !== 'function') {
      outcome = done
      const end = () => {
        isDone = true
      }
      done.then(end, end)
    }
    const end = this.clock.now() + mostMs
    await this.settle()
    while (!(typeof done === 'function' ? done() : isDone)) {
      const next = this.clock.nextAt
      if (next === undefined || next > end) throw new Error(`never happened: ${done.toString()}`)
      this.clock.advanceToNext()
      await this.settle()
    }
    this.turns = turns
    return outcome as Promise<T>
  }

  setConditions(change: Partial<Conditions>): void {
    const conditions = {...this.conditions$.value, ...change}
    this.network.setUp(conditions.connectivity !== 'none')
    this.conditions$.next(conditions)
  }

  /** The next `count` calls of these kinds to the file system fail with `code`. */
  failDisk(calls: readonly string[], code: string, count = 1): void {
    this.#diskFault = {calls: new Set(calls), code, left: count}
  }

  healDisk(): void {
    this.#diskFault = undefined
  }

  /** A draft of the n-th download, for http://files.example/n. */
  draft(n: number, wish: RecordWish = {}): OperationDraft {
    const {
      sequence: _,
      state: __,
      ...draft
    } = queuedRecord(n, {
      url: urlOf(n),
      ...wish,
      createdAt: this.clock.now(),
    })
    return draft
  }

  #boot(options: EngineOptions): SimulatedProcess {
    const clock = new ProcessClock(this.clock)
    const death$ = new Subject<void>()
    const portClock = (port: string) => this.#portClock(port, clock)
    const transport = new SimulatedTransport(this.network, portClock('transport'))
    const mostMs = this.#options.mostDelayMs ?? 0
    const store = new MemoryStore({disk: this.storeDisk, commits: mostMs > 0 ? 'manual' : 'auto'})
    this.onStore(store)
    const complaints: string[] = []
    const files = slowFiles(this.disk.fileSystem(), {
      clock: portClock('disk'),
      random: this.random,
      mostMs,
      before: (call) => this.#beforeCall(call),
      around: (call, args, work) => this.faults.disk(clock, call, args, work),
    })
    const ports: EnginePorts = {
      store: mostMs > 0 ? this.#slowStore(store, portClock('store'), mostMs) : store,
      transport,
      plainTransport: transport,
      cache: new MemoryCache(clock, this.cached),
      indexReader: {read: async (bytes) => readIndex(bytes)},
      sink: createFileSink({durability: 'power', mode: 0o644, files}),
      content: createContentSource({spoolDirectory: SPOOL, files}),
      spool: createFileSpool({directory: SPOOL, durability: 'power', makeDirectory: async () => undefined, files}),
      clock,
      random: this.random,
      secrets: createKeySecrets(Buffer.alloc(32, 7)),
      conditions: {conditions$: this.conditions$.pipe(takeUntil(death$))},
      tasks: this.#options.tasks ?? noTasks,
      notifier: {
        show: (notice) =>
          new Promise((resolve) => {
            // A person who saw it has seen it, whatever becomes of the process.
            this.notices.push(notice)
            clock.setTimeout(() => resolve(true), Math.floor(this.random.next() * (mostMs + 1)))
          }),
      },
      protocols: uploadProtocols(),
      log: {
        debug: () => undefined,
        info: () => undefined,
        warn: () => undefined,
        error: (facts, message) => complaints.push(`${message} ${JSON.stringify(facts)}`),
      },
    }
    const engine = new Engine(ports, options, tuningOf(this.#options))
    const events: EngineEvent[] = []
    engine.events$.pipe(takeUntil(death$)).subscribe((event) => {
      events.push(event)
      this.onEvent(event)
    })
    return {engine, store, events, complaints, clock, transport, death$}
  }

  /** Reads answer what was true at the call, a little later; writes become durable a little later, together. */
  #slowStore(store: MemoryStore, clock: Clock, mostMs: number): RecordStore {
    const delay = () => Math.floor(this.random.next() * (mostMs + 1))
    const wait = () => new Promise<void>((resolve) => clock.setTimeout(resolve, delay()))
    let isScheduled = false
    return new Proxy<RecordStore>(store, {
      get: (target, key: keyof RecordStore) => {
        const method = target[key]
        return async (...args: unknown[]) => {
          const work = () => Reflect.apply(method, target, args) as Promise<unknown>
          const answered = Promise.allSettled([this.faults.store(clock, key, work)])
          if (!STORE_WRITES.has(key)) {
            if (key !== 'close') await wait()
          } else if (!isScheduled) {
            isScheduled = true
            clock.setTimeout(() => {
              isScheduled = false
              store.commit()
            }, delay())
          }
          const [answer] = await answered
          if (answer.status === 'rejected') throw answer.reason
          return answer.value
        }
      },
    })
  }

  #portClock(port: string, clock: ProcessClock): Clock {
    const {scheduler} = this.#options
    return scheduler === undefined ? clock : new ScheduledClock(port, scheduler, clock)
  }

  #beforeCall(call: string): void {
    this.beforeDiskCall(call)
    const fault = this.#diskFault
    if (fault === undefined || fault.left === 0 || !fault.calls.has(call)) return
    fault.left -= 1
    throw errno(fault.code)
  }
}

export function urlOf(n: number): string {
  return `http://files.example/${n}`
}

/** The clock of one process: with it, its timers die. */
class ProcessClock implements Clock {
  readonly #clock: SimulatedClock
  readonly #timers = new Set<unknown>()
  /** Those of them that keep no process alive. */
  readonly #idle = new WeakSet<object>()
  #alive = true

  constructor(clock: SimulatedClock) {
    this.#clock = clock
  }

  get isAlive(): boolean {
    return this.#alive
  }

  get pending(): number {
    return this.#timers.size
  }

  /** Timers that keep the process alive. */
  get held(): number {
    return [...this.#timers].filter((timer) => !this.#idle.has(timer as object)).length
  }

  hold(handle: unknown, isHeld: boolean): void {
    if (isHeld) this.#idle.delete(handle as object)
    else this.#idle.add(handle as object)
  }

  now(): number {
    return this.#clock.now()
  }

  setTimeout(fn: () => void, delayMs: number): unknown {
    if (!this.#alive) return undefined
    const timer = this.#clock.setTimeout(() => {
      this.#timers.delete(timer)
      fn()
    }, delayMs)
    this.#timers.add(timer)
    return timer
  }

  clearTimeout(handle: unknown): void {
    this.#timers.delete(handle)
    this.#clock.clearTimeout(handle)
  }

  die(): void {
    this.#alive = false
    for (const timer of this.#timers) this.#clock.clearTimeout(timer)
    this.#timers.clear()
  }
}

/** The clock of a port whose answers come in the order that a scheduler draws: they take no time, but any turn. */
class ScheduledClock implements Clock {
  readonly #port: string
  readonly #scheduler: Scheduler
  readonly #process: ProcessClock

  constructor(port: string, scheduler: Scheduler, process: ProcessClock) {
    this.#port = port
    this.#scheduler = scheduler
    this.#process = process
  }

  now(): number {
    return this.#process.now()
  }

  setTimeout(fn: () => void): unknown {
    const handle = {isCleared: false}
    void this.#scheduler.schedule(Promise.resolve(), this.#port).then(() => {
      if (!handle.isCleared && this.#process.isAlive) fn()
    })
    return handle
  }

  clearTimeout(handle: unknown): void {
    if (handle !== undefined) (handle as {isCleared: boolean}).isCleared = true
  }
}

function tuningOf({mostAwakeGroups, smallFilesAfter, mostHeldBytes}: WorldOptions): Partial<EngineTuning> {
  return {
    ...(mostAwakeGroups === undefined ? {} : {mostAwakeGroups}),
    ...(smallFilesAfter === undefined ? {} : {smallFilesAfter}),
    ...(mostHeldBytes === undefined ? {} : {mostHeldBytes}),
  }
}
