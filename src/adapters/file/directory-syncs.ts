/**
 * Syncs of directories, shared: who asks while one is under way waits for the next, together with all who asked meanwhile. Many
 * small files of one directory are published at once, and each needs no more than that a sync begins after its own name is there.
 * So a sync begins when everybody who is at the same step has asked.
 */

interface UnderWay {
  hasBegun: boolean
  readonly running: Promise<void>
  /** The one that begins when this is through. */
  next: Promise<void> | undefined
}

export class DirectorySyncs {
  readonly #sync: (directory: string, device?: number) => Promise<void>
  readonly #underWay = new Map<string, UnderWay>()

  constructor(sync: (directory: string, device?: number) => Promise<void>) {
    this.#sync = sync
  }

  /**
   * Resolves when a sync that began after this call is through. Rejects when that failed, and when the one before it did: the
   * kernel tells of what it could not write once only, and it may have been a name of ours.
   */
  sync(directory: string, device?: number): Promise<void> {
    const present = this.#underWay.get(directory)
    if (present === undefined) return this.#begin(directory, device)
    if (!present.hasBegun) return present.running
    present.next ??= present.running.then(() => this.#begin(directory, device))
    return present.next
  }

  #begin(directory: string, device: number | undefined): Promise<void> {
    const over = () => {
      if (underWay.next === undefined) this.#underWay.delete(directory)
    }
    const running = Promise.resolve().then(() => {
      underWay.hasBegun = true
      return this.#sync(directory, device)
    })
    const underWay: UnderWay = {hasBegun: false, running, next: undefined}
    this.#underWay.set(directory, underWay)
    running.then(over, () => this.#underWay.delete(directory))
    return running
  }
}
