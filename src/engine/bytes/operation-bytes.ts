/**
 * The bytes of one download as its followers may read them: those in the part file as soon as they are written, and those of
 * the finished file. Follows the part to its final name, because a descriptor does; woken by each write, never by a timer.
 */

import {Subscription} from 'rxjs'
import {TransferError} from '../../domain/errors.ts'
import {failureOfTransfer} from '../../domain/failure-of-transfer.ts'
import {rangeFrom} from '../../domain/range-set.ts'
import type {ByteSource} from '../../ports/byte-source.ts'
import {type FileReader, type FileSink, partNameOf} from '../../ports/file-sink.ts'
import type {ByteCounts} from '../../ports/progress-meter.ts'
import type {OperationEntry} from '../operations/operation-entry.ts'

export interface OperationBytesOptions {
  readonly entry: OperationEntry
  readonly sink: FileSink
  /** Live counts of the entry. */
  readonly counts: () => ByteCounts
  /** This byte is waited for, until the returned function is called. */
  readonly want: (position: number) => () => void
  /** Nothing more is read. */
  readonly onClosed: () => void
}

/** Bytes of one generation are of one version while it is not begun a second time. */
interface Version {
  readonly generation: number
  readonly beginnings: number
}

interface OpenedFile {
  readonly version: Version
  readonly reader: Promise<FileReader>
  /** It had its final name, so that all of it may be read. */
  readonly isPublished: boolean
}

export class OperationBytes implements ByteSource {
  readonly #options: OperationBytesOptions
  /** Of one version, opened at the first read of it: another one may have another part. */
  #file: OpenedFile | undefined
  /** What bytes were given of. */
  #given: Version | undefined
  /** Ends a read that waits. */
  readonly #closing = new AbortController()

  constructor(options: OperationBytesOptions) {
    this.#options = options
  }

  get size(): number | undefined {
    return this.#options.counts().total
  }

  async read(into: Uint8Array, position: number, signal?: AbortSignal): Promise<number> {
    for (;;) {
      signal?.throwIfAborted()
      this.#closing.signal.throwIfAborted()
      const counts = this.#options.counts()
      const version = this.#versionOf(counts)
      this.#assertSame(version)
      const end = rangeFrom(counts.written, position)
      if (end > position) {
        const count = await this.#readFile(into.subarray(0, end - position), position, version)
        // Another version may have begun while the disk was busy.
        const present = this.#versionOf(this.#options.counts())
        this.#assertSame(present)
        if (count > 0) {
          if (present.beginnings !== version.beginnings) continue
          this.#given = version
          return count
        }
        if (!this.#isInHand) continue
      } else if (this.#isAtEnd(position)) {
        return 0
      }
      await this.#change(position, signal)
    }
  }

  close(): void {
    if (this.#closing.signal.aborted) return
    this.#letGo()
    this.#closing.abort(new TransferError('CLOSED', 'the stream is closed'))
    this.#options.onClosed()
  }

  #versionOf({generation}: ByteCounts): Version {
    return {generation, beginnings: this.#options.entry.beginnings}
  }

  #assertSame(version: Version): void {
    const given = this.#given
    if (given === undefined || isSame(given, version)) return
    this.#given = undefined
    throw new TransferError(
      'DOWNLOAD_RESTARTED',
      'the download began again: what was read before is of another version',
      {
        where: this.#options.entry.record.id,
      },
    )
  }

  /** Throws what ended the operation before these bytes came. */
  #isAtEnd(position: number): boolean {
    const {record, isOver} = this.#options.entry
    if (!isOver) return false
    if (record.state === 'completed') return position >= (record.evidence.total ?? 0)
    throw failureOfTransfer(record)
  }

  /**
   * The chart does something with the part, and tells when it has: it may have its name by now, or be removed; or it is closed, before it
   * is opened or while it is looked at, and its last bytes stand in no checkpoint.
   */
  get #isInHand(): boolean {
    const {state, record} = this.#options.entry
    return state === 'running' || state === 'publishing' || state !== record.state
  }

  /** 0 when the part is not, or no more, where it was looked for: the operation has changed, or is about to. */
  async #readFile(into: Uint8Array, position: number, version: Version): Promise<number> {
    const {entry, counts} = this.#options
    const {record} = entry
    const {reader: opening, isPublished} = this.#opened(version)
    try {
      const reader = await opening
      const count = await reader.read(into, position)
      if (count > 0) return count
      throw new TransferError('PART_LOST', 'the file has not what was written to it', {
        where: record.target.file,
      })
    } catch (thrown) {
      this.#letGo()
      const isMoving = this.#isInHand || entry.record !== record || !isSame(this.#versionOf(counts()), version)
      const isGone = thrown instanceof TransferError && thrown.code === 'PART_LOST'
      // Its part may not have been known to be sound when it was opened: it is whole since.
      if (isGone && (isMoving || (record.state === 'completed' && !isPublished))) return 0
      throw isGone && record.state === 'canceled' ? failureOfTransfer(record) : thrown
    }
  }

  #opened(version: Version): OpenedFile {
    if (this.#file !== undefined && isSame(this.#file.version, version)) return this.#file
    this.#letGo()
    const {sink, entry} = this.#options
    const {record} = entry
    const part = partNameOf({...record, evidence: {...record.evidence, generation: version.generation}})
    const publishedAs = record.state === 'completed' ? (record.resultFile ?? record.target.file) : undefined
    const reader = sink.openReader(part, publishedAs, record.publishing !== undefined)
    reader.catch(() => undefined)
    this.#file = {version, reader, isPublished: publishedAs !== undefined}
    return this.#file
  }

  #letGo(): void {
    this.#file?.reader.then((reader) => reader.close()).catch(() => undefined)
    this.#file = undefined
  }

  /** Resolves at the next write, the next change of the operation, or when this is closed. */
  async #change(position: number, signal: AbortSignal | undefined): Promise<void> {
    const {entry} = this.#options
    await new Promise<void>((resolve, reject) => {
      const changes = new Subscription()
      const settle = (how: () => void) => {
        changes.unsubscribe()
        how()
      }
      for (const each of [signal, this.#closing.signal]) {
        const abort = () => settle(() => reject(each?.reason))
        each?.addEventListener('abort', abort)
        changes.add(() => each?.removeEventListener('abort', abort))
      }
      changes.add(entry.onArrival(() => settle(resolve)))
      changes.add(this.#options.want(position))
      changes.add(entry.notices.listen({moved: () => settle(resolve)}))
      changes.add(
        entry.notices.subscribe({
          next: () => settle(resolve),
          error: (error) => settle(() => reject(error)),
          complete: () => settle(resolve),
        }),
      )
    })
  }
}

function isSame(a: Version, b: Version): boolean {
  return a.generation === b.generation && a.beginnings === b.beginnings
}
