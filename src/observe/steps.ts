/** What a step of an operation's chart means to whoever measures or logs. */

import type {JournalEntry} from '../domain/journal.ts'

/** On the wire. */
export const TRYING = 'running.exchanging'

/** A try failed, and another one follows, at once or later. */
export function isRetry({from, to}: JournalEntry): boolean {
  return from === 'running.weighing' && (to.startsWith(TRYING) || to === 'running.waitingToRetry')
}

/** Why a try ended, by where the chart went. */
export function outcomeOf(to: string): 'finished' | 'failed' | 'yielded' {
  if (to.startsWith('running.finishing') || to === 'completed') return 'finished'
  return to === 'running.weighing' || to === 'running.startingOver' ? 'failed' : 'yielded'
}

/** The code in a journal's `CODE: message`. */
export function codeOf(error: string | undefined): string {
  return error?.split(':', 1)[0] ?? 'INTERNAL'
}
