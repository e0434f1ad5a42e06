/**
 * Compares the indexes with the records, which are the truth. LevelDB can lose a batch from the middle of its log without
 * a word; the indexes that later batches assumed are then wrong, and an operation would stand in the line for ever.
 */

import type {OperationId, TallyId} from '../../domain/operation-id.ts'
import type {OperationRecord} from '../../domain/record.ts'
import {isTerminal} from '../../domain/status.ts'
import {emptyTally, isSpent, settleTally, type TallyRef, talliesOf} from '../../domain/tally.ts'
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
  idOfMemberKey,
  indexEntryOf,
  JOURNAL,
  MEMBERS,
  memberKey,
  OPERATIONS,
  operationKey,
  QUEUE,
  TALLIES,
  tallyKey,
} from './keys.ts'
import {sealTally, unsealGroup, unsealRecord, unsealTally} from './stored-record.ts'

export interface IndexCheck {
  /** Operation records that verify. */
  readonly records: number
  /** Keys of the values (operations, groups and tallies) that do not verify. */
  readonly damaged: readonly string[]
  readonly lastSequence: number
  /** The newest write sequence of any record. */
  readonly writes: number
  /** Index entries that the records call for and that are not there, and tallies whose counts are not theirs. */
  readonly missing: readonly IndexEntry[]
  /** Keys of index entries that no record calls for, and of journal segments without a record or that do not verify. */
  readonly orphans: readonly string[]
}

/** `onRecord` hears of each that verifies. */
export async function checkIndexes(
  database: Database,
  onRecord: (record: OperationRecord) => void = () => {},
): Promise<IndexCheck> {
  const damaged: string[] = []
  const missing: IndexEntry[] = []
  const orphans: string[] = []
  const counts = new Map<TallyId, Counts>()
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
      onRecord(record)
      lastSequence = Math.max(lastSequence, record.sequence)
      writes = Math.max(writes, unseal(key, text)?.writeSequence ?? 0)
      wanted.push(indexEntryOf(record))
      for (const ref of talliesOf(record)) {
        wanted.push({key: memberKey(ref.id, record.id), value: ''})
        count(counts, ref, record)
      }
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
    [MEMBERS, ([key]) => idOfMemberKey(key), isCounted],
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
  for await (const entries of chunksOf(database, TALLIES)) {
    for (const [key, text] of entries) {
      const tally = unsealTally(key, text)
      if (tally === undefined) {
        damaged.push(key)
        continue
      }
      const {members, unfinished} = counts.get(tally.id) ?? {members: 0, unfinished: 0}
      counts.delete(tally.id)
      const right = settleTally({...tally, members, unfinished})
      if (isSpent(right)) orphans.push(key)
      else if (tally.members !== members || tally.unfinished !== unfinished) {
        missing.push({key, value: sealTally(right, writes)})
      }
    }
  }
  for (const [id, {ref, members, unfinished}] of counts) {
    if (!damaged.includes(tallyKey(id))) {
      missing.push({
        key: tallyKey(id),
        value: sealTally(settleTally({...emptyTally(ref), members, unfinished}), writes),
      })
    }
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

interface Counts {
  readonly ref: TallyRef
  members: number
  unfinished: number
}

function count(counts: Map<TallyId, Counts>, ref: TallyRef, {state}: OperationRecord): void {
  const known = counts.get(ref.id) ?? {ref, members: 0, unfinished: 0}
  counts.set(ref.id, known)
  known.members += 1
  if (!isTerminal(state)) known.unfinished += 1
}

function isCounted(record: OperationRecord, [key]: Entry): boolean {
  return talliesOf(record).some(({id}) => memberKey(id, record.id) === key)
}

type Fits = (record: OperationRecord, entry: Entry) => boolean

function fitsIndex(record: OperationRecord, [key]: Entry): boolean {
  return indexEntryOf(record).key === key
}
