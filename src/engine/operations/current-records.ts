/**
 * Records of the store, as the operations that are held stand now: what lives is ahead of the store, and what is put away while it
 * is being read would be seen as it was before.
 */

import {matchesQuery} from '../../domain/matches-query.ts'
import type {OperationId} from '../../domain/operation-id.ts'
import type {OperationRecord} from '../../domain/record.ts'
import {DEFAULT_PAGE, type OperationQuery, type RecordStore} from '../../ports/record-store.ts'
import {assertWhole} from '../pages.ts'
import type {OperationEntry} from './operation-entry.ts'

export interface CurrentRecordsOptions {
  readonly store: Pick<RecordStore, 'getMany' | 'query'>
  readonly held: ReadonlyMap<OperationId, OperationEntry>
  /** Those of them that are live. */
  readonly live: ReadonlySet<OperationEntry>
}

export class CurrentRecords {
  readonly #store: CurrentRecordsOptions['store']
  readonly #held: CurrentRecordsOptions['held']
  readonly #live: CurrentRecordsOptions['live']
  /** For each read that is under way, who was put away meanwhile. */
  readonly #readers = new Set<Set<OperationId>>()

  constructor({store, held, live}: CurrentRecordsOptions) {
    this.#store = store
    this.#held = held
    this.#live = live
  }

  /** It is held no longer: whoever reads has not seen the end of it. */
  putAway(id: OperationId): void {
    for (const putAway of this.#readers) putAway.add(id)
  }

  /**
   * Reads records, and uses them in the same turn. What was put away while the read was under way is read again: the read may
   * have seen it as it was before, and an entry made of that would live a second time through what is over.
   */
  async read<T>(
    read: () => Promise<readonly (OperationRecord | undefined)[]>,
    use: (records: readonly OperationRecord[]) => T,
  ): Promise<T> {
    const putAway = new Set<OperationId>()
    this.#readers.add(putAway)
    try {
      const records = new Map<OperationId, OperationRecord>()
      for (const record of await read()) if (record !== undefined) records.set(record.id, record)
      for (;;) {
        const stale = [...records.keys()].filter((id) => putAway.has(id) && !this.#held.has(id))
        if (stale.length === 0) break
        putAway.clear()
        const newest = await this.#store.getMany(stale)
        for (const [index, id] of stale.entries()) {
          const record = newest[index]
          if (record === undefined) records.delete(id)
          else records.set(id, record)
        }
      }
      return use([...records.values()].map((record) => this.#held.get(record.id)?.record ?? record))
    } finally {
      this.#readers.delete(putAway)
    }
  }

  /**
   * A page, in the order of ids, of what matches as it was last told, used in the same turn. The store knows a record as it
   * was when it was last worth a write: one that runs may lie there as queued. Rejects with INVALID_ARGUMENT.
   */
  async query<T>(query: OperationQuery, use: (records: readonly OperationRecord[]) => T): Promise<T> {
    const {limit = DEFAULT_PAGE} = query
    assertWhole('limit', limit)
    if (limit === 0) return use([])
    for (let asked = limit; ; asked *= 2) {
      let found: readonly OperationRecord[] = []
      const used = await this.read(
        async () => {
          // Whoever lives now may be put away by the time the store answers.
          const live = this.#liveRecords()
          found = await this.#store.query({...query, limit: asked})
          return [...found, ...live]
        },
        (records) => {
          // As the store answered: of that, some may have been forgotten since.
          const isWhole = found.length < asked
          const page = this.#pageOf(records, query, isWhole ? undefined : found.at(-1)?.id).slice(0, limit)
          // What matches no more left room for what comes behind it.
          return isWhole || page.length === limit ? {by: use(page)} : undefined
        },
      )
      if (used !== undefined) return used.by
    }
  }

  #liveRecords(): readonly OperationRecord[] {
    return Array.from(this.#live, ({record}) => record)
  }

  /** Of `records` and of what is live, up to id `last`, what matches. */
  #pageOf(records: readonly OperationRecord[], query: OperationQuery, last: OperationId | undefined) {
    const {after} = query
    const page = new Map<OperationId, OperationRecord>()
    for (const record of [...records, ...this.#liveRecords()]) {
      const {id} = record
      if ((after === undefined || id > after) && (last === undefined || id <= last)) page.set(id, record)
    }
    return [...page.values()].filter((record) => matchesQuery(record, query)).sort((a, b) => (a.id < b.id ? -1 : 1))
  }
}
