/**
 * The journals in the store. What one batch adds to an operation's journal is one value, a segment; whole segments are
 * dropped, oldest first, when there is too much. Short journals, nearly all, are written without looking at what is there.
 */

import {JOURNAL_BOUND, type JournalEntry, type JournalPage, pageOf} from '../../domain/journal.ts'
import type {OperationId} from '../../domain/operation-id.ts'
import {type Batch, type Database, type Entry, READ_AHEAD_BYTES} from './database.ts'
import {seal, unseal} from './envelope.ts'
import {decodeSegment, encodeSegment} from './journal-codec.ts'
import {firstOfJournalKey, journalKey, journalSpan} from './keys.ts'

/** More than this many entries at once make more than one segment, so that the bound can be kept by dropping segments. */
const SEGMENT_ENTRIES = 128

/** Journals that end before this seq are within the bound, however long their error texts. */
const SURELY_WITHIN = 64

/** Keys that are read in one trip to the thread pool: the segments of some twenty short journals. */
const KEYS_AT_ONCE = 64

/** How many long journals are remembered; the others are read when something is added to them. */
const REMEMBERED = 128

interface Segment {
  readonly key: string
  readonly entries: number
  readonly bytes: number
}

interface Extent {
  readonly segments: Segment[]
  entries: number
  bytes: number
}

export class JournalBound {
  /** Of long journals only; in order of last use, oldest first. */
  readonly #extents = new Map<OperationId, Extent>()

  /** Puts the entries into the batch, and takes out what is too much. Promises nothing where it has nothing to read. */
  add(
    database: Database,
    batch: Batch,
    id: OperationId,
    entries: readonly JournalEntry[],
    writeSequence: number,
  ): Promise<void> | undefined {
    if ((entries.at(-1)?.seq ?? 0) > SURELY_WITHIN) return this.#addToLong(database, batch, id, entries, writeSequence)
    putSegment(batch, id, entries, writeSequence)
    return undefined
  }

  async #addToLong(
    database: Database,
    batch: Batch,
    id: OperationId,
    entries: readonly JournalEntry[],
    writeSequence: number,
  ): Promise<void> {
    const extent = await this.#extentOf(database, id)
    for (let at = 0; at < entries.length; at += SEGMENT_ENTRIES) {
      const part = entries.slice(at, at + SEGMENT_ENTRIES)
      const {key, text} = putSegment(batch, id, part, writeSequence)
      append(extent, {key, entries: part.length, bytes: sizeOf(key, text)})
    }
    for (const {key} of dropSurplus(extent)) batch.del(key)
  }

  /** The whole journals of these operations go. */
  async remove(database: Database, batch: Batch, ids: readonly OperationId[]): Promise<void> {
    if (ids.length === 0) return
    for (const id of ids) this.#extents.delete(id)
    for await (const key of journalKeysOf(database, ids)) batch.del(key)
  }

  /** After a batch of which it is not known whether it was written. */
  clear(): void {
    this.#extents.clear()
  }

  async #extentOf(database: Database, id: OperationId): Promise<Extent> {
    const extent = this.#extents.get(id) ?? (await readExtent(database, id))
    this.#extents.delete(id)
    this.#extents.set(id, extent)
    const oldest = this.#extents.keys().next()
    if (this.#extents.size > REMEMBERED && !oldest.done) this.#extents.delete(oldest.value)
    return extent
  }
}

function putSegment(batch: Batch, id: OperationId, entries: readonly JournalEntry[], writeSequence: number) {
  const key = journalKey(id, entries[0]?.seq ?? 0)
  const text = seal(key, writeSequence, encodeSegment(entries))
  batch.put(key, text)
  return {key, text}
}

/**
 * What is forgotten together was mostly made together, and lies side by side: one iterator walks over all of it, and seeks only where
 * others lie between.
 */
async function* journalKeysOf(database: Database, ids: readonly OperationId[]): AsyncGenerator<string> {
  const spans = ids.toSorted().map(journalSpan)
  const iterator = database.keys({gte: spans[0]?.gte ?? '', lt: spans.at(-1)?.lt ?? ''})
  try {
    let keys: string[] = await iterator.nextv(KEYS_AT_ONCE)
    for (const {gte, lt} of spans) {
      if (keys.length > 0 && (keys.at(-1) ?? '') < gte) {
        iterator.seek(gte)
        keys = await iterator.nextv(KEYS_AT_ONCE)
      }
      while (keys.length > 0) {
        yield* keys.filter((key) => gte <= key && key < lt)
        if ((keys.at(-1) ?? '') >= lt) break
        keys = await iterator.nextv(KEYS_AT_ONCE)
      }
    }
  } finally {
    await iterator.close()
  }
}

/** A page of a journal, read from its end. */
export async function scanJournal(
  database: Database,
  id: OperationId,
  page: JournalPage,
  onDamage: (key: string) => void,
): Promise<readonly JournalEntry[]> {
  const {before = Number.MAX_SAFE_INTEGER, limit = JOURNAL_BOUND.entries} = page
  const {gte} = journalSpan(id)
  const segments: (readonly JournalEntry[])[] = []
  let found = 0
  const range = {gte, lt: journalKey(id, before), reverse: true, highWaterMarkBytes: READ_AHEAD_BYTES}
  const iterator = database.iterator(range)
  try {
    while (found < limit) {
      const entry: Entry | undefined = await iterator.next()
      if (entry === undefined) break
      const entries = openSegment(entry)
      if (entries === undefined) onDamage(entry[0])
      else {
        // After a failed write the same entries can stand in two segments.
        const next = segments.at(-1)?.[0]?.seq ?? before
        const fresh = entries.filter(({seq}) => seq < next)
        segments.push(fresh)
        found += fresh.length
      }
    }
  } finally {
    await iterator.close()
  }
  return pageOf(segments.reverse().flat(), {limit})
}

/** `undefined` when the segment does not verify. */
export function openSegment([key, text]: Entry): readonly JournalEntry[] | undefined {
  const opened = unseal(key, text)
  return opened && decodeSegment(firstOfJournalKey(key), opened.json)
}

async function readExtent(database: Database, id: OperationId): Promise<Extent> {
  const extent: Extent = {segments: [], entries: 0, bytes: 0}
  for (const [key, text] of await database.iterator(journalSpan(id)).all()) {
    append(extent, {key, entries: openSegment([key, text])?.length ?? 0, bytes: sizeOf(key, text)})
  }
  return extent
}

function append(extent: Extent, segment: Segment): void {
  const last = extent.segments.at(-1)
  if (last?.key === segment.key) {
    // Written again after a failure.
    extent.segments.pop()
    extent.entries -= last.entries
    extent.bytes -= last.bytes
  }
  extent.segments.push(segment)
  extent.entries += segment.entries
  extent.bytes += segment.bytes
}

function dropSurplus(extent: Extent): readonly Segment[] {
  const dropped: Segment[] = []
  while (extent.entries > JOURNAL_BOUND.entries || extent.bytes > JOURNAL_BOUND.bytes) {
    const oldest = extent.segments.shift()
    if (oldest === undefined) break
    extent.entries -= oldest.entries
    extent.bytes -= oldest.bytes
    dropped.push(oldest)
  }
  return dropped
}

function sizeOf(key: string, text: string): number {
  return Buffer.byteLength(key) + Buffer.byteLength(text)
}
