/** What happened, as lines to read: from the journal, and from what the engine reports beside it. */

import type {JournalEntry} from '../../../src/domain/journal.ts'
import type {OperationId} from '../../../src/domain/operation-id.ts'
import {wordsForEvent, wordsForState} from './words.ts'

export interface LogLine {
  /** Epoch ms. */
  readonly at: number
  readonly level: 'info' | 'warn' | 'error'
  readonly text: string
  /** The operation that it is about, if it is about one. */
  readonly guid?: OperationId
  /** It stands in that operation's journal too. */
  readonly journalled?: true
}

export function lineOf(name: string, guid: OperationId, entry: JournalEntry): LogLine {
  const {at, state, error, event, to} = entry
  const level = state === 'failed' ? 'error' : error === undefined ? 'info' : 'warn'
  const place = to.split('.').slice(-2).join('.')
  const because = error === undefined ? '' : `: ${error}`
  return {
    at,
    level,
    guid,
    journalled: true,
    text: `${name}: ${wordsForState(state)} (${wordsForEvent(event)} → ${place})${because}`,
  }
}

/** Everything known of one operation, newest first: its whole journal, and what else was reported while the page was open. */
export function linesOf(
  name: string,
  guid: OperationId,
  journal: readonly JournalEntry[],
  reported: readonly LogLine[],
): readonly LogLine[] {
  const beside = reported.filter((line) => line.guid === guid && line.journalled === undefined)
  return [...journal.map((entry) => lineOf(name, guid, entry)), ...beside].toSorted((a, b) => b.at - a.at)
}
