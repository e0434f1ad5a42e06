/**
 * One user of a part at a time. A try that was given up may still write, sync or open for a while; whoever opens the part
 * next, or removes it, comes after that, so that no late byte lands in a newer try's file and nothing is made anew behind a
 * removal.
 */

export class PartTurns {
  /** By path of the part: settles when everybody who asked so far has ended. */
  readonly #ends = new Map<string, Promise<void>>()

  /** Resolves, when everybody who asked before has ended, with what ends this turn. */
  async begin(path: string): Promise<() => void> {
    const before = this.#ends.get(path)
    let end = () => {}
    const ended = new Promise<void>((resolve) => {
      end = resolve
    })
    this.#ends.set(path, ended)
    await before
    return () => {
      if (this.#ends.get(path) === ended) this.#ends.delete(path)
      end()
    }
  }

  async run<T>(path: string, work: () => Promise<T>): Promise<T> {
    const end = await this.begin(path)
    try {
      return await work()
    } finally {
      end()
    }
  }
}
