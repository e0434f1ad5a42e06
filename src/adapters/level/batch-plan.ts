/**
 * What one batch of changes does to the store: each record together with its place in the indexes, its claim on its file
 * and the manifest, so that no crash can come between them.
 */

import {isUnset} from '../../domain/group-settings.ts'
import {withJournalled} from '../../domain/journal.ts'
import type {OperationId} from '../../domain/operation-id.ts'
import type {OperationRecord} from '../../domain/record.ts'
import type {LifeState} from '../../domain/status.ts'
import {type TallyRef, talliesOf} from '../../domain/tally.ts'
import type {Batch, Database} from './database.ts'
import type {JournalBound} from './journal.ts'
import {
  ACTIVE,
  fileKey,
  groupKey,
  type IndexEntry,
  indexEntryOf,
  MANIFEST_KEY,
  operationKey,
  PREFETCH_KEY,
} from './keys.ts'
import type {NewestId} from './newest-id.ts'
import {type Change, idOf, type WriteBatch} from './pending-writes.ts'
import type {Place, Places} from './places.ts'
import {type Manifest, sealManifest} from './schema.ts'
import {sealGroup, sealPrefetch, sealRecord, unsealRecord} from './stored-record.ts'
import {TallyPlan} from './tally-plan.ts'

/** What the store remembers from batch to batch. */
export interface Knowledge {
  readonly places: Places
  readonly newest: NewestId
  readonly journals: JournalBound
  readonly manifest: Manifest
}

/** What is true once the batch is written. */
export interface BatchOutcome {
  readonly manifest: Manifest
  readonly places: ReadonlyMap<OperationId, Place | undefined>
}

/** What the store knows of an operation before the batch. `damaged`: there is a record, and it does not verify. */
type Before = Place | 'absent' | 'present' | 'damaged'

/** Fills `batch`. */
export async function planBatch(
  database: Database,
  batch: Batch,
  {changes, groups, tallies, prefetch, lastSequence}: WriteBatch,
  {places: known, newest, journals, manifest}: Knowledge,
): Promise<BatchOutcome> {
  const before = await readBefore(database, changes.values(), known, newest)
  const claims = await readClaims(database, changes.values(), before)
  // First: who is replaced gets a journal that may begin with a key of the old one.
  await journals.remove(database, batch, losingJournals(changes.values(), before))
  const writes = manifest.writes + 1
  const places = new Map<OperationId, Place | undefined>()
  const counts = new TallyPlan(batch, tallies)
  let {operations} = manifest

  const claim = (file: string, id: OperationId) => {
    claims?.set(file, id)
    batch.put(fileKey(file), id)
  }
  const unclaim = (file: string, id: OperationId) => {
    if (claims?.get(file) !== id) return
    claims.delete(file)
    batch.del(fileKey(file))
  }

  for (const {content: change} of changes.values()) {
    const id = idOf(change)
    const was = before.get(id) ?? 'absent'
    if (change.kind === 'remove') {
      if (was === 'absent') continue
      if (typeof was === 'object') {
        batch.del(was.indexKey)
        unclaim(was.file, id)
      } else {
        batch.del(ACTIVE + id)
      }
      batch.del(operationKey(id))
      if (typeof was === 'object') counts.left(id, was)
      places.set(id, undefined)
      operations -= 1
      continue
    }
    if (change.kind === 'create' && was !== 'absent') continue
    if (change.kind === 'replace' && typeof was === 'object') counts.left(id, was)
    const kept = typeof was === 'object' && change.kind !== 'replace' ? was.journalled : 0
    const record = withJournalled(change.record, kept)
    const adding = change.entries.length > 0 ? journals.add(database, batch, id, change.entries, writes) : undefined
    // Waited for only where it reads: that is once in hundreds of operations.
    if (adding !== undefined) await adding
    const {file} = record.target
    const index = indexEntryOf(record)
    newest.written(id)
    batch.put(operationKey(id), sealRecord(record, writes))
    moveIndex(batch, id, was, index)
    counts.saved(record, change.kind === 'replace' ? undefined : stateBefore(was))
    if (typeof was !== 'object') {
      claim(file, id)
    } else if (was.file !== file || change.kind === 'replace') {
      unclaim(was.file, id)
      claim(file, id)
    }
    if (was === 'absent') operations += 1
    // Of a new one, too, while there is room: most begin soon, and their first save reads nothing then.
    if (change.kind === 'create' && !known.hasRoom(places.size)) continue
    places.set(id, placeAt(index, record))
  }

  await counts.write(database, writes)
  for (const [name, {content: group}] of groups) {
    if (isUnset(group)) batch.del(groupKey(name))
    else batch.put(groupKey(name), sealGroup(group, writes))
  }
  if (prefetch !== undefined) batch.put(PREFETCH_KEY, sealPrefetch(prefetch.content, writes))
  const next: Manifest = {operations, lastSequence: Math.max(manifest.lastSequence, lastSequence), writes}
  batch.put(MANIFEST_KEY, sealManifest(next))
  return {manifest: next, places}
}

/** Whoever goes, or is replaced, goes with its journal. */
function losingJournals(
  changes: Iterable<{readonly content: Change}>,
  before: ReadonlyMap<OperationId, Before>,
): readonly OperationId[] {
  const ids: OperationId[] = []
  for (const {content: change} of changes) {
    const isLosing = change.kind === 'remove' || change.kind === 'replace'
    const id = idOf(change)
    if (isLosing && hasJournal(before.get(id) ?? 'absent')) ids.push(id)
  }
  return ids
}

/** A record that does not verify was counted, most likely as one that had not ended. */
function stateBefore(was: Before): LifeState | undefined {
  if (typeof was === 'object') return was.state
  return was === 'damaged' ? 'running' : undefined
}

/** Of a record that does not verify it is not known. */
function hasJournal(was: Before): boolean {
  return typeof was === 'object' ? was.journalled > 0 : was !== 'absent'
}

function moveIndex(batch: Batch, id: OperationId, was: Before, index: IndexEntry): void {
  if (typeof was === 'object') {
    if (was.indexKey === index.key && was.indexValue === index.value) return
    if (was.indexKey !== index.key) batch.del(was.indexKey)
  } else if (was === 'damaged') {
    // Where it stood is lost with the record; this much is known of any operation.
    batch.del(ACTIVE + id)
  }
  batch.put(index.key, index.value)
}

async function readBefore(
  database: Database,
  changes: Iterable<{readonly content: Change}>,
  known: Places,
  newest: NewestId,
): Promise<Map<OperationId, Before>> {
  const before = new Map<OperationId, Before>()
  const created: OperationId[] = []
  const unknown: OperationId[] = []
  for (const {content: change} of changes) {
    const id = idOf(change)
    const place = known.get(id)
    if (place !== undefined) before.set(id, place)
    else if (change.kind === 'create') created.push(id)
    else unknown.push(id)
  }
  for (const id of await newest.present(database, created)) before.set(id, 'present')
  if (unknown.length > 0) {
    const texts: readonly (string | undefined)[] = await database.getMany(unknown.map(operationKey))
    unknown.forEach((id, at) => {
      const text = texts[at]
      if (text !== undefined) before.set(id, placeOf(unsealRecord(operationKey(id), text)))
    })
  }
  return before
}

function placeOf(record: OperationRecord | undefined): Place | 'damaged' {
  return record === undefined ? 'damaged' : placeAt(indexEntryOf(record), record)
}

/** Made in one piece: this runs for each save, and spreading one object into another takes V8 a slow way. */
function placeAt({key, value}: IndexEntry, record: OperationRecord): Place {
  return {
    indexKey: key,
    indexValue: value,
    file: record.target.file,
    journalled: record.journalled ?? 0,
    state: record.state,
    tallies: tallyNames(record),
  }
}

/** Without what a notification shows: there may be many places, and the tally has it. */
function tallyNames(record: OperationRecord): readonly TallyRef[] {
  const tallies = talliesOf(record)
  return tallies.length === 0 ? tallies : tallies.map(({id, purpose}) => ({id, purpose}))
}

/** Who holds the files that this batch may give up; `undefined` when it gives up none. */
async function readClaims(
  database: Database,
  changes: Iterable<{readonly content: Change}>,
  before: ReadonlyMap<OperationId, Before>,
): Promise<Map<string, OperationId> | undefined> {
  const files: string[] = []
  for (const {content: change} of changes) {
    const was = before.get(idOf(change))
    if (typeof was !== 'object') continue
    if (change.kind === 'remove' || change.kind === 'replace' || change.record.target.file !== was.file) {
      files.push(was.file)
    }
  }
  if (files.length === 0) return undefined
  const claims = new Map<string, OperationId>()
  const holders: readonly (string | undefined)[] = await database.getMany(files.map(fileKey))
  files.forEach((file, at) => {
    const holder = holders[at]
    if (holder !== undefined) claims.set(file, holder as OperationId)
  })
  return claims
}
