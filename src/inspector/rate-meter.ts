/** Bytes per second of each operation that moves, over the last seconds. */

import type {OperationId} from '../domain/operation-id.ts'

const WINDOW_MS = 3000

interface Sample {
  readonly at: number
  readonly bytes: number
}

export class RateMeter {
  readonly #samples = new Map<OperationId, Sample[]>()

  note(id: OperationId, bytes: number, at: number): void {
    let samples = this.#samples.get(id)
    const last = samples?.at(-1)
    // Bytes that were thrown away are no rate, nor is anything from before the clock was set back.
    if (samples === undefined || (last !== undefined && (bytes < last.bytes || at < last.at))) {
      samples = []
      this.#samples.set(id, samples)
    }
    samples.push({at, bytes})
    while (samples.length > 2 && (samples[0]?.at ?? at) < at - WINDOW_MS) samples.shift()
  }

  of(id: OperationId, now: number): number {
    const samples = this.#samples.get(id)
    const first = samples?.[0]
    const last = samples?.at(-1)
    if (first === undefined || last === undefined || first === last || !isFresh(last, now)) return 0
    return Math.round(((last.bytes - first.bytes) * 1000) / Math.max(1, now - first.at))
  }

  forget(id: OperationId): void {
    this.#samples.delete(id)
  }

  /** Forgets, and names, those from which nothing came for a while: their rate is 0 from now on. */
  takeStill(now: number): readonly OperationId[] {
    const still: OperationId[] = []
    for (const [id, samples] of this.#samples) {
      const last = samples.at(-1)
      if (last === undefined || !isFresh(last, now)) still.push(id)
    }
    for (const id of still) this.#samples.delete(id)
    return still
  }
}

/** What is later than now is of before the clock was set back. */
function isFresh({at}: Sample, now: number): boolean {
  return at >= now - WINDOW_MS && at <= now
}
