/** The lights on the real chart of an operation, for journals as the engine writes them. */

import {readFileSync} from 'node:fs'
import {describe, expect, it} from 'vitest'
import type {JournalEntry} from '../../src/inspector/protocol.ts'
import type {Chart} from '../../visualizations/chart.ts'
import {actionsOf, coursesOf, guardWords} from '../../visualizations/inspector/model/course.ts'
import {
  activeLeaves,
  highlightAt,
  statesOnPath,
  takenTransition,
} from '../../visualizations/inspector/model/highlight.ts'

const chart: Chart = JSON.parse(
  readFileSync(new URL('../../visualizations/operation.chart.json', import.meta.url), 'utf8'),
)

function entry(event: string, from: string, to: string, seq = 1): JournalEntry {
  return {seq, at: seq, event, from, to, state: 'running', attempts: 1, failures: 0, bytes: 0, generation: 1}
}

describe('the transition that an entry tells of', () => {
  it.each([
    ['operation.admit', 'queued', 'running.exchanging.active.connecting', 'operation.queued', 'operation.admit'],
    [
      'attempt.connected',
      'running.exchanging.active.connecting',
      'running.exchanging.active.awaitingResponse',
      'operation.running.exchanging.active.connecting',
      'attempt.connected',
    ],
    [
      'xstate.done.actor.weighing',
      'running.weighing',
      'running.waitingToRetry',
      'operation.running.weighing',
      'xstate.done.actor.weighing',
    ],
    // The event was about conditions; an eventless transition went.
    [
      'conditions.changed',
      'running.exchanging.active.transferring',
      'running.exchanging.yieldingToConditions',
      'operation.running.exchanging.active',
      '',
    ],
  ])('%s from %s to %s', (event, from, to, source, taken) => {
    const transition = takenTransition(chart, entry(event, from, to))
    expect({source: transition?.source, event: transition?.event}).toEqual({source, event: taken})
  })

  it('is none when the chart has none', () => {
    expect(takenTransition(chart, entry('unheard.of', 'completed', 'queued'))).toBeUndefined()
  })
})

describe('the course of a step', () => {
  it.each(['operation', 'upload'])('of the %s chart leads from everywhere to where its transitions lead', (machine) => {
    const drawn: Chart = JSON.parse(
      readFileSync(new URL(`../../visualizations/${machine}.chart.json`, import.meta.url), 'utf8'),
    )
    const initials = new Map(drawn.states.map(({id, initial}) => [id, initial]))
    const leaf = (id: string): string => (initials.get(id) === undefined ? id : leaf(String(initials.get(id))))
    let seen = 0
    for (const transition of drawn.transitions) {
      const [target] = transition.targets
      if (target === undefined || transition.event === '' || transition.source === machine) continue
      const path = (id: string) => id.slice(machine.length + 1)
      const courses = coursesOf(drawn, entry(transition.event, path(leaf(transition.source)), path(leaf(target))))
      expect(courses.flat(), transition.id).toContain(transition)
      seen += 1
    }
    expect(seen).toBeGreaterThan(40)
  })

  it.each([
    ['operation.admit', 'queued', 'running.exchanging.active.connecting', '', ''],
    ['attempt.failed', 'running.exchanging.active.transferring', 'running.weighing', 'provedUseless or otherwise', ''],
    ['xstate.done.actor.weighing', 'running.weighing', 'running.waitingToRetry', 'decidedTo waitUntil', 'noteDeadline'],
    [
      'conditions.changed',
      'running.exchanging.active.transferring',
      'running.exchanging.yieldingToConditions',
      'isBlocked',
      'noteConditions',
    ],
    ['unheard.of', 'completed', 'queued', '', ''],
  ])('%s from %s to %s', (event, from, to, guard, actions) => {
    const courses = coursesOf(chart, entry(event, from, to))
    expect([guardWords(courses), actionsOf(courses).join(' ')]).toEqual([guard, actions])
  })
})

describe('a highlight', () => {
  const entries = [
    entry('operation.admit', 'queued', 'running.exchanging.active.connecting', 1),
    entry('attempt.failed', 'running.exchanging.active.connecting', 'running.weighing', 2),
    entry('xstate.done.actor.weighing', 'running.weighing', 'running.waitingToRetry', 3),
  ]

  it('of the past lights the position of that step alone, and what was visited until then', () => {
    const highlight = highlightAt(chart, entries, entries[1])
    expect(activeLeaves(chart, highlight).map(({id}) => id)).toEqual(['operation.running.weighing'])
    expect(highlight.visited.has('operation.queued')).toBe(true)
    expect(highlight.visited.has('operation.running.waitingToRetry')).toBe(false)
    expect(highlight.available.size).toBe(0)
  })

  it('of the present adds regions and what is possible now', () => {
    const flow = 'operation.running.exchanging.active.transferring'
    const activeStates = [flow, `${flow}.pulse.resting`, `${flow}.flow.counting`]
    const live = {activeStates, availableEvents: ['operation.cancel']}
    const responded = entry('attempt.responded', 'running.exchanging.active.awaitingResponse', flow.slice(10), 4)
    const highlight = highlightAt(chart, [...entries, responded], responded, live)
    expect(
      activeLeaves(chart, highlight)
        .map(({key}) => key)
        .toSorted(),
    ).toEqual(['counting', 'resting'])
    expect([...highlight.available].every((id) => id.includes('/operation.cancel/'))).toBe(true)
    expect(highlight.available.size).toBeGreaterThan(0)
  })

  it('follows the journal when the rest is not read again yet', () => {
    const live = {activeStates: ['operation.running.weighing'], availableEvents: ['operation.cancel']}
    const highlight = highlightAt(chart, entries, entries[2], live)
    expect(activeLeaves(chart, highlight).map(({key}) => key)).toEqual(['waitingToRetry'])
    expect(highlight.available.size).toBe(0)
  })

  it('finds every state of a path in the chart', () => {
    const ids = new Set(chart.states.map(({id}) => id))
    const path = statesOnPath('operation', 'running.exchanging.active.transferring')
    expect(path.filter((id) => !ids.has(id))).toEqual([])
  })
})
