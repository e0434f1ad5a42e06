/**
 * The durable truth about one operation. An actor is born from it and gives it back; the store keeps it as compact JSON.
 * Persisted: fields are only added, and every added field is optional.
 */

import type {ContentDescription} from './content-description.ts'
import type {ExpectedContent} from './content-guard.ts'
import type {BackgroundTransferCostPolicy} from './cost-policy.ts'
import type {SerializedError} from './errors.ts'
import type {HeaderField} from './header-fields.ts'
import type {NotificationBatch} from './notice.ts'
import type {OperationId, TallyId} from './operation-id.ts'
import type {BackgroundTransferPriority} from './priority.ts'
import {EMPTY, type RangeSet} from './range-set.ts'
import {type ContentFacts, type RequestContent, soleFileOf} from './request-content.ts'
import type {ResponseFacts} from './response-facts.ts'
import type {LifeState} from './status.ts'
import type {ResumableFacts, UploadWay} from './upload-way.ts'
import type {Validator, VersionMarks} from './validator.ts'

export type CollisionPolicy = 'failIfExists' | 'generateUniqueName' | 'replaceExisting'

export type ChecksumAlgorithm = 'sha256' | 'sha512' | 'sha1' | 'md5'

export interface Checksum {
  readonly algorithm: ChecksumAlgorithm
  /** Lower-case hexadecimal. */
  readonly hex: string
}

export type FtpTls = 'explicit' | 'implicit'

/** What the caller asked for. Never changes but by the caller. */
export interface TransferRequest {
  /** Absolute; http, https or ftp; no user information, no fragment. */
  readonly url: string
  readonly method: string
  /** Headers that are no secret. */
  readonly headers: readonly HeaderField[]
  /** Secret headers, sealed by the Secrets port; removed when the operation ends. */
  readonly sealed?: string
  /** What the request carries; an upload always has one. */
  readonly body?: RequestContent
  /** Address of the proxy to ask, without user information; 'direct' for none. The engine's where it is absent. */
  readonly proxy?: string
  /** Over FTP: TLS after a word in clear (RFC 4217), or from the first byte; none where it is absent. */
  readonly ftpTls?: FtpTls
  /** Name of the provider that is asked before each try. */
  readonly provider?: string
  /** Other addresses of the same file. */
  readonly mirrors?: readonly string[]
  /** Of a resumable upload: how it is sent. */
  readonly way?: UploadWay
  /** RequestCredentials, sealed by the Secrets port; removed when the operation ends. */
  readonly credentials?: string
}

export interface TransferTarget {
  /** Absolute path of the destination. Of an upload, a name that is no path. */
  readonly file: string
  readonly collision: CollisionPolicy
}

/** What the caller allows and prefers. */
export interface TransferPolicy {
  readonly priority: BackgroundTransferPriority
  readonly costPolicy: BackgroundTransferCostPolicy
  /** The transfer group's name; '' is the groupless line. */
  readonly group: string
  readonly checksum?: Checksum
  /** WebErrorStatus values that pause instead of failing. */
  readonly recoverable?: readonly number[]
  /** Retries after the first try, without progress between them. */
  readonly retries?: number
  /** Fixed base of the backoff in ms. */
  readonly retryDelayMs?: number
  readonly connectTimeoutMs?: number
  readonly responseTimeoutMs?: number
  readonly stallTimeoutMs?: number
  /** Byte rate of this operation alone. */
  readonly maxBytesPerSecond?: number
  /** Any byte may be wanted next: ranges and a length are required of the server (spec 9.4). */
  readonly randomAccess?: boolean
  /** Exempt from pauses that save power (requestUnconstrainedDownloadsAsync). */
  readonly unconstrained?: boolean
  /** What the content has to be. */
  readonly expect?: ExpectedContent
  /** Digests in fields of the server's answers are not compared. */
  readonly ignoreServerDigest?: boolean
  /** Only the directory of the target is the caller's wish: the name is the server's, made safe. */
  readonly nameFromServer?: boolean
  /** Go on without a validator, or past an ETag that changes, where bytes that are asked for again are found equal. */
  readonly resumeWithoutValidator?: boolean
  /** Ask for the last bytes again at each resume, under a validator too, and compare. */
  readonly compareOnResume?: boolean
  /** Connections for this file at once, at most; 1 where it is absent. */
  readonly connections?: number
}

/**
 * What is known of the bytes on disk; of an upload, of the bytes that the server said it has. A checkpoint may lag the file
 * and never leads it.
 */
export interface Evidence {
  /** Counts restarts from zero; part of the part file's name. The first is 1. */
  readonly generation: number
  /** The operation whose part file was adopted; the part files bear its id. */
  readonly partOwner?: OperationId
  readonly validator?: Validator
  /** What the first answer of this generation said of its version, usable or not. */
  readonly marks?: VersionMarks
  /** What that answer said of the content. */
  readonly description?: ContentDescription
  /** The bytes came under a Content-Encoding: they are never gone on with. */
  readonly coded?: true
  /** Size of the whole resource in bytes, when the server said it; of an upload, of the request body. */
  readonly total?: number
  /** Digest of the whole resource, when the server said it (RFC 9530). */
  readonly digest?: Checksum
  /** The address after redirects. */
  readonly url?: string
  /** Whose version it is: 0, or absent, for the operation’s own address, n for its nth mirror. */
  readonly source?: number
  /** Bytes that are durable in the part file, or that the server confirmed. */
  readonly ranges: RangeSet
}

/** How the tries went so far. */
export interface AttemptCounts {
  /** Tries of the present start. */
  readonly total: number
  /** Failures since the durable high-water mark last rose. */
  readonly failures: number
  /** The most bytes that were ever durable since the present start; a restart from zero does not lower it. */
  readonly highWater: number
  /** A cut in mid-body was already continued at once since the mark last rose. */
  readonly continued: boolean
  /** Cuts in a row whose tries brought little; absent for none. Bytes do not begin it anew: there were some each time. */
  readonly meagre?: number
}

/** The file that is about to take, or took, the destination's name: how recovery recognises it. */
export interface PublishedFile {
  readonly device: number
  readonly inode: number
  readonly size: number
  /** The server's name for it, safe, in the directory of the target. */
  readonly as?: string
}

/** An address of the file that was given up: 0 for the operation’s own, n for its nth mirror. */
export interface DroppedSource {
  readonly source: number
  readonly reason: string
  /** Nothing shows that its file is another one, and nothing that it is the same. */
  readonly unproven?: true
}

export type Direction = 'download' | 'upload'

/** How the sending of a request body stands. */
export interface SendingFacts {
  /** The content as it was when it was first sent. */
  readonly content?: ContentFacts
  /** The session of the engine that last put the request on the wire; durable before its first byte. */
  readonly session?: string
  /** What came of the answer to the last sending. */
  readonly answer?: AnswerFacts
  /** The server has all of it, and said at which address its answer is: nothing but that is asked any more. */
  readonly answerUrl?: string
  /** Of a resumable upload: what is known of it at the server. */
  readonly resumable?: ResumableFacts
}

export interface AnswerFacts {
  /** Body bytes. */
  readonly received: number
  /** Absent while unknown. */
  readonly total?: number
}

/** Everything about an operation but the state of its life. */
export interface OperationFacts {
  readonly id: OperationId
  readonly direction: Direction
  readonly request: TransferRequest
  readonly target: TransferTarget
  readonly policy: TransferPolicy
  /** Epoch ms. */
  readonly createdAt: number
  /** Order of arrival in its priority class; unique in a store. */
  readonly sequence: number
  readonly attempts: AttemptCounts
  readonly evidence: Evidence
  readonly sending?: SendingFacts
  readonly response?: ResponseFacts
  /** The error the transfer stands at, or ended with. */
  readonly error?: SerializedError
  /** Epoch ms of the next try, while waitingToRetry or pausedForStorage. */
  readonly retryAt?: number
  readonly publishing?: PublishedFile
  /** Where the file really is, once completed (differs from target.file under generateUniqueName). */
  readonly resultFile?: string
  /** The whole file was fetched afresh once because its parts did not fit together. */
  readonly cleanRestart?: boolean
  /** Where the next try begins: 0, or absent, for the operation’s own address, n for its nth mirror. */
  readonly source?: number
  /** Addresses that are not asked any more. */
  readonly dropped?: readonly DroppedSource[]
  /** Epoch ms of the terminal state. */
  readonly endedAt?: number
  /** The terminal outcome reached a promise of the application. */
  readonly delivered?: boolean
  /** The completion group that it belongs to, for good. */
  readonly completionGroup?: TallyId
  /** The batch whose end somebody is notified of. */
  readonly notificationBatch?: NotificationBatch
  /** The application that a host started it for; absent where nobody said a name. */
  readonly app?: string
}

export interface OperationRecord extends OperationFacts {
  readonly state: LifeState
  /** Seq of the newest entry of its journal; absent while there is none. The store never lets it fall. */
  readonly journalled?: number
}

/** A transfer group's own settings. */
export interface GroupRecord {
  readonly name: string
  readonly behavior: 0 | 1
  /** Byte rate of its members together. */
  readonly maxBytesPerSecond?: number
  /** Members that makeCurrentInTransferGroup moved to the front, as ranges of the line's order, first range first. */
  readonly front?: readonly LineRange[]
}

/** A stretch of the waiting line: one priority class, sequences from `from` to `to`, both included. */
export interface LineRange {
  readonly priorityClass: 0 | 1 | 2
  readonly from: number
  readonly to: number
}

/** The file that an operation is about, as people name it; '' for a form or a stream. */
export function fileOf({direction, request, target, resultFile}: OperationRecord | OperationFacts): string {
  return direction === 'upload' ? (soleFileOf(request.body) ?? '') : (resultFile ?? target.file)
}

export const FIRST_GENERATION = 1

export const NO_ATTEMPTS: AttemptCounts = {total: 0, failures: 0, highWater: 0, continued: false}

/** A new generation: nothing is known of its bytes, its part file stands beside the old one. */
export function withoutBytes(evidence: Evidence, generation: number): Evidence {
  return {generation, ranges: EMPTY, ...(evidence.partOwner === undefined ? {} : {partOwner: evidence.partOwner})}
}

/**
 * What stays of the bytes when the address changes (spec D34, 159). With random access they are gone on with where the new
 * address says the same Last-Modified and size, which the next try finds out; else they are gone.
 */
export function atAnotherAddress({evidence, policy}: Pick<OperationFacts, 'evidence' | 'policy'>): Evidence {
  const {marks, total} = evidence
  const lastModified = marks?.lastModified
  if (policy.randomAccess !== true || lastModified === undefined || total === undefined) {
    return withoutBytes(evidence, evidence.generation + 1)
  }
  return {...evidence, validator: {kind: 'lastModified', value: lastModified}, marks: {lastModified}}
}

export const NO_EVIDENCE: Evidence = {generation: FIRST_GENERATION, ranges: EMPTY}
