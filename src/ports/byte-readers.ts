/** ByteReaders: whether somebody waits for bytes that a download has yet to bring, as its byte path may know it. */

import type {OperationId} from '../domain/operation-id.ts'

export interface ByteReaders {
  /** Somebody waits now: what comes should be in the part file soon, in however small pieces. */
  isAwaited(id: OperationId): boolean
  /** Calls back when somebody begins to wait, until the returned function is called. */
  follow(id: OperationId, onWaiting: () => void): () => void
}
