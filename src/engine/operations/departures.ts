/**
 * The members of a transfer group that stopped running, and of which nobody was told yet: who runs in their place is told after
 * them, so that nobody hears of two where one may run.
 */

export class Departures {
  readonly #untold = new Map<string, Promise<unknown>>()

  /** `told` settles when it was told, or never will be; it does not reject. */
  note(group: string, told: Promise<unknown>): void {
    // Without what they resolve with, which would grow for as long as one comes before the last is over.
    const all = Promise.all([this.#untold.get(group), told]).then(() => undefined)
    this.#untold.set(group, all)
    all.then(() => {
      if (this.#untold.get(group) === all) this.#untold.delete(group)
    })
  }

  /** Resolves when all of the group that are under way were told; undefined where there are none. */
  allOf(group: string): Promise<unknown> | undefined {
    return this.#untold.get(group)
  }
}
