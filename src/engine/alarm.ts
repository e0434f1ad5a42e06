/** The engine's one alarm: a heap of absolute deadlines over records, and a single timer for the earliest. */

import {type AnyEventObject, fromCallback} from 'xstate'
import type {OperationId} from '../domain/operation-id.ts'
import type {Clock} from '../ports/clock.ts'

interface Deadline {
  readonly at: number
  readonly id: OperationId
}

export class Alarm {
  readonly #clock: Clock
  readonly #wake: (id: OperationId) => void
  readonly #heap: Deadline[] = []
  readonly #valid = new Map<OperationId, number>()
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

  /** Wakes `id` at `at` (epoch ms), replacing its earlier deadline. */
  set(id: OperationId, at: number): void {
    if (this.#valid.get(id) === at) return
    this.#valid.set(id, at)
    this.#push({at, id})
    this.#arm()
  }

  clear(id: OperationId): void {
    this.#valid.delete(id)
  }

  #arm(): void {
    if (!this.#running) return
    this.#dropStale()
    const first = this.#heap[0]
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
      const first = this.#heap[0]
      if (first === undefined || first.at > now) break
      this.#pop()
      this.#valid.delete(first.id)
      this.#wake(first.id)
    }
    this.#arm()
  }

  #dropStale(): void {
    for (let first = this.#heap[0]; first !== undefined; first = this.#heap[0]) {
      if (this.#valid.get(first.id) === first.at) return
      this.#pop()
    }
  }

  #push(deadline: Deadline): void {
    const heap = this.#heap
    let index = heap.push(deadline) - 1
    while (index > 0) {
      const parent = (index - 1) >> 1
      const above = heap[parent]
      if (above === undefined || above.at <= deadline.at) break
      heap[index] = above
      index = parent
    }
    heap[index] = deadline
  }

  #pop(): void {
    const heap = this.#heap
    const last = heap.pop()
    if (last === undefined || heap.length === 0) return
    let index = 0
    for (;;) {
      let child = 2 * index + 1
      const left = heap[child]
      if (left === undefined) break
      const right = heap[child + 1]
      if (right !== undefined && right.at < left.at) child += 1
      const smaller = heap[child]
      if (smaller === undefined || smaller.at >= last.at) break
      heap[index] = smaller
      index = child
    }
    heap[index] = last
  }
}
