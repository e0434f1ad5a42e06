/** One key per frequent act, wherever the focus is, as long as nobody is typing. */

import {signal} from '@preact/signals'
import {askToCancel, retryNow, togglePause} from './commands.ts'
import {stepInLine} from './line.ts'
import {moveSelection} from './list.ts'
import {backToLive, selectedView, stepBy, stepToFirst} from './selection.ts'

export const helpOpen = signal(false)

export const KEYS: readonly (readonly [key: string, act: string])[] = [
  ['/', 'Filter the list'],
  ['j  k', 'Next, previous operation'],
  ['Enter', 'Go to the operation’s details'],
  ['Space', 'Mark an operation, or fold a group; with Shift and arrows, or Ctrl A: several'],
  ['p', 'Pause or resume'],
  ['r', 'Retry now, or try again what failed'],
  ['u  d', 'Move up, down among those that wait in its group; there, with Alt and arrows too'],
  ['x', 'Cancel'],
  ['←  →', 'One step back, forward in its history'],
  ['Home  End', 'First step, back to live'],
  ['?', 'This help'],
]

const ACTS: Readonly<Record<string, () => void>> = {
  '/': () => focusOn('filter'),
  j: () => moveSelection(1),
  k: () => moveSelection(-1),
  p: () => togglePause(),
  r: () => retryNow(),
  u: () => stepInLine('up'),
  d: () => stepInLine('down'),
  x: () => {
    if (selectedView.value !== undefined) askToCancel(selectedView.value)
  },
  ArrowLeft: () => stepBy(-1),
  ArrowRight: () => stepBy(1),
  Home: stepToFirst,
  End: backToLive,
  '?': () => {
    helpOpen.value = true
  },
}

function focusOn(id: string): void {
  document.getElementById(id)?.focus()
}

function isTyping(target: EventTarget | null): boolean {
  return target instanceof HTMLElement && target.closest('input, select, textarea, dialog[open]') !== null
}

export function listenToKeys(): void {
  document.addEventListener('keydown', (event) => {
    if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey || isTyping(event.target)) return
    const act = ACTS[event.key]
    if (act === undefined) return
    event.preventDefault()
    act()
  })
}
