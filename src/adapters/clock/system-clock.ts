/**
 * The Clock of the system: wall time for deadlines, monotonic time for how long a timer has been waiting. Where the process stood
 * still (a debugger, SIGSTOP, one long call) many timers are due at once, and what came meanwhile lies unread: those timers fire after
 * it is read, or a peer would count as silent that was not.
 */

import type {Clock} from '../../ports/clock.ts'

/** Node fires a longer timer after 1 ms instead. */
const LONGEST_DELAY_MS = 2 ** 31 - 1

/** A timer that fires so long after its time was kept from it. */
const LATE_MS = 50

class Timer {
  readonly #fn: () => void
  readonly #late: Set<Timer>
  readonly #dueAt: number
  #handle: ReturnType<typeof setTimeout> | undefined
  #turn: ReturnType<typeof setImmediate> | undefined
  #isHeld = true

  /** `late`: those of the same clock that wait for what is to be read. */
  constructor(fn: () => void, delayMs: number, late: Set<Timer>) {
    this.#fn = fn
    this.#late = late
    this.#dueAt = performance.now() + delayMs
    this.#arm(delayMs)
  }

  clear(): void {
    clearTimeout(this.#handle)
    clearImmediate(this.#turn)
    this.#late.delete(this)
    this.#handle = undefined
    this.#turn = undefined
  }

  hold(isHeld: boolean): void {
    this.#isHeld = isHeld
    if (isHeld) this.#handle?.ref()
    else this.#handle?.unref()
  }

  #arm(delayMs: number): void {
    // A timer that never fires holds nothing alive.
    if (delayMs === Number.POSITIVE_INFINITY) return
    this.#handle = setTimeout(() => this.#wake(), Math.min(delayMs, LONGEST_DELAY_MS))
    if (!this.#isHeld) this.#handle.unref()
  }

  #wake(): void {
    const leftMs = this.#dueAt - performance.now()
    // Node counts whole milliseconds, so it may be up to one early.
    if (leftMs > 0) this.#arm(Math.ceil(leftMs))
    // None overtakes another one that was due before it.
    else if (leftMs < -LATE_MS || this.#late.size > 0) this.#fireAfterReads()
    else this.#fn()
  }

  /**
   * Node reads what lies ready before it comes to its immediates. Some of it is gathered, and told by an immediate of its own: those of
   * one turn come before the second one here.
   */
  #fireAfterReads(): void {
    this.#late.add(this)
    this.#turn = setImmediate(() => {
      this.#turn = setImmediate(() => {
        this.#late.delete(this)
        this.#fn()
      })
    })
  }
}

export function createSystemClock(): Clock {
  const late = new Set<Timer>()
  return {
    now: () => Date.now(),
    setTimeout: (fn, delayMs) => new Timer(fn, Math.max(0, delayMs), late),
    clearTimeout(handle) {
      if (handle instanceof Timer) handle.clear()
    },
    hold(handle, isHeld) {
      if (handle instanceof Timer) handle.hold(isHeld)
    },
  }
}
