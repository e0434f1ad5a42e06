/**
 * How the parts of an engine move each other: an operation's chart moves its group, a group admits, the alarm wakes, an end
 * frees a slot. Every reaction of one part to another stands here; the parts do not know each other.
 */

import {Subject} from 'rxjs'
import {waitFor} from 'xstate'
import type {OperationSnapshot} from '../../machines/operation.machine.ts'
import type {OperationEvent} from '../../machines/transfer.vocabulary.ts'
import {createBufferPool} from '../actors/buffer-pool.ts'
import {BackgroundTransferBehavior} from '../domain/behavior.ts'
import type {Conditions} from '../domain/conditions.ts'
import {TransferError} from '../domain/errors.ts'
import {addressOf} from '../domain/mirrors.ts'
import type {OperationId} from '../domain/operation-id.ts'
import type {OperationFacts, OperationRecord} from '../domain/record.ts'
import {isTerminal, type LifeState} from '../domain/status.ts'
import type {TallyChange, TallyId, TallyRef} from '../domain/tally.ts'
import type {TaskLaunch} from '../domain/task-view.ts'
import {mayBeSentAgain} from '../domain/upload.ts'
import type {RecordStore} from '../ports/record-store.ts'
import type {TaskHost} from '../ports/task-runner.ts'
import {Alarm} from './alarm.ts'
import {ApplicationQuotas} from './application-quotas.ts'
import {AwaitedConditions} from './awaited-conditions.ts'
import {CompletionGroups} from './completion-groups.ts'
import {Dispatcher} from './dispatcher.ts'
import {drain} from './drain.ts'
import {DurableWrites} from './durable-writes.ts'
import type {EngineEvent} from './events.ts'
import {NotificationBatches} from './notification-batches.ts'
import type {Carrier, OperationEntry, OperationNotice} from './operation-entry.ts'
import {Operations} from './operations.ts'
import type {ResolvedEngineOptions} from './options.ts'
import type {EnginePorts} from './ports.ts'
import {Prefetcher} from './prefetcher.ts'
import {ProgressTicker} from './progress-ticker.ts'
import {RateLimits} from './rate-limits.ts'
import {type ChartStep, lifeStateOf} from './record-of.ts'
import {Retention} from './retention.ts'
import {SmallFiles} from './small-files.ts'
import {SpoolKeeper} from './spool-keeper.ts'

/** Were on the wire, or about to be, when the process died: they queue again. */
const INTERRUPTED: readonly LifeState[] = ['running', 'returning']
/** Finish whether anybody attaches or not: a name half taken, or files half removed, help nobody. */
const FINISHING: readonly LifeState[] = ['publishing', 'canceling']
/** Go on by a deadline or by conditions. */
const WAITING: readonly LifeState[] = [
  'waitingToRetry',
  'pausedForStorage',
  'pausedNoNetwork',
  'pausedCostedNetwork',
  'pausedSystemPolicy',
]
const CHUNK = 1000

/** A command for every member of a group that is in one of these states. */
export interface GroupCommand {
  readonly states: readonly LifeState[]
  readonly event: () => OperationEvent
  /** Whether a member in this state has carried it out. */
  readonly isThrough: (state: LifeState) => boolean
}

/** Where an answer that is good has begun. */
const ANSWERED: ReadonlySet<string> = new Set([
  'running.exchanging.active.transferring',
  'running.exchanging.active.receivingResponse',
])

/** Where an earlier pause, or cancellation, is being carried out, and where it leads. */
const ARRIVING: ReadonlySet<string> = new Set(['running.exchanging.yieldingToPause', 'canceling'])
const OUTCOMES: ReadonlySet<LifeState> = new Set(['pausedByApplication', 'canceled'])

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
  /** Bytes of a file that a batch holds in memory. */
  readonly mostHeldBytes: number
  /** An ended operation is about to be forgotten. */
  readonly leaveFile: (record: OperationRecord) => Promise<void>
  readonly newId: () => OperationId
  /** Answers the calls of a background task. */
  readonly hostOf: (launch: TaskLaunch) => Pick<TaskHost, 'call'>
}

export class Coordinator {
  readonly operations: Operations
  readonly ticker: ProgressTicker
  /** Ten times a second while anything moves, or somebody wants one more. */
  readonly ticks = new Subject<void>()
  /** A completion group, a batch with notifications or the prefetcher has gone a step. */
  readonly chores = new Subject<void>()
  readonly limits: RateLimits
  readonly applications: ApplicationQuotas
  readonly alarm: Alarm
  readonly retention: Retention
  readonly spool: SpoolKeeper
  readonly line: Dispatcher
  readonly completionGroups: CompletionGroups
  readonly notifications: NotificationBatches
  readonly prefetcher: Prefetcher
  readonly smallFiles: SmallFiles
  readonly #ports: EnginePorts
  readonly #options: ResolvedEngineOptions
  readonly #events: Subject<EngineEvent>
  readonly #session: () => string
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
    leaveFile,
    mostAwakeGroups,
    smallFilesAfter,
    mostHeldBytes,
    newId,
    hostOf,
  }: CoordinatorOptions) {
    this.#ports = ports
    this.#options = options
    this.#events = events
    this.#session = session
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
    this.retention = new Retention({
      store: ports.store,
      clock: ports.clock,
      policy: this.#options.retention,
      isAwaited: (record) => this.completionGroups.awaits(record),
      beforeForgetting: leaveFile,
      onForgotten: (ids) => {
        for (const id of ids) this.operations.drop(id)
        this.#events.next({type: 'operation.forgotten', at: ports.clock.now(), ids})
      },
      onError: (error) => ports.log.warn({error: String(error)}, 'ended operations could not be forgotten'),
    })
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
    this.smallFiles = new SmallFiles({
      ports,
      meter: this.ticker,
      limiter: this.limits,
      pool,
      conditions,
      inspect: options.inspect,
      settings: options.settings,
      trustedAfter: smallFilesAfter,
      mostHeldBytes,
      isSerialized: (group) => this.line.groupRecord(group).behavior === BackgroundTransferBehavior.serialized,
      take: (entry, step) => this.operations.take(entry, step),
      promote: (entry) => void this.operations.activate(entry),
    })
    const onStep = () => this.chores.next()
    this.completionGroups = new CompletionGroups({
      ...ports,
      alarm: this.alarm,
      newId,
      hostOf,
      retry: options.backgroundTasks,
      maxConcurrent: options.backgroundTasks.maxConcurrent,
      runTimeoutMs: options.backgroundTasks.timeoutMs,
      cancelGraceMs: options.backgroundTasks.cancelGraceMs,
      emit: (event) => this.#events.next(event),
      commit: (id, change) => this.#commitTally({id, purpose: 'completionGroup'}, change),
      read: (id, read) => this.#readTally(id, read),
      isDraining,
      onStep,
    })
    this.notifications = new NotificationBatches({
      ...ports,
      newId,
      emit: (event) => this.#events.next(event),
      commit: (id, change) => this.#commitTally({id, purpose: 'notification'}, change),
      read: (id, read) => this.#readTally(id, read),
      isDraining,
      onStep,
    })
    const prefetcherId = newId()
    this.prefetcher = new Prefetcher({
      ports,
      settings: options.prefetch,
      isOn: options.prefetch.isOn,
      writes: this.#writes,
      alarm: this.alarm,
      id: prefetcherId,
      conditions,
      origins: {
        isQuiet: (url) => this.line.originRefusal(url) === 'quiet',
        overloaded: (url, quietMs) => this.#quiet(url, prefetcherId, quietMs),
      },
      emit: (event) => this.#events.next(event),
      onStep,
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
      onLoad: (running) => this.prefetcher.loadChanged(running),
      displace: (id) => this.#displace(id),
      onUnread: (error) => ports.log.error({error: String(error)}, 'the waiting line could not be read'),
      onUnwritten: (error) => ports.log.error({error: String(error)}, 'a group’s settings could not be written'),
    })
  }

  /** Groups, then everything live, then the line. What ran when the process died queues again, in its old place. */
  async recover(lastSequence: number): Promise<void> {
    const {store} = this.#ports
    await this.spool.sweep()
    await this.prefetcher.load()
    const demoted: Promise<void>[] = []
    const stranded: OperationRecord[] = []
    await this.#forEachLive(INTERRUPTED, (record) => {
      if (this.#isStranded(record)) stranded.push(record)
      else demoted.push(store.save({...record, state: 'queued'}))
    })
    await Promise.all(demoted)
    const groups = await store.groups()
    for (const {name, maxBytesPerSecond} of groups) this.limits.limitGroup(name, maxBytesPerSecond)
    const resumeOnOpen = this.#options.resumeOnOpen === true
    this.line.load(groups, resumeOnOpen ? await store.waitingGroups() : [], resumeOnOpen ? 0 : lastSequence + 1)
    const states = resumeOnOpen ? [...FINISHING, ...WAITING] : FINISHING
    for (const record of stranded) this.#rejoin(record)
    await this.#forEachLive(states, (record) => this.#rejoin(record))
  }

  /** An upload that another session had on the wire, and that nobody may send again: its chart terminates it. */
  #isStranded(record: OperationRecord): boolean {
    return record.direction === 'upload' && !isTerminal(record.state) && !mayBeSentAgain(record, this.#session())
  }

  /** Live records in these states, a thousand at a time: what the application paused may be a million, and stays asleep. */
  async #forEachLive(states: readonly LifeState[], use: (record: OperationRecord) => void): Promise<void> {
    const {store} = this.#ports
    const ids = await store.active(states)
    for (let at = 0; at < ids.length; at += CHUNK) {
      await this.operations.read(
        () => store.getMany(ids.slice(at, at + CHUNK)),
        (records) => records.forEach(use),
      )
    }
  }

  /**
   * Downloads with random access need nobody to attach to them (spec 10.6). Nothing but their records tells them, so that all
   * that is unfinished is read, beside what goes on.
   */
  async rejoinRandomAccess(): Promise<void> {
    const states: readonly LifeState[] = ['queued', ...WAITING]
    for (let after: OperationId | undefined; !this.#isDraining(); ) {
      const query = {states, limit: CHUNK, ...(after === undefined ? {} : {after})}
      after = await this.operations.read(
        () => this.#ports.store.query(query),
        (records) => {
          if (this.#isDraining()) return undefined
          for (const record of records) if (record.policy.randomAccess === true) this.attach(record)
          return records.at(-1)?.id
        },
      )
      if (after === undefined) return
    }
  }

  /** Everything unfinished goes on, but what the application paused. */
  async rejoinAll(): Promise<void> {
    await this.#forEachLive([...FINISHING, ...WAITING], (record) => this.attach(record))
    await this.line.dropFloor()
  }

  /** Running operations make their bytes durable and queue again. */
  async drain(): Promise<void> {
    this.line.stop()
    this.prefetcher.stop()
    // First: those have charts of their own then, which drain with the others.
    await this.smallFiles.leaveWire()
    await Promise.all([
      this.smallFiles.drain(),
      drain(this.operations),
      this.completionGroups.drain(),
      this.notifications.drain(),
    ])
    // The last turn of the batch may have ended after all else.
    await this.operations.settled()
    await this.spool.dropDrafts()
  }

  /** Stops what still lives. */
  async stop(): Promise<void> {
    this.completionGroups.stop()
    this.notifications.stop()
    this.#writes.stop()
    this.#awaited.stop()
    this.smallFiles.stop()
    this.operations.stopAll()
    await this.applications.usage.close()
    await this.retention.stop()
  }

  /** Every operation that has an actor hears of it. */
  spread(conditions: Conditions): void {
    for (const entry of this.operations.all()) entry.send({type: 'conditions.changed', conditions})
    this.smallFiles.conditionsChanged(conditions)
    this.prefetcher.conditionsChanged(conditions)
  }

  /** False when the operation's present state does not take the command. */
  tryCommand(entry: OperationEntry, event: OperationEvent): boolean {
    // Nobody is let go of for what its chart would refuse.
    if (entry.isOver || this.operations.carriedAt(entry)?.can(event) === false) return false
    if (entry.carrier !== undefined && changeCarried(entry.carrier, event)) return true
    const {snapshot} = this.operations.activate(entry)
    if (snapshot?.can(event) !== true) return false
    if (event.type === 'operation.cancel' || event.type === 'operation.pause') {
      this.line.leaveLine(entry.record.policy.group, entry.record.id)
    }
    entry.send(event)
    return true
  }

  /**
   * First whom the store may not show so, then page by page, so that a group of a million never stands in memory. Resolves when
   * the outcomes are durable.
   */
  async forEachMember(name: string, command: GroupCommand): Promise<void> {
    const {states} = command
    this.line.suspendGroup(name)
    try {
      await this.#carryOut(command, this.#aheadOfTheStore(name, command.event()))
      for (let after: OperationId | undefined; ; ) {
        const from = after
        let carriedOut = Promise.resolve()
        after = await this.operations.read(
          () => this.#ports.store.query({group: name, states, ...(from === undefined ? {} : {after: from})}),
          (page) => {
            const entries = page.map((record) => this.operations.hold(record))
            const members = entries.filter(({state}) => states.includes(state))
            carriedOut = this.#carryOut(command, members)
            for (const entry of entries) this.operations.forgetIfIdle(entry)
            return page.at(-1)?.id
          },
        )
        if (after === undefined) break
        await carriedOut
      }
      await this.#arrived(name, command)
    } finally {
      this.line.resumeGroup(name)
    }
  }

  /** Resolves when it is durable that these are through with it. */
  async #carryOut({event, isThrough}: GroupCommand, members: readonly OperationEntry[]): Promise<void> {
    const moved = members.filter((entry) => this.tryCommand(entry, event()))
    await Promise.all(moved.map((entry) => whenSnapshot(entry, (snapshot) => isThrough(lifeStateOf(snapshot)))))
    await this.operations.settled(moved)
  }

  /** Whom an earlier command has sent there takes no other: it is waited for, too, until that is durable. */
  async #arrived(group: string, {isThrough}: GroupCommand): Promise<void> {
    const members = [...this.operations.all()].filter(({record}) => record.policy.group === group)
    const arriving = members.filter(({path, state}) => ARRIVING.has(path) && !isThrough(state))
    await Promise.all(arriving.map((entry) => whenSnapshot(entry, (snapshot) => isThrough(lifeStateOf(snapshot)))))
    // Once, and not until nothing more is to be told: others of the group may go on and on.
    await Promise.all(members.map(({state, tail}) => (OUTCOMES.has(state) && isThrough(state) ? tail : undefined)))
  }

  /** Members whose charts take the command: where they went is being written, or was not worth a write. */
  #aheadOfTheStore(group: string, asked: OperationEvent): readonly OperationEntry[] {
    const ahead = [...this.operations.all()].filter(
      ({record, snapshot}) => record.policy.group === group && snapshot?.can(asked) === true,
    )
    return ahead.sort((a, b) => (a.record.id < b.record.id ? -1 : 1))
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

  /** What an earlier session left takes part from now on. */
  attach(record: OperationRecord): void {
    if (this.#isStranded(record)) {
      this.line.leaveLine(record.policy.group, record.id)
      this.#rejoin(record)
      return
    }
    if (this.line.takesPart(record)) return
    this.line.attach(record)
    const entry = this.operations.get(record.id)
    if (entry?.actor === undefined) {
      this.#rejoin(record)
      return
    }
    // A command gave it an actor before.
    this.line.memberChanged(entry.facts, entry.phase)
    this.#keepDeadline(entry.facts)
  }

  /** Puts what recovery, or an attach, found back to where its state belongs. */
  #rejoin(record: OperationRecord): void {
    if (this.#isStranded(record)) {
      this.operations.activate(this.operations.hold(record))
      return
    }
    switch (record.state) {
      case 'queued':
        this.line.enter(record)
        return
      case 'waitingToRetry':
      case 'pausedForStorage':
        this.line.memberChanged(record, 'holding')
        this.alarm.set(record.id, record.retryAt ?? 0)
        return
      case 'pausedNoNetwork':
      case 'pausedCostedNetwork':
      case 'pausedSystemPolicy':
      case 'publishing':
      case 'canceling':
        this.operations.activate(this.operations.hold(record))
        return
      default:
        return
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
    this.#keepDeadline(record)
    if (!isTerminal(record.state)) return
    this.smallFiles.learn(record)
    this.line.forget(record.id)
    void this.spool.ended(record)
    this.completionGroups.ended(record)
    this.notifications.ended(record)
    this.retention.noteEnd()
  }

  #commitTally(tally: TallyRef, change: TallyChange): Promise<void> {
    const {store, log} = this.#ports
    return this.#writes.persist(
      () => store.changeTally(tally, change),
      (error) => log.error({id: tally.id, error: String(error)}, 'a tally could not be written'),
    )
  }

  #readTally<T>(id: TallyId, read: (store: RecordStore) => Promise<T>): Promise<T> {
    const {store, log} = this.#ports
    return this.#writes.persist(
      () => read(store),
      (error) => log.error({id, error: String(error)}, 'a tally could not be read'),
      (error) => error instanceof TransferError && error.code === 'STORE_DAMAGED',
    )
  }

  #keepDeadline(facts: OperationFacts): void {
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

/** What holds in every state holds for one that is becoming a file, too, and lets nobody go of it. */
function changeCarried(carrier: Carrier, event: OperationEvent): boolean {
  switch (event.type) {
    case 'policy.changed':
      return carrier.change({policy: event.policy})
    case 'headers.changed':
      return carrier.change({request: event.request})
    default:
      return false
  }
}

/** Resolves when the chart is there, has ended, or is put away. */
async function whenSnapshot({actor}: OperationEntry, isThere: (snapshot: OperationSnapshot) => boolean): Promise<void> {
  if (actor === undefined) return
  const isOver = (snapshot: OperationSnapshot) => snapshot.status !== 'active' || isThere(snapshot)
  await waitFor(actor, isOver, {timeout: Number.POSITIVE_INFINITY}).catch(() => undefined)
}
