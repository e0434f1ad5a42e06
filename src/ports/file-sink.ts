/**
 * FileSink: where a download's bytes live before and when they become the file.
 *
 * Bytes go to a part file beside the destination; the destination's name is taken only at the end, by link or rename.
 * Every failure is a TransferError: DISK_FULL, DISK_FAILED, FILE_ACCESS, FILE_EXISTS, DIRECTORY_MISSING, FILE_TOO_LARGE,
 * PART_LOST.
 */

import type {ExpectedFile} from '../domain/expected-file.ts'
import type {OperationId} from '../domain/operation-id.ts'
import type {RangeSet} from '../domain/range-set.ts'
import type {
  ChecksumAlgorithm,
  CollisionPolicy,
  Evidence,
  OperationFacts,
  PublishedFile,
  TransferRequest,
  TransferTarget,
} from '../domain/record.ts'

/** Which part file is meant: it stands beside `file`, and its name holds id and generation. */
export interface PartName {
  readonly id: OperationId
  /** Absolute path of the destination. */
  readonly file: string
  readonly generation: number
  /** The application that a host writes it for. */
  readonly app?: string
}

/** Where an operation's bytes are. */
export function partNameOf({
  id,
  target,
  evidence,
  app,
}: Pick<OperationFacts, 'id' | 'target' | 'evidence' | 'app'>): PartName {
  const name = {id: evidence.partOwner ?? id, file: target.file, generation: evidence.generation}
  return app === undefined ? name : {...name, app}
}

/** What the side file beside a part says of it; enough to go on without the store. */
export interface SideFacts {
  readonly id: OperationId
  readonly request: Pick<TransferRequest, 'url' | 'method'>
  readonly target: TransferTarget
  readonly evidence: Evidence
}

export interface PartFile {
  /**
   * Writes `buffer[0, length)` at `position`, whole or not at all as far as the caller is concerned (short writes are
   * continued). The buffer belongs to the sink until the promise settles.
   */
  write(buffer: Buffer, length: number, position: number): Promise<void>
  /** Reads up to `buffer.length` bytes from `position`; resolves with how many. */
  read(buffer: Buffer, position: number): Promise<number>
  /** Makes what was written durable (fdatasync in power mode, nothing in process mode). */
  sync(): Promise<void>
  /**
   * Appends the checkpoint (with the digests of the blocks that it newly covers) to the side file, durably in power mode.
   * To be called after `sync` has covered `facts.evidence.ranges`.
   */
  checkpoint(facts: SideFacts): Promise<void>
  /**
   * Sets aside what the part still needs to have `size` bytes, until it is closed. Nothing is allocated. Rejects with DISK_FULL
   * and FILE_TOO_LARGE; later writes reject with DISK_FULL when only the reserve is left.
   */
  claimRoom(bytes: number, size: number): Promise<void>
  /**
   * Begins to hash the file from its start, beside the caller and as far as it is written; `verify` then waits for the rest
   * only. Idempotent; goes on over closing and opening.
   */
  digest(algorithm: ChecksumAlgorithm): void
  /** Cuts the file to `length`. */
  truncate(length: number): Promise<void>
  /** Idempotent. */
  close(): Promise<void>
}

/** A look into a part, or a file that a part became: it goes on to see the bytes whatever becomes of the name. */
export interface FileReader {
  /** Reads up to `into.length` bytes from `position`; resolves with how many, 0 at the end of the file or of what is proven. */
  read(into: Uint8Array, position: number): Promise<number>
  /** Waits for the reads under way. Idempotent. */
  close(): Promise<void>
}

export interface PartUse {
  /** It will most likely be whole before any checkpoint is made: digests are computed only for one, from what is in the file. */
  readonly digestsLater?: boolean
}

export interface OpenedPart {
  readonly part: PartFile
  /**
   * The claimed ranges, less every block whose digest does not match what is on disk (all of them if the part is missing,
   * shorter than claimed, or its side file is missing or damaged). Blocks are verified by re-reading them.
   */
  readonly ranges: RangeSet
}

export interface FileSink {
  /**
   * Before any traffic: the directory exists and is writable, and the collision policy allows the destination.
   * Rejects with DIRECTORY_MISSING, FILE_ACCESS or FILE_EXISTS.
   */
  checkTarget(target: TransferTarget): Promise<void>
  /**
   * Opens (creating it, mode 0600) the part file and verifies `claimed` ranges. With no claimed ranges an existing file
   * of that name is emptied. Waits while the part is open: one that was given up may still be written to.
   */
  openPart(name: PartName, claimed: RangeSet, use?: PartUse): Promise<OpenedPart>
  /**
   * Makes a part of all its bytes at once, as `verify` leaves one: whole, with its final mode, everything durable (fsync). The
   * buffers belong to the sink until the promise settles. Waits while the part is open, and takes the place of one that is there.
   * Rejects with whatever the disk says; what was written by then is left for `openPart`, or `discard`. Where they are not what is
   * expected nothing is written, and it rejects as `verify` does.
   */
  writeWhole(name: PartName, bytes: readonly Buffer[], expected?: ExpectedFile): Promise<PublishedFile>
  /**
   * Reads a part while others write it; or, once it took its final name, the file of that name. Takes no turn and creates
   * nothing. Rejects with PART_LOST when it is not there, FILE_ACCESS. Of a part that nobody has opened meanwhile only that is read
   * which its side file proves, unless `isWhole`, because it was verified.
   */
  openReader(name: PartName, publishedAs: string | undefined, isWhole?: boolean): Promise<FileReader>
  /**
   * Before any traffic, where the size is known: whether the part can have `bytes` more, beside the reserve and what others
   * need. Rejects with DISK_FULL, and with FILE_TOO_LARGE when the file system takes no file of `size` bytes.
   */
  demandRoom(name: PartName, bytes: number, size: number): Promise<void>
  /**
   * Size and identity of the finished part, everything durable (fsync). Rejects with LENGTH_MISMATCH, CHECKSUM_MISMATCH or
   * CONTENT_UNEXPECTED when it is not what is expected; `details.from` says whose digest it was.
   */
  verify(name: PartName, expected: ExpectedFile, signal: AbortSignal): Promise<PublishedFile>
  /**
   * Gives the part its final name under the collision policy and syncs the directory; resolves with the final path.
   * Idempotent across crashes: a file that already carries `file`'s identity under the final name counts as published.
   * Removes the side file and older generations' leftovers.
   */
  publish(name: PartName, file: PublishedFile, collision: CollisionPolicy): Promise<string>
  /**
   * Removes part and side files of this operation, all generations but `keep`, each when it is closed. Missing files are no
   * error.
   */
  discard(name: PartName, keep?: number): Promise<void>
  /** Lets go of what works beside the caller: digests under way. No part is touched. Idempotent. */
  close(): Promise<void>
}
