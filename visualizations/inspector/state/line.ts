/** Moves within the line of a group, one place or to where a row was dropped. */

import type {OperationView} from '../../../src/inspector/protocol.ts'
import {send, tell} from './commands.ts'
import {selectedView} from './selection.ts'
import {engine, groups} from './store.ts'

export type Step = 'up' | 'down'

/** Only the heads of a line are known here: whoever stands behind them may move both ways. */
export function mayStep(view: OperationView, step: Step): boolean {
  if (engine.value?.readOnly !== false || view.state !== 'queued') return false
  const line = groups.value.get(view.group)?.line ?? []
  return line.indexOf(view.guid) !== (step === 'up' ? 0 : line.length - 1) || line.length === 0
}

export function stepInLine(step: Step, view: OperationView | undefined = selectedView.value): void {
  if (view === undefined || engine.value?.readOnly !== false || view.state !== 'queued') return
  if (mayStep(view, step)) void send(view, {command: 'move', value: step}, `${view.name} moved ${step} in its group.`)
  else tell(`${view.name} is the ${step === 'up' ? 'first' : 'last'} that waits in its group.`, false)
}

/** To the place of another: dropped on one behind it, it goes directly behind that one, as in any list. */
export function dropOn(view: OperationView, target: OperationView): void {
  const line = groups.value.get(view.group)?.line ?? []
  const at = line.indexOf(target.guid)
  const isBehind = line.indexOf(view.guid) < at
  const before = isBehind ? line[at + 1] : target.guid
  if (before === view.guid) return
  const value = before === undefined ? ('last' as const) : {before}
  void send(view, {command: 'move', value}, `${view.name} moved to place ${at + 1} in its group.`)
}
