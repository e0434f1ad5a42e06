/** What a chart lights up at one moment: where the operation stands, how it came there, where it has been. */

import type {JournalEntry} from '../../../src/domain/journal.ts'
import type {Chart} from '../../chart.ts'
import type {Transition} from '../../statechart.ts'

export interface Highlight {
  /** Ids of states, ancestors included. */
  readonly active: ReadonlySet<string>
  readonly visited: ReadonlySet<string>
  /** Ids of transitions. */
  readonly taken: ReadonlySet<string>
  readonly available: ReadonlySet<string>
}

export const NOTHING: Highlight = {active: new Set(), visited: new Set(), taken: new Set(), available: new Set()}

/** A path and every state around it, as the ids of a machine. Parallel positions are joined by commas or blanks. */
export function statesOnPath(machine: string, path: string): string[] {
  const states = path.split(/[\s,|]+/).flatMap((position) => {
    const keys = position.split('.').filter((key) => key !== '')
    return [machine, ...keys.map((_, depth) => `${machine}.${keys.slice(0, depth + 1).join('.')}`)]
  })
  return [...new Set(states)]
}

function depth(id: string): number {
  return id.split('.').length
}

/** One lies on the other's way: a transition into a compound state ends in one of its children. */
function related(a: string, b: string): boolean {
  return a === b || a.startsWith(`${b}.`) || b.startsWith(`${a}.`)
}

/** The transition that an entry tells of; the journal names event and states, the chart has the rest. */
export function takenTransition(chart: Chart, entry: JournalEntry): Transition | undefined {
  const sources = new Set(statesOnPath(chart.machine, entry.from))
  const arrivals = statesOnPath(chart.machine, entry.to).filter((id) => id !== chart.machine)
  const leaves = (transition: Transition) => sources.has(transition.source)
  const arrives = ({targets}: Transition) => targets.some((target) => arrivals.some((id) => related(id, target)))
  const goes = chart.transitions.filter((transition) => leaves(transition) && arrives(transition))
  const named = goes.filter(({event}) => event === entry.event)
  // A step that an `always` transition took bears the name of the event before it.
  const candidates = named.length > 0 ? named : goes
  const exactness = ({targets}: Transition) => Math.max(...targets.filter((id) => arrivals.includes(id)).map(depth), 0)
  return candidates.toSorted((a, b) => exactness(b) - exactness(a) || depth(b.source) - depth(a.source))[0]
}

/** The chart at one entry; `live` adds what only the present knows. */
export function highlightAt(
  chart: Chart,
  entries: readonly JournalEntry[],
  entry: JournalEntry | undefined,
  live?: {readonly activeStates: readonly string[]; readonly availableEvents: readonly string[]},
): Highlight {
  const past = entry === undefined ? [] : entries.filter(({seq}) => seq <= entry.seq)
  const onPath = entry === undefined ? [] : statesOnPath(chart.machine, entry.to)
  // The journal's newest entry may be ahead of what was last read of the rest.
  const isCurrent = live !== undefined && (onPath.length === 0 || live.activeStates.includes(onPath.at(-1) ?? ''))
  const active = new Set(isCurrent ? withAncestors(live.activeStates) : onPath)
  const taken = entry === undefined ? undefined : takenTransition(chart, entry)
  const events = new Set(isCurrent ? live.availableEvents : [])
  return {
    active,
    visited: new Set(past.flatMap(({from, to}) => [from, to].flatMap((path) => statesOnPath(chart.machine, path)))),
    taken: new Set(taken === undefined ? [] : [taken.id]),
    available: new Set(
      chart.transitions.filter(({source, event}) => active.has(source) && events.has(event)).map(({id}) => id),
    ),
  }
}

function withAncestors(ids: readonly string[]): string[] {
  return ids.flatMap((id) => id.split('.').map((_, index, keys) => keys.slice(0, index + 1).join('.')))
}

/** Active states without active children: what a person would name. */
export function activeLeaves(chart: Chart, {active}: Highlight): Chart['states'] {
  const parents = new Set(chart.states.filter(({id}) => active.has(id)).map(({parent}) => parent))
  return chart.states.filter(({id}) => active.has(id) && !parents.has(id))
}
