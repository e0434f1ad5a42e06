/**
 * The engine of a host, as the public classes ask it: what can be answered at once is answered from what the host told, everything
 * else is a call. A host that dies takes nothing of it along: the link is made again, the calls are sent again, and what is held
 * is told anew.
 */

import {distinctUntilChanged, type Observable, ReplaySubject} from 'rxjs'
import type {BackgroundTransferBehavior} from '../domain/behavior.ts'
import {TransferError} from '../domain/errors.ts'
import type {Explanation} from '../domain/explain.ts'
import type {JournalEntry, JournalPage} from '../domain/journal.ts'
import type {LineMove} from '../domain/line-move.ts'
import {createOperationIds, isOperationId, type OperationId} from '../domain/operation-id.ts'
import type {GroupRecord, OperationRecord, TransferPolicy, TransferRequest} from '../domain/record.ts'
import type {ContentPiece} from '../domain/request-content.ts'
import {explainSilence, MOST_SILENCE_MS} from '../domain/silent-host.ts'
import type {ApplicationStanding} from '../engine/applications/application-quotas.ts'
import type {EngineApi, OperationDraft} from '../engine/engine-api.ts'
import type {EngineEvent} from '../engine/events.ts'
import type {UploadCounts} from '../engine/operations/live-counts.ts'
import {byteRate, type ConstrainedTransfer, type ResolvedEngineOptions} from '../engine/options.ts'
import {assertWhole} from '../engine/pages.ts'
import type {CallInput, Hello} from '../host/protocol.ts'
import type {ByteSource} from '../ports/byte-source.ts'
import type {Clock} from '../ports/clock.ts'
import type {HostConnection} from '../ports/host-connection.ts'
import type {ByteCounts} from '../ports/progress-meter.ts'
import type {Random} from '../ports/random.ts'
import type {OperationQuery} from '../ports/record-store.ts'
import type {Secrets} from '../ports/secrets.ts'
import type {StreamCopies} from '../ports/stream-copies.ts'
import type {TaskRunner} from '../ports/task-runner.ts'
import {CallQueue} from './call-queue.ts'
import {closed, HostLink, type Told, type Welcome} from './host-link.ts'
import {MirroredOperations} from './mirrored-operations.ts'
import {OperationCommands} from './operation-commands.ts'
import {queryInPages} from './query-pages.ts'
import {RemoteBytes} from './remote-bytes.ts'
import {RemoteCompletionGroups} from './remote-completion-groups.ts'
import {RemoteDrafts} from './remote-drafts.ts'
import {RemoteGroups} from './remote-groups.ts'
import {RemoteNotifications} from './remote-notifications.ts'
import type {RemoteOperation} from './remote-operation.ts'
import {RemotePages} from './remote-pages.ts'
import {RemotePrefetcher} from './remote-prefetcher.ts'
import {WatchedEvents} from './watched-events.ts'

/** Files in one question: far fewer than the host takes. */
const MOST_FILES = 1000

export interface RemoteEnginePorts {
  readonly connection: HostConnection
  readonly clock: Clock
  readonly random: Random
  /** Under the key of the store, which whoever may connect may read. Asked for once there is a host: where none is, nothing is made. */
  readonly openSecrets: () => Promise<Secrets>
  readonly tasks: Pick<TaskRunner, 'locate'>
  readonly copies: StreamCopies
}

export interface RemoteEngineOptions {
  readonly app: string | undefined
  /** ms to wait for a host that went away. */
  readonly patienceMs: number
  /** ms to wait for a host that is expected; 0 by default. */
  readonly firstPatienceMs?: number
  /** It takes the place of a host that goes away, and is a host then: none that ends when it is idle stays for it. */
  readonly isHeir?: boolean
  /** The host went away, and may not come back by itself. */
  readonly onHostGone?: () => void
  /** A host answers: the first one, the same again or another one. */
  readonly onHostFound?: () => void
}

export class RemoteEngine implements EngineApi {
  readonly completionGroups: RemoteCompletionGroups
  readonly notifications: RemoteNotifications
  readonly prefetcher: RemotePrefetcher
  readonly pages: RemotePages
  /** Nothing is counted here: the host refuses what is too much when it is started. */
  readonly limits = {addGroup: () => {}, dropDraft: () => {}}
  readonly #ports: RemoteEnginePorts
  readonly #link: HostLink
  readonly #calls: CallQueue
  readonly #nextId: () => OperationId
  readonly #operations: MirroredOperations
  readonly #groups: RemoteGroups
  readonly #events: WatchedEvents
  readonly #drafts: RemoteDrafts
  readonly #commands: OperationCommands
  #secrets: Secrets | undefined
  readonly #hosts = new ReplaySubject<Hello>(1)
  #hasResumedAll = false
  #backgroundTasks: ResolvedEngineOptions['backgroundTasks'] | undefined

  constructor(
    ports: RemoteEnginePorts,
    {
      app,
      patienceMs,
      firstPatienceMs = 0,
      isHeir = false,
      onHostGone = () => {},
      onHostFound = () => {},
    }: RemoteEngineOptions,
  ) {
    this.#ports = ports
    this.#nextId = createOperationIds(
      () => ports.clock.now(),
      () => ports.random.guid(),
    )
    this.#link = new HostLink(ports, {
      session: ports.random.guid(),
      app,
      isHeir,
      patienceMs,
      firstPatienceMs,
      onHostGone,
      onWelcome: (welcome, isFirst) => {
        onHostFound()
        this.#welcomed(welcome, isFirst)
      },
      onTold: (message) => this.#told(message),
      onSilence: (isSilent) => this.#silent(isSilent),
      onBroken: () => this.#calls.broken(),
      onOver: (why) => this.#over(why),
    })
    this.#calls = new CallQueue({
      post: (batch) => this.#link.post(batch),
      onBroken: (error) => this.#link.lost(error),
    })
    this.completionGroups = new RemoteCompletionGroups(this.#calls, this.#link, () => this.#nextId())
    this.notifications = new RemoteNotifications(this.#calls, () => this.#nextId())
    this.prefetcher = new RemotePrefetcher(this.#calls)
    this.#groups = new RemoteGroups(this.#calls, this.#link)
    this.pages = new RemotePages(this.#calls)
    this.#operations = new MirroredOperations(this.#calls)
    this.#events = new WatchedEvents(this.#calls, () => this.now())
    this.#commands = new OperationCommands(this.#calls, this.#link, this.#operations)
    this.#drafts = new RemoteDrafts({
      calls: this.#calls,
      link: this.#link,
      operations: this.#operations,
      events: this.#events,
      completionGroups: this.completionGroups,
      notifications: this.notifications,
      copies: ports.copies,
    })
  }

  /** Resolves once the link stands. Rejects with HOST_UNREACHABLE, HOST_VERSION, FILE_ACCESS, INVALID_ARGUMENT (`app`). */
  async open(): Promise<void> {
    await this.#link.open()
    try {
      this.#secrets = await this.#ports.openSecrets()
    } catch (error) {
      // Whoever asked for it never gets it, and could not close it.
      await this.close()
      throw error
    }
  }

  /** Who answers now, or did last. */
  get host(): Hello | undefined {
    return this.#link.host
  }

  /** The same, and each that takes the place, from when it answers. Completes with the link. */
  get host$(): Observable<Hello> {
    // A stream that broke brings the same one, too.
    return this.#hosts.pipe(distinctUntilChanged((one, other) => one.epoch === other.epoch))
  }

  get options(): Pick<ResolvedEngineOptions, 'backgroundTasks'> {
    if (this.#backgroundTasks === undefined) throw closed()
    return {backgroundTasks: this.#backgroundTasks}
  }

  get events$(): Observable<EngineEvent> {
    return this.#events.events$
  }

  get ticks$(): Observable<void> {
    return this.#operations.ticks$
  }

  /**
   * What was asked for reaches the host first, or another one that comes soon. The transfers go on there. Idempotent. Rejects with
   * HOST_UNREACHABLE, once everything is closed, when it is not known whether the last commands reached anybody.
   */
  async close(): Promise<void> {
    await this.#link.close(() => this.#calls.idle())
    if (!this.#calls.hasLost) return
    throw new TransferError('HOST_UNREACHABLE', 'the host went away before it answered what was asked of it last', {
      where: this.#ports.connection.address,
      advice: 'connect again, and see how the operations stand',
    })
  }

  start(
    drafts: readonly OperationDraft[],
    onHeld?: (held: RemoteOperation) => void,
  ): Promise<readonly RemoteOperation[]> {
    return this.#drafts.start(drafts, onHeld)
  }

  startMany(drafts: readonly OperationDraft[]): Promise<void> {
    return this.#drafts.startMany(drafts)
  }

  async find(id: OperationId): Promise<RemoteOperation | undefined> {
    if (this.#isOfNothing(id)) return undefined
    return this.#calls.callAnd('find', {id}, (snapshot) => this.#operations.holdIfAny(snapshot))
  }

  findByFile(file: string): Promise<RemoteOperation | undefined> {
    return this.#calls.callAnd('findByFile', {file}, (snapshot) => this.#operations.holdIfAny(snapshot))
  }

  async filesOnRecord(files: readonly string[]): Promise<readonly string[]> {
    const found: string[] = []
    for (let at = 0; at < files.length; at += MOST_FILES) {
      found.push(...(await this.#calls.call('filesOnRecord', {files: files.slice(at, at + MOST_FILES)})))
    }
    return found
  }

  findMany(query: OperationQuery): Promise<readonly RemoteOperation[]> {
    const input = {query: query as CallInput<'findMany'>['query']}
    return this.#calls.callAnd('findMany', input, (snapshots) => snapshots.map((each) => this.#operations.hold(each)))
  }

  query(query: OperationQuery): Promise<readonly OperationRecord[]> {
    return queryInPages(query, (page) => this.#calls.call('query', {query: page as CallInput<'query'>['query']}))
  }

  damaged(): Promise<number> {
    return this.#calls.call('damaged', {})
  }

  applications(): Promise<readonly ApplicationStanding[]> {
    return this.#calls.call('applications', {})
  }

  release(held: RemoteOperation): void {
    this.#operations.release(held)
  }

  progressOf({counts: {received, total = 0}}: RemoteOperation): {readonly received: number; readonly total: number} {
    return {received, total}
  }

  countsOf({counts}: RemoteOperation): ByteCounts {
    return {...counts, total: counts.total}
  }

  uploadProgressOf({counts: {received, total = 0, answer}}: RemoteOperation): UploadCounts {
    return {
      bytesSent: received,
      totalBytesToSend: total,
      bytesReceived: answer?.received ?? 0,
      totalBytesToReceive: answer?.total ?? 0,
    }
  }

  bytesOf(held: RemoteOperation): ByteSource {
    held.holders += 1
    const source = this.#ports.random.guid()
    return new RemoteBytes({
      id: held.record.id,
      source,
      read: (path, into, signal) => this.#link.read(path, into, signal),
      onRead: (generation, from, to) => held.read(generation, from, to),
      onClosed: () => {
        this.#calls.tell('closeBytes', {source})
        this.release(held)
      },
    })
  }

  answerOf(id: OperationId, position: number): AsyncIterable<Uint8Array> {
    assertWhole('position', position)
    return this.#link.stream(`answer?guid=${id}&position=${position}`)
  }

  attach(held: RemoteOperation): void {
    this.#link.demandOpen()
    if (held.isOver) return
    held.isAttached = true
    this.#events.began([held.record.id])
    this.#calls.tell('attach', {id: held.record.id})
  }

  async resumeAll(): Promise<void> {
    this.#hasResumedAll = true
    await this.#calls.call('resumeAll', {})
  }

  pause(held: RemoteOperation): void {
    this.#commands.pause(held)
  }

  resume(held: RemoteOperation): void {
    this.#commands.resume(held)
  }

  retry(held: RemoteOperation): void {
    this.#commands.retry(held)
  }

  cancel(held: RemoteOperation): void {
    this.#commands.cancel(held)
  }

  changePolicy(held: RemoteOperation, policy: TransferPolicy): void {
    this.#commands.changePolicy(held, policy)
  }

  changeRequest(held: RemoteOperation, request: TransferRequest): void {
    this.#commands.changeRequest(held, request)
  }

  makeCurrent(held: RemoteOperation): Promise<void> {
    return this.#commands.makeCurrent(held)
  }

  move(held: RemoteOperation, to: LineMove): Promise<void> {
    return this.#commands.move(held, to)
  }

  markDelivered(held: RemoteOperation): Promise<void> {
    return this.#commands.markDelivered(held)
  }

  /** As the host saw it last; of one that says nothing any more, that. */
  explain({explanation, isOver}: RemoteOperation): Explanation {
    const {host} = this
    return host !== undefined && this.#link.isSilent && !isOver ? explainSilence(host.pid) : explanation
  }

  async consentsToUnconstrained(transfers: readonly ConstrainedTransfer[]): Promise<boolean> {
    this.#link.demandOpen()
    return this.#calls.call('consent', {transfers: [...transfers]})
  }

  async forget(id: OperationId): Promise<void> {
    if (this.#isOfNothing(id)) return
    await this.#calls.call('forget', {id})
  }

  async journal(id: OperationId, page: JournalPage = {}): Promise<readonly JournalEntry[]> {
    if (this.#isOfNothing(id)) return []
    return this.#calls.call('journal', {id, page})
  }

  group(name: string): GroupRecord {
    return this.#groups.get(name)
  }

  setBehavior(name: string, behavior: BackgroundTransferBehavior): Promise<void> {
    return this.#groups.setBehavior(name, behavior)
  }

  limitRate(bytesPerSecond: number | undefined): void {
    this.#calls.tell('limitRate', {bytesPerSecond: byteRate('bytesPerSecond', bytesPerSecond) ?? null})
  }

  limitGroupRate(name: string, bytesPerSecond: number | undefined): Promise<void> {
    return this.#groups.limitRate(name, bytesPerSecond)
  }

  pauseGroup(name: string): Promise<void> {
    return this.#groups.pause(name)
  }

  resumeGroup(name: string): Promise<void> {
    return this.#groups.resume(name)
  }

  cancelGroup(name: string): Promise<void> {
    return this.#groups.cancel(name)
  }

  takeBody(id: OperationId, chunks: AsyncIterable<Uint8Array>, signal?: AbortSignal): Promise<ContentPiece> {
    return this.#drafts.takeBody(id, chunks, signal)
  }

  dropBody(id: OperationId): void {
    this.#drafts.dropBody(id)
  }

  seal(plain: string): string {
    return this.#opened().seal(plain)
  }

  unseal(sealed: string): string {
    return this.#opened().unseal(sealed)
  }

  #opened(): Secrets {
    if (this.#secrets === undefined) throw closed()
    return this.#secrets
  }

  newId(): OperationId {
    return this.#nextId()
  }

  newTaskId(): string {
    return this.#ports.random.guid()
  }

  locateTask(entryPoint: string | URL): string {
    return this.#ports.tasks.locate(entryPoint)
  }

  now(): number {
    return this.#ports.clock.now()
  }

  #welcomed({hello, resumed, backgroundTasks, groups, tasks, prefetch}: Welcome, isFirst: boolean): void {
    this.#backgroundTasks = backgroundTasks
    this.#groups.toldAll(groups)
    this.completionGroups.told(tasks)
    this.prefetcher.told(prefetch)
    this.#calls.linked(() => {
      if (isFirst) return
      this.#events.watch()
      if (!resumed) this.completionGroups.resync()
      if (!resumed) this.notifications.resync()
      if (!resumed) this.pages.resync()
      if (!resumed && this.#hasResumedAll) this.#calls.tell('resumeAll', {})
      this.#operations.refresh()
      this.#events.catchUp()
    })
    this.#hosts.next(hello)
  }

  #told(message: Told): void {
    switch (message.type) {
      case 'result':
        this.#calls.answered(message.id, message.value ?? null, message.error)
        return
      case 'notice':
      case 'counts':
      case 'ended':
        this.#operations.hear(message)
        return
      case 'event':
        this.#events.hear(message.event)
        return
      case 'moved':
        this.#events.hearStep(message.event)
        return
      case 'group':
        this.#groups.told(message.group)
        return
      case 'tasks':
        this.completionGroups.told(message.tasks)
        return
      case 'prefetch':
        this.prefetcher.told(message.prefetch)
        return
    }
  }

  #silent(isSilent: boolean): void {
    const {host} = this
    const at = this.now()
    if (host === undefined) return
    if (isSilent) this.#events.hear({type: 'host.fellSilent', at, pid: host.pid, silentMs: MOST_SILENCE_MS})
    else this.#events.hear({type: 'host.silenceEnded', at, pid: host.pid})
  }

  /** Nothing more will come. */
  #over(why: TransferError): void {
    this.#calls.close(why)
    this.#drafts.end()
    this.#operations.end(why)
    this.#events.complete()
    this.#hosts.complete()
  }

  /** A host looks for guids only. Throws CLOSED. */
  #isOfNothing(id: OperationId): boolean {
    if (isOperationId(id)) return false
    this.#link.demandOpen()
    return true
  }
}
