/** DownloadOperation (spec 2.10): the application's handle of one download. One object per operation and process. */

import {
  catchError,
  concat,
  defer,
  distinctUntilChanged,
  filter,
  firstValueFrom,
  from,
  ignoreElements,
  map,
  merge,
  Observable,
  of,
  ReplaySubject,
  type Subscription,
  share,
  switchMap,
  takeUntil,
} from 'rxjs'
import type {BackgroundTransferCostPolicy} from '../domain/cost-policy.ts'
import {asTransferError, invalidArgument, TransferError} from '../domain/errors.ts'
import type {Explanation} from '../domain/explain.ts'
import {headerValue, withHeader, withoutHeader} from '../domain/header-fields.ts'
import {webErrorStatusOf} from '../domain/hresult.ts'
import type {OperationId} from '../domain/operation-id.ts'
import {BackgroundTransferPriority} from '../domain/priority.ts'
import type {
  Checksum,
  CollisionPolicy,
  HeaderField,
  OperationRecord,
  TransferPolicy,
  TransferRequest,
} from '../domain/record.ts'
import {BackgroundTransferStatus, isTerminal, type LifeState, statusOf} from '../domain/status.ts'
import type {WebErrorStatus} from '../domain/web-error-status.ts'
import type {ByteSource, Engine, OperationDraft} from '../engine/engine.ts'
import type {OperationEntry, OperationNotice} from '../engine/operation-entry.ts'
import {byteRate, limitsOf, type OperationLimits} from '../engine/options.ts'
import {BackgroundTransferGroup} from './background-transfer-group.ts'
import {rememberHandle, watchDraft} from './handles.ts'
import type {IBackgroundTransferOperation, IBackgroundTransferOperationPriority} from './interfaces.ts'
import {type OperationSummary, summaryOf} from './operation-summary.ts'
import {credentialOf, type PasswordCredential} from './password-credential.ts'
import {RandomAccessStream, type RandomAccessStreamReference} from './random-access-stream.ts'
import {
  type BackgroundTransferFileRange,
  type BackgroundTransferRangesDownloadedEventArgs,
  listenTo,
  type RangeState,
  rangesDownloaded,
  toFileRanges,
} from './ranges-downloaded.ts'
import {createRecoverableStatuses} from './recoverable-statuses.ts'
import {ResponseInformation} from './response-information.ts'
import {assertPosition, createResultStream} from './result-stream.ts'
import type {RunningDownload, WaitOptions} from './running-download.ts'
import {changeCredentials, changeRequestHeaders, withAddress} from './transfer-request.ts'

/** BackgroundDownloadProgress (spec 3.1): a copy that does not change afterwards. */
export interface BackgroundDownloadProgress {
  /** Body bytes; headers do not count. Falls only when hasRestarted tells why. */
  readonly bytesReceived: number
  /** 0 while unknown. */
  readonly totalBytesToReceive: number
  readonly status: BackgroundTransferStatus
  /** True during the first notice after a response's head. */
  readonly hasResponseChanged: boolean
  /** True during the first notice after a restart from zero. */
  readonly hasRestarted: boolean
}

export type RangesDownloadedListener = (
  event: BackgroundTransferRangesDownloadedEventArgs & {
    readonly type: 'rangesdownloaded'
    readonly target: DownloadOperation
  },
) => void

/** What may still be changed of an unfinished download; takes effect with its next try. Our addition to the namespace. */
export type ChangeableOptions = Omit<OperationLimits, 'maxBytesPerSecond'>

/** What a handle stands for: a draft until startAsync, an entry of the engine from then on. */
type Stage =
  | {readonly kind: 'draft'; readonly draft: OperationDraft}
  /** `then`: what was asked of it before it was accepted. */
  | {
      readonly kind: 'starting'
      readonly draft: OperationDraft
      readonly accepted: Promise<void>
      readonly then: (() => void)[]
    }
  | {readonly kind: 'entered'; readonly entry: OperationEntry}

const NO_FLAGS = {hasResponseChanged: false, hasRestarted: false}

export class DownloadOperation implements IBackgroundTransferOperation, IBackgroundTransferOperationPriority {
  readonly #engine: Engine
  #stage: Stage
  readonly #entered = new ReplaySubject<OperationEntry>(1)
  /**
   * Connected to the entry only while somebody listens: then the entry keeps the handle alive, and otherwise the application
   * alone does, so that both can go when it lets go. Errors when nothing more will come.
   */
  readonly #notices: Observable<OperationNotice>
  #flags = NO_FLAGS
  readonly #recoverable: WebErrorStatus[]
  readonly #listeners = new Map<RangesDownloadedListener, Subscription>()
  #response: {readonly facts: OperationRecord['response']; readonly information: ResponseInformation} | undefined

  private constructor(engine: Engine, stage: Stage) {
    this.#engine = engine
    this.#stage = stage
    const {policy} = stage.kind === 'entered' ? stage.entry.facts : stage.draft
    this.#recoverable = createRecoverableStatuses((policy.recoverable ?? []) as WebErrorStatus[], (recoverable) =>
      // Of no use to one that has ended, and no error (13.4).
      ifPossible(() => this.#changePolicy({recoverable})),
    )
    this.#notices = this.#entered.pipe(
      switchMap(({notices}) => notices),
      (source) => this.#flagged(source),
      share(),
    )
    if (stage.kind === 'entered') this.#enter(stage.entry)
  }

  /** A handle for a download that does not exist yet. */
  static fromDraft(engine: Engine, draft: OperationDraft): DownloadOperation {
    const operation = new DownloadOperation(engine, {kind: 'draft', draft})
    watchDraft(engine, draft.id, operation)
    return operation
  }

  /** A handle for an operation of the engine. */
  static fromEntry(engine: Engine, entry: OperationEntry): DownloadOperation {
    return new DownloadOperation(engine, {kind: 'entered', entry})
  }

  /** Whether an operation is of this engine. */
  static isOf(engine: Engine, operation: DownloadOperation): boolean {
    return operation.#engine === engine
  }

  /** From now on it does not pause to save power (requestUnconstrainedDownloadsAsync). */
  static exempt(engine: Engine, operation: DownloadOperation): void {
    if (DownloadOperation.isOf(engine, operation)) ifPossible(() => operation.#changePolicy({unconstrained: true}))
  }

  /** Lower case, without braces; the same in every session. */
  get guid(): OperationId {
    return this.#facts.id
  }

  get requestedUri(): URL {
    return new URL(this.#wishes.request.url)
  }

  /**
   * Only while paused by the application or by a recoverable error, else ILLEGAL_STATE. The next resume starts over; with random
   * access it goes on where size and Last-Modified are the same.
   */
  set requestedUri(uri: URL) {
    const state = this.#state
    if (state !== 'pausedByApplication' && state !== 'pausedRecoverableWebErrorStatus')
      throw this.#illegal('set requestedUri')
    this.#engine.changeRequest(this.#entry, withAddress(this.#engine, this.#wishes.request, uri, 'requestedUri'))
  }

  /** Absolute path of the destination; after completion, of the file as it was published. */
  get resultFile(): string {
    return this.#facts.resultFile ?? this.#facts.target.file
  }

  get method(): string {
    return this.#wishes.request.method
  }

  get group(): string {
    return this.#wishes.policy.group
  }

  /** What happens when the destination exists. */
  get collision(): CollisionPolicy {
    return this.#facts.target.collision
  }

  /** The digest that the file must have. */
  get checksum(): Checksum | undefined {
    return this.#wishes.policy.checksum
  }

  /**
   * Other limits, or another expected digest, for what is still to come. Throws INVALID_ARGUMENT, and ILLEGAL_STATE on a
   * terminal one.
   */
  changeOptions(options: ChangeableOptions): void {
    this.#changePolicy(limitsOf(options))
  }

  get transferGroup(): BackgroundTransferGroup | null {
    return this.group === '' ? null : BackgroundTransferGroup.of(this.#engine, this.group)
  }

  get priority(): BackgroundTransferPriority {
    return this.#wishes.policy.priority
  }

  /** Queued operations move to the end of their new class; a terminal one throws ILLEGAL_STATE (O37). */
  set priority(priority: BackgroundTransferPriority) {
    assertPriority(priority)
    this.#changePolicy({priority})
  }

  get costPolicy(): BackgroundTransferCostPolicy {
    return this.#wishes.policy.costPolicy
  }

  /** Takes effect at once; a terminal operation throws ILLEGAL_STATE. */
  set costPolicy(costPolicy: BackgroundTransferCostPolicy) {
    if (costPolicy !== 0 && costPolicy !== 1 && costPolicy !== 2) {
      throw invalidArgument('costPolicy', `must be 0, 1 or 2, not ${costPolicy}`)
    }
    this.#changePolicy({costPolicy})
  }

  /** Bytes per second of this operation alone; undefined is no limit. Takes effect at once; kept with the operation. */
  get maxBytesPerSecond(): number | undefined {
    return this.#wishes.policy.maxBytesPerSecond
  }

  set maxBytesPerSecond(bytesPerSecond: number | undefined) {
    const {maxBytesPerSecond: _, ...policy} = this.#wishes.policy
    const limit = byteRate('maxBytesPerSecond', bytesPerSecond)
    this.#replacePolicy(limit === undefined ? policy : {...policy, maxBytesPerSecond: limit})
  }

  /**
   * Errors on which the download pauses instead of failing: a list to be changed at any time before the error, kept with the
   * operation. Throws INVALID_ARGUMENT for what is no WebErrorStatus.
   */
  get recoverableWebErrorStatuses(): WebErrorStatus[] {
    return this.#recoverable
  }

  /** The error the transfer stands at, or null. */
  get currentWebErrorStatus(): WebErrorStatus | null {
    const {error} = this.#facts
    return error === undefined || this.#state === 'waitingToRetry' ? null : webErrorStatusOf(error)
  }

  /** A live value: each read is a fresh copy. */
  get progress(): BackgroundDownloadProgress {
    if (this.#stage.kind !== 'entered') {
      return {bytesReceived: 0, totalBytesToReceive: 0, status: BackgroundTransferStatus.idle, ...this.#flags}
    }
    const {received, total} = this.#engine.progressOf(this.#stage.entry)
    return {
      bytesReceived: received,
      totalBytesToReceive: total,
      status: statusOf(this.#stage.entry.record.state),
      ...this.#flags,
    }
  }

  /** The present status, then each change; completes with the terminal one. */
  get status$(): Observable<BackgroundTransferStatus> {
    const present = defer(() => of(this.progress.status))
    const changes = this.#notices.pipe(map(({record}) => statusOf(record.state)))
    return this.#untilEnd(concat(present, changes)).pipe(distinctUntilChanged())
  }

  /** Incremental progress, twice a second; deferrals hold the next event back (spec 2.7). */
  get rangesDownloaded(): Observable<BackgroundTransferRangesDownloadedEventArgs> {
    const changes = merge(this.#notices, this.#engine.ticks$).pipe(map(() => this.#rangeState))
    return rangesDownloaded(this.#untilEnd(changes), () => this.#engine.now())
  }

  /** The same for a handler, as an event whose `target` is this operation. Adding it twice adds it once. */
  addEventListener(type: 'rangesdownloaded', listener: RangesDownloadedListener): void {
    assertEventType(type)
    if (this.#listeners.has(listener)) return
    const tell = (args: BackgroundTransferRangesDownloadedEventArgs) => listener({...args, type, target: this})
    this.#listeners.set(listener, listenTo(this.rangesDownloaded, tell))
  }

  removeEventListener(type: 'rangesdownloaded', listener: RangesDownloadedListener): void {
    assertEventType(type)
    this.#listeners.get(listener)?.unsubscribe()
    this.#listeners.delete(listener)
  }

  /** All ranges fetched so far, sorted and merged: for a sequential download one from zero, or none. A fresh copy. */
  getDownloadedRanges(): readonly BackgroundTransferFileRange[] {
    return toFileRanges(this.#rangeState.ranges)
  }

  /** Whether bytes are fetched in the order in which they are read; false by default. */
  get isRandomAccessRequired(): boolean {
    return this.#wishes.policy.randomAccess === true
  }

  /** Before startAsync only, else ILLEGAL_STATE. The server must know ranges, sizes and versions (spec 9.4). */
  set isRandomAccessRequired(required: boolean) {
    if (this.#stage.kind !== 'draft') throw this.#illegal('set isRandomAccessRequired')
    if (typeof required !== 'boolean') throw invalidArgument('isRandomAccessRequired', 'must be true or false')
    this.#changePolicy({randomAccess: required})
  }

  /** Opens seekable streams, before the start and after. Throws ILLEGAL_STATE unless isRandomAccessRequired. */
  getResultRandomAccessStreamReference(): RandomAccessStreamReference {
    if (!this.isRandomAccessRequired) throw this.#illegal('get random access, which is not required')
    return {
      openReadAsync: async () =>
        new RandomAccessStream({
          open: async () => this.#engine.bytesOf(await firstValueFrom(this.#entered)),
          size: () => this.progress.totalBytesToReceive,
          contentType: () => headerValue(this.#facts.response?.headers ?? [], 'content-type') ?? '',
        }),
    }
  }

  /**
   * The bytes from `position` on, of a download that runs, rests or has ended. Reads wait for what is not there yet, the stream
   * ends behind the last byte of a completed download, and errors with what ended it before, or with DOWNLOAD_RESTARTED when it
   * began again since bytes were given. Nothing is read ahead. For a Node stream: `Readable.fromWeb(stream)`. Throws
   * INVALID_ARGUMENT for a position beyond a known size, ILLEGAL_STATE when it was never started.
   */
  getResultStreamAt(position: number): ReadableStream<Uint8Array> {
    if (this.#stage.kind === 'draft') throw this.#illegal('getResultStreamAt')
    const total = this.progress.totalBytesToReceive
    assertPosition(position, total === 0 ? undefined : total)
    return createResultStream(() => this.#bytes(), position)
  }

  /** The newest response, or null before any; the same object until a newer one arrives. */
  getResponseInformation(): ResponseInformation | null {
    const facts = this.#facts.response
    if (facts === undefined) return null
    if (this.#response?.facts !== facts) {
      this.#response = {
        facts,
        information: new ResponseInformation(facts, this.method, this.#wishes.request.body === undefined),
      }
    }
    return this.#response.information
  }

  /** The operation as plain data: redacted, JSON-safe, with the durable counters. */
  describe(): OperationSummary {
    return summaryOf({sequence: 0, ...this.#facts, state: this.#state === 'new' ? 'queued' : this.#state})
  }

  /** Why it is not moving, and what would move it. */
  explain(): Explanation {
    if (this.#stage.kind !== 'entered') return {why: 'it was never started', next: 'call startAsync'}
    return this.#engine.explain(this.#stage.entry)
  }

  /**
   * Starts the transfer. Resolves with this object when the file is whole and durable; rejects with a TransferError, CANCELED
   * and CLOSED included. Throws ILLEGAL_STATE when it was started before.
   */
  startAsync(options: WaitOptions = {}): RunningDownload {
    if (this.#stage.kind !== 'draft') throw this.#illegal('startAsync')
    const {request, policy} = this.#stage.draft
    if (policy.randomAccess === true && (request.method !== 'GET' || request.body !== undefined)) {
      throw invalidArgument('isRandomAccessRequired', 'is for GET without a request body')
    }
    if (options.signal?.aborted === true) return this.#running(Promise.reject(options.signal.reason), options)
    const recoverable = this.#recoverable.length === 0 ? {} : {recoverable: [...this.#recoverable]}
    const draft = {...this.#stage.draft, policy: {...this.#stage.draft.policy, ...recoverable}}
    const then: (() => void)[] = []
    const accepted = this.#engine.start([draft]).then(
      ([entry]) => {
        if (entry === undefined) return
        this.#enter(entry)
        for (const call of then) call()
      },
      (error) => {
        if (this.#stage.kind === 'starting') this.#stage = {kind: 'draft', draft: this.#stage.draft}
        throw error
      },
    )
    this.#stage = {kind: 'starting', draft, accepted, then}
    return this.#running(accepted, options)
  }

  /**
   * Connects to an operation of an earlier session, or again to one of this. Settles at once when it has ended. Throws
   * ILLEGAL_STATE when it was never started, CLOSED.
   */
  attachAsync(options: WaitOptions = {}): RunningDownload {
    if (this.#stage.kind === 'draft') throw this.#illegal('attachAsync')
    if (this.#stage.kind === 'starting') return this.#running(this.#stage.accepted, options)
    this.#engine.attach(this.#stage.entry)
    return this.#running(Promise.resolve(), options)
  }

  /** Keeps the bytes; status becomes PausedByApplication a little later. ILLEGAL_STATE unless running or queued (13.4). */
  pause(): void {
    const state = this.#state
    const running = state === 'running' || state === 'waitingToRetry' || state === 'returning' || state === 'publishing'
    if (state !== 'queued' && !running) throw this.#illegal('pause')
    if (running && this.method.toUpperCase() === 'POST') throw this.#illegal('pause a POST download')
    if (state !== 'publishing') this.#onceAccepted(() => this.#engine.pause(this.#entry))
  }

  /** Continues a paused download. No effect in a pause of the system; ILLEGAL_STATE when it is not paused (13.4). */
  resume(): void {
    switch (this.#state) {
      case 'pausedByApplication':
      case 'pausedRecoverableWebErrorStatus':
      case 'pausedForStorage':
        this.#engine.resume(this.#entry)
        return
      case 'pausedNoNetwork':
      case 'pausedCostedNetwork':
      case 'pausedSystemPolicy':
        return
      default:
        throw this.#illegal('resume')
    }
  }

  /** Moves this download, and those behind it in its group, to the front. Without a group nothing happens. Throws CLOSED. */
  makeCurrentInTransferGroup(): void {
    if (this.#stage.kind === 'draft') return
    this.#onceAccepted(() => {
      // Rejects only when the engine closes before a failing store took it; that was logged.
      this.#engine.makeCurrent(this.#entry).catch(() => undefined)
    })
  }

  /** From the next request on; repeated calls concatenate. ILLEGAL_STATE on a terminal operation. */
  setRequestHeader(name: string, value: string): void {
    this.#changeHeaders(name, (fields) => withHeader(fields, name, value))
  }

  /** Case-insensitive; removing an absent header does nothing. */
  removeRequestHeader(name: string): void {
    this.#changeHeaders(name, (fields) => withoutHeader(fields, name))
  }

  /**
   * Other credentials, from the next request on; null takes one away, and what is not named stays. Our addition to the
   * namespace. Throws INVALID_ARGUMENT, and ILLEGAL_STATE on a terminal operation.
   */
  setCredentials(given: {
    readonly server?: PasswordCredential | null
    readonly proxy?: PasswordCredential | null
  }): void {
    const change = {
      ...(given.server === undefined ? {} : {server: credentialOf(given.server, 'server')}),
      ...(given.proxy === undefined ? {} : {proxy: credentialOf(given.proxy, 'proxy')}),
    }
    this.#changeRequest(changeCredentials(this.#engine, this.#wishes.request, change))
  }

  get #facts(): OperationDraft & Pick<OperationRecord, 'error' | 'response'> {
    return this.#stage.kind === 'entered' ? this.#stage.entry.record : this.#stage.draft
  }

  /** What the application asked for last, told or not yet. */
  get #wishes(): Pick<OperationDraft, 'request' | 'policy'> {
    return this.#stage.kind === 'entered' ? this.#stage.entry.facts : this.#stage.draft
  }

  /** Now, or when its record is durable, if it is possible then still. */
  #onceAccepted(call: () => void): void {
    if (this.#stage.kind !== 'starting') {
      call()
      return
    }
    this.#stage.then.push(() => ifPossible(call))
  }

  get #rangeState(): RangeState {
    const {status} = this.progress
    if (this.#stage.kind !== 'entered') return {generation: 1, ranges: [], status}
    const {generation, received, written} = this.#engine.countsOf(this.#stage.entry)
    if (this.isRandomAccessRequired) return {generation, ranges: written, status}
    return {generation, ranges: received === 0 ? [] : [[0, received]], status}
  }

  /** Its bytes, once it is accepted; to be closed. */
  async #bytes(): Promise<ByteSource> {
    if (this.#stage.kind === 'starting') await this.#stage.accepted
    return this.#engine.bytesOf(this.#entry)
  }

  get #entry(): OperationEntry {
    if (this.#stage.kind !== 'entered') throw this.#illegal('use')
    return this.#stage.entry
  }

  get #state(): LifeState | 'new' {
    return this.#stage.kind === 'draft' ? 'new' : this.#lifeState
  }

  get #lifeState(): LifeState {
    return this.#stage.kind === 'entered' ? this.#stage.entry.state : 'queued'
  }

  #illegal(call: string): TransferError {
    return new TransferError('ILLEGAL_STATE', `cannot ${call}: the operation is ${this.#state}`, {where: this.guid})
  }

  #enter(entry: OperationEntry): void {
    this.#stage = {kind: 'entered', entry}
    rememberHandle(this.#engine, entry, this)
    this.#entered.next(entry)
  }

  /** The flags hold while a notice is told. */
  #flagged(source: Observable<OperationNotice>): Observable<OperationNotice> {
    return new Observable((subscriber) =>
      source.subscribe({
        next: (notice) => {
          const {hasResponseChanged, hasRestarted} = notice
          this.#flags = {hasResponseChanged, hasRestarted}
          subscriber.next(notice)
          this.#flags = NO_FLAGS
        },
        error: (error) => subscriber.error(error),
      }),
    )
  }

  #running(accepted: Promise<void>, {signal, cancelSignal}: WaitOptions): RunningDownload {
    const outcome = this.#outcome(accepted, signal)
    const cancel = () => {
      accepted.then(
        () => ifPossible(() => this.#cancel()),
        () => undefined,
      )
    }
    const unlisten = cancelSignal === undefined ? () => undefined : whenAborted(cancelSignal, cancel)
    outcome.then(unlisten, unlisten)
    accepted.catch(() => undefined)
    const refused = from(accepted).pipe(
      ignoreElements(),
      catchError(() => of(true)),
    )
    return Object.assign(outcome, {
      accepted,
      progress$: this.#untilEnd(concat(of(undefined), this.#notices)).pipe(
        takeUntil(refused),
        map(() => this),
      ),
      cancel,
    })
  }

  #cancel(): void {
    if (!isTerminal(this.#entry.state)) this.#engine.cancel(this.#entry)
  }

  async #outcome(accepted: Promise<void>, signal: AbortSignal | undefined): Promise<DownloadOperation> {
    await unlessAborted(from(accepted), signal)
    const record = await this.#terminalRecord(signal)
    await this.#engine.markDelivered(this.#entry)
    if (record.state === 'completed') return this
    if (record.state === 'canceled')
      throw new TransferError('CANCELED', 'the transfer was canceled', {where: this.guid})
    throw record.error === undefined
      ? asTransferError(new Error('the transfer failed without saying why'))
      : TransferError.fromSerialized(record.error)
  }

  async #terminalRecord(signal: AbortSignal | undefined): Promise<OperationRecord> {
    const {record} = this.#entry
    if (isTerminal(record.state)) return record
    const ends = this.#notices.pipe(filter((notice) => isTerminal(notice.record.state)))
    return (await unlessAborted(ends, signal)).record
  }

  #changePolicy(change: Partial<TransferPolicy>): void {
    this.#replacePolicy({...this.#wishes.policy, ...change})
  }

  #replacePolicy(policy: TransferPolicy): void {
    const stage = this.#stage
    if (isTerminal(this.#lifeState)) throw this.#illegal('change its policy')
    if (stage.kind !== 'entered') this.#stage = {...stage, draft: {...stage.draft, policy}}
    if (stage.kind !== 'draft') this.#onceAccepted(() => this.#engine.changePolicy(this.#entry, policy))
  }

  #changeHeaders(name: string, change: (fields: readonly HeaderField[]) => readonly HeaderField[]): void {
    this.#changeRequest(changeRequestHeaders(this.#engine, this.#wishes.request, name, change))
  }

  #changeRequest(request: TransferRequest): void {
    const stage = this.#stage
    if (isTerminal(this.#lifeState)) throw this.#illegal('change its request')
    if (stage.kind !== 'entered') this.#stage = {...stage, draft: {...stage.draft, request}}
    if (stage.kind !== 'draft') this.#onceAccepted(() => this.#engine.changeRequest(this.#entry, request))
  }

  #untilEnd<T>(source: Observable<T>): Observable<T> {
    return new Observable<T>((subscriber) => {
      const isOver = () => this.#stage.kind === 'entered' && isTerminal(this.#stage.entry.record.state)
      return source.subscribe({
        next: (value) => {
          const over = isOver()
          subscriber.next(value)
          if (over) subscriber.complete()
        },
        error: () => subscriber.complete(),
        complete: () => subscriber.complete(),
      })
    })
  }
}

function assertEventType(type: unknown): void {
  if (type !== 'rangesdownloaded') throw invalidArgument('type', `must be 'rangesdownloaded', not '${String(type)}'`)
}

export function assertPriority(priority: BackgroundTransferPriority): void {
  if (!Object.values(BackgroundTransferPriority).includes(priority)) {
    throw invalidArgument('priority', `must be 0, 1 or 2, not ${priority}`)
  }
}

/** The first value of `source`. Rejects with the signal's reason when that comes first. */
function unlessAborted<T>(source: Observable<T>, signal: AbortSignal | undefined): Promise<T> {
  if (signal === undefined) return firstValueFrom(source)
  const aborted = new Observable<never>((subscriber) => whenAborted(signal, () => subscriber.error(signal.reason)))
  return firstValueFrom(merge(aborted, source))
}

/** Calls at once where the signal is aborted already. Returns how to stop listening. */
function whenAborted(signal: AbortSignal, call: () => void): () => void {
  if (signal.aborted) call()
  else signal.addEventListener('abort', call, {once: true})
  return () => signal.removeEventListener('abort', call)
}

/** What is asked for later than it was said: by then it may be too late, and that is no error. */
function ifPossible(call: () => void): void {
  try {
    call()
  } catch (error) {
    const isTooLate = error instanceof TransferError && (error.code === 'ILLEGAL_STATE' || error.code === 'CLOSED')
    if (!isTooLate) throw error
  }
}
