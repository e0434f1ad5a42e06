/**
 * Decides which transitions become lines between states and which become lines of text on their state's card. A picture in
 * which everything is an arrow is a web: jumps to a state that everybody jumps to are text, and name their target.
 */

import {type Hierarchy, hierarchyOf} from './hierarchy.ts'
import type {Statechart, Transition} from './statechart.ts'

/** A target that more states than this lead to is reached by arrows from its siblings only. */
const HUB_SOURCES = 4
/** A trigger that leads to one target from more states than this (cancel, say) is text on the cards of leaves. */
const COMMON_SOURCES = 4
/** A state that leads to more states than this keeps one arrow, for its last resort. */
const FAN_TARGETS = 6
/** An arrow that crosses more borders than this is not followed by anybody's eye. */
const MAX_BORDERS = 2

export interface EdgePlan {
  readonly id: string
  readonly source: string
  readonly target: string
  readonly transitions: readonly Transition[]
}

export interface Arrangement {
  readonly hierarchy: Hierarchy
  readonly rows: ReadonlyMap<string, readonly Transition[]>
  readonly edges: readonly EdgePlan[]
}

function group<K, V>(values: readonly V[], keyOf: (value: V) => K): Map<K, V[]> {
  const groups = new Map<K, V[]>()
  for (const value of values) {
    const key = keyOf(value)
    const members = groups.get(key)
    if (members === undefined) groups.set(key, [value])
    else members.push(value)
  }
  return groups
}

function countDistinct(
  transitions: readonly Transition[],
  keyOf: (t: Transition) => string,
  of: (t: Transition) => string,
) {
  const counts = new Map<string, number>()
  for (const [key, members] of group(transitions, keyOf)) counts.set(key, new Set(members.map(of)).size)
  return (key: string) => counts.get(key) ?? 0
}

const sourceOf = ({source}: Transition) => source
const targetOf = ({targets}: Transition) => targets[0] ?? ''
/** The ends of all actors count as one trigger, whatever the actor. */
const habitOf = ({event, trigger, targets}: Transition) =>
  `${trigger.kind === 'event' || trigger.kind === 'after' ? event : trigger.kind} ${targets[0]}`
const decisionOf = ({source, event}: Transition) => `${source}/${event}`

export function arrange(chart: Statechart): Arrangement {
  const hierarchy = hierarchyOf(chart)
  const jumps = chart.transitions.filter(
    ({source, targets}) => targets.length === 1 && targets.every((target) => !hierarchy.nested(source, target)),
  )
  const sourcesOf = countDistinct(jumps, targetOf, sourceOf)
  const sourcesOfHabit = countDistinct(jumps, habitOf, sourceOf)

  const canBeFollowed = (jump: Transition): boolean => {
    const borders = hierarchy.borders(jump.source, targetOf(jump))
    if (borders > MAX_BORDERS) return false
    const leaf = hierarchy.children(jump.source).length === 0
    if (leaf && sourcesOfHabit(habitOf(jump)) > COMMON_SOURCES) return false
    return borders === 0 || sourcesOf(targetOf(jump)) <= HUB_SOURCES
  }

  const followed = jumps.filter(canBeFollowed)
  const targetsOf = countDistinct(followed, sourceOf, targetOf)
  const candidates = new Set(
    followed.filter((jump) => jump.guard === undefined || targetsOf(jump.source) <= FAN_TARGETS),
  )
  // The branches of one decision stay together; only its last resort may be an arrow while the others are text.
  const torn = new Set(chart.transitions.filter((transition) => !candidates.has(transition)).map(decisionOf))
  const drawn = new Set([...candidates].filter((jump) => jump.guard === undefined || !torn.has(decisionOf(jump))))
  const edges = group([...drawn], (transition) => `${transition.source}->${targetOf(transition)}`)
  return {
    hierarchy,
    rows: group(
      chart.transitions.filter((transition) => !drawn.has(transition)),
      sourceOf,
    ),
    edges: [...edges].map(([id, transitions]) => ({
      id,
      source: transitions[0]?.source ?? '',
      target: transitions[0] === undefined ? '' : targetOf(transitions[0]),
      transitions,
    })),
  }
}
