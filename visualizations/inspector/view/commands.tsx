/** The buttons of an operation: those that are possible now. */

import type {OperationView} from '../../../src/inspector/protocol.ts'
import {allows, askToCancel, mayChange, retryNow, send} from '../state/commands.ts'
import {mayStep, stepInLine} from '../state/line.ts'
import {detail} from '../state/selection.ts'
import {Icon} from './icons.tsx'
import {asksForRequest} from './request-dialog.tsx'

const PRIORITIES = [
  [1, 'High'],
  [0, 'Default'],
  [2, 'Low'],
] as const

const KEY_OF = {up: 'u', down: 'd'} as const
const KIB = 1024
const RATES = [
  [0, 'No limit'],
  [64 * KIB, '64 KiB/s'],
  [256 * KIB, '256 KiB/s'],
  [1024 * KIB, '1 MiB/s'],
  [4096 * KIB, '4 MiB/s'],
  [16384 * KIB, '16 MiB/s'],
] as const

export function Commands({view}: {view: OperationView}) {
  return (
    <div class="commands">
      {allows(view, 'retry') ? (
        <button type="button" class="primary" aria-keyshortcuts="r" onClick={() => retryNow(view)}>
          <Icon name="play" />
          {view.state === 'failed' ? 'Try again' : 'Retry now'}
        </button>
      ) : null}
      {allows(view, 'pause') ? (
        <button type="button" aria-keyshortcuts="p" onClick={() => void send(view, {command: 'pause'})}>
          <Icon name="pause" />
          Pause
        </button>
      ) : null}
      {allows(view, 'resume') ? (
        <button
          type="button"
          class="primary"
          aria-keyshortcuts="p"
          onClick={() => void send(view, {command: 'resume'})}
        >
          <Icon name="play" />
          Resume
        </button>
      ) : null}
      {allows(view, 'makeCurrent') ? (
        <button
          type="button"
          onClick={() => void send(view, {command: 'makeCurrent'}, `${view.name} goes next in its group.`)}
        >
          <Icon name="front" />
          Move to front
        </button>
      ) : null}
      {(['up', 'down'] as const).map((step) =>
        mayStep(view, step) ? (
          <button key={step} type="button" aria-keyshortcuts={KEY_OF[step]} onClick={() => stepInLine(step, view)}>
            <Icon name={step} />
            Move {step}
          </button>
        ) : null,
      )}
      {allows(view, 'cancel') ? (
        <button type="button" aria-keyshortcuts="x" onClick={() => askToCancel(view)}>
          <Icon name="stop" />
          Cancel
        </button>
      ) : null}
      {mayChange(view) ? (
        <button
          type="button"
          onClick={() => {
            asksForRequest.value = view
          }}
        >
          <Icon name="link" />
          Change request…
        </button>
      ) : null}
      {mayChange(view) ? <Settings view={view} /> : null}
    </div>
  )
}

function Settings({view}: {view: OperationView}) {
  const limit = detail.value?.record.policy.maxBytesPerSecond ?? 0
  const rates = RATES.some(([rate]) => rate === limit)
    ? RATES
    : [...RATES, [limit, `${Math.round(limit / KIB)} KiB/s`] as const]
  return (
    <>
      <label>
        <span>Priority</span>
        <select
          value={String(view.priority)}
          onChange={({currentTarget}) => void send(view, {command: 'priority', value: Number(currentTarget.value)})}
        >
          {PRIORITIES.map(([value, words]) => (
            <option key={value} value={String(value)}>
              {words}
            </option>
          ))}
        </select>
      </label>
      <label>
        <span>Speed limit</span>
        <select
          value={String(limit)}
          onChange={({currentTarget}) => {
            const rate = Number(currentTarget.value)
            void send(view, {command: 'rate', value: rate === 0 ? null : rate})
          }}
        >
          {rates.map(([rate, words]) => (
            <option key={rate} value={String(rate)}>
              {words}
            </option>
          ))}
        </select>
      </label>
    </>
  )
}
