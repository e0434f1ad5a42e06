/**
 * Streams of operations' bytes as they come, and the byte path that serves whoever reads them: what is waited for longest is
 * fetched first.
 */

import {rangeFrom} from '../../domain/range-set.ts'
import type {ByteSource} from '../../ports/byte-source.ts'
import type {FileSink} from '../../ports/file-sink.ts'
import type {LiveCounts} from '../operations/live-counts.ts'
import type {OperationEntry} from '../operations/operation-entry.ts'
import type {Operations} from '../operations/operations.ts'
import {OperationBytes} from './operation-bytes.ts'

export interface ByteStreamsOptions {
  readonly sink: FileSink
  readonly operations: Operations
  readonly counts: LiveCounts
}

export class ByteStreams {
  readonly #options: ByteStreamsOptions

  constructor(options: ByteStreamsOptions) {
    this.#options = options
  }

  /** To be closed. */
  open(entry: OperationEntry): ByteSource {
    const {sink, operations, counts} = this.#options
    entry.holders += 1
    return new OperationBytes({
      entry,
      sink,
      counts: () => counts.of(entry),
      want: (position) => this.#await(entry, position),
      onClosed: () => operations.release(entry),
    })
  }

  /** What is missing from this position on is fetched before everything else, now and in further tries of this session. */
  want(entry: OperationEntry, position: number): void {
    entry.wanted = position
    entry.send({type: 'range.wanted', position})
  }

  #await(entry: OperationEntry, position: number): () => void {
    const stop = this.#options.operations.readers.wait(entry.record.id, position)
    this.#serve(entry)
    return () => {
      stop()
      this.#serve(entry)
    }
  }

  /** Readers have their turn in the order in which they came to wait. */
  #serve(entry: OperationEntry): void {
    const {operations, counts} = this.#options
    const position = operations.readers.longestAt(entry.record.id)
    if (position === undefined || entry.isOver || entry.facts.policy.randomAccess !== true) return
    // What is fetched from an earlier wish on comes to this byte next.
    const {wanted = Number.POSITIVE_INFINITY} = entry
    if (wanted <= position && rangeFrom(counts.of(entry).written, wanted) >= position) return
    this.want(entry, position)
  }
}
