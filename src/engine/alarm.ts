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

  /** Wakes `id` at `at` (epoch ms), replacing its earlier deadline. `wake` is for those that are no operations. */
  set(id: OperationId, at: number, wake?: () => void): void {
    if (wake !== undefined) this.#wakers.set(id, wake)
    if (this.#valid.get(id) === at) return
    this.#valid.set(id, at)
    this.#heap.push({at, id})
    this.#arm()
  }

  clear(id: OperationId): void {
    this.#valid.delete(id)
    this.#wakers.delete(id)
  }

  #arm(): void {
    if (!this.#running) return
    this.#dropStale()
    const first = this.#heap.first
    if (first !== undefined && this.#armed?.at === first.at) return
    this.#disarm()
    if (first === undefined) return
    const handle = this.#clock.setTimeout(() => this.#ring(), Math.max(0, first.at - this.#clock.now()))
    this.#armed = {at: first.at, handle}
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
      this.#valid.delete(first.id)
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
