/**
 * How many connections a file gets: one at first; where what is missing would take a moment, a second one, and once that has its
 * answer, eight times as many whenever all have theirs, up to what is allowed; and then, in a long download, half as many as long as
 * those bring as much.
 *
 * widening   more are opened, as answers come.
 * weighing   what all of them bring is measured.
 * narrowing  what half of them bring is measured, and compared.
 * settled    the number stays.
 */

export interface Growth {
  readonly phase: 'widening' | 'weighing' | 'narrowing' | 'settled'
  /** How many there should be now. */
  readonly target: number
  /** How many are known to be worth it: gone back to when fewer bring less. */
  readonly paying: number
  /** Bytes a second with those; undefined before they were weighed. */
  readonly rate: number | undefined
  /** What was measured in this phase, in bytes a second. */
  readonly samples: readonly number[]
}

export interface GrowthSample {
  /** Bytes a second of all connections together. */
  readonly rate: number
  /** How many have their answers. */
  readonly flowing: number
  /** More are not allowed. */
  readonly most: number
  /** How long what is missing takes at this rate, in ms. */
  readonly restMs: number
  /** A whole interval was measured, in which nothing but bodies moved. */
  readonly isWhole: boolean
}

/** What one connection brings within this is left to it: more of them would gain a second, at the cost of everybody else there. */
const WORTH_WIDENING_MS = 3000

/**
 * How many times as many there are when all have their answers: each round takes as long as a connection and an answer. Whether the
 * server takes a second one at all is asked with one request.
 */
const WIDENING = 8

/** Bytes a second of one connection that others hardly add to: a gigabit line is full. */
const FAST = 100 * 1024 * 1024

/** What comes so fast gets others only where it takes so long: a first measurement, of a twentieth of a second, finds less than comes. */
const WORTH_WIDENING_FAST_MS = 10_000

/** Whether fewer would do is worth finding out only for what takes so long. */
const WORTH_NARROWING_MS = 10_000

/** More connections have to bring this many times as much, or they are not worth it: the server's, and everybody else's. */
const WORTH_KEEPING = 1.1

/** A loss that needs no second measurement. */
const CLEAR_LOSS = 1.5

/** Rates waver: one measurement is no proof. */
const SAMPLES = 3

/** `useful`: what the origin taught before; nothing needs to be measured up to there. */
export function firstGrowth(most: number, useful: number | undefined): Growth {
  const target = useful === undefined ? 1 : Math.max(1, Math.min(most, useful))
  const phase = useful === undefined && most > 1 ? 'widening' : 'settled'
  return {phase, target, paying: target, rate: undefined, samples: []}
}

export function grown(growth: Growth, sample: GrowthSample): Growth {
  const most = Math.max(1, sample.most)
  if (growth.target > most) return settledAt(most)
  switch (growth.phase) {
    case 'widening':
      return widened(growth, {...sample, most})
    case 'weighing':
      return weighed(growth, sample)
    case 'narrowing':
      return narrowed(growth, {...sample, most})
    case 'settled':
      return growth
  }
}

function widened(growth: Growth, {rate, flowing, most, restMs}: GrowthSample): Growth {
  const {target} = growth
  const leastMs = rate / Math.max(1, flowing) < FAST ? WORTH_WIDENING_MS : WORTH_WIDENING_FAST_MS
  if (flowing < target || restMs < leastMs) return growth
  if (target >= most) return {...growth, phase: 'weighing', paying: target}
  return {...growth, target: Math.min(most, target === 1 ? 2 : WIDENING * target), paying: target}
}

function weighed(growth: Growth, {rate, flowing, restMs, isWhole}: GrowthSample): Growth {
  const {target} = growth
  if (!isWhole || flowing < target || restMs < WORTH_NARROWING_MS) return growth
  const samples = [...growth.samples, rate]
  if (samples.length < SAMPLES) return {...growth, samples}
  return halved(target, mean(samples))
}

function narrowed(growth: Growth, {rate, flowing, most, isWhole}: GrowthSample): Growth {
  const {target} = growth
  // Fewer may be allowed by now than were weighed.
  const paying = Math.min(growth.paying, most)
  if (!isWhole || flowing < target) return growth
  const before = growth.rate ?? 0
  if (rate * CLEAR_LOSS < before) return settledAt(paying)
  const samples = [...growth.samples, rate]
  if (samples.length < SAMPLES) return {...growth, samples}
  const fewer = mean(samples)
  return fewer * WORTH_KEEPING < before ? settledAt(paying) : halved(target, Math.max(fewer, before))
}

/** Those are worth it; whether half of them are enough is next. */
function halved(paying: number, rate: number): Growth {
  if (paying === 1) return settledAt(1)
  return {phase: 'narrowing', target: Math.ceil(paying / 2), paying, rate, samples: []}
}

function settledAt(connections: number): Growth {
  return {phase: 'settled', target: connections, paying: connections, rate: undefined, samples: []}
}

function mean(rates: readonly number[]): number {
  return rates.reduce((sum, rate) => sum + rate, 0) / rates.length
}
