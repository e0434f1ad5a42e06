/** What is asked of several operations at once: of those that are marked, or of all that failed. */

import {filter} from '../state/list.ts'
import {able, asksToCancelMarked, clearMarks, marked, marks, sendAll} from '../state/marks.ts'
import {engine, operations, totals} from '../state/store.ts'
import {Icon} from './icons.tsx'

const COMMANDS = [
  ['retry', 'Retry'],
  ['pause', 'Pause'],
  ['resume', 'Resume'],
] as const

export function BulkBar() {
  if (engine.value?.readOnly !== false) return null
  return marks.value.size > 0 ? <Marked /> : <Failed />
}

function Marked() {
  const views = marked.value
  const cancelable = able(views, 'cancel')
  return (
    <section class="bulk" aria-label="Marked operations">
      <span role="status">
        <b>{views.length}</b> marked
      </span>
      {COMMANDS.map(([command, words]) => {
        const those = able(views, command)
        return those.length === 0 ? null : (
          <button key={command} type="button" onClick={() => void sendAll(those, command)}>
            {words} <small>{those.length}</small>
          </button>
        )
      })}
      {cancelable.length === 0 ? null : (
        <button
          type="button"
          onClick={() => {
            asksToCancelMarked.value = true
          }}
        >
          Cancel <small>{cancelable.length}</small>
        </button>
      )}
      <button
        type="button"
        class="quiet square"
        aria-label="Take the marks away"
        title="Take the marks away (Escape)"
        onClick={clearMarks}
      >
        <Icon name="stop" />
      </button>
    </section>
  )
}

/** Where failures are looked at. */
function Failed() {
  if (filter.value.show !== 'failed' || totals.value.moods.failed === 0) return null
  const again = able(
    [...operations.values()].map(({value}) => value).filter(({state}) => state === 'failed'),
    'retry',
  )
  return again.length === 0 ? null : (
    <section class="bulk" aria-label="Failed operations">
      <button type="button" onClick={() => void sendAll(again, 'retry')}>
        <Icon name="play" />
        Retry all failed <small>{again.length}</small>
      </button>
    </section>
  )
}
