/**
 * How the parts of an engine move each other: an operation's chart moves its group, a group admits, the alarm wakes, an end
 * frees a slot. Every reaction of one part to another stands here; the parts do not know each other.
 */

import {Subject} from 'rxjs'
import {createBufferPool} from '../actors/buffer-pool.ts'
import {BackgroundTransferBehavior} from '../domain/behavior.ts'
import type {Conditions} from '../domain/conditions.ts'
import {addressOf} from '../domain/mirrors.ts'
import type {OperationId} from '../domain/operation-id.ts'
import type {OperationFacts, OperationRecord} from '../domain/record.ts'
import {isTerminal} from '../domain/status.ts'
import type {TaskLaunch} from '../domain/task-view.ts'
import type {TaskHost} from '../ports/task-runner.ts'
import {Alarm} from './alarm.ts'
import {ApplicationQuotas} from './application-quotas.ts'
import {AwaitedConditions} from './awaited-conditions.ts'
import {Chores} from './chores.ts'
import {Dispatcher} from './dispatcher.ts'
import {drain} from './drain.ts'
import {DurableWrites} from './durable-writes.ts'
import {EndedOperations} from './ended-operations.ts'
import type {EngineEvent} from './events.ts'
import {FileClaims} from './file-claims.ts'
import type {OperationEntry, OperationNotice} from './operation-entry.ts'
import {Operations} from './operations.ts'
import type {ResolvedEngineOptions} from './options.ts'
import type {EnginePorts} from './ports.ts'
import {ProgressTicker} from './progress-ticker.ts'
import {RateLimits} from './rate-limits.ts'
import type {ChartStep} from './record-of.ts'
import {SmallFiles} from './small-files.ts'
import {SpoolKeeper} from './spool-keeper.ts'

/** Where an answer that is good has begun. */
const ANSWERED: ReadonlySet<string> = new Set([
  'running.exchanging.active.transferring',
  'running.exchanging.active.receivingResponse',
])

/** How soon a wait that is over is looked at again, when its record could not be read. */
const READ_AGAIN_MS = 5_000

export interface CoordinatorOptions {
  readonly ports: EnginePorts
  readonly options: ResolvedEngineOptions
  readonly events: Subject<EngineEvent>
  /** Names this session. */
  readonly session: () => string
  readonly conditions: () => Conditions
  readonly isDraining: () => boolean
  /** How many groups are kept awake that have nobody running. */
  readonly mostAwakeGroups: number
  /** Plain small files in a row after which a server is trusted with a batch. */
  readonly smallFilesAfter: number
  readonly newId: () => OperationId
  /** Answers the calls of a background task. */
  readonly hostOf: (launch: TaskLaunch) => Pick<TaskHost, 'call'>
}

export class Coordinator {
  readonly operations: Operations
  readonly ticker: ProgressTicker
  /** Ten times a second while anything moves, or somebody wants one more. */
  readonly ticks = new Subject<void>()
  readonly limits: RateLimits
  readonly applications: ApplicationQuotas
  readonly alarm: Alarm
  readonly claims: FileClaims
  readonly ended: EndedOperations
  readonly spool: SpoolKeeper
  readonly line: Dispatcher
  readonly chores: Chores
  readonly smallFiles: SmallFiles
  readonly #ports: EnginePorts
  readonly #options: ResolvedEngineOptions
  readonly #events: Subject<EngineEvent>
  readonly #isDraining: () => boolean
  readonly #writes: DurableWrites
  readonly #awaited: AwaitedConditions

  constructor({
    ports,
    options,
    events,
    session,
    conditions,
    isDraining,
    mostAwakeGroups,
    smallFilesAfter,
    newId,
    hostOf,
  }: CoordinatorOptions) {
    this.#ports = ports
    this.#options = options
    this.#events = events
    this.#isDraining = isDraining
    this.#writes = new DurableWrites(ports.clock)
    this.#awaited = new AwaitedConditions(ports.conditions)
    this.applications = new ApplicationQuotas({
      applications: options.applications,
      clock: ports.clock,
      log: ports.log,
      ledger: ports.usage,
      events$: events,
      onSpent: (application, restMs) => this.line.applicationSpent(application, restMs),
    })
    this.limits = new RateLimits(ports.clock, this.applications)
    this.limits.limitEngine(this.#options.maxBytesPerSecond)
    this.ticker = new ProgressTicker({
      clock: ports.clock,
      tell: (changes) => this.#events.next({type: 'progress', at: this.#ports.clock.now(), changes}),
      show: (id, counts) => this.operations.get(id)?.observe(counts) ?? counts,
      countedOf: (id) => this.operations.get(id),
      onTick: () => {
        this.limits.wake()
        this.applications.usage.tick()
        this.ticks.next()
      },
      onWritten: (id) => this.operations.get(id)?.arrived(),
    })
    this.alarm = new Alarm(ports.clock, (id) => void this.#wake(id))
    this.spool = new SpoolKeeper(ports)
    this.claims = new FileClaims(ports)
    const pool = createBufferPool()
    this.operations = new Operations({
      ports,
      options: this.#options,
      ticker: this.ticker,
      limiter: this.limits,
      pool,
      permits: {
        tryTake: (url, id, onRevoked) => this.line.tryTakeConnection(url, id, onRevoked),
        take: (url, id) => this.line.takeConnection(url, id),
        quiet: (url, id, quietMs) => this.#quiet(url, id, quietMs),
      },
      session,
      conditions,
      writes: this.#writes,
      observer: {
        stepped: (entry, step, hasMoved) => this.#stepped(entry, step, hasMoved),
        told: (notice) => this.#told(notice),
        rested: (entry) => this.#rested(entry),
        broken: (entry) => this.#broken(entry),
        emit: (event) => this.#events.next(event),
      },
    })
    this.ended = new EndedOperations({
      ports,
      policy: options.retention,
      isAwaited: (record) => this.chores.completionGroups.awaits(record),
      operations: this.operations,
      claims: this.claims,
      spool: this.spool,
      events,
    })
    this.smallFiles = new SmallFiles({
      ports,
      limiter: this.limits,
      pool,
      conditions,
      inspect: options.inspect,
      settings: options.settings,
      trustedAfter: smallFilesAfter,
      isSerialized: (group) => this.line.groupRecord(group).behavior === BackgroundTransferBehavior.serialized,
      take: (entry, step) => this.operations.take(entry, step),
      promote: (entry) => void this.operations.activate(entry),
    })
    this.chores = new Chores({
      ports,
      options,
      writes: this.#writes,
      alarm: this.alarm,
      newId,
      hostOf,
      conditions,
      isDraining,
      isQuiet: (url) => this.line.originRefusal(url) === 'quiet',
      quiet: (url, id, quietMs) => this.#quiet(url, id, quietMs),
      emit: (event) => this.#events.next(event),
    })
    this.line = new Dispatcher({
      store: ports.store,
      writes: this.#writes,
      clock: ports.clock,
      capacity: options.maxConcurrentTransfers,
      maxConnectionsPerOrigin: options.maxConnectionsPerOrigin,
      applications: options.applications,
      mostAwake: mostAwakeGroups,
      isLive: (id) => this.operations.isLive(id),
      isHeld: () => this.#awaited.isFull,
      admit: (id, record) => void this.#admit(id, record),
      onLoad: (running) => this.chores.prefetcher.loadChanged(running),
      displace: (id) => this.#displace(id),
      onUnread: (error) => ports.log.error({error: String(error)}, 'the waiting line could not be read'),
      onUnwritten: (error) => ports.log.error({error: String(error)}, 'a group’s settings could not be written'),
    })
  }

  /** Running operations make their bytes durable and queue again. */
  async drain(): Promise<void> {
    this.line.stop()
    this.chores.prefetcher.stop()
    await Promise.all([this.smallFiles.drain(), drain(this.operations), this.chores.drain()])
    // The last turn of the batch may have ended after all else.
    await this.operations.settled()
    await this.spool.dropDrafts()
  }

  /** Stops what still lives. */
  async stop(): Promise<void> {
    this.chores.stop()
    this.#writes.stop()
    this.#awaited.stop()
    this.smallFiles.stop()
    this.operations.stopAll()
    await this.applications.usage.close()
    await this.ended.retention.stop()
  }

  /** Every operation that has an actor hears of it. */
  spread(conditions: Conditions): void {
    for (const entry of this.operations.all()) entry.send({type: 'conditions.changed', conditions})
    this.smallFiles.conditionsChanged(conditions)
    this.chores.prefetcher.conditionsChanged(conditions)
  }

  /** What is sent is sent to its end: it may not be possible to send it again. */
  #displace(id: OperationId): void {
    const entry = this.operations.get(id)
    if (entry?.record.direction !== 'download' || !entry.isLive) return
    this.operations.activate(entry).send({type: 'operation.displace'})
  }

  /** A group admitted it: from record to actor, and onto the wire. */
  async #admit(id: OperationId, record: OperationRecord | undefined): Promise<void> {
    try {
      if (record === undefined) await this.operations.find(id, (entry) => this.#admitEntry(id, entry))
      else this.#admitEntry(id, this.operations.hold(record))
    } catch (error) {
      this.line.release(id)
      this.#ports.log.error({id, error: String(error)}, 'an admitted operation could not be read')
    }
  }

  #admitEntry(id: OperationId, entry: OperationEntry | undefined): void {
    // A command may have taken its slot back since: it is admitted again when its turn comes.
    if (!this.line.hasSlot(id)) return
    const isWanted = entry !== undefined && !entry.isOver && !this.#isDraining()
    if (isWanted && !this.smallFiles.tryCarry(entry)) {
      this.operations.activate(entry)
      // Only now: an actor that begins in the line has no limit to its name yet.
      this.limits.limitOperation(id, entry.facts.policy.maxBytesPerSecond)
      entry.send({type: 'operation.admit'})
    }
    if (entry?.phase === undefined) this.line.release(id)
  }

  async #wake(id: OperationId): Promise<void> {
    try {
      await this.operations.find(id, (entry) => {
        if (entry === undefined) return
        if (entry.isOver || this.#isDraining()) this.operations.forgetIfIdle(entry)
        else this.operations.activate(entry).send({type: 'retry.due'})
      })
    } catch (error) {
      if (this.#isDraining()) return
      this.#ports.log.error({id, error: String(error)}, 'a waiting operation could not be read')
      this.alarm.set(id, this.#ports.clock.now() + READ_AGAIN_MS)
    }
  }

  #stepped(entry: OperationEntry, step: ChartStep, hasMoved: boolean): void {
    const {phase, facts} = step
    this.#awaited.note(facts.id, phase === 'holding' ? step.state : undefined)
    if (phase !== entry.phase) {
      this.line.memberChanged(facts, phase)
      // Its rate is set again when it is admitted again.
      if (phase === undefined) this.limits.limitOperation(facts.id, undefined)
    }
    entry.phase = phase
    // An answer that goes on says nothing new: it may be older than the quiet that its origin asked for.
    if (hasMoved) this.#tellOrigin(entry, step)
    if (this.#isDraining() && entry.snapshot?.can({type: 'operation.suspend'}) === true) {
      queueMicrotask(() => entry.send({type: 'operation.suspend'}))
    }
  }

  /** What the try learned about its origin. */
  #tellOrigin(entry: OperationEntry, {facts, failure}: ChartStep): void {
    const quietMs = failure?.details?.retryAfterMs
    if (entry.path === 'running.weighing' && typeof quietMs === 'number') {
      this.#quiet(addressOf(facts), facts.id, quietMs)
    } else if (ANSWERED.has(entry.path)) {
      this.line.originAnswered(addressOf(facts), facts.id)
    }
  }

  #quiet(url: string, id: OperationId, quietMs: number): void {
    this.line.originOverloaded(url, id, Math.min(quietMs, this.#options.settings.retry.retryAfterCapMs))
  }

  #told({record}: OperationNotice): void {
    if (this.#isDraining()) return
    this.keepDeadline(record)
    if (!isTerminal(record.state)) return
    this.smallFiles.learn(record)
    this.line.forget(record.id)
    void this.spool.ended(record)
    this.chores.ended(record)
    this.ended.retention.noteEnd()
  }

  /** The alarm wakes what takes part and has a deadline, and nobody else. */
  keepDeadline(facts: OperationFacts): void {
    if (facts.retryAt !== undefined && this.line.takesPart(facts)) this.alarm.set(facts.id, facts.retryAt)
    else this.alarm.clear(facts.id)
  }

  /** Its actor was put away; a queued one stands in line from now on. */
  #rested({record}: OperationEntry): void {
    if (record.state === 'queued' && !this.#isDraining()) this.line.enter(record)
  }

  /** Whoever waits for its slot or its place must not wait for ever. */
  #broken(entry: OperationEntry): void {
    const {id} = entry.record
    entry.phase = undefined
    this.#awaited.note(id, undefined)
    this.limits.limitOperation(id, undefined)
    this.alarm.clear(id)
    this.line.release(id)
  }
}
