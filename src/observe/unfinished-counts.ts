/**
 * How many operations stand in each state, for gauges: told when an engine opens, and kept up by what moves. An engine that
 * was open before somebody listened is left out, since nobody knows where it began.
 */

import {isTerminal, type LifeState} from '../domain/status.ts'
import {listen} from './channels.ts'

/** `add` hears each difference. Returns what ends the listening, after which every count was taken back. */
export function followUnfinished(add: (state: LifeState, difference: number) => void): () => void {
  const engines = new Map<number, Map<LifeState, number>>()
  const change = (counts: Map<LifeState, number>, state: LifeState, difference: number) => {
    if (isTerminal(state) || difference === 0) return
    counts.set(state, (counts.get(state) ?? 0) + difference)
    add(state, difference)
  }
  const takeBack = (engine: number) => {
    for (const [state, count] of engines.get(engine) ?? []) if (count !== 0) add(state, -count)
    engines.delete(engine)
  }
  const ends = [
    listen('bgt:engine:open', ({engine, unfinished}) => {
      const counts = new Map<LifeState, number>()
      engines.set(engine, counts)
      for (const [state, count] of Object.entries(unfinished)) change(counts, state as LifeState, count)
    }),
    listen('bgt:transfer:state', ({engine, state, previous}) => {
      const counts = engines.get(engine)
      if (counts === undefined) return
      if (previous !== undefined) change(counts, previous, -1)
      change(counts, state, 1)
    }),
    listen('bgt:engine:close', ({engine}) => takeBack(engine)),
  ]
  return () => {
    for (const end of ends) end()
    for (const engine of [...engines.keys()]) takeBack(engine)
  }
}
