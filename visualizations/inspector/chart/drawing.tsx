/** The picture of a chart, drawn once; what is lit changes by classes alone. */

import type {Chart, Edge, InitialMarker, PlacedState, Span} from '../../chart.ts'
import {CARD_PADDING, DOT, LABEL_BASELINE, LABEL_PADDING, NAME_BASELINE} from '../../metrics.ts'
import {bandShape, CORNER, roundedLine} from '../../paths.ts'
import {wordsForEvent} from '../model/words.ts'
import {memo} from './memo.ts'

const KINDS = ['event', 'after', 'always', 'done', 'error', 'mixed', 'taken'] as const

export const Drawing = memo(({chart}: {chart: Chart}) => {
  const types = new Map(chart.states.map(({id, type}) => [id, type]))
  const leaf = new Set(chart.states.map(({id}) => id))
  for (const {parent} of chart.states) if (parent !== undefined) leaf.delete(parent)
  return (
    <g>
      <defs>
        {KINDS.map((kind) => (
          <marker
            key={kind}
            id={`arrow-${kind}`}
            class={`arrow ${kind}`}
            viewBox="0 0 8 8"
            refX="7"
            refY="4"
            markerWidth="8"
            markerHeight="8"
            markerUnits="userSpaceOnUse"
            orient="auto"
          >
            <path d="M0 0.5L7.5 4L0 7.5Z" />
          </marker>
        ))}
      </defs>
      {chart.states.map((state) => (
        <StateCard
          key={state.id}
          state={state}
          level={(state.id.split('.').length - 1) % 2}
          region={types.get(state.parent ?? '') === 'parallel'}
          leaf={leaf.has(state.id)}
        />
      ))}
      {chart.initials.map((initial) => (
        <Initial key={initial.state} initial={initial} />
      ))}
      {chart.edges.map((edge) => (
        <path
          key={edge.id}
          class={`edge ${edge.kind}`}
          data-edge={edge.transitions.join(' ')}
          d={roundedLine(edge.points)}
          marker-end={`url(#arrow-${edge.kind})`}
        />
      ))}
      {chart.edges.map((edge) => (
        <Labels key={edge.id} edge={edge} />
      ))}
    </g>
  )
})

function StateCard({state, level, region, leaf}: {state: PlacedState; level: number; region: boolean; leaf: boolean}) {
  const {x, y, width, height, band, rows, type, key: name} = state
  return (
    <g class={`state ${type} ${leaf ? 'leaf' : ''}`} data-state={state.id}>
      {type === 'final' ? (
        <rect class="ring" x={x - 3} y={y - 3} width={width + 6} height={height + 6} rx={CORNER + 3} />
      ) : null}
      <rect
        class={`card level${level} ${region ? 'region' : ''}`}
        x={x}
        y={y}
        width={width}
        height={height}
        rx={CORNER}
      />
      <path class="band" d={bandShape(state, Math.min(band, height))} />
      <text class="name title" x={x + CARD_PADDING} y={y + NAME_BASELINE}>
        {name}
      </text>
      {rows.map((row) => (
        <g key={`${row.y}`} class={row.y < y + band ? 'row beside-name' : 'row'} data-transition={row.transition}>
          <rect
            class="mark"
            x={row.x - 5}
            y={row.y - 12}
            width={Math.max(0, x + width - row.x - 3)}
            height="16"
            rx="4"
          />
          <Spans spans={row.spans} x={row.x} y={row.y} />
        </g>
      ))}
      {leaf ? <BigName state={state} /> : null}
    </g>
  )
}

/** Stands for the whole card where its text would be too small to read. */
function BigName({state: {x, y, width, height, key}}: {state: PlacedState}) {
  const size = Math.min(44, height * 0.5, (width - 16) / (key.length * 0.56))
  return (
    <text class="name big" x={x + width / 2} y={y + height / 2} style={{fontSize: `${size}px`}}>
      {key}
    </text>
  )
}

function Spans({spans, x, y}: {spans: readonly Span[]; x: number; y: number}) {
  return (
    <text x={x} y={y}>
      {spans.map(({role, text}, index) => (
        <tspan key={index} class={role}>
          {index === 0 ? text : ` ${text}`}
        </tspan>
      ))}
    </text>
  )
}

function Labels({edge}: {edge: Edge}) {
  return (
    <g class="labels">
      {edge.labels.map(({transition, spans, x, y, width, height}) => (
        <g key={transition} class="label" data-transition={transition}>
          <title>{wordsForEvent(transition.split('/')[1] ?? '')}</title>
          <rect class="pill" x={x} y={y + 1} width={width} height={height - 2} rx="8" />
          <Spans spans={spans} x={x + LABEL_PADDING} y={y + LABEL_BASELINE} />
        </g>
      ))}
    </g>
  )
}

function Initial({initial: {dot, points}}: {initial: InitialMarker}) {
  return (
    <g class="initial">
      <circle class="start" cx={dot.x} cy={dot.y} r={DOT} />
      <path class="edge event" d={roundedLine(points)} marker-end="url(#arrow-event)" />
    </g>
  )
}
