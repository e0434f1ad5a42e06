/**
 * The RangesDownloaded event (spec 2.7, 2.10) as an Observable and for listeners: one event at a time per operation and at most
 * one in half a second; a deferral holds the next one back, and what comes in meanwhile is merged into it.
 */

import {Observable, type Subscriber, type Subscription} from 'rxjs'
import {TransferError} from '../domain/errors.ts'
import {addRange, type RangeSet, removeRange} from '../domain/range-set.ts'
import type {BackgroundTransferStatus} from '../domain/status.ts'

/** Progress in between is told together (spec 9.4). A change of status or a restart is told at once. */
const INTERVAL_MS = 500

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
  readonly status: BackgroundTransferStatus
}

/**
 * `source` tells the state again and again while it may change, and completes when the operation ends. `now`: epoch ms. Each
 * subscriber has its own deferrals.
 */
export function rangesDownloaded(
  source: Observable<RangeState>,
  now: () => number,
): Observable<BackgroundTransferRangesDownloadedEventArgs> {
  return new Observable((subscriber) => {
    const teller = new Teller(subscriber, now)
    return source.subscribe({
      next: (state) => teller.update(state),
      complete: () => teller.finish(),
    })
  })
}

/**
 * A handler that throws, or whose promise rejects, is the application's failure: it is reported as uncaught, or as unhandled, and
 * holds nothing back (O36).
 */
export function listenTo(
  events: Observable<BackgroundTransferRangesDownloadedEventArgs>,
  handler: (args: BackgroundTransferRangesDownloadedEventArgs) => unknown,
): Subscription {
  return events.subscribe((args) => {
    const deferrals: Deferral[] = []
    const getDeferral = () => {
      const deferral = args.getDeferral()
      deferrals.push(deferral)
      return deferral
    }
    const release = () => {
      for (const deferral of deferrals) deferral.close()
    }
    try {
      const done = handler({...args, getDeferral})
      if (done instanceof Promise) {
        done.catch((error) => {
          release()
          throw error
        })
      }
    } catch (error) {
      release()
      queueMicrotask(() => {
        throw error
      })
    }
  })
}

class Teller {
  readonly #subscriber: Subscriber<BackgroundTransferRangesDownloadedEventArgs>
  readonly #now: () => number
  #told: Omit<RangeState, 'status'> & {readonly status: BackgroundTransferStatus | undefined} = {
    generation: 1,
    ranges: [],
    status: undefined,
  }
  #toldAt = Number.NEGATIVE_INFINITY
  #newest: RangeState | undefined
  #deferrals = 0
  #finished = false

  constructor(subscriber: Subscriber<BackgroundTransferRangesDownloadedEventArgs>, now: () => number) {
    this.#subscriber = subscriber
    this.#now = now
  }

  update(state: RangeState): void {
    this.#newest = state
    // A clock that was set back says so, too.
    const isDue = Math.abs(this.#now() - this.#toldAt) >= INTERVAL_MS
    if (isDue || state.status !== this.#told.status || state.generation > this.#told.generation) this.#tell()
  }

  finish(): void {
    this.#finished = true
    this.#tell()
  }

  #tell(): void {
    if (this.#deferrals > 0) return
    if (this.#newest !== undefined) this.#emit(this.#newest)
    if (this.#finished && this.#deferrals === 0) this.#subscriber.complete()
  }

  #emit(state: RangeState): void {
    const restarted = state.generation > this.#told.generation
    let added: RangeSet = state.ranges
    if (!restarted) for (const [start, end] of this.#told.ranges) added = removeRange(added, start, end)
    const ranges = restarted ? state.ranges : union(this.#told.ranges, state.ranges)
    this.#told = {...state, ranges}
    if (added.length === 0 && !restarted) return
    this.#toldAt = this.#now()
    this.#subscriber.next({
      addedRanges: toFileRanges(added),
      wasDownloadRestarted: restarted,
      getDeferral: () => this.#deferral(),
    })
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

function union(a: RangeSet, b: RangeSet): RangeSet {
  return b.reduce<RangeSet>((set, [start, end]) => addRange(set, start, end), a)
}
