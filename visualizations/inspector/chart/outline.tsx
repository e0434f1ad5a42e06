/** The chart as text: the same states, transitions and lights, for those who cannot see the picture or would rather read. */

import type {Chart, PlacedState} from '../../chart.ts'
import type {Transition} from '../../statechart.ts'
import type {Highlight} from '../model/highlight.ts'
import {leafOf, wordsForEvent} from '../model/words.ts'

export function Outline({chart, highlight}: {chart: Chart; highlight: Highlight}) {
  const [root] = chart.states
  return (
    // A region that scrolls must take the focus, or the keyboard cannot scroll it.
    // biome-ignore lint/a11y/noNoninteractiveTabindex: see above
    <section class="outline" tabIndex={0} aria-label="The chart as text">
      <ul>{root === undefined ? null : <StateItem state={root} chart={chart} highlight={highlight} />}</ul>
    </section>
  )
}

function StateItem({state, chart, highlight}: {state: PlacedState; chart: Chart; highlight: Highlight}) {
  const children = chart.states.filter(({parent}) => parent === state.id)
  const active = highlight.active.has(state.id)
  const visited = !active && highlight.visited.has(state.id)
  return (
    <li data-active={active} data-visited={visited}>
      <b>{state.key}</b>
      {active ? <em class="is-active"> active</em> : visited ? <em> visited</em> : null}
      {state.description === undefined ? null : <span class="description"> {state.description}</span>}
      <ul>
        {chart.transitions
          .filter(({source}) => source === state.id)
          .map((transition) => (
            <TransitionItem key={transition.id} transition={transition} highlight={highlight} />
          ))}
        {children.map((child) => (
          <StateItem key={child.id} state={child} chart={chart} highlight={highlight} />
        ))}
      </ul>
    </li>
  )
}

function TransitionItem({transition, highlight}: {transition: Transition; highlight: Highlight}) {
  const {id, event, guard, targets} = transition
  const taken = highlight.taken.has(id)
  return (
    <li class="transition" data-taken={taken}>
      {wordsForEvent(event)}
      {guard === undefined ? '' : ` [${guard.type}]`}
      {targets.length === 0 ? ' stays' : ` → ${targets.map(leafOf).join(', ')}`}
      {taken ? <em class="is-active"> taken last</em> : highlight.available.has(id) ? <em> possible now</em> : null}
    </li>
  )
}
