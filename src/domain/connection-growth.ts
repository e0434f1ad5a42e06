/**
 * How many connections a file gets: one at first, twice as many while that pays, and back to the number before when it does not.
 * Level-triggered by measurements, each over a time in which all of them moved bytes.
 */

export interface Growth {
  /** How many there should be now. */
  readonly target: number
  /** How many were last found to pay. */
  readonly paying: number
  /** Bytes a second with those; undefined before the first measurement. */
  readonly rate: number | undefined
  /** Measurements in a row that more of them were not worth it. */
  readonly doubts: number
  /** More will not be tried. */
  readonly settled: boolean
}

export interface GrowthSample {
  /** Bytes a second of all connections together. */
  readonly rate: number
  /** How many moved bytes for the whole time. */
  readonly flowing: number
  /** More are not allowed. */
  readonly most: number
}

/** Less than this is not worth another connection: the server's, and everybody else's. */
const WORTH_GROWING = 1.1

/** Rates waver: one measurement is no proof. */
const MOST_DOUBTS = 3

/** `useful`: what the origin taught before; nothing needs to be measured up to there. */
export function firstGrowth(most: number, useful: number | undefined): Growth {
  if (useful === undefined) return {target: 1, paying: 1, rate: undefined, doubts: 0, settled: most <= 1}
  const target = Math.max(1, Math.min(most, useful))
  return {target, paying: target, rate: undefined, doubts: 0, settled: true}
}

export function grown(growth: Growth, {rate, flowing, most}: GrowthSample): Growth {
  const {target, paying, settled} = growth
  if (target > most)
    return {...growth, target: Math.max(1, most), paying: Math.min(paying, Math.max(1, most)), settled: true}
  if (settled || flowing < target) return growth
  if (growth.rate !== undefined && rate < WORTH_GROWING * growth.rate) {
    const doubts = growth.doubts + 1
    return doubts < MOST_DOUBTS ? {...growth, doubts} : {...growth, target: paying, doubts, settled: true}
  }
  return {target: Math.min(most, 2 * target), paying: target, rate, doubts: 0, settled: target >= most}
}
