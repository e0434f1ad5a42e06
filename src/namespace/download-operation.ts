/** DownloadOperation (spec 2.10): the application's handle of one download. */

import {defer, from, map, merge, type Observable, type Subscription} from 'rxjs'
import {describedBy} from '../domain/content-description.ts'
import {invalidArgument} from '../domain/errors.ts'
import {shown} from '../domain/given.ts'
import {headerValue} from '../domain/header-fields.ts'
import {webErrorStatusOf} from '../domain/hresult.ts'
import type {Checksum, CollisionPolicy} from '../domain/record.ts'
import {BackgroundTransferStatus} from '../domain/status.ts'
import type {WebErrorStatus} from '../domain/web-error-status.ts'
import {isFtp, withOtherAddress} from '../engine/bytes/transfer-request.ts'
import type {EngineApi, HeldOperation, OperationDraft} from '../engine/engine-api.ts'
import {watchDraft} from './handles.ts'
import {ifPossible} from './if-possible.ts'
import type {Origin} from './operation-stage.ts'
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
import {assertPosition, createResultStream} from './result-stream.ts'
import type {RunningTransfer, WaitOptions} from './running-transfer.ts'
import {TransferOperation} from './transfer-operation.ts'

export type RunningDownload = RunningTransfer<DownloadOperation>

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

export class DownloadOperation extends TransferOperation {
  readonly #recoverable: WebErrorStatus[]
  readonly #listeners = new Map<RangesDownloadedListener, Subscription>()

  private constructor(engine: EngineApi, origin: Origin) {
    super(engine, origin)
    this.#recoverable = createRecoverableStatuses(
      (this.wishes.policy.recoverable ?? []) as WebErrorStatus[],
      (recoverable) =>
        // Of no use to one that has ended, and no error (13.4).
        ifPossible(() => this.changePolicy({recoverable})),
    )
  }

  /** A handle for a download that does not exist yet. */
  static fromDraft(engine: EngineApi, draft: OperationDraft): DownloadOperation {
    const operation = new DownloadOperation(engine, {draft})
    watchDraft(engine, draft.id, operation)
    return operation
  }

  /** A handle for an operation of the engine. */
  static fromEntry(engine: EngineApi, entry: HeldOperation): DownloadOperation {
    return new DownloadOperation(engine, {entry})
  }

  /** The address that it was asked for, which redirects do not change; a fresh copy. */
  override get requestedUri(): URL {
    return super.requestedUri
  }

  /**
   * Set only while paused by the application or by a recoverable error, else ILLEGAL_STATE. The next resume starts over; with random
   * access it goes on where size and Last-Modified are the same. http and https are interchangeable, ftp is not (O39).
   */
  override set requestedUri(uri: URL) {
    const {state, entered} = this
    const isPaused = state === 'pausedByApplication' || state === 'pausedRecoverableWebErrorStatus'
    // As a POST, it may be on the wire before a pause holds that was asked for while it was being started.
    if (!isPaused || entered === undefined) throw this.illegal('set requestedUri')
    this.engine.changeRequest(entered, withOtherAddress(this.engine, this.wishes.request, uri, 'requestedUri'))
  }

  /** Absolute path of the destination; after completion, of the file as it was published. */
  get resultFile(): string {
    return this.facts.resultFile ?? this.facts.target.file
  }

  /** What happens when the destination exists. */
  get collision(): CollisionPolicy {
    return this.facts.target.collision
  }

  /** The digest that the file must have. */
  get checksum(): Checksum | undefined {
    return this.wishes.policy.checksum
  }

  /**
   * Errors on which the download pauses instead of failing: a list to be changed at any time before the error, kept with the
   * operation. Throws INVALID_ARGUMENT for what is no WebErrorStatus.
   */
  get recoverableWebErrorStatuses(): WebErrorStatus[] {
    return this.#recoverable
  }

  /** The error the transfer stands at, or null: also while it runs, whatever became of its last try. */
  get currentWebErrorStatus(): WebErrorStatus | null {
    const {error} = this.facts
    return error === undefined || this.status === BackgroundTransferStatus.running ? null : webErrorStatusOf(error)
  }

  /** A live value: each read is a fresh copy. */
  get progress(): BackgroundDownloadProgress {
    const {entered} = this
    const {received, total} = entered === undefined ? {received: 0, total: 0} : this.engine.progressOf(entered)
    const {hasResponseChanged, hasRestarted} = this.notices.flags
    return {
      bytesReceived: received,
      totalBytesToReceive: total,
      status: this.status,
      hasResponseChanged,
      hasRestarted,
    }
  }

  /**
   * Incremental progress, twice a second; deferrals hold the next event back (spec 2.7). The first event has all ranges so far, of an
   * ended download too; completes when it has ended and all was told.
   */
  get rangesDownloaded(): Observable<BackgroundTransferRangesDownloadedEventArgs> {
    // Of one that has ended nothing more is told, and where nothing else moves no tick comes either.
    const told = defer(() => (this.isOver ? from(Promise.resolve()) : merge(this.notices, this.engine.ticks$)))
    const changes = told.pipe(map(() => this.#rangeState))
    return rangesDownloaded(this.untilEnd(changes), () => this.engine.now())
  }

  /** The same for a handler, as an event whose `target` is this operation. Adding it twice adds it once. */
  addEventListener(type: 'rangesdownloaded', listener: RangesDownloadedListener): void {
    assertEventType(type)
    if (typeof listener !== 'function') throw invalidArgument('listener', `must be a function, not ${shown(listener)}`)
    if (this.#listeners.has(listener)) return
    const tell = (args: BackgroundTransferRangesDownloadedEventArgs) => listener({...args, type, target: this})
    this.#listeners.set(listener, listenTo(this.rangesDownloaded, tell))
  }

  /** No effect for one that was not added. Throws INVALID_ARGUMENT for another type. */
  removeEventListener(type: 'rangesdownloaded', listener: RangesDownloadedListener): void {
    assertEventType(type)
    this.#listeners.get(listener)?.unsubscribe()
    this.#listeners.delete(listener)
  }

  /** All ranges fetched so far, sorted and merged: over one connection and without random access one from zero, or none. A fresh copy. */
  getDownloadedRanges(): readonly BackgroundTransferFileRange[] {
    return toFileRanges(this.#rangeState.ranges)
  }

  /** Whether bytes are fetched in the order in which they are read; false by default. */
  get isRandomAccessRequired(): boolean {
    return this.wishes.policy.randomAccess === true
  }

  /** Before startAsync only, else ILLEGAL_STATE. The server must know ranges, sizes and versions (spec 9.4). */
  set isRandomAccessRequired(required: boolean) {
    if (this.state !== 'new') throw this.illegal('set isRandomAccessRequired')
    if (typeof required !== 'boolean') throw invalidArgument('isRandomAccessRequired', 'must be true or false')
    this.changePolicy({randomAccess: required})
  }

  /** Opens seekable streams, before the start and after. Throws ILLEGAL_STATE unless isRandomAccessRequired. */
  getResultRandomAccessStreamReference(): RandomAccessStreamReference {
    if (!this.isRandomAccessRequired) throw this.illegal('get random access, which is not required')
    return {
      openReadAsync: async () =>
        new RandomAccessStream({
          open: async () => this.engine.bytesOf(await this.untilEntered()),
          size: () => this.progress.totalBytesToReceive,
          contentType: () => this.#contentType(),
        }),
    }
  }

  #contentType(): string {
    const {response, evidence} = this.present
    if (response === undefined) return ''
    return headerValue(describedBy(evidence.description, response).headers, 'content-type') ?? ''
  }

  /**
   * The bytes from `position` on, of a download that runs, rests or has ended. Reads wait for what is not there yet, the stream
   * ends behind the last byte of a completed download, and errors with what ended it before, or with DOWNLOAD_RESTARTED when it
   * began again since bytes were given. Nothing is read ahead. For a Node stream: `Readable.fromWeb(stream)`. Throws
   * INVALID_ARGUMENT for a position beyond a known size, ILLEGAL_STATE when it was never started.
   */
  getResultStreamAt(position: number): ReadableStream<Uint8Array> {
    if (this.state === 'new') throw this.illegal('getResultStreamAt')
    const total = this.progress.totalBytesToReceive
    assertPosition(position, total === 0 ? undefined : total)
    return createResultStream(async () => this.engine.bytesOf(await this.untilAccepted()), position)
  }

  /** Keeps the bytes; status becomes PausedByApplication a little later. ILLEGAL_STATE unless running or queued; for a POST unless queued (13.4). */
  pause(): void {
    const state = this.state
    const running = state === 'running' || state === 'waitingToRetry' || state === 'returning' || state === 'publishing'
    if (state !== 'queued' && !running) throw this.illegal('pause')
    // Its request may go out before a pause holds that is asked for while it is being started.
    const isSent = running || this.entered === undefined
    if (isSent && this.method.toUpperCase() === 'POST') throw this.illegal('pause a POST download')
    if (state !== 'publishing') this.onceAccepted((entry) => this.engine.pause(entry), 'pausedByApplication')
  }

  /**
   * Continues a paused download, or takes back a pause that is still under way. No effect in a pause of the system; ILLEGAL_STATE
   * when it is not paused (13.4).
   */
  resume(): void {
    switch (this.state) {
      case 'running':
      case 'pausedByApplication':
      case 'pausedRecoverableWebErrorStatus':
      case 'pausedForStorage':
        this.onceAccepted((entry) => this.engine.resume(entry), 'queued')
        return
      case 'pausedNoNetwork':
      case 'pausedCostedNetwork':
      case 'pausedSystemPolicy':
        return
      default:
        throw this.illegal('resume')
    }
  }

  /**
   * Starts the transfer. Resolves with this object when the file is whole and durable; rejects with a TransferError, CANCELED and
   * CLOSED included. Throws INVALID_ARGUMENT, also where random access is required of anything but a plain GET over http or https;
   * ILLEGAL_STATE when it was started before.
   */
  override startAsync(options: WaitOptions = {}): RunningTransfer<this> {
    const {request, policy} = this.wishes
    const isPlain = request.method === 'GET' && request.body === undefined && !isFtp(request.url)
    if (this.state === 'new' && policy.randomAccess === true && !isPlain) {
      throw invalidArgument('isRandomAccessRequired', 'is for GET over http or https, without a request body')
    }
    return super.startAsync(options)
  }

  get #rangeState(): RangeState {
    const {entered, status} = this
    if (entered === undefined) return {generation: 1, ranges: [], status}
    const {generation, received, written} = this.engine.countsOf(entered)
    const {randomAccess = false, connections = 1} = this.wishes.policy
    // Further connections may have left holes that one by itself fills now.
    const isInOrder = !randomAccess && connections === 1 && written.every(([start]) => start === 0)
    if (!isInOrder) return {generation, ranges: written, status}
    return {generation, ranges: received === 0 ? [] : [[0, received]], status}
  }
}

function assertEventType(type: unknown): void {
  if (type !== 'rangesdownloaded') throw invalidArgument('type', `must be 'rangesdownloaded', not ${shown(type)}`)
}
