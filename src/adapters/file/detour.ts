/**
 * How long work is left to threads of the pool after it kept the event loop waiting: ever longer, as long as it is slow whenever it is
 * tried again; as briefly as at first, once enough of it was quick.
 */

/** What a thread does after a slow one; twice as many after each further one, up to the most. */
const LEAST = 64
const MOST = 4096

export class Detour {
  /** How many more go to a thread. */
  #left = 0
  #next = LEAST
  #quickOnes = 0

  /** One is about to begin: whether it may be made at once. */
  isOver(): boolean {
    if (this.#left === 0) return true
    this.#left -= 1
    return false
  }

  /** One that was made at once was `isSlow`, or not. */
  took(isSlow: boolean): void {
    if (isSlow) {
      this.#left = this.#next
      this.#next = Math.min(MOST, this.#next * 2)
      this.#quickOnes = 0
    } else {
      this.#quickOnes += 1
      if (this.#quickOnes >= LEAST) this.#next = LEAST
    }
  }
}
