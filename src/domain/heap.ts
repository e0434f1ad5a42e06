/** A binary heap: the least of many, while they come and go. */

export class Heap<T> {
  readonly #compare: (a: T, b: T) => number
  readonly #items: T[] = []

  /** `compare`: negative when `a` comes before `b`. */
  constructor(compare: (a: T, b: T) => number) {
    this.#compare = compare
  }

  get size(): number {
    return this.#items.length
  }

  /** The least; it stays. */
  get first(): T | undefined {
    return this.#items[0]
  }

  push(item: T): void {
    const items = this.#items
    let index = items.push(item) - 1
    while (index > 0) {
      const parent = (index - 1) >> 1
      const above = items[parent]
      if (above === undefined || this.#compare(above, item) <= 0) break
      items[index] = above
      index = parent
    }
    items[index] = item
  }

  /** Takes the least out. */
  pop(): T | undefined {
    const items = this.#items
    const first = items[0]
    const last = items.pop()
    if (last === undefined || items.length === 0) return first
    let index = 0
    for (;;) {
      let child = 2 * index + 1
      const left = items[child]
      if (left === undefined) break
      const right = items[child + 1]
      if (right !== undefined && this.#compare(right, left) < 0) child += 1
      const smaller = items[child]
      if (smaller === undefined || this.#compare(smaller, last) >= 0) break
      items[index] = smaller
      index = child
    }
    items[index] = last
    return first
  }
}
