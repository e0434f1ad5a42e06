/** One transfer as the command line follows it, and what can be told about it. */

import type {SerializedError} from '../domain/errors.ts'
import type {OperationId} from '../domain/operation-id.ts'
import {sizeOf} from '../domain/range-set.ts'
import {type Direction, fileOf, type OperationRecord} from '../domain/record.ts'
import {redactUrl} from '../domain/redaction.ts'
import type {LifeState} from '../domain/status.ts'
import type {OperationSummary} from '../index.ts'
import {RateWindow} from './rate.ts'

export type Happening =
  /** Its record is durable. */
  | 'queued'
  /** It goes on the wire for the first time in this run. */
  | 'started'
  /** It was on its way before this run, which follows it from here. */
  | 'joined'
  /** An answer goes on after the bytes that are here. */
  | 'resumed'
  /** The bytes that were here are worth nothing. */
  | 'restarted'
  | 'retrying'
  | 'paused'
  | 'completed'
  | 'failed'
  | 'canceled'

export interface Notice {
  readonly happening: Happening
  /** Epoch ms. */
  readonly at: number
  readonly transfer: Transfer
}

/** The URL is redacted. */
export type Known = Pick<
  OperationSummary,
  | 'guid'
  | 'direction'
  | 'url'
  | 'file'
  | 'state'
  | 'bytesReceived'
  | 'totalBytesToReceive'
  | 'bytesSent'
  | 'totalBytesToSend'
>

export class Transfer {
  readonly guid: OperationId
  readonly direction: Direction
  /** Redacted. */
  readonly url: string
  /** Of an upload: what is sent; '' for a form or a stream. */
  file: string
  state: LifeState
  /** Received, or sent. */
  bytes: number
  /** 0 while unknown. */
  total: number
  error: SerializedError | undefined
  retryAt: number | undefined
  /** It has been on the wire in this run. */
  started = false
  /** The server of a resumable upload was asked how much it has; the next bytes go on from there. */
  asked = false
  /** New bytes of this run. */
  fetched = 0
  /** The most bytes of this generation so far. */
  #high: number
  /** Most of a long list are told once and never move in this run. */
  #rate: RateWindow | undefined

  constructor(known: Known) {
    this.guid = known.guid
    this.direction = known.direction
    this.url = known.url
    this.file = known.file
    this.state = known.state
    this.bytes = known.bytesSent ?? known.bytesReceived
    this.#high = this.bytes
    this.total = known.totalBytesToSend ?? known.totalBytesToReceive
  }

  get rate(): RateWindow {
    this.#rate ??= new RateWindow()
    return this.#rate
  }

  static ofRecord(record: OperationRecord): Transfer {
    return new Transfer({
      guid: record.id,
      direction: record.direction,
      url: redactUrl(record.request.url),
      file: fileOf(record),
      state: record.state,
      bytesReceived: sizeOf(record.evidence.ranges),
      totalBytesToReceive: record.evidence.total ?? 0,
    })
  }

  /** Everything but the counters, which `count` keeps. */
  update(record: OperationRecord): void {
    this.file = fileOf(record)
    this.state = record.state
    this.error = record.error
    this.retryAt = record.retryAt
    this.total = record.evidence.total ?? this.total
  }

  /** Counters of a try that goes on; bytes that are fetched a second time do not count as new. */
  count(bytes: number, at: number): void {
    this.bytes = Math.max(this.bytes, bytes)
    if (bytes <= this.#high) return
    this.rate.add(at, bytes - this.#high)
    this.fetched += bytes - this.#high
    this.#high = bytes
  }

  /** An answer goes on from here: what was not durable is fetched again. */
  resumeAt(bytes: number): void {
    this.bytes = bytes
  }

  restart(): void {
    this.bytes = 0
    this.#high = 0
  }
}
