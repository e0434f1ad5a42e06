/**
 * The heads of one group's waiting line. The line itself lives in the store's order index; only a window of it is in memory,
 * so that memory does not grow with the queue.
 */

import {compareInLine, lineRanges} from '../domain/line-order.ts'
import type {OperationId} from '../domain/operation-id.ts'
import type {LineRange} from '../domain/record.ts'
import type {LineEntry, RecordStore} from '../ports/record-store.ts'

const WINDOW = 128
const REFILL_BELOW = 32

export interface WaitingLineOptions {
  readonly group: string
  readonly store: Pick<RecordStore, 'line'>
  /** Sequences below this are not dispatched unless admitted one by one (resumeOnOpen: false). */
  readonly floor: number
  /** Operations that have an actor are no longer in line, whatever the index says. */
  readonly isLive: (id: OperationId) => boolean
  readonly onChange: () => void
  readonly onError: (error: unknown) => void
}

export class WaitingLine {
  readonly #options: WaitingLineOptions
  #window: LineEntry[] = []
  /** The window holds the whole line. */
  #complete: boolean
  #front: readonly LineRange[]
  #floor: number
  #reading = false
  /** Changed while a read was under way: read again. */
  #stale = false
  readonly #leftDuringRead = new Set<OperationId>()

  /** `isEmpty`: the store is known to hold nothing of this group, so nothing needs reading. */
  constructor(options: WaitingLineOptions, front: readonly LineRange[], isEmpty: boolean) {
    this.#options = options
    this.#front = front
    this.#floor = options.floor
    this.#complete = isEmpty
  }

  get heads(): readonly LineEntry[] {
    return this.#window
  }

  get front(): readonly LineRange[] {
    return this.#front
  }

  /** Nobody waits, and none are being looked for. */
  get isEmpty(): boolean {
    return this.#window.length === 0 && this.#complete && !this.#reading
  }

  /** A durable record entered the line. */
  enter(entry: LineEntry): void {
    if (this.#reading) this.#stale = true
    const last = this.#window.at(-1)
    if (!this.#complete && last !== undefined && compareInLine(this.#front, entry, last) > 0) return
    if (!this.#complete && last === undefined) {
      this.refill()
      return
    }
    this.#insert(entry)
    this.#options.onChange()
  }

  /** Takes part although its sequence is below the floor (attachAsync). */
  admitBelowFloor(entry: LineEntry): void {
    this.#insert(entry)
    this.#options.onChange()
  }

  leave(id: OperationId): void {
    if (this.#reading) this.#leftDuringRead.add(id)
    const index = this.#window.findIndex((entry) => entry.id === id)
    if (index === -1) return
    this.#window.splice(index, 1)
    this.refillIfLow()
  }

  reorder(front: readonly LineRange[]): void {
    this.#front = front
    this.#restart()
  }

  /** Everything that waits takes part from now on. */
  dropFloor(): void {
    this.#floor = 0
    this.#restart()
  }

  refillIfLow(): void {
    if (!this.#complete && this.#window.length < REFILL_BELOW) this.refill()
  }

  refill(): void {
    if (this.#reading) {
      this.#stale = true
      return
    }
    this.#reading = true
    this.#stale = false
    this.#leftDuringRead.clear()
    this.#read().then(
      (entries) => {
        this.#reading = false
        this.#take(entries)
        if (this.#stale) this.refill()
        this.#options.onChange()
      },
      (error) => {
        this.#reading = false
        this.#options.onError(error)
      },
    )
  }

  #restart(): void {
    this.#complete = false
    this.refill()
  }

  #take(entries: readonly LineEntry[]): void {
    const kept = entries.filter(({id}) => !this.#leftDuringRead.has(id) && !this.#options.isLive(id))
    const known = new Set(kept.map(({id}) => id))
    const extra = this.#window.filter((entry) => entry.sequence < this.#floor && !known.has(entry.id))
    this.#complete = entries.length < WINDOW
    this.#window = [...kept, ...extra].sort((a, b) => compareInLine(this.#front, a, b))
  }

  /** Reads past members that have an actor already: their index entry leaves with their next record. */
  async #read(): Promise<readonly LineEntry[]> {
    const {store, group, isLive} = this.#options
    const found: LineEntry[] = []
    for (const range of lineRanges(this.#front)) {
      let from = Math.max(range.from, this.#floor)
      while (from <= range.to && found.length < WINDOW) {
        const batch = await store.line(group, {...range, from}, WINDOW)
        found.push(...batch.filter(({id}) => !isLive(id)))
        const last = batch.at(-1)
        if (last === undefined || batch.length < WINDOW) break
        from = last.sequence + 1
      }
    }
    return found
  }

  #insert(entry: LineEntry): void {
    if (this.#window.some(({id}) => id === entry.id)) return
    const index = this.#window.findIndex((other) => compareInLine(this.#front, entry, other) < 0)
    if (index === -1) this.#window.push(entry)
    else this.#window.splice(index, 0, entry)
    if (this.#window.length <= 2 * WINDOW) return
    this.#window.length = WINDOW
    this.#complete = false
  }
}
