/**
 * The heads of one group's waiting line. The line itself lives in the store's order index; only a window of it is in memory,
 * so that memory does not grow with the queue.
 */

import {compareInLine, lineRanges} from '../domain/line-order.ts'
import type {OperationId} from '../domain/operation-id.ts'
import {type PriorityClass, priorityClass} from '../domain/priority.ts'
import type {LineRange, OperationRecord} from '../domain/record.ts'
import type {RecordStore} from '../ports/record-store.ts'

const WINDOW = 128
const REFILL_BELOW = 32

/** A queued operation near the front: its place, and the record that it will be admitted with. */
export interface Waiting {
  readonly id: OperationId
  readonly priorityClass: PriorityClass
  readonly sequence: number
  readonly origin: string
  readonly record: OperationRecord
}

export interface WaitingLineOptions {
  readonly group: string
  readonly store: Pick<RecordStore, 'line' | 'getMany'>
  /** Sequences below this are not dispatched unless admitted one by one (resumeOnOpen: false). */
  readonly floor: number
  /** Operations that have an actor are no longer in line, whatever the index says. */
  readonly isLive: (id: OperationId) => boolean
  readonly onChange: () => void
  readonly onError: (error: unknown) => void
}

export class WaitingLine {
  readonly #options: WaitingLineOptions
  #window: Waiting[] = []
  /** The window holds the whole line. */
  #complete: boolean
  #front: readonly LineRange[]
  #floor: number
  #reading = false
  /** The last read came to the end of the line. */
  #reachedEnd = false
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

  get heads(): readonly Waiting[] {
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
  enter(record: OperationRecord): void {
    const entry = waitingOf(record)
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
  admitBelowFloor(record: OperationRecord): void {
    this.#insert(waitingOf(record))
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

  #take(entries: readonly Waiting[]): void {
    const kept = entries.filter(({id}) => !this.#leftDuringRead.has(id) && !this.#options.isLive(id))
    const known = new Set(kept.map(({id}) => id))
    const extra = this.#window.filter((entry) => entry.sequence < this.#floor && !known.has(entry.id))
    this.#complete = this.#reachedEnd
    this.#window = [...kept, ...extra].sort((a, b) => compareInLine(this.#front, a, b))
  }

  /** Reads past members that have an actor already: their index entry leaves with their next record. */
  async #read(): Promise<readonly Waiting[]> {
    const {store, group, isLive} = this.#options
    const found: OperationId[] = []
    this.#reachedEnd = false
    for (const range of lineRanges(this.#front)) {
      let from = Math.max(range.from, this.#floor)
      while (from <= range.to && found.length < WINDOW) {
        const batch = await store.line(group, {...range, from}, WINDOW)
        for (const {id} of batch) if (!isLive(id)) found.push(id)
        const last = batch.at(-1)
        if (last === undefined || batch.length < WINDOW) break
        from = last.sequence + 1
      }
    }
    this.#reachedEnd = found.length < WINDOW
    const records = await store.getMany(found)
    return records.flatMap((record) => (record?.state === 'queued' ? [waitingOf(record)] : []))
  }

  #insert(entry: Waiting): void {
    const known = this.#window.findIndex(({id}) => id === entry.id)
    if (known !== -1) this.#window.splice(known, 1)
    const index = this.#window.findIndex((other) => compareInLine(this.#front, entry, other) < 0)
    if (index === -1) this.#window.push(entry)
    else this.#window.splice(index, 0, entry)
    if (this.#window.length <= 2 * WINDOW) return
    this.#window.length = WINDOW
    this.#complete = false
  }
}

function waitingOf(record: OperationRecord): Waiting {
  const {id, sequence, policy, request} = record
  return {id, sequence, priorityClass: priorityClass(policy.priority), origin: new URL(request.url).origin, record}
}
