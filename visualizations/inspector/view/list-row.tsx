/** One row of the list. A row listens to its own operation alone. */

import type {OperationView} from '../../../src/inspector/protocol.ts'
import {formatDuration, formatPercent, formatRate, percentOf, timeLeft} from '../model/format.ts'
import type {GroupRow, OperationRow} from '../model/list-rows.ts'
import {groupTitle, moodOf, statusWords} from '../model/words.ts'
import {toggleGroup} from '../state/list.ts'
import {groups, now, operations} from '../state/store.ts'
import {Icon} from './icons.tsx'

interface RowProps<Row> {
  readonly row: Row
  readonly selected: boolean
  /** Its details are shown. */
  readonly current: boolean
  readonly position: number
  readonly of: number
  readonly onSelect: (event: MouseEvent) => void
}

export function rowId(key: string): string {
  return `row-${encodeURIComponent(key)}`
}

export function GroupRowView({row, selected, current, position, of, onSelect}: RowProps<GroupRow>) {
  const suspended = groups.value.get(row.name)?.state === 'suspended'
  const rule = row.behavior === 'serialized' ? 'one at a time' : 'side by side'
  const facts = [rule, ...(suspended ? ['suspended'] : []), String(row.count)].join(' · ')
  return (
    // The listbox has the focus and the keys; an option is only pointed at.
    // biome-ignore lint/a11y/useKeyWithClickEvents: see above
    // biome-ignore lint/a11y/useFocusableInteractive: see above
    <div
      id={rowId(row.key)}
      role="option"
      class="row group-row"
      aria-selected={selected}
      data-current={current}
      aria-posinset={position}
      aria-setsize={of}
      onClick={onSelect}
    >
      {/* biome-ignore lint/a11y/useKeyWithClickEvents: the listbox folds a group with the space bar */}
      {/* biome-ignore lint/a11y/noStaticElementInteractions: as above */}
      <span
        class="fold"
        data-folded={row.collapsed}
        onClick={(event) => {
          event.stopPropagation()
          toggleGroup(row.name)
        }}
      >
        <Icon name="chevron" />
      </span>
      <span class="unseen">Group </span>
      <span class="group-name" dir="auto">
        {groupTitle(row.name)}
      </span>{' '}
      <span class="facts">{facts}</span>
      {row.collapsed ? <span class="unseen"> folded</span> : null}
    </div>
  )
}

export function OperationRowView({row, selected, current, position, of, onSelect}: RowProps<OperationRow>) {
  const view = operations.get(row.key)?.value
  if (view === undefined) return null
  const {bytesReceived, totalBytesToReceive, name, state} = view
  const percent = percentOf(bytesReceived, totalBytesToReceive)
  const share = formatPercent(bytesReceived, totalBytesToReceive)
  const words = wordsOf(view)
  return (
    // biome-ignore lint/a11y/useKeyWithClickEvents: the listbox has the focus and the keys
    // biome-ignore lint/a11y/useFocusableInteractive: as above
    <div
      id={rowId(row.key)}
      role="option"
      class="row operation-row"
      data-mood={moodOf(state)}
      aria-selected={selected}
      data-current={current}
      aria-posinset={position}
      aria-setsize={of}
      title={`${name}\n${view.status} (${state})`}
      onClick={onSelect}
    >
      <span class="place" aria-hidden="true">
        {row.place ?? ''}
      </span>
      <Icon name={view.direction === 'upload' ? 'up' : 'down'} />
      <span class="line">
        <span class="name" dir="auto">
          {name}
        </span>{' '}
        <span class="share">{share}</span>
      </span>
      <span class="track">
        <span
          class={percent === undefined && state === 'running' ? 'fill unknown' : 'fill'}
          style={{width: `${percent ?? (state === 'completed' ? 100 : 0)}%`}}
        />
      </span>
      <span class="line">
        <span class="status">{words}</span> <span class="speed">{speedOf(view)}</span>
      </span>
    </div>
  )
}

function wordsOf(view: OperationView): string {
  // Only a wait with a deadline has words that change with time.
  return statusWords(view, view.retryAt === undefined ? 0 : now.value)
}

function speedOf({rate, bytesReceived, totalBytesToReceive}: OperationView): string {
  if (rate <= 0) return ''
  const left = timeLeft(bytesReceived, totalBytesToReceive, rate)
  return left === undefined ? formatRate(rate) : `${formatRate(rate)} · ${formatDuration(left)}`
}
