/** A Clock that stands still until it is moved, from one deadline to the next. */

import type {Clock} from '../../src/ports/clock.ts'

interface Timer {
  readonly fn: () => void
  readonly at: number
  /** Timers of one deadline fire in the order in which they were armed. */
  readonly order: number
}

export class SimulatedClock implements Clock {
  readonly #timers = new Set<Timer>()
  /** Of the timers, which do not see that the clock is set. */
  #now: number
  #setBy = 0
  #armed = 0

  constructor(startAt = 0) {
    this.#now = startAt
  }

  now(): number {
    return this.#now + this.#setBy
  }

  /** Somebody sets the clock, back where that is negative; or the machine slept, in which its timers did not go on. */
  set(ms: number): void {
    this.#setBy += ms
  }

  setTimeout(fn: () => void, delayMs: number): Timer {
    this.#armed++
    const timer = {fn, at: this.#now + Math.max(0, delayMs), order: this.#armed}
    this.#timers.add(timer)
    return timer
  }

  clearTimeout(handle: unknown): void {
    for (const timer of this.#timers) if (timer === handle) this.#timers.delete(timer)
  }

  /** Timers that will fire some day. */
  get pending(): number {
    let count = 0
    for (const timer of this.#timers) if (Number.isFinite(timer.at)) count++
    return count
  }

  /** When the next timer is due. */
  get nextAt(): number | undefined {
    const next = this.#next()
    return next === undefined ? undefined : next.at + this.#setBy
  }

  /** Moves to the next deadline and fires everything due then; false when no timer is armed. */
  advanceToNext(): boolean {
    const next = this.#next()
    if (next === undefined) return false
    this.#moveTo(next.at)
    return true
  }

  /** Moves on by `ms`, stopping at each deadline on the way, also at those that a fired timer armed. */
  advanceBy(ms: number): void {
    const end = this.#now + ms
    for (let next = this.#next(); next !== undefined && next.at <= end; next = this.#next()) this.#moveTo(next.at)
    this.#now = end
  }

  #moveTo(at: number): void {
    this.#now = Math.max(this.#now, at)
    const lastOrder = this.#armed
    for (let next = this.#next(); next !== undefined; next = this.#next()) {
      // What a timer arms with no delay is a deadline of its own, or two such timers would never let the clock go.
      if (next.at > at || next.order > lastOrder) return
      this.#timers.delete(next)
      next.fn()
    }
  }

  #next(): Timer | undefined {
    let first: Timer | undefined
    for (const timer of this.#timers) {
      if (!Number.isFinite(timer.at)) continue
      if (first === undefined || timer.at < first.at || (timer.at === first.at && timer.order < first.order))
        first = timer
    }
    return first
  }
}
