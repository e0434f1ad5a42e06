/**
 * All that an engine is made of, put together once: which part knows which, and which hears of which, is said here. What they make
 * each other do without knowing each other stands in coordinator.ts, and what callers may ask of them in engine.ts.
 */

import {Subject} from 'rxjs'
import {createBufferPool} from '../actors/buffer-pool.ts'
import {BackgroundTransferBehavior} from '../domain/behavior.ts'
import {createOperationIds, type OperationId} from '../domain/operation-id.ts'
import type {TaskLaunch} from '../domain/task-view.ts'
import type {Random} from '../ports/random.ts'
import type {TaskHost} from '../ports/task-runner.ts'
import {Acceptance} from './acceptance.ts'
import {Dispatcher} from './admission/dispatcher.ts'
import {MOST_AWAKE} from './admission/groups.ts'
import {Sequences} from './admission/sequences.ts'
import {ApplicationQuotas} from './applications/application-quotas.ts'
import {ByteStreams} from './bytes/byte-streams.ts'
import {RateLimits} from './bytes/rate-limits.ts'
import {Alarm} from './chores/alarm.ts'
import {AwaitedConditions} from './chores/awaited-conditions.ts'
import {Chores} from './chores/chores.ts'
import {Commands} from './commands.ts'
import {Coordinator} from './coordinator.ts'
import {EngineLimits} from './engine-limits.ts'
import type {EngineEvent} from './events.ts'
import {GroupCommands} from './group-commands.ts'
import {Insight} from './insight.ts'
import {harmlessObserver} from './inspection.ts'
import {Lifecycle} from './lifecycle.ts'
import {DurableWrites} from './operations/durable-writes.ts'
import {EndedOperations} from './operations/ended-operations.ts'
import {FileClaims} from './operations/file-claims.ts'
import {LiveCounts} from './operations/live-counts.ts'
import {Operations} from './operations/operations.ts'
import {ProgressTicker} from './operations/progress-ticker.ts'
import {SpoolKeeper} from './operations/spool-keeper.ts'
import type {ResolvedEngineOptions} from './options.ts'
import type {EnginePorts} from './ports.ts'
import {Recovery} from './recovery.ts'
import {SmallFiles} from './small-files/small-files.ts'

/** Numbers that no application needs to choose. */
export interface EngineTuning {
  /** How many groups are kept awake that have nobody running. */
  readonly mostAwakeGroups: number
  /** Plain small files in a row after which a server is trusted with a batch; Infinity for never. */
  readonly smallFilesAfter: number
  /** Bytes of a file that such a batch holds in memory until it is whole; a larger one is written while it comes. */
  readonly mostHeldBytes: number
}

const DEFAULT_TUNING: EngineTuning = {mostAwakeGroups: MOST_AWAKE, smallFilesAfter: 8, mostHeldBytes: 256 * 1024}

export interface EnginePartsOptions {
  readonly ports: EnginePorts
  readonly options: ResolvedEngineOptions
  readonly tuning: Partial<EngineTuning>
  /** Answers the calls of a background task. */
  readonly hostOf: (launch: TaskLaunch) => Pick<TaskHost, 'call'>
}

export class EngineParts {
  readonly events = new Subject<EngineEvent>()
  /** Ten times a second while anything moves, or somebody wants one more. Completes when the engine is closed. */
  readonly ticks = new Subject<void>()
  readonly newId: () => OperationId
  readonly life: Lifecycle
  readonly limits: EngineLimits
  readonly applications: ApplicationQuotas
  readonly rates: RateLimits
  readonly ticker: ProgressTicker
  readonly spool: SpoolKeeper
  readonly operations: Operations
  readonly smallFiles: SmallFiles
  readonly line: Dispatcher
  readonly chores: Chores
  readonly recovery: Recovery
  readonly acceptance: Acceptance
  readonly commands: Commands
  readonly groupCommands: GroupCommands
  readonly ended: EndedOperations
  readonly counts: LiveCounts
  readonly streams: ByteStreams
  readonly insight: Insight
  readonly #coordinator: Coordinator

  constructor({ports, options: given, tuning, hostOf}: EnginePartsOptions) {
    const {store, clock, random, log} = ports
    const options = {...given, inspect: harmlessObserver(given.inspect, log)}
    const {mostAwakeGroups, smallFilesAfter, mostHeldBytes} = {...DEFAULT_TUNING, ...tuning}
    const {events} = this
    const emit = (event: EngineEvent) => events.next(event)
    const conditions = () => this.life.conditions
    const isDraining = () => this.life.isDraining
    const requireServing = () => this.life.requireServing()
    const quiet = (url: string, id: OperationId, ms: number) => this.#coordinator.quiet(url, id, ms)
    const session = createSession(random)
    const sequences = new Sequences()
    const writes = new DurableWrites(clock)
    const awaited = new AwaitedConditions(ports.conditions)
    const pool = createBufferPool()
    const claims = new FileClaims(ports)
    const alarm = new Alarm(clock, (id) => void this.#coordinator.wake(id))
    this.limits = new EngineLimits(options.limits, events)
    this.newId = createOperationIds(
      () => clock.now(),
      () => random.guid(),
    )
    this.spool = new SpoolKeeper(ports)
    this.applications = new ApplicationQuotas({
      applications: options.applications,
      clock,
      log,
      ledger: ports.usage,
      events$: events,
      onSpent: (application, restMs) => this.line.slots.applicationSpent(application, restMs),
    })
    this.rates = new RateLimits(clock, this.applications)
    this.rates.limitEngine(options.maxBytesPerSecond)
    this.ticker = new ProgressTicker({
      clock,
      tell: (changes) => emit({type: 'progress', at: clock.now(), changes}),
      show: (id, counts) => this.operations.get(id)?.observe(counts) ?? counts,
      countedOf: (id) => this.operations.get(id),
      onTick: () => {
        this.rates.wake()
        this.applications.usage.tick()
        this.ticks.next()
      },
      onWritten: (id) => this.operations.get(id)?.arrived(),
    })
    this.operations = new Operations({
      ports,
      options,
      ticker: this.ticker,
      limiter: this.rates,
      pool,
      permits: {
        tryTake: (url, id, onRevoked) => this.line.slots.tryTakeConnection(url, id, onRevoked),
        take: (url, id) => this.line.slots.takeConnection(url, id),
        quiet,
      },
      session,
      conditions,
      writes,
      observer: {
        stepped: (entry, step, move) => this.#coordinator.stepped(entry, step, move),
        told: (notice) => this.#coordinator.told(notice),
        rested: (entry) => this.#coordinator.rested(entry),
        broken: (entry) => this.#coordinator.broken(entry),
        emit,
      },
    })
    this.smallFiles = new SmallFiles({
      ports,
      meter: this.ticker,
      limiter: this.rates,
      pool,
      conditions,
      inspect: options.inspect,
      settings: options.settings,
      trustedAfter: smallFilesAfter,
      mostHeldBytes,
      isAwaited: (origin) => this.line.isAwaited(origin),
      isSerialized: (group) => this.line.groupRecord(group).behavior === BackgroundTransferBehavior.serialized,
      take: (entry, step) => this.operations.take(entry, step),
      promote: (entry) => void this.operations.activate(entry),
    })
    this.chores = new Chores({
      ports,
      options,
      writes,
      alarm,
      newId: this.newId,
      hostOf,
      conditions,
      isDraining,
      requireServing,
      isQuiet: (url) => this.line.slots.originRefusal(url) === 'quiet',
      quiet,
      emit,
    })
    const {prefetcher, completionGroups} = this.chores
    this.line = new Dispatcher({
      store,
      writes,
      clock,
      capacity: options.maxConcurrentTransfers,
      maxConnectionsPerOrigin: options.maxConnectionsPerOrigin,
      applications: options.applications,
      mostAwake: mostAwakeGroups,
      isLive: (id) => this.operations.isLive(id),
      isHeld: () => awaited.isFull,
      admit: (id, record) => void this.#coordinator.admit(id, record),
      onLoad: (running) => prefetcher.loadChanged(running),
      displace: (id) => this.#coordinator.displace(id),
      onUnread: (error) => log.error({error: String(error)}, 'the waiting line could not be read'),
      onUnwritten: (error) => log.error({error: String(error)}, 'a group’s settings could not be written'),
    })

    const {operations, smallFiles, line, rates, spool, chores, applications, ticker} = this
    this.ended = new EndedOperations({
      ports,
      policy: options.retention,
      isAwaited: (record) => completionGroups.awaits(record),
      operations,
      claims,
      spool,
      events,
    })
    this.#coordinator = new Coordinator({
      clock,
      log,
      retry: options.settings.retry,
      isDraining,
      writes,
      awaited,
      alarm,
      operations,
      smallFiles,
      line,
      rates,
      applications,
      spool,
      chores,
      ended: this.ended,
    })
    this.recovery = new Recovery({
      store,
      log,
      resumeOnOpen: options.resumeOnOpen,
      operations,
      line,
      rates,
      spool,
      prefetcher,
      session,
      phase: () => this.life.phase,
      keepDeadline: (facts) => this.#coordinator.keepDeadline(facts),
    })
    this.acceptance = new Acceptance({
      ports,
      providers: options.providers,
      applications,
      claims,
      spool,
      sequences,
      operations,
      line,
      chores,
      events,
    })
    this.commands = new Commands({operations, line, rates, sequences, requireServing})
    const accepted = () => this.acceptance.settled
    this.groupCommands = new GroupCommands({store, operations, line, commands: this.commands, sequences, accepted})
    this.counts = new LiveCounts(ticker)
    this.streams = new ByteStreams({sink: ports.sink, operations, counts: this.counts})
    this.insight = new Insight({ports, options, operations, line, alarm, conditions})
    this.life = new Lifecycle({
      ports,
      drainTimeoutMs: options.drainTimeoutMs,
      inspect: options.inspect,
      alarm,
      ticker,
      begin: async (lastSequence) => {
        sequences.last = lastSequence
        await this.limits.begin(store)
        await applications.begin(store)
      },
      recover: () => this.recovery.recover(sequences.last),
      spread: (present) => this.#coordinator.spread(present),
      drain: () => this.#coordinator.drain(),
      stop: () => this.#coordinator.stop(),
      onClosed: () => {
        events.complete()
        this.ticks.complete()
      },
    })
  }
}

/** Names a session when an upload first asks. */
function createSession(random: Random): () => string {
  let name: string | undefined
  return () => {
    name ??= random.guid()
    return name
  }
}
