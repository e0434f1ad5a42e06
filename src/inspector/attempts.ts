/** The HTTP tries of an operation, read off its journal. */

import type {JournalEntry} from '../domain/journal.ts'
import type {AttemptView} from './protocol.ts'

const TRYING = 'running.exchanging'

export function attemptsOf(journal: readonly JournalEntry[]): readonly AttemptView[] {
  const attempts: AttemptView[] = []
  let running: AttemptView | undefined
  for (const entry of journal) {
    const isTrying = entry.to.startsWith(TRYING)
    if (isTrying && !entry.from.startsWith(TRYING)) {
      running = {number: entry.attempts, startedAt: entry.at, from: entry.bytes, outcome: 'running'}
    } else if (running !== undefined) {
      running = step(running, entry, isTrying)
    }
    if (running === undefined) continue
    if (attempts.at(-1)?.startedAt === running.startedAt && attempts.at(-1)?.number === running.number) attempts.pop()
    attempts.push(running)
    if (!isTrying) running = undefined
  }
  return attempts
}

function step(attempt: AttemptView, entry: JournalEntry, isTrying: boolean): AttemptView {
  // Until the answer of this try is here, the status is still that of the one before.
  const isAnswered = entry.event === 'attempt.responded' || entry.event === 'attempt.restarted'
  const isRefused = entry.event === 'attempt.failed' && entry.error?.startsWith('HTTP_STATUS') === true
  const followed =
    entry.redirect === undefined ? attempt : {...attempt, redirects: [...(attempt.redirects ?? []), entry.redirect]}
  const answered =
    (isAnswered || isRefused) && entry.status !== undefined ? {...followed, status: entry.status} : followed
  if (isTrying) return answered
  const outcome = outcomeOf(entry)
  return {
    ...answered,
    endedAt: entry.at,
    to: entry.bytes,
    outcome,
    ...(outcome === 'failed' && entry.error !== undefined ? {error: entry.error} : {}),
  }
}

function outcomeOf({to}: JournalEntry): AttemptView['outcome'] {
  if (to.startsWith('running.finishing') || to === 'completed') return 'finished'
  return to === 'running.weighing' || to === 'running.startingOver' ? 'failed' : 'yielded'
}
