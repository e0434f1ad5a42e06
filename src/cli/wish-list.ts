/**
 * What a run of `bgt get` is to have, in its order. A list may have a million lines: it is kept as its text, and what a line asks
 * for is read again when its turn comes.
 */

import type {Checksum} from '../index.ts'
import {type ListEntry, linesOf, listEntryAt} from './parse.ts'

/** One file to have: where from, where to. */
export interface Wish {
  /** With the user information that was given. */
  readonly url: string
  /** As the engine keeps it: without user information and fragment. */
  readonly plain: string
  /** Absolute. */
  readonly file: string
  /** Nobody said how it is to be called: its name is the server's, in this directory. */
  readonly isUnnamed: boolean
  /** What the file has to have. */
  readonly checksum?: Checksum
}

export interface WishSources {
  /** From the command line; they come first. */
  readonly entries: readonly ListEntry[]
  /** The text of a list, and what to call it. */
  readonly list?: {readonly text: string; readonly name: string}
  readonly wishOf: (entry: ListEntry) => Wish
}

const FIRST_STARTS = 1024

export class WishList {
  readonly #entries: readonly ListEntry[]
  readonly #wishOf: (entry: ListEntry) => Wish
  readonly #text: string
  /** Where the lines of the text begin. */
  #starts = new Uint32Array(FIRST_STARTS)
  #lines = 0
  /** Files that are called otherwise than their wishes say, by place. */
  readonly #renamed = new Map<number, string>()

  /** Reads all of it once: `see` is called with each wish, and answers another file for it, or undefined. Throws what `wishOf` does. */
  constructor({entries, list, wishOf}: WishSources, see: (wish: Wish) => string | undefined) {
    this.#entries = entries
    this.#wishOf = wishOf
    this.#text = list?.text ?? ''
    const read = (entry: ListEntry, place: number) => {
      const wish = wishOf(entry)
      const file = see(wish) ?? wish.file
      if (file !== wish.file) this.#renamed.set(place, file)
    }
    entries.forEach(read)
    for (const {start, number} of linesOf(this.#text)) {
      read(listEntryAt(this.#text, start, `${list?.name}, line ${number}`), this.length)
      if (this.#lines === this.#starts.length) this.#grow()
      this.#starts[this.#lines] = start
      this.#lines += 1
    }
  }

  get length(): number {
    return this.#entries.length + this.#lines
  }

  /** `place` is from 0, below `length`. */
  at(place: number): Wish {
    const given = this.#entries[place]
    const start = this.#starts[place - this.#entries.length] ?? 0
    const wish = this.#wishOf(given ?? listEntryAt(this.#text, start, ''))
    const file = this.#renamed.get(place)
    return file === undefined ? wish : {...wish, file}
  }

  #grow(): void {
    const larger = new Uint32Array(2 * this.#starts.length)
    larger.set(this.#starts)
    this.#starts = larger
  }
}
