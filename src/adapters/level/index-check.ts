/**
 * Compares the indexes with the records, which are the truth. LevelDB can lose a batch from the middle of its log without
 * a word; the indexes that later batches assumed are then wrong, and an operation would stand in the line for ever.
 */

import type {OperationId} from '../../domain/operation-id.ts'
import type {OperationRecord} from '../../domain/record.ts'
import {chunksOf, type Database, type Entry} from './database.ts'
import {unseal} from './envelope.ts'
import {openSegment} from './journal.ts'
import {
  ACTIVE,
  ENDED,
  FILES,
  fileKey,
  GROUPS,
  type IndexEntry,
  idOfActiveKey,
  idOfEndedKey,
  idOfJournalKey,
  indexEntryOf,
  JOURNAL,
  OPERATIONS,
  operationKey,
  QUEUE,
} from './keys.ts'
import {unsealGroup, unsealRecord} from './stored-record.ts'

export interface IndexCheck {
  /** Operation records that verify. */
  readonly records: number
  /** Keys of the values (operations and groups) that do not verify. */
  readonly damaged: readonly string[]
  readonly lastSequence: number
  /** The newest write sequence of any record. */
  readonly writes: number
  /** Index entries that the records call for and that are not there. */
  readonly missing: readonly IndexEntry[]
  /** Keys of index entries that no record calls for, and of journal segments without a record or that do not verify. */
  readonly orphans: readonly string[]
}

export async function checkIndexes(database: Database): Promise<IndexCheck> {
  const damaged: string[] = []
  const missing: IndexEntry[] = []
  const orphans: string[] = []
  let records = 0
  let lastSequence = 0
  let writes = 0

  for await (const entries of chunksOf(database, OPERATIONS)) {
    const wanted: IndexEntry[] = []
    for (const [key, text] of entries) {
      const record = unsealRecord(key, text)
      if (record === undefined) {
        damaged.push(key)
        continue
      }
      records += 1
      lastSequence = Math.max(lastSequence, record.sequence)
      writes = Math.max(writes, unseal(key, text)?.writeSequence ?? 0)
      wanted.push(indexEntryOf(record))
    }
    const found: readonly (string | undefined)[] = await database.getMany(wanted.map(({key}) => key))
    wanted.forEach((entry, at) => {
      if (found[at] !== entry.value) missing.push(entry)
    })
  }

  const checks: readonly [prefix: string, idOf: (entry: Entry) => OperationId, fits: Fits][] = [
    [QUEUE, ([, id]) => id as OperationId, fitsIndex],
    [ACTIVE, ([key]) => idOfActiveKey(key), fitsIndex],
    [ENDED, ([key]) => idOfEndedKey(key), fitsIndex],
    [FILES, ([, id]) => id as OperationId, (record, [key]) => fileKey(record.target.file) === key],
    [JOURNAL, ([key]) => idOfJournalKey(key), (_, entry) => openSegment(entry) !== undefined],
  ]
  for (const [prefix, idOf, fits] of checks) {
    for await (const entries of chunksOf(database, prefix)) {
      const keys = entries.map((entry) => operationKey(idOf(entry)))
      const texts: readonly (string | undefined)[] = await database.getMany(keys)
      entries.forEach((entry, at) => {
        const text = texts[at]
        const record = text === undefined ? undefined : unsealRecord(operationKey(idOf(entry)), text)
        if (record === undefined || !fits(record, entry)) orphans.push(entry[0])
      })
    }
  }

  for await (const entries of chunksOf(database, GROUPS)) {
    for (const [key, text] of entries) if (unsealGroup(key, text) === undefined) damaged.push(key)
  }
  return {records, damaged, lastSequence, writes, missing, orphans}
}

/** Makes the indexes agree with the records. Damaged records stay, for `doctor`, out of every index. */
export async function applyFixes(database: Database, {missing, orphans}: IndexCheck): Promise<void> {
  const batch = database.batch()
  for (const key of orphans) batch.del(key)
  for (const {key, value} of missing) batch.put(key, value)
  await batch.write({sync: true})
}

type Fits = (record: OperationRecord, entry: Entry) => boolean

function fitsIndex(record: OperationRecord, [key]: Entry): boolean {
  return indexEntryOf(record).key === key
}
