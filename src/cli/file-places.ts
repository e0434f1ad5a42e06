/**
 * Where in a list each file stands first: in 16 to 32 bytes a file, of which a list may have a million. The names themselves are asked
 * for only where two seem to be the same.
 */

export class FilePlaces {
  readonly #fileAt: (place: number) => string
  /** Nobody can write a list whose names all meet in one slot. */
  readonly #seed = Math.floor(Math.random() * 2 ** 32)
  /** By slot: the place and one; 0 is empty. */
  readonly #places: Uint32Array
  /** By slot: what the name there hashes to. */
  readonly #marks: Uint32Array

  /** For at most `most` files; `fileAt` tells the file at a place. */
  constructor(most: number, fileAt: (place: number) => string) {
    this.#fileAt = fileAt
    // Half of them stay empty, so that a search is short.
    const slots = 2 ** Math.ceil(Math.log2(2 * most + 1))
    this.#places = new Uint32Array(slots)
    this.#marks = new Uint32Array(slots)
  }

  /** The place where this file stands first: `place` itself, unless it was added before. */
  add(file: string, place: number): number {
    const mark = this.#markOf(file)
    const slot = this.#slotOf(file, mark, (known) => this.#fileAt(known) === file)
    const known = this.#places[slot] ?? 0
    if (known > 0) return known - 1
    this.#places[slot] = place + 1
    this.#marks[slot] = mark
    return place
  }

  /** Whether it was added. Wrong about one of a thousand million others: less than it costs to ask for names. */
  has(file: string): boolean {
    const slot = this.#slotOf(file, this.#markOf(file), () => true)
    return this.#places[slot] !== 0
  }

  /** Where the file stands, or the empty slot where it would. */
  #slotOf(file: string, mark: number, isSame: (place: number) => boolean): number {
    const last = this.#places.length - 1
    // Its place by other bits than its mark.
    let slot = Math.imul(hash(file, ~this.#seed), 0x85ebca6b) & last
    for (;;) {
      const known = this.#places[slot] ?? 0
      if (known === 0 || (this.#marks[slot] === mark && isSame(known - 1))) return slot
      slot = (slot + 1) & last
    }
  }

  #markOf(file: string): number {
    return hash(file, this.#seed) >>> 0
  }
}

function hash(text: string, seed: number): number {
  let bits = seed
  for (let at = 0; at < text.length; at += 1) {
    bits = Math.imul(((bits << 5) | (bits >>> 27)) ^ text.charCodeAt(at), 0x9e3779b1)
  }
  return bits ^ (bits >>> 15)
}
