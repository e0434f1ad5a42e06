/**
 * What the public classes ask of an engine, in plain data: the seam between them and whoever answers. The engine of this process
 * does (engine.ts), and so does one that lives in another process (src/client).
 */

import type {Observable} from 'rxjs'
import type {BackgroundTransferBehavior} from '../domain/behavior.ts'
import type {Explanation} from '../domain/explain.ts'
import type {JournalEntry, JournalPage} from '../domain/journal.ts'
import type {LineMove} from '../domain/line-move.ts'
import type {OperationId, TallyId} from '../domain/operation-id.ts'
import type {PrefetchCounts, PrefetchWish} from '../domain/prefetch.ts'
import type {GroupRecord, OperationFacts, OperationRecord, TransferPolicy, TransferRequest} from '../domain/record.ts'
import type {ContentPiece} from '../domain/request-content.ts'
import type {LifeState} from '../domain/status.ts'
import type {TaskRegistration} from '../domain/tally.ts'
import type {ByteSource} from '../ports/byte-source.ts'
import type {ByteCounts} from '../ports/progress-meter.ts'
import type {OperationQuery} from '../ports/record-store.ts'
import type {ApplicationStanding} from './applications/application-quotas.ts'
import type {EngineEvent} from './events.ts'
import type {FollowedNotices} from './operations/followed-notices.ts'
import type {UploadCounts} from './operations/live-counts.ts'
import type {ConstrainedTransfer, ResolvedEngineOptions} from './options.ts'

/** What createDownload gathers; the engine adds the place in line. */
export type OperationDraft = Omit<OperationRecord, 'sequence' | 'state'>

/** One operation as its handle sees it: what was told last, what holds now, and the notices of what changes. */
export interface HeldOperation {
  /** The newest durable, or freely tellable, truth. */
  readonly record: OperationRecord
  /** The present state, which the told record may lag by one commit. */
  readonly state: LifeState
  /** The present facts: what a further change builds on. */
  readonly facts: OperationFacts
  readonly isOver: boolean
  /** Errors when nothing more will come. */
  readonly notices: Pick<FollowedNotices, 'subscribe' | 'listen'>
}

/** What is asked of completion groups. Those that throw do so before anything is changed. */
export interface CompletionGroupsApi {
  create(): TallyId
  revive(id: TallyId): Promise<boolean>
  expect(id: TallyId): void
  withdraw(drafts: readonly Pick<OperationDraft, 'completionGroup'>[]): void
  isEnabled(id: TallyId): boolean
  enable(id: TallyId): Promise<void>
  letGo(id: TallyId): void
  register(id: TallyId, task: TaskRegistration): Promise<void>
  unregister(id: TallyId): Promise<void>
  registrationOf(id: TallyId): TaskRegistration | undefined
  registrations(): readonly (readonly [group: TallyId, task: TaskRegistration])[]
}

/** What is asked of batches with notifications. */
export interface NotificationsApi {
  /** The id of a batch to come. */
  create(): TallyId
  expect(id: TallyId, draft: OperationId): void
  withdraw(drafts: readonly Pick<OperationDraft, 'id' | 'notificationBatch'>[]): void
}

/** What is fetched ahead of need. */
export interface PrefetchApi {
  readonly wish: PrefetchWish
  /** Epoch ms of the end of the last successful run, durable. */
  readonly lastSuccessAt: number | undefined
  setWish(wish: PrefetchWish): Promise<void>
  run(): Promise<PrefetchCounts>
}

/** The documentation of each member is that of engine.ts. */
export interface EngineApi {
  readonly options: Pick<ResolvedEngineOptions, 'backgroundTasks'>
  readonly limits: {addGroup(name: string): void; dropDraft(id: OperationId): void}
  readonly completionGroups: CompletionGroupsApi
  readonly notifications: NotificationsApi
  readonly prefetcher: PrefetchApi
  readonly events$: Observable<EngineEvent>
  readonly ticks$: Observable<void>
  close(): Promise<void>
  /** `onHeld` hears of each as soon as it is held: in the process of the engine, before any of them may run. */
  start(drafts: readonly OperationDraft[], onHeld?: (held: HeldOperation) => void): Promise<readonly HeldOperation[]>
  startMany(drafts: readonly OperationDraft[]): Promise<void>
  find(id: OperationId): Promise<HeldOperation | undefined>
  findMany(query: OperationQuery): Promise<readonly HeldOperation[]>
  findByFile(file: string): Promise<HeldOperation | undefined>
  filesOnRecord(files: readonly string[]): Promise<readonly string[]>
  query(query: OperationQuery): Promise<readonly OperationRecord[]>
  damaged(): Promise<number>
  applications(): Promise<readonly ApplicationStanding[]>
  release(held: HeldOperation): void
  progressOf(held: HeldOperation): {readonly received: number; readonly total: number}
  countsOf(held: HeldOperation): ByteCounts
  uploadProgressOf(held: HeldOperation): UploadCounts
  bytesOf(held: HeldOperation): ByteSource
  answerOf(id: OperationId, position: number): AsyncIterable<Uint8Array>
  attach(held: HeldOperation): void
  resumeAll(): Promise<void>
  pause(held: HeldOperation): void
  resume(held: HeldOperation): void
  retry(held: HeldOperation): void
  cancel(held: HeldOperation): void
  changePolicy(held: HeldOperation, policy: TransferPolicy): void
  changeRequest(held: HeldOperation, request: TransferRequest): void
  makeCurrent(held: HeldOperation): Promise<void>
  move(held: HeldOperation, to: LineMove): Promise<void>
  markDelivered(held: HeldOperation): Promise<void>
  explain(held: HeldOperation): Explanation
  consentsToUnconstrained(transfers: readonly ConstrainedTransfer[]): Promise<boolean>
  forget(id: OperationId): Promise<void>
  journal(id: OperationId, page?: JournalPage): Promise<readonly JournalEntry[]>
  group(name: string): GroupRecord
  setBehavior(name: string, behavior: BackgroundTransferBehavior): Promise<void>
  limitRate(bytesPerSecond: number | undefined): void
  limitGroupRate(name: string, bytesPerSecond: number | undefined): Promise<void>
  pauseGroup(name: string): Promise<void>
  resumeGroup(name: string): Promise<void>
  cancelGroup(name: string): Promise<void>
  takeBody(id: OperationId, chunks: AsyncIterable<Uint8Array>, signal?: AbortSignal): Promise<ContentPiece>
  dropBody(id: OperationId): void
  seal(plain: string): string
  unseal(sealed: string): string
  newId(): OperationId
  newTaskId(): string
  locateTask(entryPoint: string | URL): string
  now(): number
}
