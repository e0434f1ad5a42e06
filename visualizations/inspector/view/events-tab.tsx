/** What the engine reported, newest first; of this operation or of all. */

import {useSignal} from '@preact/signals'
import {printable} from '../../../src/domain/printable.ts'
import {formatTimeWithMs} from '../model/format.ts'
import {type LogLine, linesOf} from '../model/log-lines.ts'
import {detail, selectedView} from '../state/selection.ts'
import {log} from '../state/store.ts'

const LEVELS = ['info', 'warn', 'error'] as const
const WORDS = {info: 'Everything', warn: 'Warnings and errors', error: 'Errors'} as const
const PAGE = 200

export function EventsTab() {
  const all = useSignal(false)
  const least = useSignal<LogLine['level']>('info')
  const held = useSignal<readonly LogLine[] | undefined>(undefined)
  const count = useSignal(PAGE)
  const view = selectedView.value
  const rank = LEVELS.indexOf(least.value)
  const known =
    all.value || view === undefined
      ? log.value
      : linesOf(view.name, view.guid, detail.value?.transitions ?? [], log.value)
  const lines = (held.value ?? known).filter((line) => LEVELS.indexOf(line.level) >= rank)
  return (
    <div class="tab-body">
      <div class="tools">
        <label>
          <span class="unseen">Events of</span>
          <select
            value={all.value ? 'all' : 'one'}
            onChange={({currentTarget}) => {
              all.value = currentTarget.value === 'all'
            }}
          >
            <option value="one">This operation</option>
            <option value="all">The whole engine</option>
          </select>
        </label>
        <label>
          <span class="unseen">Least severity</span>
          <select
            value={least.value}
            onChange={({currentTarget}) => {
              least.value = LEVELS.find((level) => level === currentTarget.value) ?? 'info'
            }}
          >
            {LEVELS.map((level) => (
              <option key={level} value={level}>
                {WORDS[level]}
              </option>
            ))}
          </select>
        </label>
        <span class="spring" />
        <button
          type="button"
          aria-pressed={held.value !== undefined}
          onClick={() => {
            held.value = held.value === undefined ? known : undefined
          }}
        >
          {held.value === undefined ? 'Hold' : 'Go on'}
        </button>
      </div>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: a region that scrolls must take the focus */}
      <section class="table-box" tabIndex={0} aria-label="Events, newest first">
        <ol class="events">
          {lines.slice(0, count.value).map((line) => (
            <li key={`${line.at} ${line.text}`} data-level={line.level}>
              <time>{formatTimeWithMs(line.at)}</time>
              <span class="level">{line.level}</span>
              <span>{printable(line.text)}</span>
            </li>
          ))}
        </ol>
        {lines.length > count.value ? (
          <button
            type="button"
            class="more"
            onClick={() => {
              count.value += PAGE
            }}
          >
            Show older
          </button>
        ) : null}
        {lines.length === 0 ? <p class="nothing">Nothing was reported yet.</p> : null}
      </section>
    </div>
  )
}
