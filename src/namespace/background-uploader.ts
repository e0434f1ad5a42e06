/** BackgroundUploader (spec 2.8): gathers settings, then makes UploadOperations of them. */

import {basename, resolve} from 'node:path'
import {invalidArgument} from '../domain/errors.ts'
import {assertObject, assertOptions, assertSignal, type Known, shown} from '../domain/given.ts'
import {withoutHeader} from '../domain/header-fields.ts'
import {isBoundary, isDelimiterIn, multipartPieces, multipartType} from '../domain/multipart.ts'
import type {OperationId} from '../domain/operation-id.ts'
import {BackgroundTransferPriority} from '../domain/priority.ts'
import {NO_ATTEMPTS, NO_EVIDENCE, type TransferPolicy, type TransferRequest} from '../domain/record.ts'
import type {RequestContent} from '../domain/request-content.ts'
import {uploadTarget} from '../domain/upload.ts'
import {isFtp} from '../engine/bytes/transfer-request.ts'
import {defaultEngine} from '../engine/default-engine.ts'
import type {EngineApi, OperationDraft} from '../engine/engine-api.ts'
import {limitsOf} from '../engine/options.ts'
import type {BackgroundTransferCompletionGroup} from './background-transfer-completion-group.ts'
import {BackgroundTransferContentPart} from './background-transfer-content-part.ts'
import type {BackgroundTransferGroup} from './background-transfer-group.ts'
import {getCurrentUploads, getCurrentUploadsForTransferGroup} from './current-transfers.ts'
import {type ByteStream, bytesOf} from './given-bytes.ts'
import {assertPath} from './given-path.ts'
import {listOf} from './list-of.ts'
import {refuseOtherCopy} from './other-copies.ts'
import {assertPriority} from './transfer-operation.ts'
import {TransferSettings} from './transfer-settings.ts'
import {requestUnconstrainedUploads, type UnconstrainedTransferRequestResult} from './unconstrained-transfers.ts'
import {UploadOperation} from './upload-operation.ts'

/** What one upload may ask beside the uploader's settings; our own additions to the namespace. */
export interface UploadOptions {
  /** Retries after the first try; the engine's by default. */
  readonly retries?: number
  /** Base of the backoff in ms; the engine's by default. */
  readonly retryDelayMs?: number
  /** ms; the engine's by default. */
  readonly connectTimeoutMs?: number
  /** ms from the last byte of the request to the head of the answer; the engine's by default. */
  readonly responseTimeoutMs?: number
  /** ms without a byte sent or received; the engine's by default. */
  readonly stallTimeoutMs?: number
  /** `default` by default; may be changed later. */
  readonly priority?: BackgroundTransferPriority
  /** Bytes per second of this upload alone; no limit by default. */
  readonly maxBytesPerSecond?: number
  /**
   * Name of the protocol by which it goes on where it was cut: 'tus', or one of the engine's `uploadProtocols`. Without one it is
   * a single request, sent anew after each interruption.
   */
  readonly protocol?: string
  /** What the protocol tells the server beside the bytes; `filename` is there by itself for a file. */
  readonly metadata?: Readonly<Record<string, string>>
  /** The most bytes of one request of the protocol; its own choice by default. */
  readonly partBytes?: number
}

const KNOWN: Known<UploadOptions> = {
  retries: true,
  retryDelayMs: true,
  connectTimeoutMs: true,
  responseTimeoutMs: true,
  stallTimeoutMs: true,
  priority: true,
  maxBytesPerSecond: true,
  protocol: true,
  metadata: true,
  partBytes: true,
}

const KNOWN_OF_STREAM: Known<UploadOptions & {readonly signal?: AbortSignal}> = {...KNOWN, signal: true}

export class BackgroundUploader extends TransferSettings {
  /**
   * With a completion group, every upload joins it; without one, it acts on the default engine. Throws INVALID_ARGUMENT for
   * null, CLOSED when no engine is open.
   */
  constructor(completionGroup: BackgroundTransferCompletionGroup | EngineApi = defaultEngine()) {
    super(completionGroup, 'POST')
  }

  protected override requestTo(uri: URL | string): TransferRequest {
    const request = super.requestTo(uri)
    if (isFtp(request.url)) throw invalidArgument('uri', 'must be http or https: FTP is for downloads only')
    return request
  }

  /**
   * An upload of a file (relative to the working directory now) as it is, without a Content-Type of its own. It is read when it
   * is sent, and must not change until the server has it. Nothing is sent before startAsync. Throws INVALID_ARGUMENT.
   */
  createUpload(uri: URL | string, sourceFile: string, options: UploadOptions = {}): UploadOperation {
    assertPath('sourceFile', sourceFile)
    assertOptions('options', options, KNOWN)
    const content: RequestContent = {pieces: [{kind: 'file', file: resolve(sourceFile)}]}
    if (options.metadata !== undefined) assertObject('metadata', options.metadata)
    const metadata = {filename: basename(sourceFile), ...options.metadata}
    const request = {...this.requestTo(uri), ...wayOf(options, metadata)}
    const policy = this.#policy(options)
    return this.#create(this.engine.newId(), request, content, policy)
  }

  /**
   * An upload of several parts, as multipart/form-data or another multipart type (`subType`: the bare word), with a boundary of
   * ours or of the caller's, which no text may hold as the delimiter of a part; files are not looked at. The parts are taken as they
   * are now. Rejects with INVALID_ARGUMENT.
   */
  async createUploadAsync(
    uri: URL | string,
    parts: Iterable<BackgroundTransferContentPart>,
    subType = 'form-data',
    boundary?: string,
    options: UploadOptions = {},
  ): Promise<UploadOperation> {
    assertOptions('options', options, KNOWN)
    const taken = listOf(parts)
    const others = taken.filter((each) => !(each instanceof BackgroundTransferContentPart))
    if (taken.length === 0 || others.length > 0) {
      for (const each of others) refuseOtherCopy('parts', each, 'BackgroundTransferContentPart')
      throw invalidArgument('parts', 'must be content parts, one at least')
    }
    if (typeof subType !== 'string' || !/^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/.test(subType)) {
      throw invalidArgument('subType', 'must be the bare name of a multipart type')
    }
    if (boundary !== undefined && (typeof boundary !== 'string' || !isBoundary(boundary))) {
      throw invalidArgument('boundary', 'must have 1 to 70 of the characters of RFC 2046, and no space at its end')
    }
    const snapshots = taken.map(BackgroundTransferContentPart.snapshot)
    if (boundary !== undefined && snapshots.some((each) => isDelimiterIn(each, boundary))) {
      throw invalidArgument('boundary', 'must not stand at the beginning of a line of a text')
    }
    const {headers, ...request} = {...this.requestTo(uri), ...wayOf(options)}
    const policy = this.#policy(options)
    const id = this.engine.newId()
    // 62 of its bits are random, made after the parts: that a file has it at the beginning of one of its lines needs no looking for.
    const delimiter = boundary ?? `background-transfer-${id}`
    const pieces = multipartPieces(snapshots, delimiter)
    const type = ['Content-Type', multipartType(subType, delimiter)] as const
    return this.#create(id, {...request, headers: [...withoutHeader(headers, 'Content-Type'), type]}, {pieces}, policy)
  }

  /**
   * An upload of a stream: resolves when all of it was taken into a private file, which goes when the upload ends. Rejects with
   * what the stream throws, with DISK_FULL and the like, or with the reason of `signal`; nothing is left behind then.
   */
  async createUploadFromStreamAsync(
    uri: URL | string,
    sourceStream: ByteStream,
    options: UploadOptions & {readonly signal?: AbortSignal} = {},
  ): Promise<UploadOperation> {
    assertOptions('options', options, KNOWN_OF_STREAM)
    assertSignal('signal', options.signal)
    const request = {...this.requestTo(uri), ...wayOf(options)}
    const chunks = bytesOf('sourceStream', sourceStream)
    // What cannot be created is not to be taken first.
    const policy = this.#policy(options)
    const draft = this.#draft(this.engine.newId(), request, {pieces: []}, policy)
    try {
      const piece = await this.engine.takeBody(draft.id, chunks, options.signal)
      return UploadOperation.fromDraft(this.engine, {...draft, request: {...draft.request, body: {pieces: [piece]}}})
    } catch (error) {
      this.leave([draft])
      throw error
    }
  }

  /** Pending uploads of the default engine that belong to no group. To be found is to go on: see getCurrentUploadsAsync there. */
  static getCurrentUploadsAsync(group = ''): Promise<readonly UploadOperation[]> {
    return getCurrentUploads(defaultEngine(), group)
  }

  /** Pending uploads of a transfer group of the default engine. Rejects with INVALID_ARGUMENT for what is no such group. */
  static getCurrentUploadsForTransferGroupAsync(group: BackgroundTransferGroup): Promise<readonly UploadOperation[]> {
    return getCurrentUploadsForTransferGroup(defaultEngine(), group)
  }

  /** The same as of the default engine: BackgroundTransferEngine.requestUnconstrainedUploadsAsync. */
  static requestUnconstrainedUploadsAsync(
    operations: Iterable<UploadOperation>,
  ): Promise<UnconstrainedTransferRequestResult> {
    return requestUnconstrainedUploads(defaultEngine(), operations)
  }

  #policy(options: UploadOptions): TransferPolicy {
    const {priority = BackgroundTransferPriority.default} = options
    assertPriority(priority)
    return this.policyWith({priority, ...limitsOf(options)})
  }

  #create(id: OperationId, request: TransferRequest, content: RequestContent, policy: TransferPolicy): UploadOperation {
    return UploadOperation.fromDraft(this.engine, this.#draft(id, request, content, policy))
  }

  #draft(id: OperationId, request: TransferRequest, content: RequestContent, policy: TransferPolicy): OperationDraft {
    const whole = {...request, body: content}
    return this.join({
      id,
      direction: 'upload',
      request: whole,
      target: uploadTarget(whole, id),
      policy,
      createdAt: this.engine.now(),
      attempts: NO_ATTEMPTS,
      evidence: NO_EVIDENCE,
    })
  }
}

function wayOf(options: UploadOptions, metadata = options.metadata): Pick<TransferRequest, 'way'> {
  const {protocol, partBytes} = options
  if (protocol !== undefined && (typeof protocol !== 'string' || protocol === '')) {
    throw invalidArgument('protocol', 'must be the name of a protocol')
  }
  if (partBytes !== undefined && !(Number.isSafeInteger(partBytes) && partBytes > 0)) {
    throw invalidArgument('partBytes', `must be a whole number of bytes, not ${shown(partBytes)}`)
  }
  if (metadata !== undefined) assertObject('metadata', metadata)
  for (const [name, value] of Object.entries(metadata ?? {})) {
    if (!/^[!-+\--~]+$/.test(name) || typeof value !== 'string') {
      throw invalidArgument('metadata', 'must be text by names in ASCII without spaces and commas')
    }
  }
  if (protocol === undefined) return {}
  return {
    way: {
      protocol,
      ...(metadata === undefined ? {} : {metadata}),
      ...(partBytes === undefined ? {} : {partBytes}),
    },
  }
}
