/**
 * Syncs of one part, one after another. After a failed sync the kernel forgets what it could not write, and a second sync
 * would succeed over a hole; so the first failure ends all work on the part until it is opened anew.
 */

import {TransferError} from '../../domain/errors.ts'

export class SyncGuard {
  readonly #where: string
  readonly #onFailure: (error: TransferError) => void
  /** The last sync, which never rejects. */
  #last: Promise<void> | undefined
  #failure: TransferError | undefined

  constructor(where: string, onFailure: (error: TransferError) => void) {
    this.#where = where
    this.#onFailure = onFailure
  }

  /** Throws once a sync has failed. */
  assertSound(): void {
    if (this.#failure !== undefined) throw this.#failure
  }

  /** A sync that starts while another runs waits for it: of two at once only one would hear of a failure. */
  sync(start: () => Promise<void>): Promise<void> {
    const before = this.#last
    const done = before === undefined ? this.#sync(start) : before.then(() => this.#sync(start))
    this.#last = done.catch(() => undefined)
    return done
  }

  /** Where bytes go to the disk over a network, the last of them go with the close: that it failed is told once only, too. */
  async close(start: () => Promise<void>): Promise<void> {
    await this.#last
    return this.#watch(start)
  }

  get isSound(): boolean {
    return this.#failure === undefined
  }

  #sync(start: () => Promise<void>): Promise<void> {
    return this.#failure === undefined ? this.#watch(start) : Promise.reject(this.#failure)
  }

  async #watch(start: () => Promise<void>): Promise<void> {
    try {
      await start()
    } catch (thrown) {
      this.#failure = new TransferError('DISK_FAILED', 'an earlier sync of the partial file failed', {
        where: this.#where,
        cause: thrown,
      })
      this.#onFailure(this.#failure)
      throw thrown
    }
  }
}
