/**
 * Digests of what is being written, block by block. A CRC-32 runs along with sequential writes, so that a checkpoint costs
 * no second look at the bytes; where writes came in another order, the stretch is marked to be read again. Bytes that come
 * faster than a digest is worth (DigestPace) go without: they are trusted in the same run of the machine only.
 */

import {crc32} from 'node:zlib'
import type {ByteRange, RangeSet} from '../../domain/range-set.ts'

export const BLOCK_SIZE = 1024 * 1024

/** Stands for a digest that was not worth its time. */
export const NO_DIGEST = 'none'

/** The CRC-32 of the bytes `[start, end)`, which lie within one block. */
export interface Digest {
  readonly start: number
  readonly end: number
  readonly crc: number | typeof NO_DIGEST
}

/** A stretch whose digest is asked for; without `crc` its bytes have to be read. */
export interface Stretch {
  readonly start: number
  readonly end: number
  readonly crc: Digest['crc'] | undefined
}

/** More stretches than this in a block are merged into ones to be read again, which bounds memory and the side file. */
const MOST_STRETCHES = 4

export function blockOf(position: number): number {
  return Math.floor(position / BLOCK_SIZE)
}

/** The parts of the set that lie in a block. */
export function rangesInBlock(set: RangeSet, block: number): RangeSet {
  const from = block * BLOCK_SIZE
  const to = from + BLOCK_SIZE
  const inside: ByteRange[] = []
  for (const [start, end] of set) {
    if (start < to && end > from) inside.push([Math.max(start, from), Math.min(end, to)])
  }
  return inside
}

export function byBlock(digests: readonly Digest[]): Map<number, readonly Digest[]> {
  const blocks = new Map<number, Digest[]>()
  for (const digest of digests) {
    const list = blocks.get(blockOf(digest.start))
    if (list === undefined) blocks.set(blockOf(digest.start), [digest])
    else list.push(digest)
  }
  return blocks
}

export class BlockDigests {
  /** What is known of blocks that are being filled: sorted, disjoint. Complete and recorded blocks are forgotten. */
  readonly #blocks = new Map<number, readonly Stretch[]>()
  /** Blocks that changed since they were last recorded. */
  readonly #changed = new Set<number>()

  /** Takes up a recorded digest that was verified, so that a write at its end goes on from it. */
  resume(digest: Digest): void {
    if (digest.end - digest.start === BLOCK_SIZE) return
    const block = blockOf(digest.start)
    this.#blocks.set(
      block,
      [...(this.#blocks.get(block) ?? []), digest].sort((a, b) => a.start - b.start),
    )
  }

  /**
   * Bytes are being written at `position`. Should that fail, they have to be written again before a checkpoint may name them.
   * `isWorthIt`: false spares the digest of their blocks.
   */
  note(bytes: Buffer, position: number, isWorthIt = true): void {
    for (const [start, end] of byBlocks(position, bytes.length)) {
      const part = bytes.subarray(start - position, end - position)
      this.#noteInBlock(start, end, (head) => digestAfter(head, part, isWorthIt))
    }
  }

  /** The same of bytes that nobody looks at before a checkpoint names them: then they are read again. */
  noteUnread(length: number, position: number): void {
    for (const [start, end] of byBlocks(position, length)) this.#noteInBlock(start, end, () => undefined)
  }

  /** The file ends at `length` now. */
  cut(length: number): void {
    for (const [block, stretches] of this.#blocks) {
      const left = stretches
        .filter((stretch) => stretch.start < length)
        .map((stretch) => (stretch.end > length ? {...stretch, end: length, crc: undefined} : stretch))
      if (left.length > 0) this.#blocks.set(block, left)
      else this.#blocks.delete(block)
    }
    if (length % BLOCK_SIZE > 0) this.#changed.add(blockOf(length))
  }

  /**
   * The stretches of changed blocks that `ranges` covers, and from now on these blocks count as recorded; `unrecord` takes
   * that back. A block that holds more than `ranges` covers stays changed.
   */
  record(ranges: RangeSet): {readonly stretches: readonly Stretch[]; readonly blocks: readonly number[]} {
    const stretches: Stretch[] = []
    const blocks: number[] = []
    for (const block of this.#changed) {
      const wanted = rangesInBlock(ranges, block)
      if (wanted.length === 0) continue
      const known = this.#blocks.get(block) ?? []
      for (const range of wanted) stretches.push(...tile(range, known))
      blocks.push(block)
      if (known.some((stretch) => !wanted.some(([start, end]) => start <= stretch.start && stretch.end <= end)))
        continue
      this.#changed.delete(block)
      if (isWhole(wanted)) this.#blocks.delete(block)
    }
    return {stretches, blocks}
  }

  unrecord(blocks: readonly number[]): void {
    for (const block of blocks) this.#changed.add(block)
  }

  #noteInBlock(start: number, end: number, digestAfterHead: (head: Stretch | undefined) => Stretch['crc']): void {
    const block = blockOf(start)
    const known = this.#blocks.get(block) ?? []
    const result: Stretch[] = []
    let added: Stretch | undefined
    for (const stretch of known) {
      if (overlaps(stretch, start, end)) {
        added = {
          start: Math.min(added?.start ?? start, stretch.start),
          end: Math.max(added?.end ?? end, stretch.end),
          crc: undefined,
        }
      } else {
        result.push(stretch)
      }
    }
    if (added === undefined) {
      const before = result.findIndex((stretch) => stretch.end === start)
      const head = before < 0 ? undefined : result[before]
      if (head !== undefined) result.splice(before, 1)
      added = {start: head?.start ?? start, end, crc: digestAfterHead(head)}
    }
    result.push(added)
    result.sort((a, b) => a.start - b.start)
    this.#blocks.set(block, result.length > MOST_STRETCHES ? mergeTouching(result) : result)
    this.#changed.add(block)
  }
}

/** The bytes `[position, position + length)`, cut where blocks end. */
function* byBlocks(position: number, length: number): Generator<ByteRange> {
  for (let start = position; start < position + length; ) {
    const end = Math.min(position + length, (blockOf(start) + 1) * BLOCK_SIZE)
    yield [start, end]
    start = end
  }
}

/** One digest speaks for a whole stretch: where a part of it has none, the whole has none. */
function digestAfter(head: Stretch | undefined, bytes: Buffer, isWorthIt: boolean): Stretch['crc'] {
  if (head !== undefined && typeof head.crc !== 'number') return head.crc
  if (!isWorthIt) return NO_DIGEST
  return typeof head?.crc === 'number' ? crc32(bytes, head.crc) : crc32(bytes)
}

/** The known stretches that make up the range exactly, or the whole range to be read. */
function tile([start, end]: ByteRange, known: readonly Stretch[]): readonly Stretch[] {
  const tiles: Stretch[] = []
  let at = start
  for (const stretch of known) {
    if (stretch.start !== at || at === end || stretch.crc === undefined) continue
    // Any part of what has no digest has none, either.
    const tileEnd = stretch.crc === NO_DIGEST ? Math.min(stretch.end, end) : stretch.end
    if (tileEnd > end) continue
    tiles.push({...stretch, end: tileEnd})
    at = tileEnd
  }
  return at === end ? tiles : [{start, end, crc: undefined}]
}

function mergeTouching(stretches: readonly Stretch[]): readonly Stretch[] {
  const merged: Stretch[] = []
  for (const stretch of stretches) {
    const last = merged.at(-1)
    if (last !== undefined && last.end === stretch.start) {
      merged[merged.length - 1] = {start: last.start, end: stretch.end, crc: undefined}
    } else {
      merged.push(stretch)
    }
  }
  return merged
}

function overlaps(stretch: Stretch, start: number, end: number): boolean {
  return stretch.start < end && stretch.end > start
}

function isWhole(ranges: RangeSet): boolean {
  const only = ranges[0]
  return ranges.length === 1 && only !== undefined && only[1] - only[0] === BLOCK_SIZE
}
