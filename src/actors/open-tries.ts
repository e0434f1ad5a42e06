/** The tries under way, by operation: how the byte path of a part finds the file, the checkpoints and the slices that it shares. */

import type {OperationId} from '../domain/operation-id.ts'
import type {Attempt} from './attempt.ts'

export class OpenTries {
  readonly #tries = new Map<OperationId, Attempt>()

  begin(id: OperationId, attempt: Attempt): void {
    this.#tries.set(id, attempt)
  }

  end(id: OperationId, attempt: Attempt): void {
    if (this.#tries.get(id) === attempt) this.#tries.delete(id)
  }

  of(id: OperationId): Attempt | undefined {
    return this.#tries.get(id)
  }
}
