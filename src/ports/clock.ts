/** Clock: the one source of time. Its timers drive the charts' delays (XState's `clock` option) and the engine's alarm. */

export interface Clock {
  /** Epoch ms. */
  now(): number
  /** Delays beyond the platform's 2^31-1 ms limit are re-armed, never fired early. */
  setTimeout(fn: () => void, delayMs: number): unknown
  clearTimeout(handle: unknown): void
  /** Whether a timer that has not fired keeps the process alive; each does at first. Where it is absent nothing can be said. */
  hold?(handle: unknown, isHeld: boolean): void
}
