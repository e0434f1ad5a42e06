/**
 * Sends what was written on its way to the disk before anybody waits for it, so that the sync at the end has little left. One at
 * a time for all parts: each holds a thread of the pool for as long as the disk takes.
 */

/** Less is not worth a sync, which costs the disk a flush. */
const WORTH_BYTES = 32 * 1024 * 1024

export class EarlyWriteback {
  #isBusy = false

  /** Whether `bytes` that nobody asked to be synced are to be sent now; `sync` settles when they are there. */
  send(bytes: number, sync: () => Promise<void>): Promise<void> | undefined {
    if (this.#isBusy || bytes < WORTH_BYTES) return undefined
    this.#isBusy = true
    return sync().finally(() => {
      this.#isBusy = false
    })
  }
}
