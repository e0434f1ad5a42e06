/** Members of a group in order; those that wait are moved by buttons, by Alt and an arrow, and by dragging. */

import {useSignal} from '@preact/signals'
import type {OperationId} from '../../../src/domain/operation-id.ts'
import type {OperationView} from '../../../src/inspector/protocol.ts'
import {moodOf, wordsForState} from '../model/words.ts'
import {allows, send} from '../state/commands.ts'
import {dropOn, mayStep, stepInLine} from '../state/line.ts'
import {selectOperation} from '../state/selection.ts'
import {operations} from '../state/store.ts'
import {Icon} from './icons.tsx'

export interface OrderProps {
  readonly title: string
  readonly guids: readonly OperationId[]
  readonly movable?: boolean
}

export function Order({title, guids, movable = false}: OrderProps) {
  const dragged = useSignal<OperationView | undefined>(undefined)
  return (
    <section class="card-box">
      <h2>
        {title}
        <small>{guids.length}</small>
      </h2>
      {guids.length === 0 ? <p class="nothing">Nobody.</p> : null}
      <ol class="order">
        {guids.map((guid, index) => {
          const view = operations.get(guid)?.value
          if (view === undefined) return null
          const canMove = movable && allows(view, 'makeCurrent')
          return (
            <li
              key={guid}
              data-mood={moodOf(view.state)}
              draggable={canMove}
              onDragStart={() => {
                dragged.value = view
              }}
              onDragOver={(event) => {
                if (canMove && dragged.value !== undefined) event.preventDefault()
              }}
              onDrop={(event) => {
                event.preventDefault()
                if (dragged.value !== undefined && dragged.value.guid !== guid) dropOn(dragged.value, view)
                dragged.value = undefined
              }}
              onKeyDown={(event) => {
                if (!canMove || !event.altKey || (event.key !== 'ArrowUp' && event.key !== 'ArrowDown')) return
                event.preventDefault()
                stepInLine(event.key === 'ArrowUp' ? 'up' : 'down', view)
              }}
            >
              <span class="number">{index + 1}</span>
              <button type="button" class="link" onClick={() => selectOperation(guid)}>
                {view.name}
              </button>
              <span class="facts">{wordsForState(view.state)}</span>
              {canMove ? <Moves view={view} /> : null}
            </li>
          )
        })}
      </ol>
    </section>
  )
}

function Moves({view}: {view: OperationView}) {
  return (
    <span class="moves">
      {(['up', 'down'] as const).map((step) => (
        <button
          key={step}
          type="button"
          class="quiet square"
          aria-label={`Move ${view.name} ${step}`}
          aria-keyshortcuts={step === 'up' ? 'Alt+ArrowUp' : 'Alt+ArrowDown'}
          aria-disabled={!mayStep(view, step)}
          title={step === 'up' ? 'Move up' : 'Move down'}
          onClick={() => stepInLine(step, view)}
        >
          <Icon name={step} />
        </button>
      ))}
      <button
        type="button"
        class="quiet square"
        aria-label={`Move ${view.name} to the front`}
        title="Move to the front"
        onClick={() => void send(view, {command: 'makeCurrent'}, `${view.name} goes next.`)}
      >
        <Icon name="front" />
      </button>
    </span>
  )
}
