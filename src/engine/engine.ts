/**
 * The engine: opens the store, recovers, hosts the actors, persists, puts away. Everything public goes through here as plain
 * data; the namespace's classes are a thin surface over it.
 */

import {type Observable, Subject} from 'rxjs'
import {type AnyEventObject, createActor, fromCallback, fromPromise, waitFor} from 'xstate'
import {type EngineActor, engineMachine} from '../../machines/engine.machine.ts'
import type {OperationEvent} from '../../machines/transfer.vocabulary.ts'
import type {BackgroundTransferBehavior} from '../domain/behavior.ts'
import {blockages, type Conditions, GOOD_CONDITIONS, isLoopbackUrl} from '../domain/conditions.ts'
import {asTransferError, invalidArgument, TransferError} from '../domain/errors.ts'
import {type Explanation, explain} from '../domain/explain.ts'
import {extended} from '../domain/extended.ts'
import type {JournalEntry, JournalPage} from '../domain/journal.ts'
import type {LineMove} from '../domain/line-move.ts'
import {createOperationIds, type OperationId} from '../domain/operation-id.ts'
import {BackgroundTransferPriority} from '../domain/priority.ts'
import {type RangeSet, rangeFrom} from '../domain/range-set.ts'
import {
  atAnotherAddress,
  type GroupRecord,
  type OperationRecord,
  type TransferPolicy,
  type TransferRequest,
} from '../domain/record.ts'
import type {ContentPiece} from '../domain/request-content.ts'
import {isTerminal, LIFE_STATES, type LifeState} from '../domain/status.ts'
import type {TaskLaunch} from '../domain/task-view.ts'
import {assertOfItsDirection} from '../domain/upload.ts'
import {providerOf} from '../ports/attempt-provider.ts'
import type {ByteSource} from '../ports/byte-source.ts'
import type {ConditionsSource} from '../ports/conditions.ts'
import type {ByteCounts} from '../ports/progress-meter.ts'
import type {OperationQuery, RecordStore} from '../ports/record-store.ts'
import {spoolName} from '../ports/spool.ts'
import type {TaskHost} from '../ports/task-runner.ts'
import {assertRepeatable, draftAgain} from './again.ts'
import type {ApplicationStanding} from './application-quotas.ts'
import type {CompletionGroups} from './completion-groups.ts'
import {Coordinator, type GroupCommand} from './coordinator.ts'
import type {Dispatcher} from './dispatcher.ts'
import type {EngineApi, OperationDraft, UploadCounts} from './engine-api.ts'
import {EngineLimits} from './engine-limits.ts'
import type {EngineEvent} from './events.ts'
import {FileClaims} from './file-claims.ts'
import {type GroupStanding, MOST_AWAKE} from './groups.ts'
import type {NotificationBatches} from './notification-batches.ts'
import type {OpenConnection} from './open-connections.ts'
import {OperationBytes} from './operation-bytes.ts'
import type {OperationEntry} from './operation-entry.ts'
import type {Operations} from './operations.ts'
import {
  byteRate,
  type ConstrainedTransfer,
  type EngineOptions,
  type ResolvedEngineOptions,
  resolveOptions,
  settingsFor,
} from './options.ts'
import {assertWhole} from './pages.ts'
import type {EnginePorts} from './ports.ts'
import {type ChartPosition, positionOf, positionOfRecord} from './position.ts'
import type {Prefetcher} from './prefetcher.ts'
import {type Supposed, whatIf} from './what-if.ts'

const MOST_STANDINGS = 1000

const UNFINISHED: readonly LifeState[] = LIFE_STATES.filter((state) => !isTerminal(state) && state !== 'canceling')
const PAUSABLE: readonly LifeState[] = ['queued', 'running', 'returning', 'waitingToRetry']
const RESUMABLE: readonly LifeState[] = ['pausedByApplication', 'pausedRecoverableWebErrorStatus', 'pausedForStorage']

export type {ByteSource} from '../ports/byte-source.ts'
export type {OperationQuery} from '../ports/record-store.ts'

/** Numbers that no application needs to choose. */
export interface EngineTuning {
  /** How many groups are kept awake that have nobody running. */
  readonly mostAwakeGroups: number
  /** Plain small files in a row after which a server is trusted with a batch; Infinity for never. */
  readonly smallFilesAfter: number
}

const DEFAULT_TUNING: EngineTuning = {mostAwakeGroups: MOST_AWAKE, smallFilesAfter: 8}

export class Engine implements EngineApi {
  readonly options: ResolvedEngineOptions
  readonly limits: EngineLimits
  readonly #ports: EnginePorts
  readonly #events = new Subject<EngineEvent>()
  readonly #actor: EngineActor
  readonly #nextId: () => OperationId
  readonly #coordinator: Coordinator
  readonly #claims: FileClaims
  /** Settles when everything that was started before stands in line, or was refused. */
  #lastAccepted: Promise<void> = Promise.resolve()
  #sequence = 0
  #sessionName: string | undefined
  #taskHost: (launch: TaskLaunch) => Pick<TaskHost, 'call'> = () => ({
    call: () => Promise.reject(new TransferError('NOT_SUPPORTED', 'nobody answers background tasks')),
  })
  #beforeRecovery: ((store: RecordStore) => Promise<void>) | undefined

  /** `tuning`: for tests, which have few groups and few files. */
  constructor(ports: EnginePorts, options: EngineOptions = {}, tuning: Partial<EngineTuning> = {}) {
    this.options = resolveOptions(options)
    this.#ports = ports
    this.limits = new EngineLimits(this.options.limits, this.#events)
    this.#claims = new FileClaims(ports)
    this.#nextId = createOperationIds(
      () => ports.clock.now(),
      () => ports.random.guid(),
    )
    this.#coordinator = new Coordinator({
      ports,
      options: this.options,
      events: this.#events,
      session: () => this.#session,
      conditions: () => this.conditions,
      isDraining: () => this.#isDraining,
      ...DEFAULT_TUNING,
      ...tuning,
      leaveFile: (record) => this.#leaveFiles(record),
      newId: () => this.#nextId(),
      hostOf: (launch) => this.#taskHost(launch),
    })
    this.#actor = createActor(this.#provided(), {
      id: 'engine',
      input: {conditions: presentConditions(ports.conditions), drainTimeoutMs: this.options.drainTimeoutMs},
      clock: ports.clock,
      ...(options.inspect === undefined ? {} : {inspect: options.inspect}),
    })
  }

  /** Everything that happens, told after it is durable. Hot; completes when the engine is closed. */
  get events$(): Observable<EngineEvent> {
    return this.#events.asObservable()
  }

  /** Ten times a second while anything moves, or somebody wants one more. Hot. */
  get ticks$(): Observable<void> {
    return this.#coordinator.ticks.asObservable()
  }

  /** One tick more while the engine serves, also where nothing moves. */
  wantTick(): void {
    this.#coordinator.ticker.wantTick()
  }

  /** What the engine has to do beside its operations may have changed: tasks, notices, what is fetched ahead of need. Hot. */
  get chores$(): Observable<void> {
    return this.#coordinator.chores.asObservable()
  }

  /** Whether it has anything of that to do now. */
  get hasChores(): boolean {
    return this.completionGroups.areBusy || this.notifications.areBusy || this.prefetcher.isRunning
  }

  get conditions(): Conditions {
    return this.#actor.getSnapshot().context.conditions
  }

  /** `beforeRecovery` may read the store as it was found. Rejects with STORE_LOCKED, STORE_DAMAGED, STORE_TOO_NEW. */
  async open(beforeRecovery?: (store: RecordStore) => Promise<void>): Promise<void> {
    this.#beforeRecovery = beforeRecovery
    this.#actor.subscribe({
      error: (error) => this.#ports.log.error({error: String(error)}, 'the engine’s chart failed'),
      complete: () => this.#events.complete(),
    })
    this.#actor.start()
    const snapshot = await waitFor(this.#actor, (each) => each.hasTag('serving') || each.hasTag('closed'), {
      timeout: Number.POSITIVE_INFINITY,
    })
    if (!snapshot.hasTag('serving')) {
      const {error} = snapshot.context
      throw error === undefined
        ? new TransferError('CLOSED', 'the engine was closed while it opened')
        : asTransferError(error)
    }
    try {
      await this.completionGroups.start()
      await this.notifications.start()
    } catch (error) {
      // Whoever asked for the engine never gets it, and could not close it.
      await this.close()
      throw error
    }
    this.#line.start()
    this.prefetcher.start()
    void this.#coordinator.retention.sweep()
    if (this.options.resumeOnOpen === false) void this.#rejoinRandomAccess()
  }

  async #rejoinRandomAccess(): Promise<void> {
    try {
      await this.#coordinator.rejoinRandomAccess()
    } catch (error) {
      if (this.phase !== 'serving') return
      this.#ports.log.error({error: String(error)}, 'downloads with random access could not be looked for')
    }
  }

  /** Running operations make their bytes durable and queue again; then the store is given back. Idempotent. */
  async close(): Promise<void> {
    if (this.#actor.getSnapshot().status === 'active') this.#actor.send({type: 'engine.close'})
    await waitFor(this.#actor, (each) => each.hasTag('closed'), {timeout: Number.POSITIVE_INFINITY})
  }

  /**
   * Accepts operations: resolves when their records are durable and they stand in line. The caller holds the entries until
   * it releases them. A draft that repeats a failed operation (same URL, same file) goes on from that one's bytes.
   */
  async start(drafts: readonly OperationDraft[]): Promise<readonly OperationEntry[]> {
    return this.#accept(drafts, (record) => this.#hold(record))
  }

  /** Accepts many operations without keeping a handle to any (bulk). */
  async startMany(drafts: readonly OperationDraft[]): Promise<void> {
    try {
      await this.#accept(drafts, () => undefined)
    } catch (error) {
      for (const {id} of drafts) this.limits.dropDraft(id)
      // Nobody has a handle to start them with later.
      this.completionGroups.withdraw(drafts)
      this.notifications.withdraw(drafts)
      throw error
    }
  }

  /** Resolves when the records are durable, with what `use` made of each. */
  async #accept<T>(drafts: readonly OperationDraft[], use: (record: OperationRecord) => T): Promise<readonly T[]> {
    this.#requireServing()
    for (const draft of drafts) {
      assertOfItsDirection(draft)
      providerOf(this.options.providers, draft.request)
    }
    const {operations, usage} = this.#coordinator.applications
    for (const draft of drafts) usage.demand(draft)
    operations.take(drafts)
    const records = drafts.map(
      (draft): OperationRecord => extended(draft, {sequence: this.#nextSequence(), state: 'queued' as const}),
    )
    const {spool} = this.#coordinator
    spool.accepting(drafts)
    const accepted = this.#create(records, this.#lastAccepted, use)
    accepted.catch(() => {
      operations.drop(drafts)
      spool.refused(drafts)
    })
    this.#lastAccepted = accepted.then(
      () => undefined,
      () => undefined,
    )
    return accepted
  }

  /** Records may become durable in any order, but stand in line in the order of the calls. */
  async #create<T>(
    records: readonly OperationRecord[],
    before: Promise<void>,
    use: (record: OperationRecord) => T,
  ): Promise<readonly T[]> {
    const claimed = await this.#claims.claim(records)
    const create = async () => {
      try {
        await this.#ports.store.create(claimed)
      } finally {
        this.#claims.release(claimed)
      }
      await before
      return claimed
    }
    return this.#operations.read(create, (created) => {
      if (this.#events.observed) {
        const at = this.#ports.clock.now()
        for (const record of claimed) this.#events.next({type: 'operation.started', at, record})
      }
      const used = created.map(use)
      this.completionGroups.started(created)
      this.notifications.started(created)
      // A command may have given some of them an actor already: they enter when that is put away.
      this.#line.enterMany(created.filter(({id, state}) => state === 'queued' && !this.#operations.isLive(id)))
      return used
    })
  }

  /** The entry of an operation; to be released. */
  async find(id: OperationId): Promise<OperationEntry | undefined> {
    this.#requireServing()
    return this.#operations.find(id, (entry) => {
      if (entry !== undefined) entry.holders += 1
      return entry
    })
  }

  #hold(record: OperationRecord): OperationEntry {
    const entry = this.#operations.hold(record)
    entry.holders += 1
    return entry
  }

  async query(query: OperationQuery): Promise<readonly OperationRecord[]> {
    this.#requireServing()
    return this.#operations.query(query, (records) => records)
  }

  /** The entries of what a query finds; each to be released. */
  async findMany(query: OperationQuery): Promise<readonly OperationEntry[]> {
    this.#requireServing()
    return this.#operations.query(query, (records) => records.map((record) => this.#hold(record)))
  }

  /** How many values of the store were met that do not verify; queries leave them out. */
  damaged(): Promise<number> {
    this.#requireServing()
    return this.#ports.store.damaged()
  }

  /** The unfinished or last operation that writes this file. */
  async findByFile(file: string): Promise<OperationEntry | undefined> {
    const id = await this.#ports.store.findByFile(file)
    return id === undefined ? undefined : this.find(id)
  }

  /** Those of these files that an operation writes, or last wrote. */
  async filesOnRecord(files: readonly string[]): Promise<readonly string[]> {
    const ids = await this.#ports.store.findManyByFile(files)
    return files.filter((_, at) => ids[at] !== undefined)
  }

  /** Live counters of an operation. */
  progressOf(entry: OperationEntry): {readonly received: number; readonly total: number} {
    const told = this.#coordinator.ticker.toldOf(entry)
    if (told !== undefined) return told
    const {received, total = 0} = this.countsOf(entry)
    return {received, total}
  }

  /** The same, with the ranges that are in the part file. */
  countsOf(entry: OperationEntry): ByteCounts {
    const live = this.#coordinator.ticker.read(entry.record.id)
    return live === undefined ? entry.counts : entry.observe(live)
  }

  /** The bytes of an operation, as they come; to be closed. */
  bytesOf(entry: OperationEntry): ByteSource {
    entry.holders += 1
    return new OperationBytes({
      entry,
      sink: this.#ports.sink,
      counts: () => this.countsOf(entry),
      want: (position) => this.#await(entry, position),
      onClosed: () => this.release(entry),
    })
  }

  /** Bytes that are in the part file now, sorted and merged, durable or not; of a completed operation all of them. */
  writtenOf(entry: OperationEntry): RangeSet {
    return this.countsOf(entry).written
  }

  /**
   * What is missing from this position on is fetched before everything else (spec 9.4), now and in further tries of this
   * session. No effect on a download without random access, or that has ended.
   */
  want(entry: OperationEntry, position: number): void {
    entry.wanted = position
    entry.send({type: 'range.wanted', position})
  }

  #await(entry: OperationEntry, position: number): () => void {
    const stop = this.#operations.readers.wait(entry.record.id, position)
    this.#serveReaders(entry)
    return () => {
      stop()
      this.#serveReaders(entry)
    }
  }

  /** Readers have their turn in the order in which they came to wait. */
  #serveReaders(entry: OperationEntry): void {
    const position = this.#operations.readers.longestAt(entry.record.id)
    if (position === undefined || entry.isOver || entry.facts.policy.randomAccess !== true) return
    // What is fetched from an earlier wish on comes to this byte next.
    const {wanted = Number.POSITIVE_INFINITY} = entry
    if (wanted <= position && rangeFrom(this.countsOf(entry).written, wanted) >= position) return
    this.want(entry, position)
  }

  /** The same of an upload, with what came of the answer. */
  uploadProgressOf(entry: OperationEntry): UploadCounts {
    const {received, total} = this.progressOf(entry)
    const {answer} = entry.counts
    return {
      bytesSent: received,
      totalBytesToSend: total,
      bytesReceived: answer?.received ?? 0,
      totalBytesToReceive: answer?.total ?? 0,
    }
  }

  /** What is kept of the answer to an upload, from `position` on. Throws INVALID_ARGUMENT. */
  answerOf(id: OperationId, position: number): AsyncIterable<Buffer> {
    if (!Number.isSafeInteger(position) || position < 0) {
      throw invalidArgument('position', `must be a whole number from 0, not ${position}`)
    }
    return this.#ports.spool.readAnswer(id, position)
  }

  /** Takes part in the dispatching of this session (attachAsync under resumeOnOpen: false). */
  attach(entry: OperationEntry): void {
    this.#requireServing()
    if (!entry.isOver) this.#coordinator.attach(entry.record)
  }

  /** Everything unfinished goes on, but what the application paused. */
  async resumeAll(): Promise<void> {
    this.#requireServing()
    await this.#coordinator.rejoinAll()
  }

  pause(entry: OperationEntry): void {
    this.#command(entry, {type: 'operation.pause'})
  }

  resume(entry: OperationEntry): void {
    this.#command(entry, {type: 'operation.resume', sequence: this.#nextSequence()})
  }

  /** Ends the wait between two tries, or for room on the disk, before its deadline. Throws ILLEGAL_STATE when it does not wait. */
  retry(entry: OperationEntry): void {
    this.#command(entry, {type: 'operation.retry'})
  }

  /**
   * Starts a failed download again, as a new operation that goes on from its bytes; what was secret in its request ended with
   * it. The caller holds the entry. Throws ILLEGAL_STATE for anything else; rejects with DESTINATION_BUSY.
   */
  async startAgain(entry: OperationEntry): Promise<OperationEntry> {
    assertRepeatable(entry.record)
    const draft = draftAgain(entry.record, this.newId(), this.now())
    try {
      const [started] = await this.start([draft])
      return started as OperationEntry
    } catch (error) {
      this.limits.dropDraft(draft.id)
      throw error
    }
  }

  /** No effect when it is on its way already, or too late (13.4). */
  cancel(entry: OperationEntry): void {
    this.#try(entry, {type: 'operation.cancel'})
  }

  /**
   * Changes cost policy, priority and the like. A queued operation whose priority changes goes to the end of its class; one that
   * takes no part yet keeps its order of arrival.
   */
  changePolicy(entry: OperationEntry, policy: TransferPolicy): void {
    assertOfItsDirection({...entry.facts, policy})
    if (entry.phase !== undefined) this.#coordinator.limits.limitOperation(entry.record.id, policy.maxBytesPerSecond)
    const keepsPlace = entry.state !== 'queued' || policy.priority === entry.facts.policy.priority
    if (keepsPlace || !this.#line.takesPart(entry.facts)) {
      this.#command(entry, {type: 'policy.changed', policy})
      // Who runs as High beside a serialized member stays that until it leaves the wire: nobody is stopped by priority.
      const counts = entry.phase !== 'running' || policy.priority === BackgroundTransferPriority.high
      if (counts && entry.phase !== undefined) this.#line.memberChanged(entry.facts, entry.phase)
      return
    }
    this.#line.leaveLine(entry.record.policy.group, entry.record.id)
    this.#command(entry, {type: 'operation.reprioritize', policy, sequence: this.#nextSequence()})
  }

  /** Whether the application lets these run without the limits that save power. Rejects with what its callback threw. */
  async consentsToUnconstrained(transfers: readonly ConstrainedTransfer[]): Promise<boolean> {
    this.#requireServing()
    return (await this.options.unconstrainedConsent(transfers)) === true
  }

  /** Headers for the next request, or a new address (which starts over, spec D34; paused operations only). */
  changeRequest(entry: OperationEntry, request: TransferRequest): void {
    assertOfItsDirection({...entry.facts, request})
    const {request: before} = entry.facts
    if (request.url === before.url) {
      this.#command(entry, {type: 'headers.changed', request})
      return
    }
    this.#command(entry, {type: 'request.changed', request, evidence: atAnotherAddress(entry.facts)})
  }

  /** Pauses every unfinished member that can be paused; nobody of the group is admitted meanwhile. */
  pauseGroup(name: string): Promise<void> {
    const event = () => ({type: 'operation.pause'}) as const
    return this.#each(name, {states: PAUSABLE, event, isThrough: (state) => !PAUSABLE.includes(state)})
  }

  /** Resumes every member that the application paused, in the order of their guids; first those whose pause is still under way. */
  resumeGroup(name: string): Promise<void> {
    const event = () => ({type: 'operation.resume', sequence: this.#nextSequence()}) as const
    return this.#each(name, {states: RESUMABLE, event, isThrough: (state) => !RESUMABLE.includes(state)})
  }

  /** Cancels every unfinished member. */
  cancelGroup(name: string): Promise<void> {
    const event = () => ({type: 'operation.cancel'}) as const
    return this.#each(name, {states: UNFINISHED, event, isThrough: isTerminal})
  }

  /** Holds at once; resolves when it is durable. Throws CLOSED. */
  makeCurrent(entry: OperationEntry): Promise<void> {
    this.#requireServing()
    if (entry.facts.policy.group === '' || entry.isOver || entry.state !== 'queued') return Promise.resolve()
    return this.#line.makeCurrent(entry.facts, this.#sequence)
  }

  /**
   * Moves a waiting operation, and no other, to another place in its group's line. Resolves when it is durable; rejects with
   * ILLEGAL_STATE when it does not wait, or there is nobody to pass. Throws CLOSED.
   */
  move(entry: OperationEntry, to: LineMove): Promise<void> {
    this.#requireServing()
    if (entry.state === 'queued') return this.#line.move(entry.facts, to)
    const {id: where} = entry.record
    return Promise.reject(new TransferError('ILLEGAL_STATE', `it does not wait in line: it is ${entry.state}`, {where}))
  }

  /** The outcome reached a promise of the application: enumeration no longer shows it. What was forgotten stays so. */
  async markDelivered(entry: OperationEntry): Promise<void> {
    if (entry.record.delivered === true || this.#operations.get(entry.record.id) !== entry) return
    const record: OperationRecord = extended(entry.record, {delivered: true})
    entry.record = record
    entry.saved = record
    try {
      await this.#ports.store.save(record)
    } catch (error) {
      // The outcome stands; the worst that follows is that a later session enumerates it once more.
      this.#ports.log.warn({id: record.id, error: String(error)}, 'a delivered outcome could not be noted')
    }
  }

  /** Removes the record of an ended operation, and a failed one's part. Rejects with ILLEGAL_STATE while it is unfinished. */
  async forget(id: OperationId): Promise<void> {
    this.#requireServing()
    const record = await this.#operations.find(id, (entry) => {
      if (entry === undefined) return undefined
      if (entry.isOver) {
        // From here on nobody saves it again.
        this.#operations.drop(id)
        return entry.record
      }
      this.#operations.forgetIfIdle(entry)
      throw new TransferError('ILLEGAL_STATE', 'only an ended operation can be forgotten')
    })
    if (record === undefined) return
    await this.#leaveFiles(record)
    await this.#ports.store.remove(id)
    this.#operations.drop(id)
    this.#events.next({type: 'operation.forgotten', at: this.now(), ids: [id]})
  }

  /** An ended operation is about to be forgotten. */
  async #leaveFiles(record: OperationRecord): Promise<void> {
    if (record.direction === 'download') await this.#claims.leave(record)
    await this.#coordinator.spool.forgotten(record)
  }

  group(name: string): GroupRecord {
    return this.#line.groupRecord(name)
  }

  /** Every group that was ever given a setting. */
  groupRecords(): readonly GroupRecord[] {
    return this.#line.groupRecords()
  }

  /** Holds at once; resolves when it is durable. Throws CLOSED. */
  setBehavior(name: string, behavior: BackgroundTransferBehavior): Promise<void> {
    this.#requireServing()
    return this.#line.setBehavior(name, behavior)
  }

  /** Byte rate of all operations together; `undefined` lifts the limit. Not kept across sessions: it is an option of open. */
  limitRate(bytesPerSecond: number | undefined): void {
    this.#coordinator.limits.limitEngine(byteRate('bytesPerSecond', bytesPerSecond))
  }

  /** Byte rate of a group's members together, kept with the group. */
  async limitGroupRate(name: string, bytesPerSecond: number | undefined): Promise<void> {
    this.#requireServing()
    const limit = byteRate('bytesPerSecond', bytesPerSecond)
    const {maxBytesPerSecond: _, ...rest} = this.#line.groupRecord(name)
    this.#coordinator.limits.limitGroup(name, limit)
    await this.#line.keepGroup(limit === undefined ? rest : {...rest, maxBytesPerSecond: limit})
  }

  /** Why it is not moving, and what would move it. */
  explain(entry: OperationEntry): Explanation {
    const {record} = entry
    const {policy, request} = record
    return explain({
      record: {...record, state: entry.state},
      now: this.#ports.clock.now(),
      blockages: blockages(
        {
          costPolicy: policy.costPolicy,
          loopback: isLoopbackUrl(request.url),
          unconstrained: policy.unconstrained === true,
        },
        this.conditions,
      ),
      group: this.#line.groupRecord(policy.group),
      ahead: this.#line.heads(policy.group).findIndex(({id}) => id === record.id),
      occupants: this.#line.members(policy.group).filter(({id}) => id !== record.id).length,
      freeSlots: this.options.maxConcurrentTransfers - this.#line.runningCount,
      originRefusal: this.#line.originRefusal(request.url),
      applicationRefusal: this.#line.applicationRefusal(record),
    })
  }

  /** How the applications stand that have rules. */
  async applications(): Promise<readonly ApplicationStanding[]> {
    this.#requireServing()
    return this.#coordinator.applications.standings()
  }

  /** Whether an application may have this written, read or run: rejects with FILE_ACCESS. Undefined where nobody is kept to bounds. */
  demandBounds(app: string | undefined, path: string, what: 'write' | 'read' | 'run'): Promise<void> | undefined {
    return this.#ports.bounds?.demand(app, path, what)
  }

  get phase(): 'opening' | 'serving' | 'draining' | 'closed' {
    const snapshot = this.#actor.getSnapshot()
    return (['serving', 'draining', 'closed'] as const).find((tag) => snapshot.hasTag(tag)) ?? 'opening'
  }

  /** What this process holds of an operation; nothing is read, and nothing needs to be released. */
  live(id: OperationId): OperationEntry | undefined {
    return this.#operations.get(id)
  }

  /** The newest ends, newest first. */
  async newestEnded(limit: number): Promise<readonly OperationRecord[]> {
    this.#requireServing()
    const {store} = this.#ports
    const records = await store.getMany((await store.newestEnded(limit)).map(({id}) => id))
    return records.filter((record) => record !== undefined)
  }

  /** Who brings what of its bytes now; empty where there is to be one connection only. */
  connections(id: OperationId): readonly OpenConnection[] {
    return this.#operations.connections(id)
  }

  /** The journal of an operation, with what is not in the store yet. Rejects with INVALID_ARGUMENT. */
  async journal(id: OperationId, page: JournalPage = {}): Promise<readonly JournalEntry[]> {
    this.#requireServing()
    assertWhole('before', page.before)
    assertWhole('limit', page.limit)
    const stored = await this.#ports.store.journal(id, page)
    return this.options.journal ? (this.#operations.get(id)?.journal.merge(stored, page) ?? stored) : stored
  }

  /** Where it stands in its chart. */
  position(record: OperationRecord): ChartPosition {
    const entry = this.#operations.get(record.id)
    const snapshot = entry?.snapshot ?? (entry && this.#operations.carriedAt(entry))
    if (snapshot !== undefined) return positionOf(snapshot)
    return positionOfRecord(record, this.conditions, settingsFor(record.policy, this.options.settings))
  }

  /** What its chart would do, now or where the journal says that it stood. Throws INVALID_ARGUMENT. */
  whatIf(record: OperationRecord, event: string, journalled?: string): Supposed {
    const {snapshot, carrier, path: present} = this.#operations.get(record.id) ?? {}
    const path = journalled ?? (carrier && present)
    const settings = settingsFor(record.policy, this.options.settings)
    const supposition = {record, snapshot, conditions: this.conditions, settings}
    return whatIf(path === undefined ? supposition : {...supposition, path}, event)
  }

  /** The groups that have settings, members or a line, at most `limit`: first those that are served, or will be soon. */
  groups(limit = MOST_STANDINGS): readonly GroupStanding[] {
    return this.#line.standings(limit)
  }

  seal(plain: string): string {
    return this.#ports.secrets.seal(plain)
  }

  unseal(sealed: string): string {
    return this.#ports.secrets.unseal(sealed)
  }

  /** Takes a stream whole into private storage, as the body of an operation to come. */
  async takeBody(id: OperationId, chunks: AsyncIterable<Uint8Array>, signal?: AbortSignal): Promise<ContentPiece> {
    this.#requireServing()
    const size = await this.#ports.spool.take(id, chunks, signal)
    this.#coordinator.spool.taken(id)
    return {kind: 'spool', name: spoolName(id, 'body'), size}
  }

  /** Nobody has the draft any more that it was taken for. */
  dropBody(id: OperationId): void {
    void this.#coordinator.spool.dropped(id)
  }

  /** Of a draft to be made. Throws LIMIT_REACHED. */
  newId(): OperationId {
    const id = this.#nextId()
    this.limits.addDraft(id)
    return id
  }

  now(): number {
    return this.#ports.clock.now()
  }

  /** A handle lets go of the entry. */
  release(entry: OperationEntry): void {
    entry.holders -= 1
    this.#operations.forgetIfIdle(entry)
  }

  get completionGroups(): CompletionGroups {
    return this.#coordinator.completionGroups
  }

  get notifications(): NotificationBatches {
    return this.#coordinator.notifications
  }

  get prefetcher(): Prefetcher {
    return this.#coordinator.prefetcher
  }

  /** Where a task's module is. Throws INVALID_ARGUMENT. */
  locateTask(entryPoint: string | URL): string {
    return this.#ports.tasks.locate(entryPoint)
  }

  newTaskId(): string {
    return this.#ports.random.guid()
  }

  /** Who answers the calls of background tasks; without anybody they are refused. */
  serveTasks(hostOf: (launch: TaskLaunch) => Pick<TaskHost, 'call'>): void {
    this.#taskHost = hostOf
  }

  /** Named when an upload first asks. */
  get #session(): string {
    this.#sessionName ??= this.#ports.random.guid()
    return this.#sessionName
  }

  get #line(): Dispatcher {
    return this.#coordinator.line
  }

  get #operations(): Operations {
    return this.#coordinator.operations
  }

  get #isDraining(): boolean {
    return this.#actor.getSnapshot().hasTag('draining')
  }

  #requireServing(): void {
    if (!this.#actor.getSnapshot().hasTag('serving')) throw new TransferError('CLOSED', 'the engine is not open')
  }

  #nextSequence(): number {
    this.#sequence += 1
    return this.#sequence
  }

  #try(entry: OperationEntry, event: OperationEvent): boolean {
    this.#requireServing()
    return this.#coordinator.tryCommand(entry, event)
  }

  async #each(name: string, command: GroupCommand): Promise<void> {
    this.#requireServing()
    await this.#coordinator.forEachMember(name, command)
  }

  #command(entry: OperationEntry, event: OperationEvent): void {
    if (this.#try(entry, event)) return
    throw new TransferError('ILLEGAL_STATE', `${event.type} is not possible while the operation is ${entry.state}`, {
      where: entry.record.id,
    })
  }

  #provided() {
    const {store, transport, sink, conditions, log} = this.#ports
    return engineMachine().provide({
      actors: {
        openStore: fromPromise<void>(async () => {
          this.#sequence = (await store.open()).lastSequence
          await this.#beforeRecovery?.(store)
          await this.limits.begin(store)
          await this.#coordinator.applications.begin(store)
        }),
        recover: fromPromise<void>(() => this.#coordinator.recover(this.#sequence)),
        watchConditions: fromCallback<AnyEventObject>(({sendBack}) => {
          const subscription = conditions.conditions$.subscribe({
            next: (value) => sendBack({type: 'conditions.changed', conditions: value}),
            // The last value stands: the source may know no more, and the transfers go on.
            error: (error) => log.error({error: String(error)}, 'the source of conditions failed'),
          })
          return () => subscription.unsubscribe()
        }),
        keepAlarm: this.#coordinator.alarm.logic,
        tellProgress: this.#coordinator.ticker.logic,
        drain: fromPromise<void>(() => this.#coordinator.drain()),
        closeStore: fromPromise<void>(async () => {
          await this.#coordinator.stop()
          await transport.close()
          await sink.close()
          await store.close()
        }),
      },
      actions: {
        spreadConditions: (_, params) => {
          // One chart's action must not step another chart.
          queueMicrotask(() => this.#coordinator.spread(params.conditions))
        },
      },
    })
  }
}

/** Recovery looks at them before they are watched: it must not take a pause of the system for over. */
function presentConditions({conditions$}: ConditionsSource): Conditions {
  let present = GOOD_CONDITIONS
  conditions$
    .subscribe({
      next: (conditions) => {
        present = conditions
      },
      // It is watched later, and heard of then.
      error: () => undefined,
    })
    .unsubscribe()
  return present
}
