/**
 * The RangesDownloaded event (spec 2.7, 2.10) as an Observable: one event at a time per operation; a deferral holds the next
 * one back, and what comes in meanwhile is merged into it.
 */

import {Observable, type Subscriber} from 'rxjs'
import {TransferError} from '../domain/errors.ts'
import {addRange, type RangeSet, removeRange} from '../domain/range-set.ts'

export interface BackgroundTransferFileRange {
  /** First byte. */
  readonly offset: number
  /** How many bytes. */
  readonly length: number
}

export interface Deferral {
  /** Lets the next event come. A second call throws ILLEGAL_STATE. */
  complete(): void
  /** The same, without complaint when repeated. */
  close(): void
}

export interface BackgroundTransferRangesDownloadedEventArgs {
  /** Fetched since the previous event. */
  readonly addedRanges: readonly BackgroundTransferFileRange[]
  /** The download began again since the previous event: forget what earlier ranges meant. */
  readonly wasDownloadRestarted: boolean
  getDeferral(): Deferral
}

export function toFileRanges(ranges: RangeSet): readonly BackgroundTransferFileRange[] {
  return ranges.map(([start, end]) => ({offset: start, length: end - start}))
}

/** What an operation has by now. */
export interface RangeState {
  readonly generation: number
  readonly ranges: RangeSet
}

/** `source` tells the state at each notice and completes when the operation ends. Each subscriber has its own deferrals. */
export function rangesDownloaded(
  source: Observable<RangeState>,
): Observable<BackgroundTransferRangesDownloadedEventArgs> {
  return new Observable((subscriber) => {
    const teller = new Teller(subscriber)
    return source.subscribe({
      next: (state) => teller.update(state),
      complete: () => teller.finish(),
    })
  })
}

class Teller {
  readonly #subscriber: Subscriber<BackgroundTransferRangesDownloadedEventArgs>
  #told: RangeState = {generation: 1, ranges: []}
  #now: RangeState = this.#told
  #deferrals = 0
  #finished = false

  constructor(subscriber: Subscriber<BackgroundTransferRangesDownloadedEventArgs>) {
    this.#subscriber = subscriber
  }

  update(state: RangeState): void {
    this.#now = state
    this.#tell()
  }

  finish(): void {
    this.#finished = true
    this.#tell()
  }

  #tell(): void {
    if (this.#deferrals > 0) return
    const restarted = this.#now.generation > this.#told.generation
    const before = restarted ? [] : this.#told.ranges
    let added: RangeSet = []
    for (const [start, end] of this.#now.ranges) added = addRange(added, start, end)
    for (const [start, end] of before) added = removeRange(added, start, end)
    if (added.length > 0 || restarted) {
      this.#told = this.#now
      this.#emit({addedRanges: toFileRanges(added), wasDownloadRestarted: restarted})
    }
    if (this.#finished && this.#deferrals === 0) this.#subscriber.complete()
  }

  #emit(args: Pick<BackgroundTransferRangesDownloadedEventArgs, 'addedRanges' | 'wasDownloadRestarted'>): void {
    this.#subscriber.next({...args, getDeferral: () => this.#deferral()})
  }

  #deferral(): Deferral {
    let open = true
    this.#deferrals += 1
    const close = () => {
      if (!open) return
      open = false
      this.#deferrals -= 1
      if (this.#deferrals === 0) queueMicrotask(() => this.#tell())
    }
    return {
      close,
      complete: () => {
        if (!open) throw new TransferError('ILLEGAL_STATE', 'the deferral was completed already')
        close()
      },
    }
  }
}
