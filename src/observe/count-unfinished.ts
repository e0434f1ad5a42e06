/** How many unfinished operations a store holds in each state, read from its indexes alone. */

import {isTerminal, LIFE_STATES, type LifeState} from '../domain/status.ts'
import type {LineEntry, RecordStore} from '../ports/record-store.ts'

const PAGE = 10_000
const CLASSES = [0, 1, 2] as const

/** As recovery will have them: what ran when the process died queues again. */
export async function countUnfinished(
  store: RecordStore,
  page = PAGE,
): Promise<Readonly<Partial<Record<LifeState, number>>>> {
  const counts: Partial<Record<LifeState, number>> = {}
  const add = (state: LifeState, n: number) => {
    if (n > 0) counts[state] = (counts[state] ?? 0) + n
  }
  for (const state of LIFE_STATES) {
    if (state === 'queued' || isTerminal(state)) continue
    const {length} = await store.active([state])
    add(state === 'running' || state === 'returning' ? 'queued' : state, length)
  }
  for (const {name} of await store.waitingGroups()) {
    for (const priorityClass of CLASSES) add('queued', await countLine(store, name, priorityClass, page))
  }
  return counts
}

async function countLine(store: RecordStore, group: string, priorityClass: 0 | 1 | 2, limit: number): Promise<number> {
  let count = 0
  for (let from = 0; ; ) {
    const entries: readonly LineEntry[] = await store.line(
      group,
      {priorityClass, from, to: Number.MAX_SAFE_INTEGER},
      limit,
    )
    count += entries.length
    const last = entries.at(-1)
    if (last === undefined || entries.length < limit) return count
    from = last.sequence + 1
  }
}
