/**
 * Starts a host again for a client that would have had one started in the first place, when the one that it uses goes away: what it has
 * handed over only in part may be nowhere else.
 */

/** ms until the next try after one that failed; twice as long after each. */
const FIRST_WAIT_MS = 2_000
const LONGEST_WAIT_MS = 60_000

export class HostStarter {
  readonly #start: () => Promise<void>
  #starting: Promise<void> | undefined
  /** Of the clock that nobody sets. */
  #notBefore = Number.NEGATIVE_INFINITY
  #waitMs = FIRST_WAIT_MS
  #isClosed = false

  constructor(start: () => Promise<void>) {
    this.#start = start
  }

  /** Called at each failure to reach the host: it may be closing still, or somebody may have been faster. */
  offer(): void {
    if (this.#isClosed || this.#starting !== undefined || performance.now() < this.#notBefore) return
    // Why none starts shows when nobody answers.
    this.#starting = this.#start()
      .then(
        () => this.#started(),
        () => this.#failed(),
      )
      .finally(() => {
        this.#starting = undefined
      })
  }

  #started(): void {
    this.#waitMs = FIRST_WAIT_MS
  }

  /** A process for each look at a store that no host can open would be a load of its own. */
  #failed(): void {
    this.#notBefore = performance.now() + this.#waitMs
    this.#waitMs = Math.min(2 * this.#waitMs, LONGEST_WAIT_MS)
  }

  /** Resolves when nothing is being started any more. */
  async close(): Promise<void> {
    this.#isClosed = true
    await this.#starting
  }
}
