/**
 * The heads of one group's waiting line. The line itself lives in the store's order index; only a window of it is in memory,
 * so that memory does not grow with the queue.
 */

import type {Candidate} from '../../domain/admission.ts'
import {compareInLine, lineRanges, type Place} from '../../domain/line-order.ts'
import type {OperationId} from '../../domain/operation-id.ts'
import {originOf} from '../../domain/origin.ts'
import {type PriorityClass, priorityClass} from '../../domain/priority.ts'
import type {LineRange, OperationRecord} from '../../domain/record.ts'
import type {LineEntry, RecordStore} from '../../ports/record-store.ts'

const WINDOW = 128
/** What is read at first of a group that may have no more than one turn soon. */
const FIRST_PAGE = 16

/**
 * The most that is read to look past members whose origin takes nobody now. Whoever stands behind more of them than this
 * waits until the origin opens: memory stays bounded.
 */
export const LOOK_AHEAD = 4096

/** A queued operation near the front: its place, and the record that it will be admitted with. */
export interface Waiting {
  readonly id: OperationId
  readonly priorityClass: PriorityClass
  readonly sequence: number
  readonly origin: string
  /** The gate of its application, where that has one. */
  readonly gate: string | undefined
  readonly record: OperationRecord
}

export interface WaitingLineOptions {
  readonly group: string
  readonly store: Pick<RecordStore, 'line' | 'getMany'>
  /** Sequences below this are not dispatched unless admitted one by one (resumeOnOpen: false). */
  readonly floor: number
  readonly gateOf: (record: OperationRecord) => string | undefined
  /** Operations that have an actor are no longer in line, whatever the index says. */
  readonly isLive: (id: OperationId) => boolean
  readonly onChange: () => void
  /** Nothing more is read: the engine closes. */
  readonly onUnread: (error: unknown) => void
  /** Reads until it succeeds; rejects only when nobody needs it any more. */
  readonly insist: <T>(read: () => Promise<T>) => Promise<T>
}

/** What happens to the line while a read is under way. Who leaves and comes back has entered. */
interface ReadingChanges {
  readonly entered: Map<OperationId, OperationRecord>
  readonly left: Set<OperationId>
  restarted: boolean
}

/**
 * All that the policy looks at: who is first, and first of those that order binds; who is first among those whose origin
 * takes more, and the first high one of these, who may run beside a serialized member. `without`: those who are about to leave.
 */
export function candidatesOf(
  {heads}: WaitingLine,
  closed: ReadonlySet<string>,
  without: readonly OperationId[] = [],
): readonly Candidate[] {
  const candidates: Candidate[] = []
  let hasBound = false
  let hasOpen = false
  let hasHigh = false
  for (const each of heads) {
    const {priorityClass} = each
    if (without.includes(each.id)) continue
    const isBound = priorityClass !== 0
    const isOpen = !isShut(each, closed)
    const isWanted =
      candidates.length === 0 || (isBound && !hasBound) || (isOpen && !hasOpen) || (isOpen && !isBound && !hasHigh)
    if (isWanted) candidates.push(candidateOf(each))
    hasBound ||= isBound
    hasOpen ||= isOpen
    hasHigh ||= isOpen && !isBound
  }
  return candidates
}

export function candidateOf({id, priorityClass, origin, gate}: Waiting): Candidate {
  return {id, priorityClass, origin, gate}
}

/** Its origin, or its application, takes nobody now. */
export function isShut({origin, gate}: Waiting, closed: ReadonlySet<string>): boolean {
  return closed.has(origin) || (gate !== undefined && closed.has(gate))
}

export class WaitingLine {
  readonly #options: WaitingLineOptions
  #window: Waiting[] = []
  /** Everything up to here is in the window or not in line; what lies behind it was not read yet. */
  #horizon: Place | 'start' | 'end'
  #front: readonly LineRange[]
  #floor: number
  /** How much the window may hold. */
  #reach = WINDOW
  /** How many are read at once; more with each time. */
  #page = FIRST_PAGE
  #reading: ReadingChanges | undefined

  /** `isEmpty`: the store is known to hold nothing of this group, so nothing needs reading. */
  constructor(options: WaitingLineOptions, front: readonly LineRange[], isEmpty: boolean) {
    this.#options = options
    this.#front = front
    this.#floor = options.floor
    this.#horizon = isEmpty ? 'end' : 'start'
  }

  /** In order. */
  get heads(): readonly Waiting[] {
    return this.#window
  }

  get front(): readonly LineRange[] {
    return this.#front
  }

  /** Nobody waits, and none are being looked for. */
  get isEmpty(): boolean {
    return this.#window.length === 0 && this.#horizon === 'end' && this.#reading === undefined
  }

  get isReading(): boolean {
    return this.#reading !== undefined
  }

  /** A durable record entered the line. */
  enter(record: OperationRecord): void {
    this.#reading?.entered.set(record.id, record)
    if (this.#isWithinHorizon(placeIn(record))) {
      this.#insert(this.#waitingOf(record))
      this.#options.onChange()
    } else if (this.#window.length === 0) {
      this.refill()
    }
  }

  /** Takes part although its sequence is below the floor (attachAsync). */
  admitBelowFloor(record: OperationRecord): void {
    this.#insert(this.#waitingOf(record))
    this.#options.onChange()
  }

  leave(id: OperationId): void {
    this.#reading?.left.add(id)
    this.#reading?.entered.delete(id)
    const index = this.#window.findIndex((entry) => entry.id === id)
    if (index === -1) return
    this.#window.splice(index, 1)
    if (this.#window.length === 0) this.#reach = WINDOW
    if (this.#window.length < this.#page / 4) this.refill()
  }

  /** None of the heads can be admitted now: reads on, within bounds. */
  lookFurther(): void {
    if (this.#window.length >= LOOK_AHEAD) return
    this.#reach = LOOK_AHEAD
    this.refill()
  }

  /** The same order without ranges that nobody is in. */
  prune(front: readonly LineRange[]): void {
    this.#front = front
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

  /** Reads on behind the horizon, if there is anything to read. */
  refill(): void {
    const after = this.#horizon
    if (this.#reading !== undefined || after === 'end') return
    const reading: ReadingChanges = {entered: new Map(), left: new Set(), restarted: false}
    this.#reading = reading
    this.#options
      .insist(() => this.#read(after))
      .then(
        (found) => {
          this.#reading = undefined
          if (reading.restarted) {
            this.refill()
            return
          }
          this.#take(found, reading)
          // Whoever was found may have left since.
          if (this.#window.length === 0) this.refill()
          this.#options.onChange()
        },
        (error) => this.#options.onUnread(error),
      )
  }

  /** The order changed, or what takes part: only those admitted one by one are kept, the rest is read anew. */
  #restart(): void {
    this.#window = this.#window
      .filter(({sequence}) => sequence < this.#floor)
      .toSorted((a, b) => compareInLine(this.#front, a, b))
    this.#horizon = 'start'
    if (this.#reading !== undefined) this.#reading.restarted = true
    this.refill()
  }

  #take(
    {waiting, horizon}: {readonly waiting: readonly Waiting[]; readonly horizon: Place | 'end'},
    {entered, left}: ReadingChanges,
  ): void {
    this.#horizon = horizon
    const present = waiting.filter(({id}) => !left.has(id))
    const missed = [...entered.values()].filter((record) => this.#isWithinHorizon(placeIn(record)))
    for (const entry of [...present, ...missed.map((each) => this.#waitingOf(each))])
      if (!this.#options.isLive(entry.id)) this.#insert(entry)
  }

  /** Reads past members that have an actor already: their index entry leaves with their next record. */
  async #read(
    after: Place | 'start',
  ): Promise<{readonly waiting: readonly Waiting[]; readonly horizon: Place | 'end'}> {
    const {store, group, isLive} = this.#options
    const found: OperationId[] = []
    const page = this.#page
    this.#page = Math.min(2 * page, WINDOW)
    let horizon: Place | 'end' = 'end'
    for (const range of this.#rangesBehind(after)) {
      for (let {from} = range; from <= range.to; ) {
        const batch: readonly LineEntry[] = await store.line(group, {...range, from}, page)
        for (const {id} of batch) if (!isLive(id)) found.push(id)
        const last = batch.at(-1)
        if (last === undefined || batch.length < page) break
        horizon = last
        if (found.length >= page) break
        from = last.sequence + 1
      }
      if (found.length >= page) break
      horizon = 'end'
    }
    const records = await store.getMany(found)
    return {
      horizon,
      waiting: records.flatMap((record) => (record?.state === 'queued' ? [this.#waitingOf(record)] : [])),
    }
  }

  /** The stretches of the line behind a place, in order, without what is below the floor. */
  #rangesBehind(after: Place | 'start'): readonly LineRange[] {
    const ranges = lineRanges(this.#front)
    const at = after === 'start' ? -1 : ranges.findIndex((range) => holds(range, after))
    return ranges.slice(Math.max(at, 0)).flatMap((range, index) => {
      const begin = index === 0 && after !== 'start' && at !== -1 ? after.sequence + 1 : range.from
      const from = Math.max(begin, this.#floor)
      return from > range.to ? [] : [{...range, from}]
    })
  }

  #waitingOf(record: OperationRecord): Waiting {
    const {id, sequence, policy} = record
    return {
      id,
      priorityClass: priorityClass(policy.priority),
      sequence,
      origin: originOf(record.request.url),
      gate: this.#options.gateOf(record),
      record,
    }
  }

  #isWithinHorizon(place: Place): boolean {
    if (this.#horizon === 'start') return false
    return this.#horizon === 'end' || compareInLine(this.#front, place, this.#horizon) <= 0
  }

  #insert(entry: Waiting): void {
    const known = this.#window.findIndex(({id}) => id === entry.id)
    if (known !== -1) this.#window.splice(known, 1)
    const index = this.#window.findLastIndex((other) => compareInLine(this.#front, other, entry) < 0)
    this.#window.splice(index + 1, 0, entry)
    if (this.#window.length > this.#reach + WINDOW) this.#shrink()
  }

  /** Forgets the end of the window: it is read again when its turn comes. Those admitted one by one are kept. */
  #shrink(): void {
    const kept = this.#window.filter(({sequence}, index) => index < this.#reach || sequence < this.#floor)
    const last = kept.findLast(({sequence}) => sequence >= this.#floor)
    if (last === undefined || kept.length === this.#window.length) return
    this.#window = kept
    this.#horizon = last
    // What is being read begins behind what was forgotten.
    if (this.#reading !== undefined) this.#reading.restarted = true
  }
}

function holds(range: LineRange, place: Place): boolean {
  return range.priorityClass === place.priorityClass && range.from <= place.sequence && place.sequence <= range.to
}

function placeIn({sequence, policy}: OperationRecord): Place {
  return {sequence, priorityClass: priorityClass(policy.priority)}
}
