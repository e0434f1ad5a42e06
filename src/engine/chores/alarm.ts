/** The engine's one alarm: a heap of absolute deadlines over records, and a single timer for the earliest. */

import {type AnyEventObject, fromCallback} from 'xstate'
import {Heap} from '../../domain/heap.ts'
import type {OperationId} from '../../domain/operation-id.ts'
import type {Clock} from '../../ports/clock.ts'

/** A deadline that passed while the machine slept, or as its clock was set, is found out so soon: no timer sees either. */
const LOOK_MS = 60_000

interface Deadline {
  readonly id: OperationId
  /** Epoch ms, as it was asked for. */
  readonly at: number
  /** The same by a time that never goes back. */
  readonly due: number
}

export class Alarm {
  readonly #clock: Clock
  readonly #wake: (id: OperationId) => void
  readonly #heap = new Heap<Deadline>((a, b) => a.due - b.due)
  readonly #valid = new Map<OperationId, Deadline>()
  /** Of deadlines that are not an operation's. */
  readonly #wakers = new Map<OperationId, () => void>()
  /** Deadlines that keep no process alive. */
  readonly #idle = new Set<OperationId>()
  /** `until`: when its timer rings, by the time that never goes back. */
  #armed: {readonly due: number; readonly until: number; readonly handle: unknown} | undefined
  /** The newest time that was seen, and how far the clock is behind it since it was set back. */
  #seen = Number.NEGATIVE_INFINITY
  #behind = 0
  #running = false

  constructor(clock: Clock, wake: (id: OperationId) => void) {
    this.#clock = clock
    this.#wake = wake
  }

  /** The actor `keepAlarm`: the timer lives exactly as long as the engine serves. */
  readonly logic = fromCallback<AnyEventObject>(() => {
    this.#running = true
    this.#arm()
    return () => {
      this.#running = false
      this.#disarm()
    }
  })

  /**
   * Wakes `id` at `at` (epoch ms), replacing its earlier deadline. `wake` is for those that are no operations. While every deadline
   * is an idle one, none of them keeps the process alive.
   */
  set(id: OperationId, at: number, {wake, isIdle = false}: {wake?: () => void; isIdle?: boolean} = {}): void {
    if (wake !== undefined) this.#wakers.set(id, wake)
    if (isIdle) this.#idle.add(id)
    if (this.#valid.get(id)?.at === at) return
    // First: it says how far the clock is behind.
    this.#now()
    const deadline = {id, at, due: at + this.#behind}
    this.#valid.set(id, deadline)
    this.#heap.push(deadline)
    this.#arm()
  }

  /** When `id` is woken, by the clock as it is set now (epoch ms); undefined where nothing wakes it. */
  dueAt(id: OperationId): number | undefined {
    this.#now()
    const deadline = this.#valid.get(id)
    return deadline === undefined ? undefined : deadline.due - this.#behind
  }

  clear(id: OperationId): void {
    this.#forget(id)
    this.#wakers.delete(id)
    this.#hold()
  }

  #arm(): void {
    if (!this.#running) return
    this.#dropStale()
    const first = this.#heap.first
    if (first === undefined || this.#armed?.due !== first.due) this.#disarm()
    if (first === undefined) return
    if (this.#armed === undefined) this.#startTimer(first.due)
    this.#hold()
  }

  #startTimer(due: number): void {
    const now = this.#now()
    const delayMs = Math.min(Math.max(0, due - now), LOOK_MS)
    const handle = this.#clock.setTimeout(() => this.#ring(), delayMs)
    this.#armed = {due, until: now + delayMs, handle}
  }

  /** What the clock says, or said before it was set back. `atLeast`: so late it is by what has rung. */
  #now(atLeast = this.#seen): number {
    const now = this.#clock.now() + this.#behind
    this.#seen = Math.max(now, atLeast, this.#seen)
    this.#behind += this.#seen - now
    return this.#seen
  }

  #hold(): void {
    if (this.#armed !== undefined) this.#clock.hold?.(this.#armed.handle, this.#valid.size > this.#idle.size)
  }

  #forget(id: OperationId): void {
    this.#valid.delete(id)
    this.#idle.delete(id)
  }

  #disarm(): void {
    if (this.#armed !== undefined) this.#clock.clearTimeout(this.#armed.handle)
    this.#armed = undefined
  }

  #ring(): void {
    const now = this.#now(this.#armed?.until)
    this.#armed = undefined
    for (;;) {
      this.#dropStale()
      const first = this.#heap.first
      if (first === undefined || first.due > now) break
      this.#heap.pop()
      this.#forget(first.id)
      const wake = this.#wakers.get(first.id)
      this.#wakers.delete(first.id)
      if (wake === undefined) this.#wake(first.id)
      else wake()
    }
    this.#arm()
  }

  #dropStale(): void {
    for (let first = this.#heap.first; first !== undefined; first = this.#heap.first) {
      if (this.#valid.get(first.id) === first) return
      this.#heap.pop()
    }
  }
}
