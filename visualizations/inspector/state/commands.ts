/** What may be asked of an operation now, and the asking. The server has the last word. */

import {signal} from '@preact/signals'
import type {CommandRequest, OperationView} from '../../../src/inspector/protocol.ts'
import {Refusal, sendCommand} from './api.ts'
import {detail, selectedView} from './selection.ts'
import {engine} from './store.ts'

export type PlainCommand = Extract<
  CommandRequest,
  {command: 'pause' | 'resume' | 'retry' | 'cancel' | 'makeCurrent'}
>['command']

/** The newest answer that a person should read. */
export const notice = signal<{readonly text: string; readonly bad: boolean} | undefined>(undefined)
/** The operation whose cancellation waits for a yes. */
export const asksToCancel = signal<OperationView | undefined>(undefined)

const NOTICE_MS = 5000
let noticeTimer: ReturnType<typeof setTimeout> | undefined

/** What the chart must be able to take. */
function eventOf({state}: OperationView, command: PlainCommand): string | undefined {
  // Neither is the chart's to take: an order of the group, and a new operation in the place of one that has ended.
  if (command === 'makeCurrent' || state === 'failed') return undefined
  return command === 'retry' && state === 'pausedRecoverableWebErrorStatus'
    ? 'operation.resume'
    : `operation.${command}`
}

const STATES: Readonly<Record<PlainCommand, (view: OperationView) => boolean>> = {
  pause: ({state}) => ['queued', 'running', 'returning', 'waitingToRetry'].includes(state),
  resume: ({state}) => state === 'pausedByApplication',
  retry: ({state, direction}) =>
    ['waitingToRetry', 'pausedForStorage', 'pausedRecoverableWebErrorStatus'].includes(state) ||
    (state === 'failed' && direction === 'download'),
  cancel: ({state, endedAt}) => endedAt === undefined && state !== 'canceling' && state !== 'publishing',
  makeCurrent: ({state}) => state === 'queued',
}

/** The chart's own answer narrows what the state would allow; a queued operation may have no chart that runs. */
export function allows(view: OperationView, command: PlainCommand): boolean {
  if (engine.value?.readOnly !== false || !STATES[command](view)) return false
  const known = detail.value
  const event = eventOf(view, command)
  if (event === undefined || known?.operation.guid !== view.guid || known.availableEvents.length === 0) return true
  return known.operation.state !== view.state || known.availableEvents.includes(event)
}

export function mayChange(view: OperationView): boolean {
  return engine.value?.readOnly === false && view.endedAt === undefined
}

export async function send(view: OperationView, request: CommandRequest, done?: string): Promise<void> {
  try {
    await sendCommand(view.guid, request)
    if (done !== undefined) tell(done, false)
  } catch (error) {
    tell(refusalWords(error), true)
  }
}

function refusalWords(error: unknown): string {
  if (!(error instanceof Refusal)) return 'The engine cannot be reached.'
  if (error.status === 403) return 'This inspector is read-only.'
  if (error.status === 404) return 'The operation is gone.'
  return error.status === 409 ? `Not possible now: ${error.message}` : error.message
}

export function tell(text: string, bad: boolean): void {
  notice.value = {text, bad}
  clearTimeout(noticeTimer)
  noticeTimer = setTimeout(() => {
    notice.value = undefined
  }, NOTICE_MS)
}

/** Cancels at once when nothing would be lost. */
export function askToCancel(view: OperationView): void {
  if (!allows(view, 'cancel')) return
  if (view.bytesReceived === 0) void send(view, {command: 'cancel'})
  else asksToCancel.value = view
}

export function togglePause(view: OperationView | undefined = selectedView.value): void {
  if (view === undefined) return
  if (allows(view, 'pause')) void send(view, {command: 'pause'})
  else if (allows(view, 'resume')) void send(view, {command: 'resume'})
}

export function retryNow(view: OperationView | undefined = selectedView.value): void {
  if (view === undefined || !allows(view, 'retry')) return
  void send(view, {command: 'retry'}, view.state === 'failed' ? `${view.name} starts again.` : undefined)
}
