/** The FileSink on a file system: opens and verifies parts, publishes them, removes what is left over. */

import {basename} from 'node:path'
import {TransferError} from '../../domain/errors.ts'
import {EMPTY, prefixLength, type RangeSet, rangeFrom, sizeOf} from '../../domain/range-set.ts'
import type {PublishedFile} from '../../domain/record.ts'
import type {FileBounds} from '../../ports/file-bounds.ts'
import type {FileSink, OpenedPart, PartFile, PartName, PartUse} from '../../ports/file-sink.ts'
import {BlockDigests, blockOf, rangesInBlock} from './block-digests.ts'
import {TargetCheck} from './check-target.ts'
import {DirectorySyncs} from './directory-syncs.ts'
import {EarlyWriteback} from './early-writeback.ts'
import {asFileWork, errnoOf} from './file-errors.ts'
import {type PartPaths, partPaths} from './file-names.ts'
import {openReader} from './file-reader.ts'
import type {FileSystem} from './file-system.ts'
import {HashPool} from './hash-pool.ts'
import {removeGenerations, removePublished, removeSide} from './leftovers.ts'
import {nodeFileSystem} from './node-file-system.ts'
import {createAnew, openOwn} from './open-own.ts'
import {OpenPart, type PartOptions} from './part-file.ts'
import {PartHashes} from './part-hashes.ts'
import {PartTurns} from './part-turns.ts'
import {takeFinalName} from './publish-part.ts'
import {Room} from './room.ts'
import {forgetRun, readSide, SideFile, type StoredSide} from './side-file.ts'
import {SyncGuard} from './sync-guard.ts'
import {writeFully} from './transfer-bytes.ts'
import {verifyBlocks} from './verify-blocks.ts'
import {verifyBytes} from './verify-bytes.ts'
import {verifyPart} from './verify-part.ts'

export interface FileSinkOptions {
  /** `power`: what was acknowledged survives a power cut. `process`: it survives the death of the process. */
  readonly durability: 'power' | 'process'
  /** Permission bits of published files; by default what the umask leaves of 0666 when the sink is made. */
  readonly mode?: number
  /** Bytes of a disk that stay free; by default 64 MiB, or 2 % of a smaller disk. */
  readonly reserveBytes?: number
  /**
   * Which files an application of the host may have; by default any. Looked at again before a part is opened or read, before it takes its
   * name, and before the file that it became is read: somebody may have put a link in the way since the operation was accepted.
   */
  readonly bounds?: FileBounds
  /** The file system beneath; Node's by default. */
  readonly files?: FileSystem
  /** ms of a clock that never goes back, by which the pace of writes is known; Node's by default. */
  readonly now?: () => number
}

/** What is larger takes any disk its time. */
const QUICKLY_SYNCED_BYTES = 256 * 1024

interface Context {
  readonly files: FileSystem
  readonly bounds: FileBounds | undefined
  readonly durable: boolean
  readonly now: () => number
  readonly mode: number
  /** Parts whose sync failed, by path: nothing but opening them anew makes them sound. */
  readonly unsound: Map<string, TransferError>
  /** Parts that were written whole and never opened: nothing stands beside them. */
  readonly wholes: Set<string>
  /** Parts that are open, by path. */
  readonly opened: Map<string, OpenPart>
  readonly turns: PartTurns
  readonly hashes: PartHashes | undefined
  readonly room: Room
  readonly writeback: EarlyWriteback
}

export function createFileSink(options: FileSinkOptions): FileSink {
  const {files = nodeFileSystem, bounds} = options
  const context: Context = {
    files,
    bounds,
    durable: options.durability === 'power',
    now: options.now ?? (() => performance.now()),
    mode: options.mode ?? 0o666 & ~process.umask(),
    unsound: new Map(),
    wholes: new Set(),
    opened: new Map(),
    turns: new PartTurns(),
    // A thread reads the real file system only.
    hashes: options.files === undefined ? new PartHashes(new HashPool()) : undefined,
    room: new Room(files, options.reserveBytes),
    writeback: new EarlyWriteback(),
  }
  const {durable, mode, unsound, wholes, turns, hashes, room} = context
  const directories = new DirectorySyncs((directory, device) => files.fsyncDirectory(directory, device))
  const targets = new TargetCheck(files)
  return {
    checkTarget(target) {
      return asFileWork(target.file, 'directory', () => targets.check(target))
    },
    openPart(name, claimed, use = {}) {
      return asFileWork(partPaths(name).part, 'directory', () => openPart(context, name, claimed, use))
    },
    writeWhole(name, bytes, expected) {
      const {part} = partPaths(name)
      return asFileWork(part, 'directory', () => {
        if (expected !== undefined) verifyBytes(part, bytes, expected)
        return writeWhole(context, name, part, bytes)
      })
    },
    openReader(name, publishedAs, isWhole = false) {
      const path = publishedAs ?? partPaths(name).part
      return asFileWork(path, 'part', async () => {
        if (publishedAs !== undefined) await bounds?.demand(name.app, publishedAs, 'read')
        else if (bounds !== undefined) await demandBounds(bounds, name)
        const isProven = isWhole || publishedAs !== undefined
        return isProven ? openReader(files, path) : openReader(files, path, proofOf(context, name))
      })
    },
    demandRoom(name, bytes, size) {
      const {part} = partPaths(name)
      return asFileWork(part, 'directory', () => room.demand(part, bytes, size))
    },
    verify(name, expected, signal) {
      const {part: path, side} = partPaths(name)
      return asFileWork(path, 'part', () => {
        assertSound(unsound, path)
        const syncs = guardOf(context, path)
        const sync = async (fd: number, file: PublishedFile) => {
          if (!durable) return
          try {
            await syncs.sync(() => files.fsync(fd, deviceOfSmall(file)))
          } catch (thrown) {
            await forgetRun(files, side)
            throw thrown
          }
        }
        return verifyPart({files, path, expected, hashes, signal, mode, sync})
      })
    },
    publish(name, file, collision) {
      return asFileWork(name.file, 'part', async () => {
        const paths = partPaths(name)
        assertSound(unsound, paths.part)
        if (bounds !== undefined) await demandBounds(bounds, name)
        const {path, partName} = await takeFinalName({files, durable, name, paths, file, collision})
        await removePublished(files, name, {paths, file, partName, hasNoSide: wholes.delete(paths.part)})
        // Of the names, not of the part: whoever publishes again, after this failed, syncs them again.
        if (durable) await directories.sync(paths.directory, file.device)
        return path
      })
    },
    discard(name, keep) {
      return asFileWork(partPaths(name).part, 'part', async () => {
        const {directory} = partPaths(name)
        await removeGenerations(files, turns, name, keep, (part) => {
          unsound.delete(part)
          wholes.delete(part)
          // Its thread has the file open: until it lets go of that, the disk has no more room.
          hashes?.forget(part)
        })
        // What is said to be canceled must not be there again after a power cut, when nobody knows of it any more: also where
        // nothing was found, because a process may have removed it and been killed before its sync.
        if (durable && (await files.stat(directory)) !== undefined) await directories.sync(directory)
      })
    },
    async close() {
      await hashes?.close()
    },
  }
}

/** The turn lasts until the part is closed. */
async function openPart(context: Context, name: PartName, claimed: RangeSet, use: PartUse): Promise<OpenedPart> {
  const {part} = partPaths(name)
  const endTurn = await context.turns.begin(part)
  const onClosed = () => {
    context.opened.delete(part)
    context.room.giveBack(part)
    endTurn()
  }
  try {
    // In its turn: whoever removes the part meanwhile comes after this.
    if (context.bounds !== undefined) await demandBounds(context.bounds, name)
    return await openInTurn(context, name, claimed, {onClosed, ...use})
  } catch (thrown) {
    onClosed()
    throw thrown
  }
}

async function openInTurn(
  context: Context,
  name: PartName,
  claimed: RangeSet,
  use: Pick<PartOptions, 'onClosed' | 'digestsLater'>,
): Promise<OpenedPart> {
  const {files} = context
  const paths = partPaths(name)
  const open = (fd: number, present: RangeSet, digests: BlockDigests, side: StoredSide | undefined) =>
    partOn(context, paths, {fd, present, digests, ...use}, side)
  // Most parts are new; a side file that outlived its part is written over by the first checkpoint.
  const fresh = claimed.length === 0 ? await createPart(files, paths.part) : undefined
  if (fresh !== undefined) return {part: open(fresh, EMPTY, new BlockDigests(), undefined), ranges: EMPTY}
  let side = claimed.length === 0 ? undefined : await readOwnSide(files, paths, name)
  const fd = await openOwnFile(files, paths.part, claimed.length > 0)
  try {
    const digests = new BlockDigests()
    let ranges = EMPTY
    if (side !== undefined) {
      const verified = await verifyBlocks(files, fd, side, claimed)
      ranges = verified.ranges
      for (const digest of verified.digests) digests.resume(digest)
      // The part may be another one, whose name lasts when a side file is made beside it.
      if (ranges.length === 0) side = undefined
      // Bytes that come in any order make the part as long as it was, before they are all there again.
      else if (sizeOf(ranges) < sizeOf(claimed)) side = await forgetRun(files, paths.side)
    }
    // Whatever lies beyond is not ours to trust, and would lengthen a file whose size nobody knows.
    const end = ranges.at(-1)?.[1] ?? 0
    if ((await files.fstat(fd)).size > end) {
      await files.ftruncate(fd, end)
      digests.cut(end)
    }
    if (side === undefined) await removeSide(files, paths)
    return {part: open(fd, ranges, digests, side), ranges}
  } catch (thrown) {
    await files.close(fd)
    throw thrown
  }
}

function partOn(
  context: Context,
  paths: PartPaths,
  opened: Pick<PartOptions, 'fd' | 'present' | 'digests' | 'onClosed' | 'digestsLater'>,
  stored: StoredSide | undefined,
): PartFile {
  const {files, durable, now, unsound, wholes, hashes, room, writeback} = context
  unsound.delete(paths.part)
  wholes.delete(paths.part)
  hashes?.changed(paths.part, prefixLength(opened.present))
  const syncs = guardOf(context, paths.part)
  const side = new SideFile({files, paths, durable, syncs}, stored)
  const part = new OpenPart({files, paths, side, syncs, durable, now, hashes, room, writeback, ...opened})
  context.opened.set(paths.part, part)
  return part
}

/**
 * What of a part is what was written to it. Nobody looked at what an earlier process left, or at what was not synced when the power
 * failed, until the part is opened; whoever has it open, or had, knows. Else one block is looked at: nobody waits for all of a large part.
 */
function proofOf({files, opened}: Context, name: PartName): (fd: number, position: number) => Promise<RangeSet> {
  const paths = partPaths(name)
  let last = opened.get(paths.part)
  let side: StoredSide | undefined
  const provenAt = async (fd: number, position: number) => {
    if (side === undefined) return EMPTY
    return (await verifyBlocks(files, fd, side, rangesInBlock(side.facts.evidence.ranges, blockOf(position)))).ranges
  }
  return async (fd, position) => {
    last = opened.get(paths.part) ?? last
    if (last !== undefined) return last.present
    const proven = await provenAt(fd, position)
    if (rangeFrom(proven, position) > position) return proven
    // It may have been open since, and have more now.
    side = await readOwnSide(files, paths, name)
    return provenAt(fd, position)
  }
}

async function writeWhole(
  context: Context,
  name: PartName,
  part: string,
  bytes: readonly Buffer[],
): Promise<PublishedFile> {
  const {files, bounds, durable, mode, unsound, wholes, turns, room} = context
  const endTurn = await turns.begin(part)
  try {
    if (bounds !== undefined) await demandBounds(bounds, name)
    // Its final mode at once: it is as good as whole, and a call less.
    const fresh = await createPart(files, part, mode)
    const fd = fresh ?? (await createAnew(files, part, mode))
    try {
      unsound.delete(part)
      let written = 0
      for (const each of bytes) {
        const position = written
        await room.spend(part, each.length, () => writeFully(files, fd, each, position))
        written += each.length
      }
      const {device, inode, size, ...made} = await files.fstat(fd)
      if (made.mode !== mode) await files.fchmod(fd, mode)
      if (size !== written) throw new TransferError('DISK_FAILED', `has ${size} bytes after ${written} were written`)
      const file = {device, inode, size}
      if (durable) await guardOf(context, part).sync(() => files.fsync(fd, deviceOfSmall(file)))
      // What stood beside one that was there stands beside this one now.
      if (fresh !== undefined) wholes.add(part)
      return file
    } finally {
      await files.close(fd)
    }
  } finally {
    endTurn()
  }
}

function demandBounds(bounds: FileBounds, {app, file}: PartName): Promise<void> {
  return bounds.demand(app, file, 'write')
}

/** Undefined when something has the name already. */
async function createPart(files: FileSystem, path: string, mode?: number): Promise<number | undefined> {
  try {
    return await files.open(path, 'createNew', mode)
  } catch (thrown) {
    if (errnoOf(thrown) === 'EEXIST') return undefined
    throw thrown
  }
}

async function readOwnSide(files: FileSystem, paths: PartPaths, name: PartName): Promise<StoredSide | undefined> {
  const side = await readSide(files, paths.side)
  if (side === undefined) return undefined
  const {id, target, evidence} = side.facts
  const isOwn =
    id === name.id && evidence.generation === name.generation && basename(target.file) === basename(name.file)
  return isOwn ? side : undefined
}

/**
 * A part that has a second name was linked to its destination: it must not be written to, and its part name is let go. So is one of which
 * nothing is claimed.
 */
async function openOwnFile(files: FileSystem, path: string, isClaimed: boolean): Promise<number> {
  const present = await files.lstat(path)
  if (present !== undefined && present.kind !== 'file') {
    throw new TransferError('FILE_ACCESS', 'what stands in the place of the partial file is no file', {
      where: path,
      advice: 'remove it, or choose another name for the download',
    })
  }
  if (!isClaimed || present === undefined || present.links > 1) return createAnew(files, path)
  return openOwn(files, path)
}

function guardOf({unsound}: Context, path: string): SyncGuard {
  return new SyncGuard(path, (error) => unsound.set(path, error))
}

function deviceOfSmall({size, device}: PublishedFile): number | undefined {
  return size <= QUICKLY_SYNCED_BYTES ? device : undefined
}

function assertSound(unsound: ReadonlyMap<string, TransferError>, path: string): void {
  const failure = unsound.get(path)
  if (failure !== undefined) throw failure
}
