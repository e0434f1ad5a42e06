/** Who waits for bytes of which operation, and where: the streams of applications on one side, the byte path on the other. */

import type {OperationId} from '../../domain/operation-id.ts'
import type {ByteReaders} from '../../ports/byte-readers.ts'

interface Wait {
  readonly position: number
}

export class WaitingReaders implements ByteReaders {
  /** The longest wait first. */
  readonly #waits = new Map<OperationId, Set<Wait>>()
  readonly #followers = new Map<OperationId, () => void>()

  isAwaited(id: OperationId): boolean {
    return this.#waits.has(id)
  }

  follow(id: OperationId, onWaiting: () => void): () => void {
    this.#followers.set(id, onWaiting)
    return () => {
      if (this.#followers.get(id) === onWaiting) this.#followers.delete(id)
    }
  }

  /** Where the reader waits that has waited longest; undefined when none does. */
  longestAt(id: OperationId): number | undefined {
    const [first] = this.#waits.get(id) ?? []
    return first?.position
  }

  /** A reader waits for this position, until the returned function is called. */
  wait(id: OperationId, position: number): () => void {
    const waits = this.#waits.get(id) ?? new Set()
    const wait = {position}
    this.#waits.set(id, waits.add(wait))
    this.#followers.get(id)?.()
    return () => {
      waits.delete(wait)
      if (waits.size === 0 && this.#waits.get(id) === waits) this.#waits.delete(id)
    }
  }
}
