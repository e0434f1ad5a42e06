/**
 * StreamCopies: what a client keeps of a stream that it sends to a host. The host may die over it, and what was read of a stream is
 * nowhere else. Failures are DISK_FULL, DISK_FAILED, FILE_ACCESS.
 */

import type {OperationId} from '../domain/operation-id.ts'

export interface StreamCopy {
  /** Why there will never be all of it: what the stream threw, or a failure of the copy. */
  readonly failure: {readonly reason: unknown} | undefined
  /** All of the stream from its start, each piece as soon as it is here. May be read any number of times; throws the `failure`. */
  read(): AsyncIterable<Uint8Array>
  /** Lets go of the stream, and of everything that was kept. Idempotent. */
  close(): void
}

export interface StreamCopies {
  /** Takes the stream as fast as it comes, into a private file that nobody finds: it is gone with this process, however that ends. */
  open(id: OperationId, chunks: AsyncIterable<Uint8Array>): Promise<StreamCopy>
}
