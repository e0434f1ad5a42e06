/** Which of the claimed bytes of a part are really there: its blocks against the digests of its side file. */

import {crc32} from 'node:zlib'
import {addRange, EMPTY, missingRanges, type RangeSet, removeRange} from '../../domain/range-set.ts'
import {BLOCK_SIZE, type Digest, NO_DIGEST, rangesInBlock} from './block-digests.ts'
import type {FileFacts, FileSystem} from './file-system.ts'
import type {StoredSide} from './side-file.ts'
import type {PartStamp} from './side-format.ts'
import {readFully} from './transfer-bytes.ts'
import {blocksToVerify, isSameRun} from './trust.ts'

export interface VerifiedBlocks {
  readonly ranges: RangeSet
  /** The digests that hold. */
  readonly digests: readonly Digest[]
}

export function stampOf(files: FileSystem, facts: FileFacts): PartStamp {
  const boot = files.bootId()
  return {...(boot === undefined ? {} : {boot}), size: facts.size, modifiedMs: facts.modifiedMs}
}

/** Bytes that the last checkpoint does not cover are not trusted, whatever the claim. */
export async function verifyBlocks(
  files: FileSystem,
  fd: number,
  side: StoredSide,
  claimed: RangeSet,
): Promise<VerifiedBlocks> {
  const covered = intersect(claimed, side.facts.evidence.ranges)
  const candidates = [...side.digests]
    .filter(([block]) => rangesInBlock(covered, block).length > 0)
    .flatMap(([, digests]) => digests)
    .sort((a, b) => a.start - b.start)
  const stamp = stampOf(files, await files.fstat(fd))
  const sameRun = isSameRun(side.stamp, stamp)
  const last = candidates.at(-1)
  if (last !== undefined && blocksToVerify(side.stamp, stamp, side.writtenMs) === 'last') {
    if ((await holding(files, fd, [last], sameRun)).length === 1)
      return {ranges: cover(covered, candidates), digests: candidates}
  }
  const digests = await holding(files, fd, candidates, sameRun)
  return {ranges: cover(covered, digests), digests}
}

/** Those without a digest hold as long as the machine ran on, and are as long as they should be. */
async function holding(
  files: FileSystem,
  fd: number,
  digests: readonly Digest[],
  sameRun: boolean,
): Promise<readonly Digest[]> {
  const buffer = Buffer.allocUnsafe(digests.length > 0 ? BLOCK_SIZE : 0)
  const {size} = await files.fstat(fd)
  const good: Digest[] = []
  for (const digest of digests) {
    const holds =
      digest.crc === NO_DIGEST
        ? sameRun && digest.end <= size
        : (await digestOf(files, fd, digest.start, digest.end, buffer)) === digest.crc
    if (holds) good.push(digest)
  }
  return good
}

/** The CRC-32 of a stretch within one block; undefined if the file is shorter. */
export async function digestOf(
  files: FileSystem,
  fd: number,
  start: number,
  end: number,
  buffer: Buffer,
): Promise<number | undefined> {
  const bytes = buffer.subarray(0, end - start)
  return (await readFully(files, fd, bytes, start)) === bytes.length ? crc32(bytes) : undefined
}

function cover(ranges: RangeSet, digests: readonly Digest[]): RangeSet {
  let proven: RangeSet = EMPTY
  for (const {start, end} of joined(digests)) proven = addRange(proven, start, end)
  return intersect(ranges, proven)
}

/** Digests that touch, as one stretch, so that a large file needs few set operations. */
function joined(digests: readonly Digest[]): readonly {readonly start: number; readonly end: number}[] {
  const result: {start: number; end: number}[] = []
  for (const {start, end} of digests) {
    const last = result.at(-1)
    if (last !== undefined && last.end === start) last.end = end
    else result.push({start, end})
  }
  return result
}

function intersect(a: RangeSet, b: RangeSet): RangeSet {
  let result = a
  for (const [start, end] of missingRanges(b, a.at(-1)?.[1] ?? 0)) result = removeRange(result, start, end)
  return result
}
