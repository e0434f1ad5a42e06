/** One group: who runs, who comes next, how far all of it is, and the chart that decides. */

import {useMemo} from 'preact/hooks'
import type {OperationView} from '../../../src/inspector/protocol.ts'
import {ChartView} from '../chart/chart-view.tsx'
import {formatBytes, formatPercent, formatRate, percentOf} from '../model/format.ts'
import {highlightAt, NOTHING, statesOnPath} from '../model/highlight.ts'
import {groupTitle} from '../model/words.ts'
import {chartOf} from '../state/charts.ts'
import {able, sendAll} from '../state/marks.ts'
import {groups, operations, structure} from '../state/store.ts'
import {Order} from './group-order.tsx'
import {Icon} from './icons.tsx'

const STATES: Readonly<Record<string, string>> = {
  idle: 'Idle',
  satisfied: 'Everybody who may run does',
  wanting: 'Waiting for a slot',
  displacing: 'One gives way to another',
  suspended: 'Suspended',
}

function membersOf(name: string): OperationView[] {
  return [...operations.values()].map(({value}) => value).filter(({group}) => group === name)
}

export function GroupPage({name}: {name: string}) {
  void structure.value
  const group = groups.value.get(name)
  const views = membersOf(name)
  const received = views.reduce((sum, {bytesReceived}) => sum + bytesReceived, 0)
  const total = views.reduce((sum, {totalBytesToReceive}) => sum + totalBytesToReceive, 0)
  // A sum of the sizes that are known would call a group done whose others have not begun.
  const unknown = views.filter(
    ({totalBytesToReceive, endedAt}) => totalBytesToReceive === 0 && endedAt === undefined,
  ).length
  const percent = unknown === 0 ? percentOf(received, total) : undefined
  const rate = views.reduce((sum, view) => sum + view.rate, 0)
  return (
    <>
      <main class="detail" id="detail" tabIndex={-1} aria-label={`Group ${groupTitle(name)}`}>
        <div class="title">
          <h1 dir="auto">{groupTitle(name)}</h1>
          <span class="status-chip" data-mood={group?.state === 'suspended' ? 'waiting' : 'active'}>
            {STATES[group?.state ?? 'idle'] ?? group?.state}
          </span>
          <p class="address">
            <span>{group?.behavior === 'serialized' ? 'Serialized: one at a time' : 'Parallel: side by side'}</span>
            <span>{group?.members.length ?? 0} running or holding a place</span>
          </p>
          <GroupCommands views={views} />
        </div>
        <GroupChart state={group?.state} />
      </main>
      <aside class="side" aria-label="Order">
        <section class="card-box">
          <h2>Progress</h2>
          <p class="figure">
            <b>{percent === undefined ? formatBytes(received) : formatPercent(received, total)}</b>
            <span>
              {percent === undefined
                ? `received; ${unknown} of ${views.length} sizes unknown`
                : `${formatBytes(received)} of ${formatBytes(total)}`}
            </span>
          </p>
          {percent === undefined ? null : (
            <div
              class="track large"
              data-mood="active"
              role="progressbar"
              aria-label={`Progress of the group ${groupTitle(name)}`}
              aria-valuemin={0}
              aria-valuemax={100}
              aria-valuenow={Math.floor(percent)}
            >
              <span class="fill" style={{width: `${percent}%`}} />
            </div>
          )}
          <p class="facts">{rate > 0 ? formatRate(rate) : 'nothing moves'}</p>
        </section>
        <Order title="Running or holding a place" guids={group?.members ?? []} />
        <Order title="Next in line" guids={group?.line ?? []} movable />
      </aside>
    </>
  )
}

function GroupCommands({views}: {views: readonly OperationView[]}) {
  const button = (command: 'pause' | 'resume' | 'retry', words: string) => {
    const those = able(views, command)
    if (those.length === 0) return null
    return (
      <button type="button" onClick={() => void sendAll(those, command)}>
        <Icon name={command === 'pause' ? 'pause' : 'play'} />
        {words} ({those.length})
      </button>
    )
  }
  return (
    <div class="commands">
      {button('pause', 'Pause all')}
      {button('resume', 'Resume all')}
      {button('retry', 'Retry all')}
    </div>
  )
}

function GroupChart({state}: {state: string | undefined}) {
  const chart = chartOf('group').value
  const highlight = useMemo(() => {
    if (chart === undefined || chart === 'missing' || state === undefined) return NOTHING
    const activeStates = statesOnPath(chart.machine, state)
    return highlightAt(chart, [], undefined, {activeStates, availableEvents: []})
  }, [chart, state])
  return (
    <section class="panel" aria-label="Chart of the group">
      <div class="chart-tab">
        {chart === undefined ? <p class="nothing">Reading the chart…</p> : null}
        {chart === 'missing' ? <p class="nothing">The server has no chart of this machine.</p> : null}
        {chart === undefined || chart === 'missing' ? null : <ChartView chart={chart} highlight={highlight} />}
      </div>
    </section>
  )
}
