/** Takes the place of a host that went away: opens its store in this process, if nobody else was faster. */

export interface Opened {
  close(): Promise<void>
}

export class Heir {
  readonly #open: () => Promise<Opened>
  #taken: Promise<Opened | undefined> | undefined
  #isClosed = false

  constructor(open: () => Promise<Opened>) {
    this.#open = open
  }

  /** Called at each failure to reach the host: it may be closing still, or another heir may have been faster. */
  offer(): void {
    if (this.#isClosed || this.#taken !== undefined) return
    const taken = this.#open().catch(() => {
      // The store is somebody else’s: that is who answers next. Any other trouble shows when nobody does.
      if (this.#taken === taken) this.#taken = undefined
      return undefined
    })
    this.#taken = taken
  }

  async close(): Promise<void> {
    this.#isClosed = true
    const opened = await this.#taken
    await opened?.close()
  }
}
