/** Reads that walk a stretch of keys: the waiting line, the active ones, pages of records, the groups. */

import {matchesQuery} from '../../domain/matches-query.ts'
import type {OperationId, TallyId} from '../../domain/operation-id.ts'
import type {GroupRecord, LineRange, OperationRecord} from '../../domain/record.ts'
import {isTerminal, LIFE_STATES, type LifeState} from '../../domain/status.ts'
import type {Tally} from '../../domain/tally.ts'
import {
  DEFAULT_PAGE,
  type EndedEntry,
  type LineEntry,
  type OperationQuery,
  type WaitingGroup,
} from '../../ports/record-store.ts'
import {chunksOf, type Database, type Entry} from './database.ts'
import {unseal} from './envelope.ts'
import {
  ACTIVE,
  behindGroupOf,
  ENDED,
  endedEntryOf,
  endedKey,
  endedSpan,
  GROUPS,
  groupOfQueueKey,
  groupPrefixOf,
  idOfActiveKey,
  idOfEndedKey,
  idOfMemberKey,
  idOfOperationKey,
  type KeySpan,
  lineEntryOf,
  lineSpan,
  memberKey,
  membersSpan,
  OPERATIONS,
  operationKey,
  QUEUE,
  queueSpan,
  spanOf,
  TALLIES,
} from './keys.ts'
import {decodeRecord} from './record-codec.ts'
import {unsealGroup, unsealTally} from './stored-record.ts'
import {textFilterOf} from './text-filter.ts'

/** Told the key of a value that does not verify. */
export type OnDamage = (key: string) => void

const CHUNK = 1000

/** Keys read at once to tell whether a group is small. */
const FEWEST_GROUP_KEYS = 8

/** Up to this many candidates are taken from the indexes and sorted; beyond it, walking the records is cheaper. */
const INDEX_LIMIT = 5000

/** Collects only what is asked for: a million paused operations must not stand in memory because ten wait. */
export async function scanActive(
  database: Database,
  states: readonly LifeState[] | undefined,
): Promise<readonly OperationId[]> {
  const wanted = new Set<string>(states ?? LIFE_STATES)
  const ids: OperationId[] = []
  for await (const entries of chunksOf(database, ACTIVE)) {
    for (const [key, state] of entries) if (wanted.has(state)) ids.push(idOfActiveKey(key))
  }
  return ids
}

export async function scanLine(
  database: Database,
  group: string,
  range: LineRange,
  order: {readonly limit: number; readonly reverse: boolean},
): Promise<readonly LineEntry[]> {
  const entries = await database.iterator({...lineSpan(group, range), ...order}).all()
  return entries.map(([key, id]) => lineEntryOf(key, id))
}

export async function scanEnded(
  database: Database,
  after: EndedEntry | undefined,
  limit: number,
): Promise<readonly EndedEntry[]> {
  // Level would heed gte alone, if it stood beside gt.
  const {gte, lt} = spanOf(ENDED)
  const span = after === undefined ? {gte, lt} : {gt: endedKey(after), lt}
  const keys = await database.keys({...span, limit}).all()
  return keys.map(endedEntryOf)
}

export async function scanNewestEnded(database: Database, limit: number): Promise<readonly EndedEntry[]> {
  const keys = await database.keys({...spanOf(ENDED), limit, reverse: true}).all()
  return keys.map(endedEntryOf)
}

/**
 * Walks while groups are small, and seeks behind one that fills a page: it costs by the number of groups, and not by that of
 * their members. A group's first key is of its highest class.
 */
export async function scanWaitingGroups(database: Database): Promise<readonly WaitingGroup[]> {
  const groups: WaitingGroup[] = []
  const keys = database.keys({...spanOf(QUEUE), fillCache: false})
  try {
    let last = ''
    for (let size = FEWEST_GROUP_KEYS; ; ) {
      const page = await keys.nextv(size)
      for (const key of page) {
        const prefix = groupPrefixOf(key)
        if (prefix === last) continue
        last = prefix
        groups.push({name: groupOfQueueKey(key), priorityClass: lineEntryOf(key, '').priorityClass})
      }
      // A page may also be shorter because its keys are long.
      if (page.length === 0) return groups
      const [first = ''] = page
      if (groupPrefixOf(first) === last) {
        keys.seek(behindGroupOf(first))
        size = FEWEST_GROUP_KEYS
      } else {
        size = Math.min(2 * size, CHUNK)
      }
    }
  } finally {
    await keys.close()
  }
}

export async function scanGroups(database: Database, onDamage: OnDamage): Promise<readonly GroupRecord[]> {
  const groups: GroupRecord[] = []
  for await (const entries of chunksOf(database, GROUPS)) {
    for (const [key, text] of entries) {
      const group = unsealGroup(key, text)
      if (group === undefined) onDamage(key)
      else groups.push(group)
    }
  }
  return groups
}

export async function scanTallies(database: Database, onDamage: OnDamage): Promise<readonly Tally[]> {
  const tallies: Tally[] = []
  for await (const entries of chunksOf(database, TALLIES)) {
    for (const [key, text] of entries) {
      const tally = unsealTally(key, text)
      if (tally === undefined) onDamage(key)
      else tallies.push(tally)
    }
  }
  return tallies
}

export async function scanMembers(
  database: Database,
  tally: TallyId,
  after: OperationId | undefined,
  limit: number,
): Promise<readonly OperationId[]> {
  const {gte, lt} = membersSpan(tally)
  const span = after === undefined ? {gte, lt} : {gt: memberKey(tally, after), lt}
  return (await database.keys({...span, limit}).all()).map(idOfMemberKey)
}

/** A page of records in the order of their ids. */
export async function scanQuery(
  database: Database,
  query: OperationQuery,
  onDamage: OnDamage,
): Promise<readonly OperationRecord[]> {
  const limit = query.limit ?? DEFAULT_PAGE
  if (limit <= 0 || query.states?.length === 0) return []
  // All reads see the store as it is now: what moves from one index to another meanwhile would be met twice, or never.
  const snapshot = database.snapshot()
  try {
    const candidates = await candidatesOf(database, snapshot, query)
    if (candidates !== undefined) return await pageOfCandidates(database, snapshot, candidates, query, limit, onDamage)
  } finally {
    await snapshot.close()
  }
  return pageOfRecords(database, query, limit, onDamage)
}

type Snapshot = ReturnType<Database['snapshot']>

/** A stretch of an index, and how its entries name operations. */
type IndexSpan = readonly [span: KeySpan, idOf: (entry: Entry) => OperationId]

/** Where the indexes name everything that a query can mean; `undefined` when no index says anything about it. */
function indexSpansOf({states, group, endedFrom, endedBefore}: OperationQuery): readonly IndexSpan[] | undefined {
  if (endedFrom !== undefined || endedBefore !== undefined) {
    return [[endedSpan(endedFrom, endedBefore), ([key]) => idOfEndedKey(key)]]
  }
  if (states === undefined && group === undefined) return undefined
  const spans: IndexSpan[] = []
  const known = LIFE_STATES.filter((state) => states === undefined || states.includes(state))
  if (known.includes('queued')) {
    spans.push([group === undefined ? spanOf(QUEUE) : queueSpan(group), ([, id]) => id as OperationId])
  }
  if (known.some((state) => state !== 'queued' && !isTerminal(state))) {
    spans.push([spanOf(ACTIVE), ([key]) => idOfActiveKey(key)])
  }
  if (known.some(isTerminal)) spans.push([spanOf(ENDED), ([key]) => idOfEndedKey(key)])
  return spans
}

/** The ids that the indexes name for a query, or `undefined` when they name none or too many to sort. */
async function candidatesOf(
  database: Database,
  snapshot: Snapshot,
  query: OperationQuery,
): Promise<readonly OperationId[] | undefined> {
  const spans = indexSpansOf(query)
  if (spans === undefined) return undefined
  const ids: OperationId[] = []
  for (const [span, idOf] of spans) {
    const entries = await database.iterator({...span, snapshot, limit: INDEX_LIMIT + 1 - ids.length}).all()
    for (const entry of entries) ids.push(idOf(entry))
    if (ids.length > INDEX_LIMIT) return undefined
  }
  return ids.sort()
}

async function pageOfCandidates(
  database: Database,
  snapshot: Snapshot,
  candidates: readonly OperationId[],
  query: OperationQuery,
  limit: number,
  onDamage: OnDamage,
): Promise<readonly OperationRecord[]> {
  const page: OperationRecord[] = []
  const open = openerOf(query, onDamage)
  const {after} = query
  const ids = after === undefined ? candidates : candidates.filter((id) => id > after)
  for (let at = 0; at < ids.length; at += CHUNK) {
    const keys = ids.slice(at, at + CHUNK).map(operationKey)
    const texts: readonly (string | undefined)[] = await database.getMany(keys, {snapshot})
    for (const [index, key] of keys.entries()) {
      const text = texts[index]
      const record = text === undefined ? undefined : open([key, text])
      if (record !== undefined) page.push(record)
      if (page.length === limit) return page
    }
  }
  return page
}

async function pageOfRecords(
  database: Database,
  query: OperationQuery,
  limit: number,
  onDamage: OnDamage,
): Promise<readonly OperationRecord[]> {
  const page: OperationRecord[] = []
  const open = openerOf(query, onDamage)
  const {after} = query
  for await (const entries of chunksOf(database, OPERATIONS, after === undefined ? undefined : operationKey(after))) {
    for (const entry of entries) {
      const record = open(entry)
      if (record !== undefined) page.push(record)
      if (page.length === limit) return page
    }
  }
  return page
}

/** How a query opens the values of records: `undefined` for what does not match, or does not verify. */
function openerOf(query: OperationQuery, onDamage: OnDamage): (entry: Entry) => OperationRecord | undefined {
  const mayMatch = textFilterOf(query)
  return ([key, text]) => {
    const opened = unseal(key, text)
    if (opened !== undefined && !mayMatch(opened.json)) return undefined
    const record = opened && decodeRecord(idOfOperationKey(key), opened.json)
    if (record === undefined) onDamage(key)
    return record !== undefined && matchesQuery(record, query) ? record : undefined
  }
}
