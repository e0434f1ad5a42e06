/**
 * The side file on disk: read as a whole, appended to at each checkpoint, rewritten when it has grown far beyond what it
 * has to say or when its header is another one.
 */

import {TransferError} from '../../domain/errors.ts'
import {type RangeSet, sizeOf} from '../../domain/range-set.ts'
import type {SideFacts} from '../../ports/file-sink.ts'
import {BLOCK_SIZE, byBlock, type Digest, NO_DIGEST} from './block-digests.ts'
import type {PartPaths} from './file-names.ts'
import type {FileSystem} from './file-system.ts'
import {createAnew, openOwn} from './open-own.ts'
import {
  decodeSide,
  encodeCheckpoint,
  encodeHeader,
  neededDigests,
  type PartStamp,
  type SideContent,
} from './side-format.ts'
import type {SyncGuard} from './sync-guard.ts'
import {readFully, writeFully} from './transfer-bytes.ts'

/** No side file of ours comes near it; a stranger's may. */
const MOST_BYTES = 256 * 1024 * 1024

/** Rewritten when longer than this many times its need, and never below the least length. */
const GROWTH = 4
const LEAST_LENGTH = 64 * 1024
const DIGEST_LENGTH = 40
const LINES_LENGTH = 1024

export interface StoredSide extends SideContent {
  /** When the side file was last written. */
  readonly writtenMs: number
}

/** What the side file says; undefined when it is missing, damaged in its first lines, or no file at all. */
export async function readSide(files: FileSystem, path: string): Promise<StoredSide | undefined> {
  const present = await files.lstat(path)
  if (present === undefined || present.kind !== 'file' || present.size > MOST_BYTES) return undefined
  const fd = await files.open(path, 'read')
  try {
    const bytes = Buffer.allocUnsafe(present.size)
    const length = await readFully(files, fd, bytes, 0)
    const content = decodeSide(bytes.subarray(0, length))
    return content === undefined ? undefined : {...content, writtenMs: present.modifiedMs}
  } finally {
    await files.close(fd)
  }
}

/**
 * The page cache is no proof any more of what has no digest: after a failed sync it may hold what never gets to the disk, and in a
 * part that lost bytes holes come up. So the side file forgets in which run of the machine it was written, without which nothing
 * is believed that has no digest. Nobody may have it open; the next checkpoint takes the place of this line. Resolves with what it
 * says then: undefined when there is none.
 */
export async function forgetRun(files: FileSystem, path: string): Promise<StoredSide | undefined> {
  const stored = await readSide(files, path)
  if (stored === undefined) return undefined
  const {boot: _, ...stamp} = stored.stamp
  const bytes = Buffer.from(encodeCheckpoint(stored.facts.evidence, stamp, []))
  try {
    const fd = await openOwn(files, path)
    try {
      await writeFully(files, fd, bytes, stored.length)
    } finally {
      await files.close(fd)
    }
    return {...stored, stamp}
  } catch {
    // Without a side file nothing is believed.
    await files.remove(path)
    return undefined
  }
}

export interface SideFileOptions {
  readonly files: FileSystem
  readonly paths: PartPaths
  /** Checkpoints are synced before they are done. */
  readonly durable: boolean
  readonly syncs: SyncGuard
}

export class SideFile {
  readonly #files: FileSystem
  readonly #paths: PartPaths
  readonly #durable: boolean
  readonly #syncs: SyncGuard
  #fd: number | undefined
  /** The first line that is on disk; undefined when the side file has to be written anew. */
  #header: string | undefined
  /** Where the next line goes. A failed append leaves it, so that the next one overwrites the torn bytes. */
  #length = 0

  constructor({files, paths, durable, syncs}: SideFileOptions, stored: SideContent | undefined) {
    this.#files = files
    this.#paths = paths
    this.#durable = durable
    this.#syncs = syncs
    if (stored === undefined) return
    this.#header = encodeHeader(stored.facts)
    this.#length = stored.length
  }

  async append(facts: SideFacts, stamp: PartStamp, digests: readonly Digest[]): Promise<void> {
    const header = encodeHeader(facts)
    const line = encodeCheckpoint(facts.evidence, stamp, digests)
    if (this.#header === undefined) await this.#create(header, line)
    else if (this.#header !== header || this.#length + line.length > longest(facts.evidence.ranges))
      await this.#rewrite(header, facts, stamp, digests)
    else await this.#appendLine(line, digests.some(isDigested))
  }

  async close(): Promise<void> {
    const fd = this.#fd
    this.#fd = undefined
    if (fd !== undefined) await this.#files.close(fd)
    if (!this.#syncs.isSound) await forgetRun(this.#files, this.#paths.side)
  }

  async #create(header: string, line: string): Promise<void> {
    // One that was begun, and failed, is written from its beginning.
    this.#fd ??= await createAnew(this.#files, this.#paths.side)
    const fd = this.#fd
    await this.#files.ftruncate(fd, 0)
    const bytes = Buffer.from(header + line)
    await writeFully(this.#files, fd, bytes, 0)
    await this.#settle(fd)
    // The names of part and side file have to last as long as the checkpoint.
    await this.#settleNames()
    this.#header = header
    this.#length = bytes.length
  }

  /** `lasts`: it says what is worth something after a loss of power. Else the next one that does takes it along. */
  async #appendLine(line: string, lasts: boolean): Promise<void> {
    this.#fd ??= await openOwn(this.#files, this.#paths.side)
    const fd = this.#fd
    const bytes = Buffer.from(line)
    await writeFully(this.#files, fd, bytes, this.#length)
    if (lasts) await this.#settle(fd)
    this.#length += bytes.length
  }

  async #rewrite(header: string, facts: SideFacts, stamp: PartStamp, digests: readonly Digest[]): Promise<void> {
    const files = this.#files
    const stored = await readSide(files, this.#paths.side)
    if (stored === undefined) {
      throw new TransferError('PART_LOST', 'the side file of the partial file is gone', {where: this.#paths.side})
    }
    const merged = new Map([...stored.digests, ...byBlock(digests)])
    const line = encodeCheckpoint(facts.evidence, stamp, neededDigests(merged, facts.evidence.ranges))
    const bytes = Buffer.from(header + line)
    const fd = await createAnew(files, this.#paths.nextSide)
    try {
      await writeFully(files, fd, bytes, 0)
      await this.#settle(fd)
      await files.rename(this.#paths.nextSide, this.#paths.side)
    } catch (thrown) {
      await files.close(fd)
      throw thrown
    }
    const old = this.#fd
    this.#fd = fd
    this.#header = header
    this.#length = bytes.length
    if (old !== undefined) await files.close(old)
    if (this.#durable) await files.fsyncDirectory(this.#paths.directory)
  }

  async #settle(fd: number): Promise<void> {
    if (this.#durable) await this.#syncs.sync(() => this.#files.fdatasync(fd))
  }

  async #settleNames(): Promise<void> {
    if (this.#durable) await this.#syncs.sync(() => this.#files.fsyncDirectory(this.#paths.directory))
  }
}

function isDigested({crc}: Digest): boolean {
  return crc !== NO_DIGEST
}

/** How long the side file may grow for these ranges. */
function longest(ranges: RangeSet): number {
  const need = LINES_LENGTH + (Math.ceil(sizeOf(ranges) / BLOCK_SIZE) + ranges.length) * DIGEST_LENGTH
  return Math.max(LEAST_LENGTH, GROWTH * need)
}
