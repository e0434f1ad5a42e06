/** An operation's past as coloured stays: the longer, the wider, by the square root, so that short ones can be hit. A slider over its steps: it looks, it never acts. */

import {useEffect, useRef} from 'preact/hooks'
import {formatDuration, formatTime} from '../model/format.ts'
import {type Stay, stays} from '../model/journey.ts'
import {leafOf, wordsForEvent} from '../model/words.ts'
import {backToLive, detail, selectedView, step} from '../state/selection.ts'
import {now} from '../state/store.ts'

/** The newest that are drawn; the table has all. */
const DRAWN = 240

export function TimeBand() {
  const entries = detail.value?.transitions ?? []
  const view = selectedView.value
  const chosen = step.value
  if (entries.length === 0) return <div class="time-band empty">No history yet.</div>
  const index = chosen === undefined ? entries.length - 1 : entries.findIndex(({seq}) => seq === chosen)
  const all = stays(entries, view?.endedAt ?? now.value)
  const stay = all[index]
  const [first] = entries
  return (
    <div class="time-band">
      <div class="time-line">
        <span class="when">
          {chosen === undefined ? <b class="live">Live</b> : <b class="past">Step {index + 1}</b>}
          {chosen === undefined
            ? ` · ${entries.length} transitions since ${formatTime(first?.at ?? 0)}`
            : ` of ${entries.length} · ${formatTime(stay?.entry.at ?? 0)} · ${wordsForEvent(stay?.entry.event ?? '')}`}
        </span>
        <span class="hint wide-only">
          <kbd>←</kbd> <kbd>→</kbd> step
        </span>
        {chosen === undefined ? null : (
          <button type="button" class="primary" onClick={backToLive}>
            Back to live
          </button>
        )}
      </div>
      <Band all={all} index={index} />
    </div>
  )
}

function Band({all, index}: {all: readonly Stay[]; index: number}) {
  const box = useRef<HTMLDivElement>(null)
  const from = Math.max(0, Math.min(all.length - DRAWN, index - DRAWN / 2))
  const stay = all[index]
  useEffect(() => {
    // Within the band alone: scrollIntoView would move the page too.
    const band = box.current
    const chosen = band?.querySelector<HTMLElement>('.chosen')
    if (band && chosen) band.scrollLeft = chosen.offsetLeft - band.offsetLeft - band.clientWidth / 2
  }, [index, step.value])
  return (
    <div
      class="band"
      ref={box}
      role="slider"
      tabIndex={0}
      aria-label="Step of the history"
      aria-valuemin={1}
      aria-valuemax={all.length}
      aria-valuenow={index + 1}
      aria-valuetext={`Step ${index + 1} of ${all.length}: ${stay?.entry.to ?? ''}, ${formatDuration(stay?.ms ?? 0)}`}
    >
      {all.slice(from, from + DRAWN).map(({entry, ms, mood}, offset) => (
        // biome-ignore lint/a11y/useKeyWithClickEvents: the slider around has the keys
        // biome-ignore lint/a11y/noStaticElementInteractions: as above
        <span
          key={entry.seq}
          class={from + offset === index ? 'stay chosen' : 'stay'}
          data-mood={mood}
          data-seq={entry.seq}
          style={{flexGrow: Math.max(1, Math.round(Math.sqrt(ms)))}}
          title={`${wordsForEvent(entry.event)} → ${entry.to}\n${formatDuration(ms)}`}
          onClick={() => {
            step.value = entry.seq
          }}
        >
          <span class="stay-name">{leafOf(entry.to)}</span>
        </span>
      ))}
    </div>
  )
}
