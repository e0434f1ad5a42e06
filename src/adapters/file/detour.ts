/**
 * How long work is left to threads of the pool after it kept the event loop waiting: ever longer, as long as it is slow whenever it is
 * tried again; as briefly as at first, once enough of it was quick.
 */

/** What a thread does at most after a slow one. */
const MOST = 4096

/** So many quick ones in a row, and the slow ones before them are forgotten. */
const QUICK_ONES = 64

export interface DetourLengths {
  /** What a thread does after a slow one. */
  readonly least: number
  /** So many times as many after each further one. */
  readonly growth: number
}

export class Detour {
  readonly #least: number
  readonly #growth: number
  /** How many more go to a thread. */
  #left = 0
  #next: number
  #quickOnes = 0

  constructor({least, growth}: DetourLengths) {
    this.#least = least
    this.#growth = growth
    this.#next = least
  }

  /** One is about to begin, or so much of one: whether it may be made at once. */
  isOver(share = 1): boolean {
    if (this.#left <= 0) return true
    this.#left -= share
    return false
  }

  /** One that was made at once was `isSlow`, or not. */
  took(isSlow: boolean): void {
    if (isSlow) {
      this.#left = this.#next
      this.#next = Math.min(MOST, this.#next * this.#growth)
      this.#quickOnes = 0
    } else {
      this.#quickOnes += 1
      if (this.#quickOnes >= QUICK_ONES) this.#next = this.#least
    }
  }
}
