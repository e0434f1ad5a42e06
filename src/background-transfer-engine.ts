/** BackgroundTransferEngine: what an application opens. A thin public face of src/engine over this machine's adapters. */

import {filter, map, type Observable} from 'rxjs'
import {TransferError} from './domain/errors.ts'
import {assertOptions, shown} from './domain/given.ts'
import {assertInspectOptions, type InspectOptions} from './domain/inspect-options.ts'
import type {JournalEntry, JournalPage} from './domain/journal.ts'
import {isOperationId, type OperationId} from './domain/operation-id.ts'
import {uploadName} from './domain/upload.ts'
import type {ApplicationStanding} from './engine/applications/application-quotas.ts'
import {addOpenEngine, defaultEngine, removeOpenEngine} from './engine/default-engine.ts'
import type {EngineApi, HeldOperation} from './engine/engine-api.ts'
import type {EngineEvent} from './engine/events.ts'
import {assertWhole} from './engine/pages.ts'
import type {Inspector} from './inspector/inspector.ts'
import type {ExportBundle} from './inspector/protocol.ts'
import {BackgroundDownloader} from './namespace/background-downloader.ts'
import {BackgroundTaskRegistration, type BackgroundTaskSettings} from './namespace/background-task.ts'
import {BackgroundTransferCompletionGroup} from './namespace/background-transfer-completion-group.ts'
import {BackgroundTransferGroup} from './namespace/background-transfer-group.ts'
import {BackgroundUploader} from './namespace/background-uploader.ts'
import {ContentPrefetcher} from './namespace/content-prefetcher.ts'
import {
  downloadOf,
  getCurrentDownloads,
  getCurrentDownloadsForTransferGroup,
  getCurrentUploads,
  getCurrentUploadsForTransferGroup,
  handleOf,
  uploadOf,
} from './namespace/current-transfers.ts'
import type {DownloadOperation} from './namespace/download-operation.ts'
import {assertPath} from './namespace/given-path.ts'
import {assertGuid, checkedQuery, plainAddress} from './namespace/given-query.ts'
import {givenList} from './namespace/list-of.ts'
import {ownerOf} from './namespace/memberships.ts'
import {type OperationSummary, summaryOf} from './namespace/operation-summary.ts'
import {
  requestUnconstrainedDownloads,
  requestUnconstrainedUploads,
  type UnconstrainedTransferRequestResult,
} from './namespace/unconstrained-transfers.ts'
import type {UploadOperation} from './namespace/upload-operation.ts'
import {connectEngine, type OpenedEngine, openEngine, openOrConnectEngine} from './opened-engine.ts'
import type {
  BackgroundTransferEngineOptions,
  ConnectOptions,
  HostInformation,
  SharedEngineOptions,
} from './opening-options.ts'
import type {OperationQuery} from './ports/record-store.ts'

const faces = new WeakMap<EngineApi, BackgroundTransferEngine>()

export class BackgroundTransferEngine implements AsyncDisposable {
  readonly #engine: EngineApi
  readonly #opened: OpenedEngine

  private constructor(opened: OpenedEngine) {
    this.#engine = opened.engine
    this.#opened = opened
    addOpenEngine(opened.engine)
    faces.set(opened.engine, this)
  }

  /**
   * Opens the engine of a directory: takes its lock, recovers what the records say, and serves. Rejects with STORE_LOCKED
   * (naming the holder), STORE_DAMAGED, STORE_TOO_NEW, INVALID_ARGUMENT, FILE_ACCESS.
   *
   * With `shared: 'host'` it connects where a host (or an engine that was opened with `control`) has the directory. Where none
   * does, `noHost` says what to do: 'embed' (default) opens it here and shares it, as openOrConnect does; 'start' starts a host
   * in the background; 'fail' rejects with HOST_UNREACHABLE. Rejects with HOST_VERSION, too.
   */
  static async open(options: BackgroundTransferEngineOptions | SharedEngineOptions): Promise<BackgroundTransferEngine> {
    return new BackgroundTransferEngine(await openEngine(options))
  }

  /**
   * Connects to the engine that has this directory open in another process: `bgt host`, or an engine that was opened with
   * `control`. Everything is answered from there, and the transfers go on when this process ends. When the host goes away, what
   * waits goes on waiting until it is back. Rejects with HOST_UNREACHABLE when there is none, HOST_VERSION, FILE_ACCESS,
   * INVALID_ARGUMENT.
   */
  static async connect(options: ConnectOptions): Promise<BackgroundTransferEngine> {
    return new BackgroundTransferEngine(await connectEngine(options))
  }

  /**
   * Connects to whoever has this directory open, and opens it here where nobody has, with these options and `control`. A client
   * succeeds to the engine that it uses when that goes away. Rejects with what open and connect reject with.
   */
  static async openOrConnect(options: BackgroundTransferEngineOptions): Promise<BackgroundTransferEngine> {
    return new BackgroundTransferEngine(await openOrConnectEngine(options))
  }

  /** The process that has the engine, of one that is connected; null when it is this one. */
  get host(): HostInformation | null {
    return this.#opened.host()
  }

  /**
   * The same now, and whenever it is another one: the next host, or this process itself, by its `isOwn`, when it takes the place.
   * Completes when no other one will come.
   */
  get host$(): Observable<HostInformation | null> {
    return this.#opened.host$
  }

  /** The first engine that was opened and is open still. Throws CLOSED when there is none. */
  static get default(): BackgroundTransferEngine {
    const face = faces.get(defaultEngine())
    if (face === undefined) throw new TransferError('CLOSED', 'no engine is open')
    return face
  }

  /** With a completion group of this engine, every download of it joins that. Throws INVALID_ARGUMENT. */
  createDownloader(options: {readonly completionGroup?: BackgroundTransferCompletionGroup} = {}): BackgroundDownloader {
    return new BackgroundDownloader(ownerOf(this.#engine, options))
  }

  /** The same as new BackgroundTransferCompletionGroup, in this engine. */
  createCompletionGroup(): BackgroundTransferCompletionGroup {
    return new BackgroundTransferCompletionGroup(this.#engine)
  }

  /** A completion group of an earlier session, or of this. Rejects with INVALID_ARGUMENT, and with OPERATION_UNKNOWN. */
  async getCompletionGroupAsync(id: string): Promise<BackgroundTransferCompletionGroup> {
    const group = await BackgroundTransferCompletionGroup.find(this.#engine, id)
    if (group === undefined)
      throw new TransferError('OPERATION_UNKNOWN', 'there is no such completion group', {where: id})
    return group
  }

  /**
   * Registers the module that runs once the trigger's completion group has fired. Resolves when that is durable. Rejects with
   * INVALID_ARGUMENT (no such module), ILLEGAL_STATE (the trigger has a task already, or has fired), and TASK_FAILED (nothing to run one
   * with: the package was bundled).
   */
  async registerBackgroundTask(settings: BackgroundTaskSettings): Promise<BackgroundTaskRegistration> {
    const registration = BackgroundTaskRegistration.register(this.#engine, settings)
    await registration.accepted
    return registration
  }

  /** Registrations whose trigger has not fired, by their taskId. */
  get backgroundTasks(): ReadonlyMap<string, BackgroundTaskRegistration> {
    return BackgroundTaskRegistration.all(this.#engine)
  }

  /** With a completion group of this engine, every upload of it joins that. Throws INVALID_ARGUMENT. */
  createUploader(options: {readonly completionGroup?: BackgroundTransferCompletionGroup} = {}): BackgroundUploader {
    return new BackgroundUploader(ownerOf(this.#engine, options))
  }

  /** The same as the static members of ContentPrefetcher, of this engine. */
  get contentPrefetcher(): ContentPrefetcher {
    return ContentPrefetcher.of(this.#engine)
  }

  /** The same as BackgroundTransferGroup.createGroup, in this engine. */
  createGroup(name: string): BackgroundTransferGroup {
    return BackgroundTransferGroup.of(this.#engine, name)
  }

  /** Unfinished downloads without a group (or of a group string), and finished ones whose outcome reached nobody. */
  getCurrentDownloadsAsync(group = ''): Promise<readonly DownloadOperation[]> {
    return getCurrentDownloads(this.#engine, group)
  }

  /** The same of a transfer group. Rejects with INVALID_ARGUMENT for what is no group of this engine. */
  getCurrentDownloadsForTransferGroupAsync(group: BackgroundTransferGroup): Promise<readonly DownloadOperation[]> {
    return getCurrentDownloadsForTransferGroup(this.#engine, group)
  }

  /**
   * Asks `unconstrainedConsent` whether these may run without the limits that save power; it refuses by default. Rejects with
   * INVALID_ARGUMENT for an empty list or another engine's downloads, CLOSED, or with what the callback threw.
   */
  requestUnconstrainedDownloadsAsync(
    operations: Iterable<DownloadOperation>,
  ): Promise<UnconstrainedTransferRequestResult> {
    return requestUnconstrainedDownloads(this.#engine, operations)
  }

  /** The same for uploads. */
  requestUnconstrainedUploadsAsync(operations: Iterable<UploadOperation>): Promise<UnconstrainedTransferRequestResult> {
    return requestUnconstrainedUploads(this.#engine, operations)
  }

  /**
   * Unfinished uploads without a group (or of a group string), and finished ones whose outcome reached nobody. What an earlier
   * session left goes on by being found: PUT is sent again, and what was on the wire with another method is terminated.
   */
  getCurrentUploadsAsync(group = ''): Promise<readonly UploadOperation[]> {
    return getCurrentUploads(this.#engine, group)
  }

  /** The same of a transfer group. Rejects with INVALID_ARGUMENT for what is no group of this engine. */
  getCurrentUploadsForTransferGroupAsync(group: BackgroundTransferGroup): Promise<readonly UploadOperation[]> {
    return getCurrentUploadsForTransferGroup(this.#engine, group)
  }

  /** The download of this guid, in whatever state. Rejects with OPERATION_UNKNOWN. */
  async getDownloadAsync(guid: string): Promise<DownloadOperation> {
    const download = downloadOf(this.#engine, await this.#find(guid))
    if (download === undefined) throw new TransferError('OPERATION_UNKNOWN', 'it is an upload', {where: guid})
    return download
  }

  /** The same of an upload. */
  async getUploadAsync(guid: string): Promise<UploadOperation> {
    const upload = uploadOf(this.#engine, await this.#find(guid))
    if (upload === undefined) throw new TransferError('OPERATION_UNKNOWN', 'it is a download', {where: guid})
    return upload
  }

  /** The operation of this guid, upload or download. Rejects with OPERATION_UNKNOWN. */
  async getOperationAsync(guid: string): Promise<DownloadOperation | UploadOperation> {
    return handleOf(this.#engine, await this.#find(guid))
  }

  /** The operation that writes, or last wrote, this file (absolute path). */
  async findByFileAsync(file: string): Promise<DownloadOperation | undefined> {
    assertPath('file', file)
    const entry = await this.#engine.findByFile(file)
    return entry === undefined ? undefined : downloadOf(this.#engine, entry)
  }

  /**
   * Those of these files (absolute paths) that an operation writes, or last wrote: one question for a whole list, before
   * findByFileAsync answers for each of them.
   */
  async filesOnRecordAsync(files: readonly string[]): Promise<ReadonlySet<string>> {
    const paths = givenList('files', files)
    for (const path of paths) assertPath('files', path)
    return new Set(await this.#engine.filesOnRecord(paths))
  }

  /** The last upload of this file (absolute path) to this address. */
  async findUploadAsync(uri: URL | string, sourceFile: string): Promise<UploadOperation | undefined> {
    assertPath('sourceFile', sourceFile)
    const entry = await this.#engine.findByFile(uploadName(plainAddress('uri', uri), sourceFile))
    return entry === undefined ? undefined : uploadOf(this.#engine, entry)
  }

  /** A page of operations in the order of their guids, as plain data without secrets. Rejects with INVALID_ARGUMENT. */
  async queryAsync(query: OperationQuery = {}): Promise<readonly OperationSummary[]> {
    return (await this.#engine.query(checkedQuery(query))).map(summaryOf)
  }

  /** How the applications stand that have rules: their unfinished operations, and their bytes of this day. */
  applicationsAsync(): Promise<readonly ApplicationStanding[]> {
    return this.#engine.applications()
  }

  /** How many records this engine has met that do not verify: queries leave them out, and `diagnoseStore` counts them all. */
  damagedAsync(): Promise<number> {
    return this.#engine.damaged()
  }

  /** Everything unfinished goes on, but what the application paused (for resumeOnOpen: false). */
  resumeAllAsync(): Promise<void> {
    return this.#engine.resumeAll()
  }

  /**
   * Notes that somebody was told how these ended, for those who follow events$ instead of promises: from then on the
   * enumerations leave them out. Unfinished and unknown ones are skipped. Rejects with INVALID_ARGUMENT before any is noted, and
   * where that could not be noted: then they are enumerated again.
   */
  async acknowledgeAsync(guids: Iterable<OperationId>): Promise<void> {
    const given = givenList('guids', guids)
    for (const guid of given) assertGuid(guid)
    await Promise.all(
      given.map(async (guid) => {
        const entry = await this.#engine.find(guid)
        if (entry === undefined) return
        try {
          if (entry.isOver) await this.#engine.markDelivered(entry)
        } finally {
          this.#engine.release(entry)
        }
      }),
    )
  }

  /**
   * Removes the record of an ended operation, and what a failed one left of its part; never a finished file. Rejects with
   * ILLEGAL_STATE while it is unfinished.
   */
  async forgetAsync(guid: OperationId): Promise<void> {
    assertGuid(guid)
    return this.#engine.forget(guid)
  }

  /** Bytes per second of all operations together from now on; `undefined` lifts the limit. Throws INVALID_ARGUMENT. */
  setRateLimit(bytesPerSecond: number | undefined): void {
    this.#engine.limitRate(bytesPerSecond)
  }

  /**
   * The transitions that are kept of an operation, the newest last; `[]` when nothing is known of it. Rejects with
   * INVALID_ARGUMENT.
   */
  async journalAsync(guid: OperationId, page: JournalPage = {}): Promise<readonly JournalEntry[]> {
    assertGuid(guid)
    assertOptions('page', page, {before: true, limit: true})
    assertWhole('before', page.before)
    assertWhole('limit', page.limit)
    return this.#engine.journal(guid, page)
  }

  /** Everything that is kept of one operation, masked, for a report. Rejects with OPERATION_UNKNOWN. */
  async exportAsync(guid: OperationId): Promise<ExportBundle> {
    assertGuid(guid)
    const {exportBundle} = await import('./inspector/bundle.ts')
    return exportBundle(this.#engine, guid)
  }

  /**
   * Serves the inspector's page on 127.0.0.1, behind a token and read-only unless `control` is set. Nothing of it is loaded
   * before. Rejects with INVALID_ARGUMENT when the port is not free, and with CLOSED when the engine is closed.
   */
  async inspect(options: InspectOptions = {}): Promise<Inspector> {
    assertInspectOptions(options)
    return this.#opened.startInspector(options)
  }

  /** Everything that happens, told after it is durable. Hot; completes when the engine is closed. */
  get events$(): Observable<EngineEvent> {
    return this.#engine.events$
  }

  /** Each operation that started or moved, as plain data. Hot; completes when the engine is closed. */
  get operations$(): Observable<OperationSummary> {
    return this.#engine.events$.pipe(
      filter((event) => event.type === 'operation.started' || event.type === 'operation.moved'),
      map(({record}) => summaryOf(record)),
    )
  }

  /**
   * Running operations make their bytes durable and queue again; then the lock is given back. Idempotent. A connected engine waits
   * for the host’s answers to what was asked of it, where the host is gone for some five seconds, and then rejects with
   * HOST_UNREACHABLE: whether that came to pass is not known.
   */
  async close(): Promise<void> {
    removeOpenEngine(this.#engine)
    await this.#opened.close()
  }

  async #find(guid: string): Promise<HeldOperation> {
    const entry = isOperationId(guid) ? await this.#engine.find(guid) : undefined
    if (entry === undefined)
      throw new TransferError('OPERATION_UNKNOWN', 'there is no such operation', {where: shown(guid)})
    return entry
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }
}
