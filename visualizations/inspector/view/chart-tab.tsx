/** The live chart of an operation, and under it the band of its past. */

import {useMemo} from 'preact/hooks'
import {ChartView} from '../chart/chart-view.tsx'
import {highlightAt, NOTHING} from '../model/highlight.ts'
import {chartOf} from '../state/charts.ts'
import {detail, shownEntry, step} from '../state/selection.ts'
import {TimeBand} from './time-band.tsx'
import {WhatIf} from './what-if.tsx'

export function ChartTab() {
  const known = detail.value
  const chart = chartOf(known?.operation.direction === 'upload' ? 'upload' : 'operation').value
  const entry = shownEntry.value
  const past = step.value !== undefined
  const highlight = useMemo(() => {
    if (chart === undefined || chart === 'missing' || known === undefined) return NOTHING
    return highlightAt(chart, known.transitions, entry, past ? undefined : known)
  }, [chart, known, entry, past])
  return (
    <div class="chart-tab">
      {chart === undefined ? <p class="nothing">Reading the chart…</p> : null}
      {chart === 'missing' ? <p class="nothing">The server has no chart of this machine.</p> : null}
      {chart === undefined || chart === 'missing' ? null : <ChartView chart={chart} highlight={highlight} />}
      {known === undefined ? null : <WhatIf known={known} path={past ? entry?.to : undefined} />}
      <TimeBand />
    </div>
  )
}
