/**
 * Whether a large read or write is made at once, on the calling thread, or by a thread of the pool. To or from the page cache a
 * mebibyte takes a fraction of a millisecond, and to wake another thread for it and be woken by it costs as much again. A disk that
 * is behind makes whoever asks wait, and the event loop must not; nor must it when several files come or go at once, which a second
 * thread helps. Parallel ranges of one file it does not help: the kernel takes one write of a file at a time.
 */

import {performance} from 'node:perf_hooks'
import {Detour} from './detour.ts'

/** Longer than this the event loop does not stand still without consequences. */
const SLOW_MS = 4

export class IoPace {
  readonly #detour = new Detour()
  /** The file of the last one. */
  #fd = -1

  /** A large one is about to begin. */
  isAtOnce(fd: number): boolean {
    const goesOn = fd === this.#fd
    this.#fd = fd
    return goesOn && this.#detour.isOver()
  }

  /** Makes it at once. */
  timed(act: () => number): number {
    const began = performance.now()
    const count = act()
    this.took(performance.now() - began)
    return count
  }

  /** How long one took that was made at once. */
  took(ms: number): void {
    this.#detour.took(ms > SLOW_MS)
  }
}
