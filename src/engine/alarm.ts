/** The engine's one alarm: a heap of absolute deadlines over records, and a single timer for the earliest. */

import {type AnyEventObject, fromCallback} from 'xstate'
import {Heap} from '../domain/heap.ts'
import type {OperationId} from '../domain/operation-id.ts'
import type {Clock} from '../ports/clock.ts'

interface Deadline {
  readonly at: number
  readonly id: OperationId
}

export class Alarm {
  readonly #clock: Clock
  readonly #wake: (id: OperationId) => void
  readonly #heap = new Heap<Deadline>((a, b) => a.at - b.at)
  readonly #valid = new Map<OperationId, number>()
  /** Of deadlines that are not an operation's. */
  readonly #wakers = new Map<OperationId, () => void>()
  /** Deadlines that keep no process alive. */
  readonly #idle = new Set<OperationId>()
  #armed: {readonly at: number; readonly handle: unknown} | undefined
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
    if (this.#valid.get(id) === at) return
    this.#valid.set(id, at)
    this.#heap.push({at, id})
    this.#arm()
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
    if (first === undefined || this.#armed?.at !== first.at) this.#disarm()
    if (first === undefined) return
    if (this.#armed === undefined) this.#startTimer(first.at)
    this.#hold()
  }

  #startTimer(at: number): void {
    const handle = this.#clock.setTimeout(() => this.#ring(), Math.max(0, at - this.#clock.now()))
    this.#armed = {at, handle}
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
    this.#armed = undefined
    const now = this.#clock.now()
    for (;;) {
      this.#dropStale()
      const first = this.#heap.first
      if (first === undefined || first.at > now) break
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
      if (this.#valid.get(first.id) === first.at) return
      this.#heap.pop()
    }
  }
}
