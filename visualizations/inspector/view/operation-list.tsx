/** The list of operations under their groups: one listbox, drawn only where it is looked at. */

import {useSignal} from '@preact/signals'
import {useEffect, useLayoutEffect, useMemo, useRef} from 'preact/hooks'
import type {Show} from '../model/list-rows.ts'
import {GROUP_HEIGHT, ROW_HEIGHT, rowTops, rowWindow, scrollTopFor} from '../model/window-rows.ts'
import {filter, moveSelection, rows, selectedKey, selectRow, toggleGroup} from '../state/list.ts'
import {clearMarks, markAll, markBy, marks, markTo, toggleMark} from '../state/marks.ts'
import {engine, operations, totals} from '../state/store.ts'
import {BulkBar} from './bulk-bar.tsx'
import {LeftOut} from './left-out.tsx'
import {GroupRowView, OperationRowView, rowId} from './list-row.tsx'

export function OperationList() {
  return (
    <nav class="list" aria-label="Operations">
      <Filter />
      <LeftOut />
      <BulkBar />
      <Rows />
    </nav>
  )
}

function Filter() {
  const {moods, operations} = totals.value
  const shows: readonly (readonly [Show, string, number])[] = [
    ['all', 'All', operations],
    ['active', 'Active', moods.active],
    ['waiting', 'Waiting', moods.waiting + moods.queued],
    ['failed', 'Failed', moods.failed],
  ]
  return (
    <search class="filter">
      <input
        id="filter"
        type="search"
        placeholder="Filter by name, address, group"
        aria-label="Filter operations"
        aria-keyshortcuts="/"
        value={filter.value.text}
        onInput={({currentTarget}) => {
          filter.value = {...filter.value, text: currentTarget.value}
        }}
        onKeyDown={(event) => {
          if (event.key !== 'Escape' && event.key !== 'Enter' && event.key !== 'ArrowDown') return
          if (event.key === 'Escape') filter.value = {...filter.value, text: ''}
          document.getElementById('operations')?.focus()
          event.preventDefault()
        }}
      />
      <fieldset class="segments">
        <legend class="unseen">Show</legend>
        {shows.map(([show, words, count]) => (
          <button
            key={show}
            type="button"
            aria-pressed={filter.value.show === show}
            onClick={() => {
              filter.value = {...filter.value, show}
            }}
          >
            {words} <small>{count}</small>
          </button>
        ))}
      </fieldset>
    </search>
  )
}

/** The keys with which a list is marked everywhere. */
function keyOfMark({key, shiftKey, ctrlKey, metaKey}: KeyboardEvent): (() => void) | undefined {
  if (shiftKey && key === 'ArrowDown') return () => markBy(1)
  if (shiftKey && key === 'ArrowUp') return () => markBy(-1)
  if ((ctrlKey || metaKey) && key === 'a') return markAll
  return key === 'Escape' && marks.value.size > 0 ? clearMarks : undefined
}

function Rows() {
  const box = useRef<HTMLDivElement>(null)
  const scroll = useSignal({top: 0, height: 800})
  const list = rows.value
  const chosen = selectedKey.value
  const marked = marks.value
  const mayMark = engine.value?.readOnly === false
  const tops = useMemo(() => rowTops(list.map(({kind}) => (kind === 'group' ? GROUP_HEIGHT : ROW_HEIGHT))), [list])
  const {start, end, before, after} = rowWindow(tops, scroll.value.top, scroll.value.height)
  const index = list.findIndex(({key}) => key === chosen)

  const measure = () => {
    const {current} = box
    if (current === null) return
    const {scrollTop: top, clientHeight: height} = current
    if (top !== scroll.peek().top || height !== scroll.peek().height) scroll.value = {top, height}
  }
  useEffect(() => {
    const {current} = box
    if (current === null) return
    const observer = new ResizeObserver(measure)
    observer.observe(current)
    return () => observer.disconnect()
  }, [])
  // The chosen row comes into view when another is chosen, not whenever the list moves under it.
  useLayoutEffect(() => {
    const {current} = box
    if (current === null || index === -1) return
    current.scrollTop = scrollTopFor(tops, index, current.scrollTop, current.clientHeight)
    measure()
  }, [chosen])

  return (
    <div
      id="operations"
      class="rows"
      ref={box}
      role="listbox"
      tabIndex={0}
      aria-label="Operations by group"
      aria-multiselectable={true}
      aria-activedescendant={chosen !== undefined && index >= start && index < end ? rowId(chosen) : undefined}
      onScroll={measure}
      onKeyDown={(event) => {
        const row = list[index]
        const mark = mayMark ? keyOfMark(event) : undefined
        if (mark !== undefined) mark()
        else if (event.key === 'ArrowDown') moveSelection(1)
        else if (event.key === 'ArrowUp') moveSelection(-1)
        else if (event.key === 'Enter') document.getElementById('detail')?.focus()
        else if (event.key === ' ' && row?.kind === 'group') toggleGroup(row.name)
        else if (event.key === ' ' && row?.kind === 'operation' && mayMark) toggleMark(row.key)
        else return
        event.preventDefault()
      }}
    >
      <div class="room" role="presentation" style={{height: `${before}px`}} />
      {list.slice(start, end).map((row, offset) => {
        const common = {
          selected: marked.size === 0 ? row.key === chosen : row.kind === 'operation' && marked.has(row.key),
          current: row.key === chosen,
          position: start + offset + 1,
          of: list.length,
          onSelect: (event: MouseEvent) => {
            if (mayMark && row.kind === 'operation' && (event.ctrlKey || event.metaKey)) toggleMark(row.key)
            else if (mayMark && row.kind === 'operation' && event.shiftKey) markTo(row.key)
            else selectRow(row)
          },
        }
        return row.kind === 'group' ? (
          <GroupRowView key={row.key} row={row} {...common} />
        ) : (
          <OperationRowView key={row.key} row={row} {...common} />
        )
      })}
      <div class="room" role="presentation" style={{height: `${after}px`}} />
      {list.length === 0 ? (
        <p class="nothing">{operations.size === 0 ? 'There are no operations yet.' : 'Nothing matches.'}</p>
      ) : null}
    </div>
  )
}
