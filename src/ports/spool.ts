/**
 * Spool: private files beside the store that belong to an operation and go with it: copies of streams that it sends, and
 * answers that it keeps. Failures are DISK_FULL, DISK_FAILED, FILE_ACCESS.
 */

import type {OperationId} from '../domain/operation-id.ts'

/**
 * `body`: what the request carries. `answer`: what the server said. `copy`: what a client keeps of a body until a host has started
 * what it is for (stream-copies.ts); it has its name for a moment only, unless the client is killed in that.
 */
export type SpoolKind = 'body' | 'answer' | 'copy'

export interface SpoolFile {
  /** Writes `buffer[0, length)` at `position`. The buffer is the spool's until the promise settles. */
  write(buffer: Buffer, length: number, position: number): Promise<void>
  /** Makes what was written durable. */
  sync(): Promise<void>
  /** Idempotent. */
  close(): Promise<void>
}

export interface Spool {
  /**
   * Takes a stream whole: resolves with its size when it is durable. Rejects with what the stream threw, or with the signal's
   * reason, and leaves nothing behind then.
   */
  take(id: OperationId, chunks: AsyncIterable<Uint8Array>, signal?: AbortSignal): Promise<number>
  /** Opens the operation's answer, empty: until something is written to it, there is none. */
  openAnswer(id: OperationId): Promise<SpoolFile>
  /** The answer from `position` to its present end, in chunks; nothing when there is none. */
  readAnswer(id: OperationId, position: number): AsyncIterable<Buffer>
  /** Removes the operation's files, or those of one kind. Missing ones are no error. */
  remove(id: OperationId, kind?: SpoolKind): Promise<void>
  /** Whose files there are. */
  list(): Promise<readonly {readonly id: OperationId; readonly kind: SpoolKind}[]>
}

/** The name of an operation's file, as its record has it. */
export function spoolName(id: OperationId, kind: SpoolKind): string {
  return `${id}.${kind}`
}
