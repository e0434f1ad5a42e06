/**
 * Starts a host again for a client that would have had one started in the first place, when the one that it uses goes away: what it has
 * handed over only in part may be nowhere else.
 */

export class HostStarter {
  readonly #start: () => Promise<void>
  #starting: Promise<void> | undefined
  #isClosed = false

  constructor(start: () => Promise<void>) {
    this.#start = start
  }

  /** Called at each failure to reach the host: it may be closing still, or somebody may have been faster. */
  offer(): void {
    if (this.#isClosed || this.#starting !== undefined) return
    const over = () => {
      this.#starting = undefined
    }
    // Why none starts shows when nobody answers.
    this.#starting = this.#start().then(over, over)
  }

  /** Resolves when nothing is being started any more. */
  async close(): Promise<void> {
    this.#isClosed = true
    await this.#starting
  }
}
