/** The Clock of the system: wall time for deadlines, monotonic time for how long a timer has been waiting. */

import type {Clock} from '../../ports/clock.ts'

/** Node fires a longer timer after 1 ms instead. */
const LONGEST_DELAY_MS = 2 ** 31 - 1
/** Later than that, the process had no turn: it was stopped, its container frozen, or its thread busy with something else. */
const SLEPT_MS = 1_000
/**
 * What a timer that was slept through still waits. Timers have their turn before sockets: a timeout would else be told of an answer
 * that is here, and of a peer that waited for us.
 */
const GRACE_MS = 1_000

class Timer {
  readonly #fn: () => void
  readonly #graceMs: number
  readonly #dueAt: number
  #handle: ReturnType<typeof setTimeout> | undefined
  #isHeld = true

  constructor(fn: () => void, delayMs: number) {
    this.#fn = fn
    this.#graceMs = Math.min(delayMs, GRACE_MS)
    this.#dueAt = performance.now() + delayMs
    this.#arm(delayMs)
  }

  clear(): void {
    clearTimeout(this.#handle)
    this.#handle = undefined
  }

  hold(isHeld: boolean): void {
    this.#isHeld = isHeld
    if (isHeld) this.#handle?.ref()
    else this.#handle?.unref()
  }

  #arm(delayMs: number, wake = () => this.#wake()): void {
    // A timer that never fires holds nothing alive.
    if (delayMs === Number.POSITIVE_INFINITY) return
    this.#handle = setTimeout(wake, Math.min(delayMs, LONGEST_DELAY_MS))
    if (!this.#isHeld) this.#handle.unref()
  }

  #wake(): void {
    const leftMs = this.#dueAt - performance.now()
    // Node counts whole milliseconds, so it may be up to one early.
    if (leftMs > 0) this.#arm(Math.ceil(leftMs))
    // Once only: a thread that is always busy would never be told.
    else if (leftMs < -SLEPT_MS) this.#arm(this.#graceMs, this.#fn)
    else this.#fn()
  }
}

export function createSystemClock(): Clock {
  return {
    now: () => Date.now(),
    setTimeout: (fn, delayMs) => new Timer(fn, Math.max(0, delayMs)),
    clearTimeout(handle) {
      if (handle instanceof Timer) handle.clear()
    },
    hold(handle, isHeld) {
      if (handle instanceof Timer) handle.hold(isHeld)
    },
  }
}
