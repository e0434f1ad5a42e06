/** Progress: live counters read by one shared ticker, ten times a second while anything moves. */

import {type AnyEventObject, fromCallback} from 'xstate'
import type {OperationId} from '../domain/operation-id.ts'
import type {Clock} from '../ports/clock.ts'
import type {ByteCounts, ProgressMeter} from '../ports/progress-meter.ts'
import type {ProgressChange} from './events.ts'

const TICK_MS = 100

interface Watched {
  readonly read: () => ByteCounts
  /** All bytes that were told of. */
  told: number
}

export class ProgressTicker implements ProgressMeter {
  readonly #clock: Clock
  readonly #tell: (changes: readonly ProgressChange[]) => void
  readonly #show: (id: OperationId, counts: ByteCounts) => ByteCounts
  readonly #onTick: () => void
  readonly #onWritten: (id: OperationId) => void
  readonly #watched = new Map<OperationId, Watched>()
  #timer: unknown
  #running = false

  /**
   * `show`: what the application may see of raw counts, which fall when a try begins at an earlier byte.
   * `onTick`: what else waits for the shared ticker while anything moves. `onWritten`: at each write.
   */
  constructor(
    clock: Clock,
    tell: (changes: readonly ProgressChange[]) => void,
    show: (id: OperationId, counts: ByteCounts) => ByteCounts,
    onTick: () => void,
    onWritten: (id: OperationId) => void,
  ) {
    this.#clock = clock
    this.#tell = tell
    this.#show = show
    this.#onTick = onTick
    this.#onWritten = onWritten
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

  attach(id: OperationId, read: () => ByteCounts): () => void {
    const watched = {read, told: bytesOf(this.#show(id, read()))}
    this.#watched.set(id, watched)
    this.#arm()
    return () => {
      if (this.#watched.get(id) === watched) this.#watched.delete(id)
    }
  }

  wrote(id: OperationId): void {
    this.#onWritten(id)
  }

  /** The live counters of an operation that moves; undefined when it does not. */
  read(id: OperationId): ByteCounts | undefined {
    return this.#watched.get(id)?.read()
  }

  #arm(): void {
    if (this.#timer !== undefined || !this.#running || this.#watched.size === 0) return
    this.#timer = this.#clock.setTimeout(() => {
      this.#timer = undefined
      this.#onTick()
      this.#tick()
      this.#arm()
    }, TICK_MS)
  }

  #disarm(): void {
    if (this.#timer !== undefined) this.#clock.clearTimeout(this.#timer)
    this.#timer = undefined
  }

  #tick(): void {
    const changes: ProgressChange[] = []
    for (const [id, watched] of this.#watched) {
      const counts = this.#show(id, watched.read())
      const bytes = bytesOf(counts)
      if (bytes === watched.told) continue
      watched.told = bytes
      changes.push(changeOf(id, counts))
    }
    if (changes.length > 0) this.#tell(changes)
  }
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
