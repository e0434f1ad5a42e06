/** Operations that are marked in the list, and what is asked of all of them together. */

import {batch, computed, signal} from '@preact/signals'
import type {OperationId} from '../../../src/domain/operation-id.ts'
import type {OperationView} from '../../../src/inspector/protocol.ts'
import {Refusal, sendCommand} from './api.ts'
import {allows, type PlainCommand, tell} from './commands.ts'
import {rows, selectedKey} from './list.ts'
import {selectOperation} from './selection.ts'
import {operations, structure} from './store.ts'

export const marks = signal<ReadonlySet<OperationId>>(new Set())
/** They are canceled when somebody says yes. */
export const asksToCancelMarked = signal(false)

/** Where a stretch of marks begins. */
let anchor: OperationId | undefined

/** Those that are marked and still there. */
export const marked = computed((): readonly OperationView[] => {
  void structure.value
  return [...marks.value].flatMap((guid) => operations.get(guid)?.value ?? [])
})

export function toggleMark(guid: OperationId): void {
  const changed = new Set(marks.value)
  // The first mark takes the operation along that is looked at: it is the one chosen already.
  const chosen = selectedKey.peek()
  if (changed.size === 0 && chosen !== undefined && chosen !== guid && operations.has(chosen as OperationId)) {
    changed.add(chosen as OperationId)
  }
  if (!changed.delete(guid)) changed.add(guid)
  anchor = guid
  marks.value = changed
}

/** Everything between the last mark, or the chosen row, and this one. */
export function markTo(guid: OperationId): void {
  const keys = rows.peek().flatMap(({kind, key}) => (kind === 'operation' ? [key] : []))
  const from = keys.indexOf(anchor ?? (selectedKey.peek() as OperationId))
  const to = keys.indexOf(guid)
  if (to === -1) return
  const stretch = from === -1 ? [guid] : keys.slice(Math.min(from, to), Math.max(from, to) + 1)
  anchor = from === -1 ? guid : keys[from]
  marks.value = new Set([...marks.value, ...stretch])
}

/** One row further, with everything on the way. */
export function markBy(by: -1 | 1): void {
  const keys = rows.peek().flatMap(({kind, key}) => (kind === 'operation' ? [key] : []))
  const next = keys[keys.indexOf(selectedKey.peek() as OperationId) + by]
  if (next === undefined) return
  batch(() => {
    markTo(next)
    selectOperation(next)
  })
}

export function markAll(): void {
  marks.value = new Set(rows.peek().flatMap(({kind, key}) => (kind === 'operation' ? [key] : [])))
}

export function clearMarks(): void {
  anchor = undefined
  marks.value = new Set()
}

export function able(views: readonly OperationView[], command: PlainCommand): readonly OperationView[] {
  return views.filter((view) => allows(view, command))
}

const DONE: Readonly<Record<PlainCommand, string>> = {
  pause: 'paused',
  resume: 'resumed',
  retry: 'tried again',
  cancel: 'canceled',
  makeCurrent: 'moved',
}

/** One after the other: thousands at once would crowd out the page's own requests. Those that moved on meanwhile are counted. */
export async function sendAll(views: readonly OperationView[], command: PlainCommand): Promise<void> {
  let late = 0
  for (const {guid} of views) {
    try {
      await sendCommand(guid, {command})
    } catch (error) {
      if (!(error instanceof Refusal) || (error.status !== 409 && error.status !== 404)) {
        tell(error instanceof Error ? error.message : String(error), true)
        return
      }
      late += 1
    }
  }
  const done = `${views.length - late} ${DONE[command]}`
  tell(late === 0 ? `${done}.` : `${done}; for ${late} it was not possible any more.`, late > 0)
}
