/**
 * The engine as its callers see it: everything public goes through here as plain data, and the namespace's classes are a thin
 * surface over it. What does the work stands in engine-parts.ts.
 */

import type {Observable} from 'rxjs'
import type {BackgroundTransferBehavior} from '../domain/behavior.ts'
import type {Conditions} from '../domain/conditions.ts'
import {TransferError} from '../domain/errors.ts'
import type {Explanation} from '../domain/explain.ts'
import type {JournalEntry, JournalPage} from '../domain/journal.ts'
import type {LineMove} from '../domain/line-move.ts'
import type {OperationId} from '../domain/operation-id.ts'
import type {GroupRecord, OperationRecord, TransferPolicy, TransferRequest} from '../domain/record.ts'
import type {ContentPiece} from '../domain/request-content.ts'
import type {TaskLaunch} from '../domain/task-view.ts'
import type {ByteSource} from '../ports/byte-source.ts'
import type {ByteCounts} from '../ports/progress-meter.ts'
import type {OperationQuery, RecordStore} from '../ports/record-store.ts'
import type {TaskHost} from '../ports/task-runner.ts'
import type {GroupStanding} from './admission/groups.ts'
import {startAgain} from './again.ts'
import type {ApplicationStanding} from './applications/application-quotas.ts'
import type {CompletionGroups} from './chores/completion-groups.ts'
import type {NotificationBatches} from './chores/notification-batches.ts'
import type {Prefetcher} from './chores/prefetcher.ts'
import type {EngineApi, OperationDraft} from './engine-api.ts'
import type {EngineLimits} from './engine-limits.ts'
import {EngineParts, type EngineTuning} from './engine-parts.ts'
import type {EngineEvent} from './events.ts'
import type {Insight} from './insight.ts'
import type {EnginePhase} from './lifecycle.ts'
import type {UploadCounts} from './operations/live-counts.ts'
import type {OperationEntry} from './operations/operation-entry.ts'
import {
  byteRate,
  type ConstrainedTransfer,
  type EngineOptions,
  type ResolvedEngineOptions,
  resolveOptions,
} from './options.ts'
import {assertWhole} from './pages.ts'
import type {EnginePorts} from './ports.ts'

const MOST_STANDINGS = 1000

export type {OperationQuery} from '../ports/record-store.ts'

export class Engine implements EngineApi {
  readonly options: ResolvedEngineOptions
  readonly #ports: EnginePorts
  readonly #parts: EngineParts
  #taskHost: (launch: TaskLaunch) => Pick<TaskHost, 'call'> = () => ({
    call: () => Promise.reject(new TransferError('NOT_SUPPORTED', 'nobody answers background tasks')),
  })

  /** `tuning`: for tests, which have few groups and few files. */
  constructor(ports: EnginePorts, options: EngineOptions = {}, tuning: Partial<EngineTuning> = {}) {
    this.options = resolveOptions(options)
    this.#ports = ports
    this.#parts = new EngineParts({
      ports,
      options: this.options,
      tuning,
      hostOf: (launch) => this.#taskHost(launch),
    })
  }

  /** Everything that happens, told after it is durable. Hot; completes when the engine is closed. */
  get events$(): Observable<EngineEvent> {
    return this.#parts.events.asObservable()
  }

  /** Ten times a second while anything moves, or somebody wants one more. Hot. */
  get ticks$(): Observable<void> {
    return this.#parts.ticks.asObservable()
  }

  /** One tick more while the engine serves, also where nothing moves. */
  wantTick(): void {
    this.#parts.ticker.wantTick()
  }

  /** What the engine has to do beside its operations may have changed: tasks, notices, what is fetched ahead of need. Hot. */
  get chores$(): Observable<void> {
    return this.#parts.chores.steps.asObservable()
  }

  /** Whether it has anything of that to do now. */
  get hasChores(): boolean {
    return this.#parts.chores.areBusy
  }

  get conditions(): Conditions {
    return this.#parts.life.conditions
  }

  /** `beforeRecovery` may read the store as it was found. Rejects with STORE_LOCKED, STORE_DAMAGED, STORE_TOO_NEW. */
  async open(beforeRecovery?: (store: RecordStore) => Promise<void>): Promise<void> {
    await this.#parts.life.open(beforeRecovery)
    try {
      await this.#parts.chores.start()
    } catch (error) {
      // Whoever asked for the engine never gets it, and could not close it.
      await this.close()
      throw error
    }
    this.#parts.line.start()
    this.prefetcher.start()
    void this.#parts.ended.retention.sweep()
    if (this.options.resumeOnOpen === false) void this.#parts.recovery.attachRandomAccess()
  }

  /** Running operations make their bytes durable and queue again; then the store is given back. Idempotent. */
  close(): Promise<void> {
    return this.#parts.life.close()
  }

  /**
   * Accepts operations: resolves when their records are durable and they stand in line. The caller holds the entries until
   * it releases them. A draft that repeats a failed operation (same URL, same file) goes on from that one's bytes. What `onHeld` asks of
   * one holds before it may run.
   */
  async start(
    drafts: readonly OperationDraft[],
    onHeld: (entry: OperationEntry) => void = () => undefined,
  ): Promise<readonly OperationEntry[]> {
    this.#parts.life.requireServing()
    return this.#parts.acceptance.accept(drafts, (record) => {
      const entry = this.#hold(record)
      onHeld(entry)
      return entry
    })
  }

  /** Accepts many operations without keeping a handle to any (bulk). */
  async startMany(drafts: readonly OperationDraft[]): Promise<void> {
    try {
      this.#parts.life.requireServing()
      await this.#parts.acceptance.accept(drafts, () => undefined)
    } catch (error) {
      for (const {id} of drafts) this.limits.dropDraft(id)
      // Nobody has a handle to start them with later.
      this.#parts.chores.withdraw(drafts)
      throw error
    }
  }

  /** The entry of an operation; to be released. */
  async find(id: OperationId): Promise<OperationEntry | undefined> {
    this.#parts.life.requireServing()
    return this.#parts.operations.find(id, (entry) => {
      if (entry !== undefined) entry.holders += 1
      return entry
    })
  }

  #hold(record: OperationRecord): OperationEntry {
    const entry = this.#parts.operations.hold(record)
    entry.holders += 1
    return entry
  }

  async query(query: OperationQuery): Promise<readonly OperationRecord[]> {
    this.#parts.life.requireServing()
    return this.#parts.operations.records.query(query, (records) => records)
  }

  /** The entries of what a query finds; each to be released. */
  async findMany(query: OperationQuery): Promise<readonly OperationEntry[]> {
    this.#parts.life.requireServing()
    return this.#parts.operations.records.query(query, (records) => records.map((record) => this.#hold(record)))
  }

  /** How many values of the store were met that do not verify; queries leave them out. */
  damaged(): Promise<number> {
    this.#parts.life.requireServing()
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
    return this.#parts.counts.progressOf(entry)
  }

  /** The same, with the bytes that are in the part file now, durable or not; of a completed operation all of them. */
  countsOf(entry: OperationEntry): ByteCounts {
    return this.#parts.counts.of(entry)
  }

  /** The bytes of an operation, as they come; to be closed. */
  bytesOf(entry: OperationEntry): ByteSource {
    return this.#parts.streams.open(entry)
  }

  /**
   * What is missing from this position on is fetched before everything else (spec 9.4), now and in further tries of this
   * session. No effect on a download without random access, or that has ended.
   */
  want(entry: OperationEntry, position: number): void {
    this.#parts.streams.want(entry, position)
  }

  /** The same of an upload, with what came of the answer. */
  uploadProgressOf(entry: OperationEntry): UploadCounts {
    return this.#parts.counts.uploadProgressOf(entry)
  }

  /** What is kept of the answer to an upload, from `position` on. Throws INVALID_ARGUMENT. */
  answerOf(id: OperationId, position: number): AsyncIterable<Buffer> {
    assertWhole('position', position)
    return this.#ports.spool.readAnswer(id, position)
  }

  /** Takes part in the dispatching of this session (attachAsync under resumeOnOpen: false). */
  attach(entry: OperationEntry): void {
    this.#parts.life.requireServing()
    if (!entry.isOver) this.#parts.recovery.attach(entry.record)
  }

  /** Everything unfinished goes on, but what the application paused. `app`: of this application only. */
  async resumeAll(app?: string): Promise<void> {
    this.#parts.life.requireServing()
    await this.#parts.recovery.attachAll(app)
  }

  pause(entry: OperationEntry): void {
    this.#parts.commands.pause(entry)
  }

  resume(entry: OperationEntry): void {
    this.#parts.commands.resume(entry)
  }

  /** Ends the wait between two tries, or for room on the disk, before its deadline. Throws ILLEGAL_STATE when it does not wait. */
  retry(entry: OperationEntry): void {
    this.#parts.commands.retry(entry)
  }

  /**
   * Starts a failed download again, as a new operation that goes on from its bytes; what was secret in its request ended with
   * it. The caller holds the entry. Throws ILLEGAL_STATE for anything else; rejects with DESTINATION_BUSY.
   */
  startAgain(entry: OperationEntry): Promise<OperationEntry> {
    return startAgain(this, entry)
  }

  /** No effect when it is on its way already, or too late (13.4). */
  cancel(entry: OperationEntry): void {
    this.#parts.commands.cancel(entry)
  }

  /**
   * Changes cost policy, priority and the like. A queued operation whose priority changes goes to the end of its class; one that
   * takes no part yet keeps its order of arrival.
   */
  changePolicy(entry: OperationEntry, policy: TransferPolicy): void {
    this.#parts.commands.changePolicy(entry, policy)
  }

  /** Whether the application lets these run without the limits that save power. Rejects with what its callback threw. */
  async consentsToUnconstrained(transfers: readonly ConstrainedTransfer[]): Promise<boolean> {
    this.#parts.life.requireServing()
    return (await this.options.unconstrainedConsent(transfers)) === true
  }

  /** Headers for the next request, or a new address (which starts over, spec D34; paused operations only). */
  changeRequest(entry: OperationEntry, request: TransferRequest): void {
    this.#parts.commands.changeRequest(entry, request)
  }

  /**
   * Pauses every unfinished member that can be paused; nobody of the group is admitted meanwhile. As the two that follow, it resolves
   * when that is durable, and rejects with CLOSED when the engine closes first.
   */
  async pauseGroup(name: string, app?: string): Promise<void> {
    this.#parts.life.requireServing()
    await this.#parts.groupCommands.pause(name, app)
  }

  /** Resumes every member that the application paused, in the order of their guids; first those whose pause is still under way. */
  async resumeGroup(name: string, app?: string): Promise<void> {
    this.#parts.life.requireServing()
    await this.#parts.groupCommands.resume(name, app)
  }

  /** Cancels every unfinished member. */
  async cancelGroup(name: string, app?: string): Promise<void> {
    this.#parts.life.requireServing()
    await this.#parts.groupCommands.cancel(name, app)
  }

  /** Holds at once; resolves when it is durable. Throws CLOSED. */
  makeCurrent(entry: OperationEntry): Promise<void> {
    return this.#parts.commands.makeCurrent(entry)
  }

  /**
   * Moves a waiting operation, and no other, to another place in its group's line. Resolves when it is durable; rejects with
   * ILLEGAL_STATE when it does not wait, or there is nobody to pass. With `app` it stands before nobody else’s. Throws CLOSED.
   */
  move(entry: OperationEntry, to: LineMove, app?: string): Promise<void> {
    return this.#parts.commands.move(entry, to, app)
  }

  /** The outcome reached a promise of the application: enumeration no longer shows it. What was forgotten stays so. */
  markDelivered(entry: OperationEntry): Promise<void> {
    return this.#parts.ended.markDelivered(entry)
  }

  /** Removes the record of an ended operation, and a failed one's part. Rejects with ILLEGAL_STATE while it is unfinished. */
  async forget(id: OperationId): Promise<void> {
    this.#parts.life.requireServing()
    await this.#parts.ended.forget(id)
  }

  group(name: string): GroupRecord {
    return this.#parts.line.groupRecord(name)
  }

  /** Every group that was ever given a setting. */
  groupRecords(): readonly GroupRecord[] {
    return this.#parts.line.groupRecords()
  }

  /** Holds at once; resolves when it is durable. Throws CLOSED. */
  setBehavior(name: string, behavior: BackgroundTransferBehavior): Promise<void> {
    this.#parts.life.requireServing()
    return this.#parts.line.setBehavior(name, behavior)
  }

  /** Byte rate of all operations together; `undefined` lifts the limit. Not kept across sessions: it is an option of open. */
  limitRate(bytesPerSecond: number | undefined): void {
    this.#parts.rates.limitEngine(byteRate('bytesPerSecond', bytesPerSecond))
    this.#parts.smallFiles.limitsChanged()
  }

  /** Byte rate of a group's members together, kept with the group. */
  async limitGroupRate(name: string, bytesPerSecond: number | undefined): Promise<void> {
    this.#parts.life.requireServing()
    const limit = byteRate('bytesPerSecond', bytesPerSecond)
    const {maxBytesPerSecond: _, ...rest} = this.#parts.line.groupRecord(name)
    this.#parts.rates.limitGroup(name, limit)
    this.#parts.smallFiles.limitsChanged()
    await this.#parts.line.keepGroup(limit === undefined ? rest : {...rest, maxBytesPerSecond: limit})
  }

  /** Why it is not moving, and what would move it. */
  explain(entry: OperationEntry): Explanation {
    return this.insight.explain(entry)
  }

  /** How the applications stand that have rules. */
  async applications(): Promise<readonly ApplicationStanding[]> {
    this.#parts.life.requireServing()
    return this.#parts.applications.standings()
  }

  /** Whether an application may have this written, read or run: rejects with FILE_ACCESS. Undefined where nobody is kept to bounds. */
  demandBounds(app: string | undefined, path: string, what: 'write' | 'read' | 'run'): Promise<void> | undefined {
    return this.#ports.bounds?.demand(app, path, what)
  }

  get phase(): EnginePhase {
    return this.#parts.life.phase
  }

  /** What this process holds of an operation; nothing is read, and nothing needs to be released. */
  live(id: OperationId): OperationEntry | undefined {
    return this.#parts.operations.get(id)
  }

  /** The newest ends, newest first. */
  async newestEnded(limit: number): Promise<readonly OperationRecord[]> {
    this.#parts.life.requireServing()
    const {store} = this.#ports
    const records = await store.getMany((await store.newestEnded(limit)).map(({id}) => id))
    return records.filter((record) => record !== undefined)
  }

  /** The journal of an operation, with what is not in the store yet. Rejects with INVALID_ARGUMENT. */
  async journal(id: OperationId, page: JournalPage = {}): Promise<readonly JournalEntry[]> {
    this.#parts.life.requireServing()
    assertWhole('before', page.before)
    assertWhole('limit', page.limit)
    return this.insight.journal(id, page)
  }

  /** The groups that have settings, members or a line, at most `limit`: first those that are served, or will be soon. */
  groups(limit = MOST_STANDINGS): readonly GroupStanding[] {
    return this.#parts.line.standings(limit)
  }

  seal(plain: string): string {
    return this.#ports.secrets.seal(plain)
  }

  unseal(sealed: string): string {
    return this.#ports.secrets.unseal(sealed)
  }

  /** Takes a stream whole into private storage, as the body of an operation to come. */
  async takeBody(id: OperationId, chunks: AsyncIterable<Uint8Array>, signal?: AbortSignal): Promise<ContentPiece> {
    this.#parts.life.requireServing()
    return this.#parts.spool.take(id, chunks, signal)
  }

  /** Nobody has the draft any more that it was taken for. */
  dropBody(id: OperationId): void {
    void this.#parts.spool.dropped(id)
  }

  /** Of a draft to be made. Throws LIMIT_REACHED. */
  newId(): OperationId {
    const id = this.#parts.newId()
    this.limits.addDraft(id)
    return id
  }

  now(): number {
    return this.#ports.clock.now()
  }

  /** A handle lets go of the entry. */
  release(entry: OperationEntry): void {
    this.#parts.operations.release(entry)
  }

  get limits(): EngineLimits {
    return this.#parts.limits
  }

  /** What may be asked of one operation beside its record. */
  get insight(): Insight {
    return this.#parts.insight
  }

  get completionGroups(): CompletionGroups {
    return this.#parts.chores.completionGroups
  }

  get notifications(): NotificationBatches {
    return this.#parts.chores.notifications
  }

  get prefetcher(): Prefetcher {
    return this.#parts.chores.prefetcher
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
}
