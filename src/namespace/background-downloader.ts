/** BackgroundDownloader (spec 2.1): gathers settings, then makes DownloadOperations of them. */

import {resolve, sep} from 'node:path'
import {invalidArgument} from '../domain/errors.ts'
import {fileNameFromUrl} from '../domain/file-name.ts'
import {assertOptions, assertSignal, type Known, shown} from '../domain/given.ts'
import {BackgroundTransferPriority} from '../domain/priority.ts'
import {type CollisionPolicy, type FtpTls, NO_ATTEMPTS, NO_EVIDENCE, type TransferPolicy} from '../domain/record.ts'
import type {ContentPiece} from '../domain/request-content.ts'
import {isFtp} from '../engine/bytes/transfer-request.ts'
import {defaultEngine} from '../engine/default-engine.ts'
import type {EngineApi, OperationDraft} from '../engine/engine-api.ts'
import {limitsOf} from '../engine/options.ts'
import type {BackgroundTransferCompletionGroup} from './background-transfer-completion-group.ts'
import type {BackgroundTransferGroup} from './background-transfer-group.ts'
import {getCurrentDownloads, getCurrentDownloadsForTransferGroup} from './current-transfers.ts'
import {DownloadOperation} from './download-operation.ts'
import {DOWNLOAD_OPTIONS, type DownloadOptions} from './download-options.ts'
import {type ByteStream, bytesOf} from './given-bytes.ts'
import {mirrorsOf} from './given-mirrors.ts'
import {assertPath} from './given-path.ts'
import {assertIterable} from './list-of.ts'
import {assertPriority} from './transfer-operation.ts'
import {TransferSettings} from './transfer-settings.ts'
import {requestUnconstrainedDownloads, type UnconstrainedTransferRequestResult} from './unconstrained-transfers.ts'

const NO_OPTIONS: DownloadOptions = Object.freeze({})

const KNOWN_OF_STREAM: Known<DownloadOptions & {readonly signal?: AbortSignal}> = {...DOWNLOAD_OPTIONS, signal: true}

/** What one policy was made of. */
interface PolicySource {
  readonly options: DownloadOptions
  readonly connections: number
  readonly overFtp: boolean
  readonly nameFromServer: boolean
  readonly policy: TransferPolicy
}

const COLLISION_POLICIES: ReadonlySet<CollisionPolicy> = new Set([
  'failIfExists',
  'generateUniqueName',
  'replaceExisting',
])

export class BackgroundDownloader extends TransferSettings {
  #ftpTls: 'none' | FtpTls = 'none'
  #connections = 1
  #lastPolicy: PolicySource | undefined

  /**
   * With a completion group, every download joins it; without one, it acts on the default engine. Throws INVALID_ARGUMENT for
   * null, CLOSED when no engine is open.
   */
  constructor(completionGroup: BackgroundTransferCompletionGroup | EngineApi = defaultEngine()) {
    super(completionGroup, 'GET')
  }

  /**
   * For ftp downloads created afterwards: TLS from the word AUTH on ('explicit', the usual port 21), or from the first byte
   * ('implicit', port 990). 'none' by default: passwords and files go in clear. Our addition to the namespace. Throws
   * INVALID_ARGUMENT.
   */
  get ftpTls(): 'none' | FtpTls {
    return this.#ftpTls
  }

  set ftpTls(when: 'none' | FtpTls) {
    if (when !== 'none' && when !== 'explicit' && when !== 'implicit') {
      throw invalidArgument('ftpTls', "must be 'none', 'explicit' or 'implicit'")
    }
    this.#ftpTls = when
  }

  /**
   * For downloads created afterwards: connections for one file at once, at most; 1 by default. A second one is opened where the
   * server has ranges and a version that can be told from others, more where that is faster. Our addition to the namespace. Throws
   * INVALID_ARGUMENT unless it is from 1 to 1,000.
   */
  get connections(): number {
    return this.#connections
  }

  set connections(connections: number) {
    this.#connections = limitsOf({connections}).connections ?? 1
  }

  /**
   * A download of `uri` into `resultFile` (relative to the working directory now; with a slash at its end it is a directory, and
   * the server names the file). Nothing is sent before startAsync. Throws INVALID_ARGUMENT for a scheme other than http, https and
   * ftp, and for options out of bounds; ILLEGAL_STATE when the completion group is enabled.
   */
  createDownload(uri: URL | string, resultFile: string, options?: DownloadOptions): DownloadOperation
  /**
   * The same, where each request carries `requestBodyFile` (a path, which may be relative too), as it is when it is sent; the method
   * stays what it is. Such a download starts over when it is interrupted.
   */
  createDownload(
    uri: URL | string,
    resultFile: string,
    requestBodyFile: string,
    options?: DownloadOptions,
  ): DownloadOperation
  createDownload(
    uri: URL | string,
    resultFile: string,
    third: string | DownloadOptions = {},
    fourth: DownloadOptions = {},
  ): DownloadOperation {
    if (third !== null && typeof third !== 'string') {
      return DownloadOperation.fromDraft(this.engine, this.#draft(uri, resultFile, third))
    }
    assertPath('requestBodyFile', third)
    const draft = this.#draft(uri, resultFile, fourth, true)
    return DownloadOperation.fromDraft(this.engine, withBody(draft, {kind: 'file', file: resolve(third)}))
  }

  /**
   * The same with a request body that comes from a stream, of which a private copy is made first: resolves when all of it is on
   * the disk. The copy goes when the download ends. Rejects with INVALID_ARGUMENT, CLOSED, DISK_FULL, with what the stream threw,
   * or with the reason of `signal`, and leaves nothing behind then.
   */
  async createDownloadAsync(
    uri: URL | string,
    resultFile: string,
    requestBodyStream: ByteStream,
    options: DownloadOptions & {readonly signal?: AbortSignal} = {},
  ): Promise<DownloadOperation> {
    const chunks = bytesOf('requestBodyStream', requestBodyStream)
    assertOptions('options', options, KNOWN_OF_STREAM)
    const {signal} = options
    assertSignal('signal', signal)
    const draft = this.#draft(uri, resultFile, options, true, KNOWN_OF_STREAM)
    try {
      const piece = await this.engine.takeBody(draft.id, chunks, signal)
      return DownloadOperation.fromDraft(this.engine, withBody(draft, piece))
    } catch (error) {
      this.leave([draft])
      throw error
    }
  }

  /**
   * Creates and starts many downloads without a handle to any; resolves with how many were accepted, all durable. Takes the
   * iterable in batches, so that a million of them never stand in memory.
   */
  async createDownloads(
    downloads: Iterable<readonly [uri: URL | string, resultFile: string, options?: DownloadOptions]>,
  ): Promise<number> {
    assertIterable('downloads', downloads)
    let accepted = 0
    let batch: OperationDraft[] = []
    const writing: Promise<void>[] = []
    // A batch is made while the disk takes the one before it.
    const write = async () => {
      const started = this.engine.startMany(batch)
      started.catch(() => undefined)
      writing.push(started)
      accepted += batch.length
      batch = []
      if (writing.length > MOST_WRITING) await writing.shift()
    }
    try {
      for (const download of downloads) {
        if (!Array.isArray(download)) throw invalidArgument('downloads', `must hold lists, not ${shown(download)}`)
        const [uri, resultFile, options = NO_OPTIONS] = download
        batch.push(this.#draft(uri, resultFile, options))
        if (batch.length === BATCH) await write()
      }
      await write()
    } finally {
      // Of what made it stop nobody has a handle.
      this.leave(batch)
      await Promise.all(writing)
    }
    return accepted
  }

  /** Pending downloads of the default engine that belong to no group. */
  static getCurrentDownloadsAsync(group = ''): Promise<readonly DownloadOperation[]> {
    return getCurrentDownloads(defaultEngine(), group)
  }

  /** Pending downloads of a transfer group of the default engine. Rejects with INVALID_ARGUMENT for what is no such group. */
  static getCurrentDownloadsForTransferGroupAsync(
    group: BackgroundTransferGroup,
  ): Promise<readonly DownloadOperation[]> {
    return getCurrentDownloadsForTransferGroup(defaultEngine(), group)
  }

  /** The same as of the default engine: BackgroundTransferEngine.requestUnconstrainedDownloadsAsync. */
  static requestUnconstrainedDownloadsAsync(
    operations: Iterable<DownloadOperation>,
  ): Promise<UnconstrainedTransferRequestResult> {
    return requestUnconstrainedDownloads(defaultEngine(), operations)
  }

  /** `hasBody`: its request is to have one. What is refused is refused before it counts anywhere. */
  #draft(
    uri: URL | string,
    resultFile: string,
    options: DownloadOptions,
    hasBody = false,
    known: Known<DownloadOptions> = DOWNLOAD_OPTIONS,
  ): OperationDraft {
    assertPath('resultFile', resultFile)
    // Of a bulk that is alike, once.
    if (this.#lastPolicy?.options !== options) assertOptions('options', options, known)
    const {collision = 'failIfExists', priority = BackgroundTransferPriority.default} = options
    if (!COLLISION_POLICIES.has(collision)) {
      throw invalidArgument(
        'collision',
        `must be one of ${[...COLLISION_POLICIES].join(', ')}, not ${shown(collision)}`,
      )
    }
    assertPriority(priority)
    const isDirectory = /[/\\]$/.test(resultFile) && (resultFile.endsWith('/') || sep === '\\')
    const nameFromServer = options.nameFromServer ?? isDirectory
    if (typeof nameFromServer !== 'boolean') throw invalidArgument('nameFromServer', 'must be true or false')
    const request = this.requestTo(uri)
    const overFtp = isFtp(request.url)
    if (overFtp && request.method !== 'GET') throw invalidArgument('uri', 'of the scheme ftp is for GET only')
    const ftpTls = this.#ftpTls
    const whole =
      overFtp || options.mirrors !== undefined
        ? {
            ...request,
            ...(overFtp && ftpTls !== 'none' ? {ftpTls} : {}),
            ...(options.mirrors === undefined ? {} : mirrorsOf(options.mirrors, request, hasBody)),
          }
        : request
    const policy = this.#policy(options, priority, overFtp, nameFromServer)
    return this.join({
      id: this.engine.newId(),
      direction: 'download',
      request: whole,
      target: {file: isDirectory ? resolve(resultFile, fileNameFromUrl(request.url)) : resolve(resultFile), collision},
      policy,
      createdAt: this.engine.now(),
      attempts: NO_ATTEMPTS,
      evidence: NO_EVIDENCE,
    })
  }

  /** Those of a bulk that are alike share one: of options that cannot have changed meanwhile it is made once. */
  #policy(
    options: DownloadOptions,
    priority: BackgroundTransferPriority,
    overFtp: boolean,
    nameFromServer: boolean,
  ): TransferPolicy {
    const last = this.#lastPolicy
    const connections = this.#connections
    if (
      last?.options === options &&
      last.connections === connections &&
      last.overFtp === overFtp &&
      last.nameFromServer === nameFromServer &&
      last.policy.group === this.group &&
      last.policy.costPolicy === this.costPolicy
    ) {
      return last.policy
    }
    const policy = this.policyWith({
      priority,
      // Size and date are all that FTP says of a version.
      ...(overFtp ? {compareOnResume: true} : {}),
      ...(connections > 1 ? {connections} : {}),
      ...limitsOf(options),
      ...(nameFromServer ? {nameFromServer} : {}),
    })
    this.#lastPolicy = Object.isFrozen(options) ? {options, connections, overFtp, nameFromServer, policy} : undefined
    return policy
  }
}

/** What the store takes with one sync. What is on its way is alive to the collector: more at once costs it more. */
const BATCH = 1000
const MOST_WRITING = 2

function withBody(draft: OperationDraft, piece: ContentPiece): OperationDraft {
  return {...draft, request: {...draft.request, body: {pieces: [piece]}}}
}
