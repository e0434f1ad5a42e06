/**
 * The search for what the state left out of the list: the engine is asked, page after page, for what the filter says. What it finds
 * is listed with the others, and stays.
 */

import {batch, computed, effect, signal} from '@preact/signals'
import type {OperationId} from '../../../src/domain/operation-id.ts'
import {MOODS} from '../model/list-rows.ts'
import {statesOf} from '../model/words.ts'
import {readOperations} from './api.ts'
import {filter, found} from './list.ts'
import {engine, listAlso, watchRemoved} from './store.ts'

export interface Search {
  /** `more`: there may be more behind what was found. */
  readonly phase: 'idle' | 'searching' | 'more' | 'done' | 'failed'
  /** How many that were not listed. */
  readonly found: number
  /** The page to go on behind. */
  readonly after?: OperationId
  readonly why?: string
}

const IDLE: Search = {phase: 'idle', found: 0}
/** Rows that one press of the button adds, before it is asked whether they are enough. */
const ENOUGH = 500

export const search = signal<Search>(IDLE)

/** Without a filter, the answer would be the whole store. */
export const isSearchable = computed(() => filter.value.text.trim() !== '' || filter.value.show === 'failed')

let searching: AbortController | undefined

/** Another filter is another search; and with the state read anew, what was found is not listed any more. */
effect(() => {
  void filter.value
  void engine.value
  searching?.abort()
  batch(() => {
    search.value = IDLE
    found.value = new Set()
  })
})

/** From where the last one stopped, until there is enough to look at, or no more; from the first again behind the last. */
export async function searchOn(): Promise<void> {
  if (search.value.phase === 'searching') return
  searching = new AbortController()
  const {signal: aborted} = searching
  const {text, show} = filter.value
  const states = show === 'all' ? [] : statesOf(MOODS[show])
  const begun = search.value
  let {found: count, after} = begun
  const stand = (phase: Search['phase']): Search => ({phase, found: count, ...(after === undefined ? {} : {after})})
  search.value = stand('searching')
  const {removed, stop} = watchRemoved()
  try {
    do {
      const page = await readOperations({text: text.trim(), states, after}, aborted)
      if (aborted.aborted) return
      const present = page.operations.filter(({guid}) => !removed.has(guid))
      count += listAlso(present).length
      found.value = new Set([...found.value, ...present.map(({guid}) => guid)])
      after = page.next
    } while (after !== undefined && count - begun.found < ENOUGH)
    search.value = stand(after === undefined ? 'done' : 'more')
  } catch (error) {
    if (!aborted.aborted)
      search.value = {...stand('failed'), why: error instanceof Error ? error.message : String(error)}
  } finally {
    stop()
  }
}
