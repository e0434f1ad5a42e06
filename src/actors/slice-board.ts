/**
 * Who brings what: the connections of one try, each with the stretch that it has to bring, and how fast they are. A stretch that
 * is taken from another connection's is taken when its answer is here, and not before: what fails costs the other nothing.
 */

import type {ConnectionStanding} from '../domain/part.ts'
import {addRange, type ByteRange, type RangeSet} from '../domain/range-set.ts'
import {type Board, nextStretch, type Slice} from '../domain/slices.ts'
import {type Connection, NEAR_BYTES} from './connection.ts'

/** The part file as it stands, and who asks. */
export interface Asking {
  readonly total: number
  readonly written: RangeSet
  readonly wanted: number
}

/** What was measured since the last time. */
export interface Measured {
  /** Bytes a second of all together. */
  readonly rate: number
  /** It was a whole interval, in which nobody came or went. */
  readonly isWhole: boolean
}

/** How much the last measurement counts. */
const FRESHNESS = 0.5

interface LiveSlice {
  readonly start: number
  end: number
  connection: Connection | undefined
  flows: boolean
  rate: number | undefined
  /** Where it stood at the last measurement since it flows. */
  seen: number | undefined
  /** The slice that it brings a second time, which may have ended meanwhile. */
  hedges: LiveSlice | undefined
}

export class SliceBoard {
  readonly #unit: number
  readonly #slices = new Map<string, LiveSlice>()
  /** As last measured, by connection. */
  readonly #rates = new Map<string, number>()
  #hedged = 0
  /** Bytes, since the last measurement, of slices that have ended. */
  #ended = 0
  #measuredAt: number | undefined
  /** Somebody came or went since the last measurement. */
  #isDisturbed = false

  constructor(unit: number) {
    this.#unit = unit
  }

  get size(): number {
    return this.#slices.size
  }

  /** Who brings what now, by connection. */
  get standings(): ReadonlyMap<string, Pick<ConnectionStanding, 'start' | 'end' | 'position' | 'rate'>> {
    return new Map(
      [...this.#slices].map(([id, slice]) => {
        const {start, end, rate} = slice
        return [id, {start, end, position: positionOf(slice), ...(rate === undefined ? {} : {rate})}]
      }),
    )
  }

  /** Connections whose answers are here. */
  get flowing(): number {
    return [...this.#slices.values()].filter(({flows}) => flows).length
  }

  /** Whether another connection would have something to bring, that nobody brings already. */
  hasWork(asking: Asking): boolean {
    const next = nextStretch(this.#boardFor(undefined, asking))
    return next !== undefined && next.kind !== 'hedge'
  }

  /** Takes the next stretch, in the place of the one before; undefined when there is none. */
  claim(id: string, asking: Asking): ByteRange | undefined {
    this.release(id)
    const next = nextStretch(this.#boardFor(id, asking))
    if (next === undefined) return undefined
    const {start, end, kind} = next
    if (kind === 'hedge') this.#hedged += end - start
    this.#slices.set(id, newSlice(start, end, kind === 'hedge' ? this.#slices.get(next.of) : undefined))
    return [start, end]
  }

  /** It is asked for over this connection. */
  attach(id: string, connection: Connection): void {
    const slice = this.#slices.get(id)
    if (slice !== undefined) slice.connection = connection
  }

  /** Where its stretch ends now. */
  endOf(id: string): number | undefined {
    return this.#slices.get(id)?.end
  }

  /** Everything from `start` on is brought by this connection, which had claimed nothing. */
  begin(id: string, connection: Connection, start: number, end: number): void {
    const slice = newSlice(start, end, undefined)
    slice.connection = connection
    slice.flows = true
    this.#slices.set(id, slice)
  }

  /** Its answer is here, and it goes ahead: others end where it begins. False when they have come as far already. */
  commit(id: string): boolean {
    const slice = this.#slices.get(id)
    if (slice === undefined) return true
    const {start, end, hedges} = slice
    if (hedges !== undefined) {
      if (this.#nameOf(hedges) === undefined) return false
    } else {
      const met = [...this.#slices.values()].filter(
        (each) => each !== slice && each.flows && each.hedges === undefined && each.start < end && each.end > start,
      )
      if (met.some((each) => positionOf(each) > start)) return false
      for (const each of met) {
        each.end = start
        each.connection?.endAt(start)
      }
      // Of what another one asked for, and has no answer to yet.
      for (const each of this.#slices.values()) {
        if (!each.flows && each.hedges === undefined && each.start < start && each.end > start) each.end = start
      }
    }
    slice.flows = true
    this.#isDisturbed = true
    return true
  }

  /**
   * The connection is done with its stretch, or broke. What it did not bring is anybody's again, first that of the one from
   * which it was taken. Whoever brings the same a second time has nothing more to bring.
   */
  release(id: string): void {
    const slice = this.#slices.get(id)
    if (slice === undefined) return
    this.#slices.delete(id)
    this.#isDisturbed = true
    this.#ended += positionOf(slice) - (slice.seen ?? slice.start)
    if (slice.rate !== undefined) this.#rates.set(id, slice.rate)
    const isBrought = positionOf(slice) >= slice.end
    for (const other of this.#slices.values()) {
      if (isBrought && (other.hedges === slice || other === slice.hedges)) endNow(other)
      // Nobody else brings it now.
      else if (other.hedges === slice) other.hedges = undefined
    }
    if (slice.hedges === undefined && positionOf(slice) <= slice.start) this.#giveBack(slice)
  }

  #giveBack({start, end, flows}: LiveSlice): void {
    if (!flows) return
    for (const other of this.#slices.values()) {
      if (other.end !== start || !other.flows || (other.connection?.reach ?? 0) < end) continue
      other.end = end
      other.connection?.endAt(end)
      return
    }
  }

  /** Every stretch is forgotten: the bytes are of no use. */
  clear(): void {
    this.#slices.clear()
    this.#rates.clear()
  }

  /** Makes what is missing from there on free for whoever asks next. False when it is coming, or about to. */
  free(start: number): boolean {
    for (const slice of this.#slices.values()) {
      const {end} = slice
      const position = positionOf(slice)
      if (start < position || start >= end) continue
      if (start < position + NEAR_BYTES) return false
      slice.end = start
      if (slice.flows) slice.connection?.endAt(start)
    }
    return true
  }

  /** What is in the file, or on its way into it. */
  received(written: RangeSet): RangeSet {
    let received = written
    for (const slice of this.#slices.values()) {
      const {writer} = slice.connection ?? {}
      if (writer !== undefined) received = addRange(received, writer.base, positionOf(slice))
    }
    return received
  }

  /** `now`: epoch ms. */
  measure(now: number): Measured {
    const elapsed = this.#measuredAt === undefined ? 0 : (now - this.#measuredAt) / 1000
    let bytes = this.#ended
    const isWhole = elapsed > 0 && !this.#isDisturbed
    for (const slice of this.#slices.values()) {
      if (!slice.flows) continue
      const position = positionOf(slice)
      bytes += position - (slice.seen ?? slice.start)
      if (slice.seen !== undefined && elapsed > 0) {
        const rate = (position - slice.seen) / elapsed
        slice.rate = slice.rate === undefined ? rate : slice.rate + FRESHNESS * (rate - slice.rate)
      }
      slice.seen = position
    }
    this.#ended = 0
    this.#isDisturbed = false
    this.#measuredAt = now
    return {rate: elapsed > 0 ? bytes / elapsed : 0, isWhole}
  }

  #boardFor(id: string | undefined, {total, written, wanted}: Asking): Board {
    const slices = [...this.#slices].map(
      ([name, slice]): Slice => ({
        id: name,
        start: slice.start,
        position: positionOf(slice),
        end: this.#endOf(slice),
        rate: slice.rate,
        flows: slice.flows,
        // What has ended is nobody's: its double ends, too.
        hedges: slice.hedges && (this.#nameOf(slice.hedges) ?? ''),
      }),
    )
    const rate = id === undefined ? undefined : this.#rates.get(id)
    return {total, covered: written, slices, wanted, rate, unit: this.#unit, hedged: this.#hedged}
  }

  #nameOf(slice: LiveSlice): string | undefined {
    for (const [name, each] of this.#slices) if (each === slice) return name
    return undefined
  }

  /** Where another one begins that asked for its rear, it will have to end. */
  #endOf(slice: LiveSlice): number {
    if (slice.hedges !== undefined) return slice.end
    let {end} = slice
    for (const {start, flows, hedges} of this.#slices.values()) {
      if (!flows && hedges === undefined && start > slice.start && start < end) end = start
    }
    return end
  }
}

function newSlice(start: number, end: number, hedges: LiveSlice | undefined): LiveSlice {
  return {start, end, connection: undefined, flows: false, rate: undefined, seen: undefined, hedges}
}

function positionOf({start, connection, flows}: LiveSlice): number {
  return flows ? Math.max(start, connection?.position ?? start) : start
}

/** Nothing is left for it. */
function endNow(slice: LiveSlice): void {
  slice.connection?.leave()
  slice.end = positionOf(slice)
}
