/** An open part: positional writes with digests on the way, and checkpoints in the side file beside it. */

import {TransferError} from '../../domain/errors.ts'
import {addRange, type RangeSet, removeRange} from '../../domain/range-set.ts'
import type {ChecksumAlgorithm} from '../../domain/record.ts'
import type {PartFile, PartUse, SideFacts} from '../../ports/file-sink.ts'
import {BLOCK_SIZE, type BlockDigests, type Digest, type Stretch} from './block-digests.ts'
import {DigestPace} from './digest-pace.ts'
import type {EarlyWriteback} from './early-writeback.ts'
import {fileError} from './file-errors.ts'
import type {PartPaths} from './file-names.ts'
import type {FileSystem} from './file-system.ts'
import type {PartHashes} from './part-hashes.ts'
import type {Room} from './room.ts'
import type {SideFile} from './side-file.ts'
import type {SyncGuard} from './sync-guard.ts'
import {writeFully} from './transfer-bytes.ts'
import {digestOf, stampOf} from './verify-blocks.ts'

export interface PartOptions extends PartUse {
  readonly files: FileSystem
  readonly paths: PartPaths
  readonly fd: number
  readonly side: SideFile
  readonly digests: BlockDigests
  readonly syncs: SyncGuard
  readonly durable: boolean
  /** ms of a clock that never goes back. */
  readonly now: () => number
  /** Bytes that are in the part already. */
  readonly present: RangeSet
  /** Undefined where digests are computed at the end. */
  readonly hashes: PartHashes | undefined
  readonly room: Room
  readonly writeback: EarlyWriteback
  /** Nothing more is done to the part through this. */
  readonly onClosed: () => void
}

export class OpenPart implements PartFile {
  readonly #options: PartOptions
  /** Calls under way: the descriptor stays open for them, lest its number go to another file. */
  readonly #running = new Set<Promise<unknown>>()
  /** Absent where one run of the machine cannot be told from another: there nothing goes without a digest. */
  readonly #pace: DigestPace | undefined
  #checkpoints: Promise<unknown> = Promise.resolve()
  #present: RangeSet
  /** Bytes with a digest were written since the last sync: these alone are believed after a loss of power. */
  #hasDigested = false
  /** Bytes that were written since a sync began. */
  #unsent = 0
  #closed: Promise<void> | undefined

  constructor(options: PartOptions) {
    this.#options = options
    this.#pace = options.files.bootId() === undefined ? undefined : new DigestPace(options.now)
    this.#present = options.present
  }

  /** What was there when it was opened, or was written since. */
  get present(): RangeSet {
    return this.#present
  }

  write(buffer: Buffer, length: number, position: number): Promise<void> {
    return this.#run(() => this.#write(buffer, length, position))
  }

  read(buffer: Buffer, position: number): Promise<number> {
    const {files, fd} = this.#options
    return this.#run(async () => files.read(fd, buffer, 0, buffer.length, position))
  }

  /**
   * What has no digest, because it came too fast for one (DigestPace), is not believed after a loss of power, synced or not. Nobody
   * waits for the disk to have it until the file is whole.
   */
  sync(): Promise<void> {
    if (!this.#options.durable) return this.#run(() => Promise.resolve())
    if (this.#hasDigested) return this.#run(() => this.#waitForDisk())
    const sent = this.#options.writeback.send(this.#unsent, () => this.#run(() => this.#sync()))
    // Its failure makes the part unsound: whatever is done next with it says so.
    sent?.catch(() => undefined)
    return this.#run(() => Promise.resolve())
  }

  async #waitForDisk(): Promise<void> {
    const {now} = this.#options
    const began = now()
    await this.#sync()
    this.#pace?.waited(now() - began)
  }

  #sync(): Promise<void> {
    const {files, fd, syncs} = this.#options
    return syncs.sync(() => {
      this.#hasDigested = false
      this.#unsent = 0
      return files.fdatasync(fd)
    })
  }

  checkpoint(facts: SideFacts): Promise<void> {
    return this.#run(() => {
      const done = this.#checkpoints.then(() => this.#checkpoint(facts))
      this.#checkpoints = done.catch(() => undefined)
      return done
    })
  }

  claimRoom(bytes: number, size: number): Promise<void> {
    return this.#run(() => this.#options.room.claim(this.#options.paths.part, bytes, size))
  }

  digest(algorithm: ChecksumAlgorithm): void {
    if (this.#closed === undefined) this.#options.hashes?.follow(this.#options.paths.part, algorithm, this.#present)
  }

  truncate(length: number): Promise<void> {
    const {files, fd, digests, hashes, paths} = this.#options
    return this.#run(async () => {
      hashes?.changed(paths.part, length)
      await files.ftruncate(fd, length)
      digests.cut(length)
      this.#present = removeRange(this.#present, length, Number.POSITIVE_INFINITY)
    })
  }

  close(): Promise<void> {
    this.#closed ??= this.#close()
    return this.#closed
  }

  async #close(): Promise<void> {
    const {files, fd, side, syncs, paths, onClosed} = this.#options
    await Promise.allSettled(this.#running)
    const closed = syncs.close(() => files.close(fd))
    // After the part: the side file is told what became of that.
    const results = await Promise.allSettled([closed, closed.catch(() => undefined).then(() => side.close())])
    onClosed()
    for (const result of results) {
      if (result.status === 'rejected') throw fileError(result.reason, paths.part, 'part')
    }
  }

  async #write(buffer: Buffer, length: number, position: number): Promise<void> {
    const {files, fd, digests, hashes, paths, room, digestsLater = false} = this.#options
    await room.spend(paths.part, length, async () => {
      hashes?.changed(paths.part, position)
      const bytes = buffer.subarray(0, length)
      const writing = writeFully(files, fd, bytes, position)
      // The digest is computed while the disk is busy.
      const isWorthIt = digestsLater || this.#pace === undefined || this.#pace.isWorthIt(length)
      if (digestsLater) digests.noteUnread(length, position)
      else digests.note(bytes, position, isWorthIt)
      await writing
      if (isWorthIt) this.#hasDigested = true
      this.#unsent += length
    })
    this.#present = addRange(this.#present, position, position + length)
    hashes?.grown(paths.part, this.#present)
  }

  async #checkpoint(facts: SideFacts): Promise<void> {
    const {files, fd, side, digests, syncs} = this.#options
    syncs.assertSound()
    const {stretches, blocks} = digests.record(facts.evidence.ranges)
    try {
      const complete = await this.#complete(stretches, facts.evidence.ranges)
      const stamp = stampOf(files, await files.fstat(fd))
      await side.append(facts, stamp, complete)
    } catch (thrown) {
      digests.unrecord(blocks)
      throw thrown
    }
  }

  /** Reads again what has no digest yet. */
  async #complete(stretches: readonly Stretch[], ranges: RangeSet): Promise<readonly Digest[]> {
    const {files, fd, paths} = this.#options
    const result: Digest[] = []
    let buffer: Buffer | undefined
    for (const {start, end, crc} of stretches) {
      if (crc !== undefined) {
        result.push({start, end, crc})
        continue
      }
      buffer ??= Buffer.allocUnsafe(BLOCK_SIZE)
      const read = await digestOf(files, fd, start, end, buffer)
      if (read === undefined) {
        throw new TransferError('PART_LOST', 'the partial file is shorter than what was written to it', {
          where: paths.part,
          details: {size: start, expected: ranges.at(-1)?.[1] ?? 0},
        })
      }
      result.push({start, end, crc: read})
    }
    return result
  }

  async #run<T>(work: () => Promise<T>): Promise<T> {
    const where = this.#options.paths.part
    if (this.#closed !== undefined) throw new TransferError('CLOSED', 'the partial file is closed', {where})
    this.#options.syncs.assertSound()
    const running = work()
    this.#running.add(running)
    try {
      return await running
    } catch (thrown) {
      throw fileError(thrown, where, 'part')
    } finally {
      this.#running.delete(running)
    }
  }
}
