/** One operation: what it is, what it does, what may be done, and its five tabs. */

import type {OperationId} from '../../../src/domain/operation-id.ts'
import type {OperationView} from '../../../src/inspector/protocol.ts'
import {groupTitle, moodOf, statusWords, wordsForState} from '../model/words.ts'
import {detail, selectedView, shownEntry, step, TABS, type Tab, tab} from '../state/selection.ts'
import {now} from '../state/store.ts'
import {ChartTab} from './chart-tab.tsx'
import {Commands} from './commands.tsx'
import {EventsTab} from './events-tab.tsx'
import {RecordTab} from './record-tab.tsx'
import {RequestsTab} from './requests-tab.tsx'
import {TransitionsTab} from './transitions-tab.tsx'

const WORDS: Readonly<Record<Tab, string>> = {
  chart: 'Chart',
  transitions: 'Transitions',
  events: 'Events',
  requests: 'Requests',
  record: 'Record',
}

export function OperationPage({guid}: {guid: OperationId}) {
  const view = selectedView.value
  if (view === undefined) {
    return (
      <main class="detail empty">
        <h1>This operation is gone</h1>
        <p>Its record was removed: {guid}</p>
      </main>
    )
  }
  return (
    <main class="detail" id="detail" tabIndex={-1} aria-label={view.name}>
      <div class="title">
        <h1 dir="auto">{view.name}</h1>
        <StatusChip view={view} />
        <p class="address">
          <span class="url" title={view.url}>
            {detail.value?.record.request.method ?? 'GET'} {view.url}
          </span>
          <span class="id" title={view.guid}>
            id {view.guid.slice(-8)}
          </span>
          <span class="group" title={groupTitle(view.group)}>
            group {groupTitle(view.group)}
          </span>
        </p>
        <Commands view={view} />
      </div>
      <Tabs />
    </main>
  )
}

function StatusChip({view}: {view: OperationView}) {
  const past = step.value === undefined ? undefined : shownEntry.value
  const state = past?.state ?? view.state
  const words =
    past === undefined ? statusWords(view, view.retryAt === undefined ? 0 : now.value) : wordsForState(state)
  return (
    <span
      class="status-chip"
      data-mood={moodOf(state)}
      data-past={past !== undefined}
      title={past === undefined ? view.status : state}
    >
      {words}
    </span>
  )
}

function Tabs() {
  const chosen = tab.value
  return (
    <>
      <div
        class="tabs"
        role="tablist"
        aria-label="Views of the operation"
        onKeyDown={(event) => {
          const by = event.key === 'ArrowRight' ? 1 : event.key === 'ArrowLeft' ? -1 : 0
          if (by === 0) return
          event.preventDefault()
          tab.value = TABS[(TABS.indexOf(chosen) + by + TABS.length) % TABS.length] ?? 'chart'
          document.getElementById(`tab-${tab.value}`)?.focus()
        }}
      >
        {TABS.map((name) => (
          <button
            key={name}
            id={`tab-${name}`}
            type="button"
            role="tab"
            aria-selected={name === chosen}
            aria-controls="panel"
            tabIndex={name === chosen ? 0 : -1}
            onClick={() => {
              tab.value = name
            }}
          >
            {WORDS[name]}
            <Count of={name} />
          </button>
        ))}
      </div>
      <section class="panel" id="panel" role="tabpanel" aria-labelledby={`tab-${chosen}`}>
        <Panel chosen={chosen} />
      </section>
    </>
  )
}

function Count({of}: {of: Tab}) {
  const known = detail.value
  const count =
    of === 'transitions' ? known?.transitions.length : of === 'requests' ? known?.attempts.length : undefined
  return count === undefined ? null : <small>{count}</small>
}

function Panel({chosen}: {chosen: Tab}) {
  switch (chosen) {
    case 'chart':
      return <ChartTab />
    case 'transitions':
      return <TransitionsTab />
    case 'events':
      return <EventsTab />
    case 'requests':
      return <RequestsTab />
    case 'record':
      return <RecordTab />
  }
}
