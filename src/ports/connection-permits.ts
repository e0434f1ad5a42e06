/** ConnectionPermits: whether an origin may have one more connection, beside those that operations have for themselves. */

import type {OperationId} from '../domain/operation-id.ts'

export interface ConnectionPermits {
  /**
   * One more connection to the origin of this URL; undefined when it may have none now. `onRevoked` is called when an operation
   * waits for it: then it has to be given back. Returns how to give it back; idempotent.
   */
  tryTake(url: string, id: OperationId, onRevoked: () => void): (() => void) | undefined
  /** The same for an operation that goes to another address of its file: counted, beyond the limit too, lest it waits in a slot. */
  take(url: string, id: OperationId): () => void
  /** The origin of this URL answered that nobody should ask it for so many ms: nobody begins to. */
  quiet(url: string, id: OperationId, quietMs: number): void
}
