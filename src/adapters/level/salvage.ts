/**
 * Reads whatever verifies out of a database that may be damaged anywhere. A damaged table can end a scan early, with an
 * error or without a word, or hide a key from its lookup; so the whole database is walked from both ends, and then each
 * operation that only an index names is looked up by itself.
 */

import type {OperationId} from '../../domain/operation-id.ts'
import type {PrefetchRecord} from '../../domain/prefetch.ts'
import type {GroupRecord, OperationRecord} from '../../domain/record.ts'
import type {Tally} from '../../domain/tally.ts'
import {type Database, type Entry, READ_AHEAD_BYTES} from './database.ts'
import {
  ACTIVE,
  ENDED,
  FILES,
  GROUPS,
  idOfActiveKey,
  idOfEndedKey,
  idOfMemberKey,
  idOfOperationKey,
  MEMBERS,
  OPERATIONS,
  operationKey,
  PREFETCH_KEY,
  QUEUE,
  TALLIES,
} from './keys.ts'
import {readManifest} from './schema.ts'
import {storeError} from './store-errors.ts'
import {unsealGroup, unsealPrefetch, unsealRecord, unsealTally} from './stored-record.ts'

export interface Salvage {
  /** In the order of their sequence numbers; as texts, for there may be a million. */
  readonly operations: readonly SealedOperation[]
  readonly groups: readonly GroupRecord[]
  readonly tallies: readonly Tally[]
  readonly prefetch?: PrefetchRecord
  /** How many values do not verify. */
  readonly damaged: number
  /** The highest sequence number known of. */
  readonly lastSequence: number
  /** How many operations the manifest counts; 0 when it is lost. */
  readonly counted: number
}

interface SealedOperation {
  readonly id: OperationId
  readonly sequence: number
  readonly text: string
}

export const NOTHING_SALVAGED: Salvage = {
  operations: [],
  groups: [],
  tallies: [],
  damaged: 0,
  lastSequence: 0,
  counted: 0,
}

export async function salvage(database: Database): Promise<Salvage> {
  const found = new Map<OperationId, SealedOperation>()
  const groups = new Map<string, GroupRecord>()
  const tallies = new Map<string, Tally>()
  const damaged = new Set<string>()
  const named = new Set<OperationId>()
  let prefetch: PrefetchRecord | undefined

  const take = ([key, text]: Entry) => {
    if (key.startsWith(OPERATIONS)) {
      const record = unsealRecord(key, text)
      if (record === undefined) damaged.add(key)
      else found.set(record.id, {id: record.id, sequence: record.sequence, text})
    } else if (key.startsWith(GROUPS)) {
      const group = unsealGroup(key, text)
      if (group === undefined) damaged.add(key)
      else groups.set(key, group)
    } else if (key.startsWith(TALLIES)) {
      const tally = unsealTally(key, text)
      if (tally === undefined) damaged.add(key)
      else tallies.set(key, tally)
    } else if (key === PREFETCH_KEY) {
      prefetch = unsealPrefetch(text) ?? prefetch
    } else {
      const id = idNamedBy([key, text])
      if (id !== undefined) named.add(id)
    }
  }

  for (const reverse of [false, true]) {
    await asFarAsPossible(async () => {
      const iterator = database.iterator({reverse, fillCache: false, highWaterMarkBytes: READ_AHEAD_BYTES})
      for await (const entry of iterator) take(entry)
    })
  }
  for (const id of named) {
    if (found.has(id)) continue
    await asFarAsPossible(async () => {
      const text: string | undefined = await database.get(operationKey(id))
      if (text !== undefined) take([operationKey(id), text])
    })
  }
  for (const key of damaged) {
    if (found.has(idOfOperationKey(key)) || groups.has(key) || tallies.has(key)) damaged.delete(key)
  }

  const operations = [...found.values()].sort((a, b) => a.sequence - b.sequence)
  const manifest = await readManifest(database).catch(() => undefined)
  return {
    operations,
    groups: [...groups.values()],
    tallies: [...tallies.values()],
    ...(prefetch === undefined ? {} : {prefetch}),
    damaged: damaged.size,
    lastSequence: Math.max(manifest?.lastSequence ?? 0, operations.at(-1)?.sequence ?? 0),
    counted: manifest?.operations ?? 0,
  }
}

export function recordsOf(operations: readonly SealedOperation[]): readonly OperationRecord[] {
  return operations.map(({id, text}) => unsealRecord(operationKey(id), text)).filter((record) => record !== undefined)
}

function idNamedBy([key, value]: Entry): OperationId | undefined {
  if (key.startsWith(QUEUE) || key.startsWith(FILES)) return value as OperationId
  if (key.startsWith(ACTIVE)) return idOfActiveKey(key)
  if (key.startsWith(ENDED)) return idOfEndedKey(key)
  if (key.startsWith(MEMBERS)) return idOfMemberKey(key)
  return undefined
}

async function asFarAsPossible(read: () => Promise<void>): Promise<void> {
  try {
    await read()
  } catch (thrown) {
    if (storeError(thrown, '').code !== 'STORE_DAMAGED') throw thrown
  }
}
