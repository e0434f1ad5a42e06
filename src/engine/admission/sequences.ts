/** The numbers by which a line is ordered: whoever comes, or comes back, stands behind all who came before, in any session. */

export class Sequences {
  /** Of the last who came. */
  last = 0

  next(): number {
    this.last += 1
    return this.last
  }
}
