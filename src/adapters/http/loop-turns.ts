/**
 * Lets the event loop look at its sockets once more before a connection is used again: what a server sent behind its answer, or
 * that it closed, is known then, and cannot pass for something else.
 */

export class LoopTurns {
  #count = 0
  #next: (() => void)[] = []
  #later: (() => void)[] = []
  #isCounting = false

  /** To be noted where a connection comes to rest. */
  get present(): number {
    return this.#count
  }

  /** Calls `use` in this turn's end, or in the next one's if the loop may not have looked since. */
  after(noted: number, use: () => void): void {
    const isLookedSince = noted < this.#count
    ;(isLookedSince ? this.#next : this.#later).push(use)
    this.#wait()
  }

  #wait(): void {
    if (this.#isCounting) return
    this.#isCounting = true
    setImmediate(() => {
      this.#isCounting = false
      this.#count += 1
      const due = this.#next
      this.#next = this.#later
      this.#later = []
      if (this.#next.length > 0) this.#wait()
      for (const use of due) use()
    })
  }
}
