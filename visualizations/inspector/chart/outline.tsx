/** The chart as text: the same states, transitions and lights, for those who cannot see the picture or would rather read. */

import {useEffect, useRef} from 'preact/hooks'
import type {Chart, PlacedState} from '../../chart.ts'
import {isReference, type Named, type Transition} from '../../statechart.ts'
import type {Highlight} from '../model/highlight.ts'
import {leafOf, wordsForEvent} from '../model/words.ts'

export function Outline({chart, highlight}: {chart: Chart; highlight: Highlight}) {
  const [root] = chart.states
  const box = useRef<HTMLElement>(null)
  useEffect(() => {
    // Within the outline alone: scrollIntoView would move the page too.
    const outline = box.current
    const active = [...(outline?.querySelectorAll<HTMLElement>('[data-active="true"] > b') ?? [])].at(-1)
    if (outline && active) outline.scrollTop = active.offsetTop - outline.clientHeight / 2
  }, [highlight])
  return (
    // A region that scrolls must take the focus, or the keyboard cannot scroll it.
    // biome-ignore lint/a11y/noNoninteractiveTabindex: see above
    <section class="outline" ref={box} tabIndex={0} aria-label="The chart as text">
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

/** A guard with the plain values that it asks for, such as isBlockedBy noNetwork. */
function guardWords({type, params}: Named): string {
  const values = isReference(params) ? [] : Object.values(params ?? {}).filter((value) => typeof value === 'string')
  return [type, ...values].join(' ')
}

function TransitionItem({transition, highlight}: {transition: Transition; highlight: Highlight}) {
  const {id, event, guard, targets} = transition
  const taken = highlight.taken.has(id)
  return (
    <li class="transition" data-taken={taken}>
      {wordsForEvent(event)}
      {guard === undefined ? '' : ` [${guardWords(guard)}]`}
      {targets.length === 0 ? ' stays' : ` → ${targets.map(leafOf).join(', ')}`}
      {taken ? <em class="is-active"> taken last</em> : highlight.available.has(id) ? <em> possible now</em> : null}
    </li>
  )
}
