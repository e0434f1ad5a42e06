/** Turns at something of which only so many may go on at once; whoever asked first has the next one. */

export class Turns {
  readonly #most: number
  readonly #waiting = new Set<() => void>()
  #taken = 0

  constructor(most: number) {
    this.#most = most
  }

  /** Calls `come` when it is one's turn, which may be at once. The returned function gives the turn, or the place in line, back. */
  ask(come: () => void): () => void {
    let isOver = false
    let hasTurn = false
    const take = () => {
      hasTurn = true
      this.#taken += 1
      come()
    }
    if (this.#taken < this.#most) take()
    else this.#waiting.add(take)
    return () => {
      if (isOver) return
      isOver = true
      this.#waiting.delete(take)
      if (!hasTurn) return
      this.#taken -= 1
      const [next] = this.#waiting
      if (next === undefined) return
      this.#waiting.delete(next)
      next()
    }
  }
}
