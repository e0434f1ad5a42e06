/** Questions about the tree of states. */

import type {State, Statechart} from './statechart.ts'

export interface Hierarchy {
  /** From the machine down to the state itself. */
  readonly path: (id: string) => readonly State[]
  readonly children: (id: string) => readonly State[]
  /** The deepest state that holds both, and its children that hold one each; less if one of the two holds the other. */
  readonly fork: (from: string, to: string) => {readonly level?: string; readonly from?: string; readonly to?: string}
  /** How many borders of states a line between the two must cross. */
  readonly borders: (from: string, to: string) => number
  /** Whether one of the two stands in the other, or both are the same. */
  readonly nested: (one: string, other: string) => boolean
  /** How a state is called from another: its path below the nearest common ancestor. */
  readonly nameFrom: (from: string, to: string) => string
}

export function hierarchyOf({states}: Statechart): Hierarchy {
  const byId = new Map(states.map((state) => [state.id, state]))
  const path = (id: string): readonly State[] => {
    const state = byId.get(id)
    if (state === undefined) return []
    return state.parent === undefined ? [state] : [...path(state.parent), state]
  }
  const shared = (one: readonly State[], other: readonly State[]): number => {
    const fork = one.findIndex((state, depth) => state !== other[depth])
    return fork === -1 ? one.length : fork
  }
  return {
    path,
    children: (id) => states.filter(({parent}) => parent === id),
    fork: (from, to) => {
      const [a, b] = [path(from), path(to)]
      const depth = shared(a, b)
      const [level, ahead, behind] = [a[depth - 1], a[depth], b[depth]]
      return {
        ...(level === undefined ? {} : {level: level.id}),
        ...(ahead === undefined ? {} : {from: ahead.id}),
        ...(behind === undefined ? {} : {to: behind.id}),
      }
    },
    borders: (from, to) => {
      const [a, b] = [path(from), path(to)]
      return a.length + b.length - 2 * shared(a, b) - 2
    },
    nested: (one, other) => {
      const [a, b] = [path(one), path(other)]
      return shared(a, b) === Math.min(a.length, b.length)
    },
    nameFrom: (from, to) => {
      const target = path(to)
      const below = target.slice(Math.min(shared(path(from), target), target.length - 1))
      return below.map(({key}) => key).join('.')
    },
  }
}
