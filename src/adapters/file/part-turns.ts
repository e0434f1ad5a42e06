/**
 * One user of a part at a time. A try that was given up may still write, sync or open for a while; whoever opens the part
 * next, or removes it, comes after that, so that no late byte lands in a newer try's file and nothing is made anew behind a
 * removal.
 */

export class PartTurns {
  /** By path of the part: the last of those who asked and have not ended. */
  readonly #turns = new Map<string, Turn>()

  /** What ends this turn; as a promise, where somebody else has to end first. */
  begin(path: string): (() => void) | Promise<() => void> {
    const before = this.#turns.get(path)
    const turn = new Turn()
    this.#turns.set(path, turn)
    const end = () => {
      if (this.#turns.get(path) === turn) this.#turns.delete(path)
      turn.end()
    }
    return before === undefined ? end : before.ended.then(() => end)
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

/** Nobody waits for most of them, and a promise would be made for nothing. */
class Turn {
  #ended: Promise<void> | undefined
  #tell: (() => void) | undefined

  /** To be asked for before it has ended. */
  get ended(): Promise<void> {
    this.#ended ??= new Promise((resolve) => {
      this.#tell = resolve
    })
    return this.#ended
  }

  end(): void {
    this.#tell?.()
  }
}
