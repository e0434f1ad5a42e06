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
  /** How often a host was found. */
  #finds = 0
  #isClosed = false

  constructor(start: () => Promise<void>) {
    this.#start = start
  }

  /** Called at each failure to reach the host: it may be closing still, or somebody may have been faster. */
  offer(): void {
    if (this.#isClosed || this.#starting !== undefined || performance.now() < this.#notBefore) return
    const finds = this.#finds
    // Why none starts shows when nobody answers.
    this.#starting = this.#start()
      .then(
        () => this.#forgive(),
        () => {
          // Else it ended because another one was faster, which is there.
          if (this.#finds === finds) this.#failed()
        },
      )
      .finally(() => {
        this.#starting = undefined
      })
  }

  /** A host answers, whoever started it: what failed before it tells nothing of the next one. */
  found(): void {
    this.#finds += 1
    this.#forgive()
  }

  #forgive(): void {
    this.#notBefore = Number.NEGATIVE_INFINITY
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
