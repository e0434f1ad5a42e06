/**
 * Which stretch a connection brings next, where a file has several. Pure: the same board gives the same answer.
 *
 * hole    missing bytes that nobody brings.
 * share   of the slice that would take longest, its rear in proportion to the two rates, so that both end together. Never so
 *         little that another request would cost more than it brings: to a connection that is slow, less is worth one, or the
 *         last mebibytes would be left to a few. None where it would come later than if it were left where it is.
 * hedge   all that a straggler still has to bring, a second time: whoever has it first ends the other. What is hedged is a tenth
 *         of the file at most.
 */

import {type ByteRange, missingRangeFrom, type RangeSet} from './range-set.ts'

/** What one connection has to bring. */
export interface Slice {
  readonly id: string
  /** Its first byte. */
  readonly start: number
  /** Position behind the last byte that came; its start before its answer. */
  readonly position: number
  /** Position behind the last byte that it has to bring. */
  readonly end: number
  /** Bytes a second as last measured; undefined before that. */
  readonly rate: number | undefined
  /** Its answer is here. */
  readonly flows: boolean
  /** The slice that it brings a second time. */
  readonly hedges?: string | undefined
}

export interface Board {
  readonly total: number
  /** Bytes that are in the file. */
  readonly covered: RangeSet
  readonly slices: readonly Slice[]
  /** What is missing from there on comes first. */
  readonly wanted: number
  /** Bytes a second that the connection may bring; undefined while unknown. */
  readonly rate: number | undefined
  /** The fewest bytes that are worth a connection of their own. */
  readonly unit: number
  /** Bytes that were asked for a second time so far. */
  readonly hedged: number
}

export type NextStretch =
  | {readonly kind: 'hole'; readonly start: number; readonly end: number}
  | {readonly kind: 'share' | 'hedge'; readonly of: string; readonly start: number; readonly end: number}

/** A connection that is there is worth a request for what it brings in this time, in seconds: some trips to the server. */
const WORTH_A_REQUEST_S = 0.25

/** However slow it is. Shares begin at multiples of it, or of the unit where that is less. */
const LEAST_BYTES = 64 * 1024

/** Of the file, for hedges. */
const MOST_HEDGED = 0.1

/** A hedge has to come this many times sooner. */
const WORTH_HEDGING = 2

export function nextStretch(board: Board): NextStretch | undefined {
  return holeOf(board) ?? shareOf(board) ?? hedgeOf(board)
}

function holeOf({total, covered, slices, wanted}: Board): NextStretch | undefined {
  const claims = slices.flatMap(({start, end, hedges}): ByteRange[] => (hedges === undefined ? [[start, end]] : []))
  const taken = [...covered, ...claims].toSorted((a, b) => a[0] - b[0])
  const hole = missingRangeFrom(taken, total, wanted) ?? missingRangeFrom(taken, total, 0)
  return hole && {kind: 'hole', start: hole[0], end: hole[1]}
}

function shareOf(board: Board): NextStretch | undefined {
  const least = leastOf(board)
  const grain = Math.min(board.unit, LEAST_BYTES)
  const usual = usualRate(board)
  for (const slice of slowestFirst(board)) {
    const {position, end, rate = usual} = slice
    const rest = end - position
    if (rest < 2 * least || isHedged(board, slice)) continue
    const own = board.rate ?? usual
    const fair = own + rate > 0 ? (rest * own) / (own + rate) : rest / 2
    const start = Math.min(
      Math.max(roundUp(end - fair, grain), roundUp(position + least, grain)),
      roundDown(end - least, grain),
    )
    // To one that crawls even the least is too much: it would take longer over it than the other one over everything.
    if ((end - start) * rate > rest * own) continue
    if (start - position >= least) return {kind: 'share', of: slice.id, start, end}
  }
  return undefined
}

/** The smallest share for whoever asks: one that has brought nothing yet is to be worth its opening. */
function leastOf({unit, rate}: Board): number {
  if (rate === undefined) return unit
  return Math.min(unit, Math.max(rate * WORTH_A_REQUEST_S, LEAST_BYTES))
}

function hedgeOf(board: Board): NextStretch | undefined {
  const {total, hedged} = board
  const own = board.rate ?? usualRate(board)
  for (const slice of slowestFirst(board)) {
    const {id, position, end, rate} = slice
    const rest = end - position
    if (rest <= 0 || rate === undefined || isHedged(board, slice)) continue
    if (hedged + rest > total * MOST_HEDGED || own < WORTH_HEDGING * rate || own === 0) continue
    return {kind: 'hedge', of: id, start: position, end}
  }
  return undefined
}

/** It is brought twice already. */
function isHedged({slices}: Board, {id, hedges}: Slice): boolean {
  return hedges !== undefined || slices.some((each) => each.hedges === id)
}

function slowestFirst(board: Board): readonly Slice[] {
  const usual = usualRate(board)
  const left = ({position, end, rate = usual}: Slice) => (end - position) / Math.max(rate, 1)
  return board.slices.toSorted((a, b) => left(b) - left(a) || a.start - b.start)
}

/** What a connection brings that was not measured yet: as much as the others. */
function usualRate({slices}: Board): number {
  const rates = slices.flatMap(({rate}) => rate ?? [])
  return rates.length === 0 ? 0 : rates.reduce((sum, rate) => sum + rate, 0) / rates.length
}

function roundDown(position: number, grain: number): number {
  return Math.floor(position / grain) * grain
}

function roundUp(position: number, grain: number): number {
  return Math.ceil(position / grain) * grain
}
