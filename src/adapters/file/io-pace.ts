/**
 * Whether a large read or write is made at once, on the calling thread, or by a thread of the pool. To or from the page cache a
 * mebibyte takes a fraction of a millisecond, and to wake another thread for it and be woken by it costs as much again. A disk that
 * is behind makes whoever asks wait, and the event loop must not; nor must it when several files come or go at once, which a second
 * thread helps. Parallel ranges of one file it does not help: the kernel takes one write of a file at a time.
 */

import {performance} from 'node:perf_hooks'
import {Detour} from './detour.ts'

/** What is looked at together: smaller ones add up. */
const UNIT_BYTES = 1024 * 1024

/**
 * In units. The first is short: whoever made the loop wait may just as well have lost its processor for a while, and with both processors
 * busy that happens several times in a gibibyte.
 */
const DETOUR = {least: 4, growth: 4}

/** Longer than this, for so many bytes, the event loop does not stand still without consequences. */
const SLOW_MS = 4

export class IoPace {
  readonly #detour = new Detour(DETOUR)
  /** The file of the last one. */
  #fd = -1
  /** Made at once, and not looked at yet. */
  #ms = 0
  #bytes = 0

  /** A large one, of so many bytes, is about to begin. */
  isAtOnce(fd: number, bytes: number): boolean {
    const goesOn = fd === this.#fd
    this.#fd = fd
    return goesOn && this.#detour.isOver(bytes / UNIT_BYTES)
  }

  /** Makes it at once. */
  timed(act: () => number): number {
    const began = performance.now()
    const count = act()
    this.took(performance.now() - began, count)
    return count
  }

  /** How long one took that was made at once, and for how many bytes. */
  took(ms: number, bytes: number): void {
    this.#ms += ms
    this.#bytes += bytes
    const isSlow = this.#ms > SLOW_MS
    if (!isSlow && this.#bytes < UNIT_BYTES) return
    this.#ms = 0
    this.#bytes = 0
    this.#detour.took(isSlow)
  }
}
