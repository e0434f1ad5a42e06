/**
 * Where the operations that were saved last stand in the indexes, so that saving a live operation again needs no read.
 * Bounded: what has fallen out is read from its record. What is only created takes no place from others: of a long list those
 * begin first that came first.
 */

import type {OperationId} from '../../domain/operation-id.ts'
import type {LifeState} from '../../domain/status.ts'
import type {TallyRef} from '../../domain/tally.ts'

export interface Place {
  readonly indexKey: string
  readonly indexValue: string
  readonly file: string
  /** Seq of the newest entry of its journal; 0 when there is none. */
  readonly journalled: number
  readonly state: LifeState
  readonly tallies: readonly TallyRef[]
}

const CAPACITY = 16_384

export class Places {
  /** In order of last use, oldest first, since it was half full. */
  readonly #places = new Map<OperationId, Place>()

  get(id: OperationId): Place | undefined {
    return this.#places.get(id)
  }

  /** Whether so many more and another one can be remembered without forgetting any. */
  hasRoom(more: number): boolean {
    return this.#places.size + more < CAPACITY
  }

  /** `undefined` forgets it. */
  set(id: OperationId, place: Place | undefined): void {
    // While nothing has to go soon, none is moved to the end: a look-up among thousands costs more than the place.
    if (place === undefined || this.#places.size >= CAPACITY / 2) this.#places.delete(id)
    if (place === undefined) return
    this.#places.set(id, place)
    if (this.#places.size <= CAPACITY) return
    const oldest = this.#places.keys().next()
    if (!oldest.done) this.#places.delete(oldest.value)
  }

  clear(): void {
    this.#places.clear()
  }
}
