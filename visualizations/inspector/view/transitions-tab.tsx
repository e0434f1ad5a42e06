/** The journal as a table. Choosing a row is choosing a step of the past; the difference to the step before stands below. */

import {useSignal} from '@preact/signals'
import {useMemo} from 'preact/hooks'
import type {JournalEntry} from '../../../src/domain/journal.ts'
import {actionsOf, type Course, coursesOf, guardWords} from '../model/course.ts'
import {formatBytes, formatDuration, formatTimeWithMs} from '../model/format.ts'
import {changesBetween} from '../model/journey.ts'
import {moodOf, wordsForEvent} from '../model/words.ts'
import {chartOf} from '../state/charts.ts'
import {copy} from '../state/copy.ts'
import {backToLive, detail, loadOlder, step} from '../state/selection.ts'
import {Icon} from './icons.tsx'

/** Older ones appear on demand. */
const PAGE = 200

export function TransitionsTab() {
  const text = useSignal('')
  const shownCount = useSignal(PAGE)
  const known = detail.value
  const entries = known?.transitions ?? []
  const chart = chartOf(known?.operation.direction === 'upload' ? 'upload' : 'operation').value
  const courses = useMemo(() => {
    const found = new Map<number, readonly Course[]>()
    return (entry: JournalEntry): readonly Course[] => {
      if (chart === undefined || chart === 'missing') return []
      const courses = found.get(entry.seq) ?? coursesOf(chart, entry)
      found.set(entry.seq, courses)
      return courses
    }
  }, [chart, known?.operation.guid])
  const wanted = text.value.trim().toLowerCase()
  const matching = entries.filter(({event, from, to, state}) =>
    `${event} ${wordsForEvent(event)} ${from} ${to} ${state}`.toLowerCase().includes(wanted),
  )
  const shown = matching.slice(-shownCount.value).toReversed()
  const chosen = entries.findIndex(({seq}) => seq === step.value)
  return (
    <div class="tab-body">
      <div class="tools">
        <input
          type="search"
          aria-label="Filter transitions by event or state"
          placeholder="Filter by event or state"
          value={text.value}
          onInput={({currentTarget}) => {
            text.value = currentTarget.value
          }}
        />
        <span class="spring" />
        {step.value === undefined ? null : (
          <button type="button" class="primary" onClick={backToLive}>
            Back to live
          </button>
        )}
        <button type="button" onClick={() => void copy(JSON.stringify(entries, null, 2))}>
          <Icon name="copy" />
          Copy JSON
        </button>
      </div>
      <div class="table-box">
        <Table shown={shown} entries={entries} courses={courses} />
        {matching.length > shown.length || (entries[0]?.seq ?? 0) > 1 ? (
          <button
            type="button"
            class="more"
            onClick={() => {
              shownCount.value += PAGE
              if (matching.length <= shown.length) void loadOlder()
            }}
          >
            Show older
          </button>
        ) : null}
        {matching.length === 0 ? (
          <p class="nothing">{entries.length === 0 ? 'No transitions yet.' : 'Nothing matches.'}</p>
        ) : null}
      </div>
      {chosen === -1 ? null : <Difference entry={entries[chosen]} before={entries[chosen - 1]} courses={courses} />}
    </div>
  )
}

interface TableProps {
  readonly shown: readonly JournalEntry[]
  readonly entries: readonly JournalEntry[]
  readonly courses: (entry: JournalEntry) => readonly Course[]
}

function Table({shown, entries, courses}: TableProps) {
  const index = shown.findIndex(({seq}) => seq === step.value)
  const choose = (to: number) => {
    const entry = shown[Math.max(0, Math.min(shown.length - 1, to))]
    if (entry === undefined) return
    step.value = entry.seq
    document.getElementById(`entry-${entry.seq}`)?.focus()
  }
  const previous = new Map(entries.map((entry, at) => [entry.seq, entries[at - 1]]))
  return (
    <table
      // biome-ignore lint/a11y/noNoninteractiveElementToInteractiveRole: rows are chosen by keys
      role="grid"
      aria-label="Transitions, newest first"
      onKeyDown={(event) => {
        if (event.key === 'ArrowDown') choose(index + 1)
        else if (event.key === 'ArrowUp') choose(index - 1)
        else return
        event.preventDefault()
      }}
    >
      <thead>
        <tr>
          <th scope="col" class="number">
            #
          </th>
          <th scope="col">Time</th>
          <th scope="col">Event</th>
          <th scope="col">From</th>
          <th scope="col">To</th>
          <th scope="col">Guard</th>
          <th scope="col" class="number">
            After
          </th>
          <th scope="col" class="number">
            Bytes
          </th>
        </tr>
      </thead>
      <tbody>
        {shown.map((entry, at) => (
          <tr
            key={entry.seq}
            id={`entry-${entry.seq}`}
            tabIndex={at === Math.max(0, index) ? 0 : -1}
            aria-selected={entry.seq === step.value}
            onClick={() => choose(at)}
            onKeyDown={(event) => {
              if (event.key === 'Enter') choose(at)
            }}
          >
            <td class="number">{entry.seq}</td>
            <td>{formatTimeWithMs(entry.at)}</td>
            <td title={entry.event}>
              <code>{wordsForEvent(entry.event)}</code>
            </td>
            <td title={entry.from}>{tail(entry.from)}</td>
            <td title={entry.to}>
              <i class="dot" data-mood={moodOf(entry.state)} />
              {tail(entry.to)}
            </td>
            <td>
              <code class="guard">{guardWords(courses(entry))}</code>
            </td>
            <td class="number">{since(entry, previous.get(entry.seq))}</td>
            <td class="number">{formatBytes(entry.bytes)}</td>
          </tr>
        ))}
      </tbody>
    </table>
  )
}

/** The last two steps of a path. */
function tail(path: string): string {
  return path.split('.').slice(-2).join('.')
}

function since(entry: JournalEntry, before: JournalEntry | undefined): string {
  return before === undefined ? '' : formatDuration(entry.at - before.at)
}

interface DifferenceProps extends Pick<TableProps, 'courses'> {
  readonly entry: JournalEntry | undefined
  readonly before: JournalEntry | undefined
}

function Difference({entry, before, courses}: DifferenceProps) {
  if (entry === undefined) return null
  const changes = changesBetween(before, entry)
  const ways = courses(entry)
  const guard = guardWords(ways)
  const actions = actionsOf(ways)
  return (
    <section class="difference" aria-label="What the step changed">
      <h2>
        Step {entry.seq}: {wordsForEvent(entry.event)}
      </h2>
      {guard === '' && actions.length === 0 ? null : (
        <p class="facts">
          {guard === '' ? null : (
            <>
              because <code class="guard">{guard}</code>
            </>
          )}{' '}
          {actions.length === 0 ? null : (
            <>
              doing <code>{actions.join(', ')}</code>
            </>
          )}
        </p>
      )}
      {changes.length === 0 ? <p>Nothing but the position changed.</p> : null}
      <dl class="changes">
        {changes.map(({field, before: old, after}) => (
          <div key={field}>
            <dt>{field}</dt>
            <dd>
              {old === undefined ? null : <del>{old}</del>} <ins>{after}</ins>
            </dd>
          </div>
        ))}
      </dl>
    </section>
  )
}
