/** What the chart would do: asked of the engine's pure transition, from now or from the step that is looked at. Nothing is sent. */

import {useSignal} from '@preact/signals'
import {useEffect} from 'preact/hooks'
import type {OperationDetail, Supposed} from '../../../src/inspector/protocol.ts'
import {supposable} from '../model/suppositions.ts'
import {moodOf, wordsForEvent, wordsForState} from '../model/words.ts'
import {readWhatIf} from '../state/api.ts'

interface Props {
  readonly known: OperationDetail
  /** State path of the step that is looked at. */
  readonly path: string | undefined
}

export function WhatIf({known, path}: Props) {
  const {guid, path: present} = known.operation
  const events = supposable(known, path !== undefined)
  const chosen = useSignal('')
  const answer = useSignal<Supposed | string | undefined>(undefined)
  const event = events.includes(chosen.value) ? chosen.value : ''
  useEffect(() => {
    answer.value = undefined
    if (event === '') return
    const reading = new AbortController()
    readWhatIf(guid, event, path, reading.signal).then(
      (supposed) => {
        answer.value = supposed
      },
      (error: unknown) => {
        if (!reading.signal.aborted) answer.value = error instanceof Error ? error.message : String(error)
      },
    )
    return () => reading.abort()
  }, [guid, event, path, present])
  return (
    <details class="what-if">
      <summary>What if…</summary>
      <div class="supposition">
        <label>
          <span>{path === undefined ? 'now' : `at ${path}`} came</span>
          <select
            value={event}
            onChange={({currentTarget}) => {
              chosen.value = currentTarget.value
            }}
          >
            <option value="">choose an event</option>
            {events.map((each) => (
              <option key={each} value={each}>
                {wordsForEvent(each)}
              </option>
            ))}
          </select>
        </label>
        <div class="outcome-of" aria-live="polite">
          {answer.value === undefined ? null : <Outcome answer={answer.value} />}
        </div>
      </div>
    </details>
  )
}

function Outcome({answer}: {answer: Supposed | string}) {
  if (typeof answer === 'string') return <p>{answer}</p>
  if (!answer.isTaken) return <p>The chart would take no notice.</p>
  const {path, state, actions} = answer
  return (
    <>
      <p>
        <i class="dot" data-mood={moodOf(state)} /> It would stand at <code>{path}</code> ({wordsForState(state)}).
      </p>
      {actions.length === 0 ? null : <p class="facts">On the way it would {actions.join(', ')}.</p>}
    </>
  )
}
