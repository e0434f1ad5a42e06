/**
 * Progress: live counters that one shared ticker looks at, ten times a second while anything moves. With thousands of operations
 * memory is what a tick waits for, so the counters of those that move lie side by side, and a tick visits nothing else of them.
 */

import {type AnyEventObject, fromCallback} from 'xstate'
import type {OperationId} from '../../domain/operation-id.ts'
import type {Clock} from '../../ports/clock.ts'
import type {ByteCounts, Gauge, ProgressMeter} from '../../ports/progress-meter.ts'
import type {ProgressChange} from '../events.ts'
import type {MoveListener} from './followed-notices.ts'

const TICK_MS = 100

/** Read at each tick. */
const READ = 0
/** The same, and what was read last was shown as it was: counts that only move may be shown without asking. */
const PLAIN = 1
/** Its counts are told, and it is not read. */
const TOLD = 2

const FIRST_SLOTS = 16

/** An operation as the ticker needs it. */
export interface Counted {
  /** Where its live counters are, as long as those there are its own. */
  slot: number
  readonly notices: {readonly listener: MoveListener | undefined}
}

export interface ProgressTickerOptions {
  readonly clock: Clock
  readonly tell: (changes: readonly ProgressChange[]) => void
  /** What the application may see of raw counts, which fall when a try begins at an earlier byte. */
  readonly show: (id: OperationId, counts: ByteCounts) => ByteCounts
  readonly countedOf: (id: OperationId) => Counted | undefined
  /** What else waits for the shared ticker while anything moves. */
  readonly onTick: () => void
  /** At each write. */
  readonly onWritten: (id: OperationId) => void
}

export class ProgressTicker implements ProgressMeter {
  readonly #options: ProgressTickerOptions
  /** By operation: where its counters are. */
  readonly #slots = new Map<OperationId, number>()
  readonly #free: number[] = []
  readonly #ids: OperationId[] = []
  readonly #counted: (Counted | undefined)[] = []
  readonly #reads: (() => ByteCounts)[] = []
  readonly #listeners: (MoveListener | undefined)[] = []
  #received = new Float64Array(FIRST_SLOTS)
  /** All bytes that were told of. */
  #told = new Float64Array(FIRST_SLOTS)
  /** What was read beside the ticks: no less may be shown from then on. */
  #seen = new Float64Array(FIRST_SLOTS)
  #totals = new Float64Array(FIRST_SLOTS)
  #generations = new Float64Array(FIRST_SLOTS)
  #modes = new Uint8Array(FIRST_SLOTS)
  /** Slots that are to be read. */
  readonly #toRead = new Set<number>()
  /** Slots that moved since the last tick, each once. */
  #moved = new Uint32Array(FIRST_SLOTS)
  #movedCount = 0
  #hasMoved = new Uint8Array(FIRST_SLOTS)
  #timer: unknown
  #running = false
  /** One tick more, also where nothing moves. */
  #isWanted = false

  constructor(options: ProgressTickerOptions) {
    this.#options = options
  }

  /** The actor `tellProgress`. */
  readonly logic = fromCallback<AnyEventObject>(() => {
    this.#running = true
    this.#arm()
    return () => {
      this.#running = false
      this.#disarm()
    }
  })

  attach(id: OperationId, read: () => ByteCounts): Gauge {
    const slot = this.#free.pop() ?? this.#newSlot()
    const counts = this.#options.show(id, read())
    const counted = this.#options.countedOf(id)
    if (counted !== undefined) counted.slot = slot
    this.#slots.set(id, slot)
    this.#ids[slot] = id
    this.#reads[slot] = read
    this.#counted[slot] = counted
    this.#listeners[slot] = counted?.notices.listener
    this.#received[slot] = counts.received
    this.#generations[slot] = counts.generation
    this.#told[slot] = bytesOf(counts)
    this.#seen[slot] = 0
    this.#modes[slot] = READ
    this.#toRead.add(slot)
    this.#arm()
    return {
      moved: (received) => {
        if (this.#reads[slot] === read) this.#move(slot, received)
      },
      changed: () => {
        if (this.#reads[slot] === read) this.#change(slot)
      },
      detach: () => this.#detach(id, slot, read),
    }
  }

  wrote(id: OperationId): void {
    this.#options.onWritten(id)
  }

  /** The live counters of an operation that moves; undefined when it does not. */
  read(id: OperationId): ByteCounts | undefined {
    const slot = this.#slots.get(id)
    return slot === undefined ? undefined : this.#countsAt(slot)
  }

  /** The same, where they are kept here and nobody has to be asked; undefined when they have to be read. */
  toldOf(counted: Counted): {readonly received: number; readonly total: number} | undefined {
    const {slot} = counted
    if (this.#modes[slot] !== TOLD || this.#counted[slot] !== counted) return undefined
    const received = Math.max(this.#received[slot] ?? 0, this.#told[slot] ?? 0, this.#seen[slot] ?? 0)
    this.#seen[slot] = received
    return {received, total: this.#totals[slot] ?? 0}
  }

  /** Another one listens to it now, or nobody any more. */
  listenedTo(id: OperationId): void {
    const slot = this.#slots.get(id)
    if (slot !== undefined) this.#listeners[slot] = this.#counted[slot]?.notices.listener
  }

  /** Somebody waits for a tick, also where nothing moves any more. */
  wantTick(): void {
    this.#isWanted = true
    this.#arm()
  }

  #newSlot(): number {
    const slot = this.#ids.length
    const size = this.#modes.length
    if (slot < size) return slot
    this.#received = grown(this.#received, new Float64Array(size * 2))
    this.#told = grown(this.#told, new Float64Array(size * 2))
    this.#seen = grown(this.#seen, new Float64Array(size * 2))
    this.#totals = grown(this.#totals, new Float64Array(size * 2))
    this.#generations = grown(this.#generations, new Float64Array(size * 2))
    this.#modes = grown(this.#modes, new Uint8Array(size * 2))
    this.#moved = grown(this.#moved, new Uint32Array(size * 2))
    this.#hasMoved = grown(this.#hasMoved, new Uint8Array(size * 2))
    return slot
  }

  #detach(id: OperationId, slot: number, read: () => ByteCounts): void {
    if (this.#reads[slot] !== read) return
    // What was told of it stays shown.
    this.#options.show(id, this.#countsAt(slot))
    if (this.#slots.get(id) === slot) this.#slots.delete(id)
    this.#toRead.delete(slot)
    this.#counted[slot] = undefined
    this.#reads[slot] = nothing
    this.#listeners[slot] = undefined
    this.#modes[slot] = READ
    this.#free.push(slot)
  }

  #move(slot: number, received: number): void {
    this.#received[slot] = received
    const mode = this.#modes[slot]
    if (mode === READ) return
    if (mode === PLAIN) {
      this.#modes[slot] = TOLD
      this.#toRead.delete(slot)
    }
    if (this.#hasMoved[slot] === 1) return
    this.#hasMoved[slot] = 1
    this.#moved[this.#movedCount] = slot
    this.#movedCount += 1
  }

  #change(slot: number): void {
    this.#modes[slot] = READ
    this.#toRead.add(slot)
  }

  /** Never less than was told of the same generation. */
  #countsAt(slot: number): ByteCounts {
    const counts = (this.#reads[slot] ?? nothing)()
    const shown = Math.max(this.#told[slot] ?? 0, this.#seen[slot] ?? 0)
    const isLess =
      counts.answer === undefined && counts.generation === this.#generations[slot] && counts.received < shown
    return isLess ? {...counts, received: shown} : counts
  }

  #arm(): void {
    if (this.#timer !== undefined || !this.#running || (this.#slots.size === 0 && !this.#isWanted)) return
    this.#timer = this.#options.clock.setTimeout(() => {
      this.#timer = undefined
      this.#isWanted = false
      this.#options.onTick()
      this.#tick()
      this.#arm()
    }, TICK_MS)
  }

  #disarm(): void {
    if (this.#timer !== undefined) this.#options.clock.clearTimeout(this.#timer)
    this.#timer = undefined
  }

  #tick(): void {
    const changes: ProgressChange[] = []
    const listeners: MoveListener[] = []
    for (let at = 0; at < this.#movedCount; at++) {
      const slot = this.#moved[at] ?? 0
      this.#hasMoved[slot] = 0
      const received = this.#received[slot] ?? 0
      if (this.#modes[slot] !== TOLD || received <= (this.#told[slot] ?? 0)) continue
      this.#told[slot] = received
      changes.push({
        id: this.#ids[slot] as OperationId,
        bytesReceived: received,
        totalBytesToReceive: this.#totals[slot] ?? 0,
      })
      const listener = this.#listeners[slot]
      if (listener !== undefined) listeners.push(listener)
    }
    this.#movedCount = 0
    for (const slot of this.#toRead) {
      const change = this.#readAt(slot)
      if (change === undefined) continue
      changes.push(change)
      const listener = this.#listeners[slot]
      if (listener !== undefined) listeners.push(listener)
    }
    if (changes.length === 0) return
    this.#options.tell(changes)
    for (const listener of listeners) listener.moved()
  }

  #readAt(slot: number): ProgressChange | undefined {
    const id = this.#ids[slot] as OperationId
    const raw = this.#countsAt(slot)
    const counts = this.#options.show(id, raw)
    this.#generations[slot] = counts.generation
    this.#totals[slot] = counts.total ?? 0
    this.#seen[slot] = 0
    const isPlain =
      counts.answer === undefined &&
      counts.generation === raw.generation &&
      counts.received === raw.received &&
      counts.total === raw.total
    this.#modes[slot] = isPlain ? PLAIN : READ
    const bytes = bytesOf(counts)
    if (bytes === this.#told[slot]) return undefined
    this.#told[slot] = bytes
    return changeOf(id, counts)
  }
}

function nothing(): ByteCounts {
  return {generation: 0, received: 0, total: undefined, written: []}
}

function grown<Slots extends Float64Array | Uint32Array | Uint8Array>(slots: Slots, larger: Slots): Slots {
  larger.set(slots)
  return larger
}

function bytesOf({received, answer}: ByteCounts): number {
  return received + (answer?.received ?? 0)
}

function changeOf(id: OperationId, {received, total, answer}: ByteCounts): ProgressChange {
  if (answer === undefined) return {id, bytesReceived: received, totalBytesToReceive: total ?? 0}
  return {
    id,
    bytesReceived: answer.received,
    totalBytesToReceive: answer.total ?? 0,
    bytesSent: received,
    totalBytesToSend: total ?? 0,
  }
}
