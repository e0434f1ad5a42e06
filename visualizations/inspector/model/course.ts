/**
 * How a step of the journal went through the chart: the transition of its event, and the eventless ones behind it. The journal names
 * the event and the two positions; guards and actions are the chart's to tell.
 */

import type {JournalEntry} from '../../../src/domain/journal.ts'
import type {Chart} from '../../chart.ts'
import {nameWithParams} from '../../labels.ts'
import type {Transition} from '../../statechart.ts'
import {statesOnPath} from './highlight.ts'

/** Transitions in the order in which they were taken. */
export type Course = readonly Transition[]

/** So many eventless transitions may follow one event. */
const MOST_EVENTLESS = 4

/** Every course of the shortest length that leads there: where guards are alternatives, the chart alone cannot say which it was. */
export function coursesOf(chart: Chart, entry: JournalEntry): readonly Course[] {
  const from = statesOnPath(chart.machine, entry.from)
  const to = statesOnPath(chart.machine, entry.to).at(-1) ?? chart.machine
  const named = steps(chart, from, entry.event)
  // A record that was read again begins without an event of the chart.
  let courses = (named.length > 0 ? named : steps(chart, from, '')).map((transition): Course => [transition])
  for (let eventless = 0; eventless <= MOST_EVENTLESS; eventless += 1) {
    const there = courses.filter((course) => positionAfter(chart, course, from).includes(to))
    if (there.length > 0) return innermost(there)
    courses = courses.flatMap((course) =>
      steps(chart, positionAfter(chart, course, from), '')
        .filter((transition) => !course.includes(transition))
        .map((transition) => [...course, transition]),
    )
  }
  return []
}

/** Guards that let the step pass; '' when there is none, `a or b` when either may have, `a or otherwise` when it may have gone without. */
export function guardWords(courses: readonly Course[]): string {
  const words = courses.map((course) =>
    course.flatMap(({guard}) => (guard === undefined ? [] : [nameWithParams(guard)])).join(', then '),
  )
  const guards = [...new Set(words.filter((each) => each !== ''))]
  return (guards.length > 0 && words.includes('') ? [...guards, 'otherwise'] : guards).join(' or ')
}

/** Actions of the transitions, in order, where there is no doubt of the course. */
export function actionsOf([course = [], ...others]: readonly Course[]): readonly string[] {
  return others.length > 0 ? [] : course.flatMap(({actions}) => actions.map(nameWithParams))
}

function steps(chart: Chart, position: readonly string[], event: string): Transition[] {
  const sources = new Set(position)
  return chart.transitions.filter((each) => each.event === event && sources.has(each.source))
}

/** The states in which it stands behind the course; an internal transition leaves it where it was. */
function positionAfter(chart: Chart, course: Course, from: readonly string[]): readonly string[] {
  const target = course.findLast(({targets}) => targets.length > 0)?.targets[0]
  if (target === undefined) return from
  const initials = new Map(chart.states.map(({id, initial}) => [id, initial]))
  let leaf = target
  for (let next = initials.get(leaf); next !== undefined; next = initials.get(leaf)) leaf = next
  return leaf.split('.').map((_, depth, keys) => keys.slice(0, depth + 1).join('.'))
}

/** An inner state is asked before those around it. */
function innermost(courses: readonly Course[]): readonly Course[] {
  const depthOf = ([first]: Course) => first?.source.split('.').length ?? 0
  const deepest = Math.max(...courses.map(depthOf))
  return courses.filter((course) => depthOf(course) === deepest)
}
