/** A set of guids, in the order of their coming, in some 30 bytes each: a list may begin a million operations. */

import type {OperationId} from '../domain/operation-id.ts'

const WORDS = 4
const FIRST_IDS = 64
const HYPHEN = 45
const NINE = 57

export class OperationIds implements Iterable<OperationId> {
  /** Four words of 32 bits each. */
  #ids = new Uint32Array(WORDS * FIRST_IDS)
  /** Twice as many slots as there is room for ids. The number of the id and one; 0 is empty. */
  #slots = new Uint32Array(2 * FIRST_IDS)
  #size = 0
  /** The id that is looked for. */
  readonly #sought = new Uint32Array(WORDS)

  get size(): number {
    return this.#size
  }

  has(id: OperationId): boolean {
    return this.#slots[this.#seek(id)] !== 0
  }

  add(id: OperationId): void {
    const slot = this.#seek(id)
    if (this.#slots[slot] !== 0) return
    this.#ids.set(this.#sought, WORDS * this.#size)
    this.#size += 1
    this.#slots[slot] = this.#size
    if (WORDS * this.#size === this.#ids.length) this.#grow()
  }

  *[Symbol.iterator](): Generator<OperationId, void> {
    for (let at = 0; at < this.#size; at += 1) {
      const hex = Array.from(this.#ids.subarray(WORDS * at, WORDS * (at + 1)), (word) =>
        word.toString(16).padStart(8, '0'),
      ).join('')
      yield hex.replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-') as OperationId
    }
  }

  /** The slot of the id, or the empty one where it would stand. */
  #seek(id: OperationId): number {
    const sought = this.#sought
    let bits = 0
    let digits = 0
    for (let at = 0; at < id.length; at += 1) {
      const code = id.charCodeAt(at)
      if (code === HYPHEN) continue
      bits = (bits << 4) | (code <= NINE ? code - 48 : code - 87)
      digits += 1
      if (digits % 8 === 0) sought[digits / 8 - 1] = bits
    }
    let slot = homeOf(bits, this.#slots.length)
    for (;;) {
      const known = this.#slots[slot] ?? 0
      if (known === 0 || this.#isSought(WORDS * (known - 1))) return slot
      slot = (slot + 1) % this.#slots.length
    }
  }

  #isSought(at: number): boolean {
    for (let word = 0; word < WORDS; word += 1) if (this.#ids[at + word] !== this.#sought[word]) return false
    return true
  }

  #grow(): void {
    const ids = new Uint32Array(2 * this.#ids.length)
    ids.set(this.#ids)
    this.#ids = ids
    const slots = new Uint32Array(2 * this.#slots.length)
    for (let number = 1; number <= this.#size; number += 1) {
      let slot = homeOf(ids[WORDS * number - 1] ?? 0, slots.length)
      while (slots[slot] !== 0) slot = (slot + 1) % slots.length
      slots[slot] = number
    }
    this.#slots = slots
  }
}

/** The last bits of a guid are drawn at random. */
function homeOf(lastWord: number, slots: number): number {
  return lastWord & (slots - 1)
}
