/** An operation's journal as a walk through time: how long it stood where, and what each step changed. */

import type {JournalEntry} from '../../../src/domain/journal.ts'
import {formatBytes} from './format.ts'
import {type Mood, moodOf} from './words.ts'

/** As much as the store keeps of one operation. */
const KEPT = 1000

/** Two parts of one journal as one. */
export function mergeJournals(one: readonly JournalEntry[], other: readonly JournalEntry[]): readonly JournalEntry[] {
  const bySeq = new Map([...one, ...other].map((entry) => [entry.seq, entry]))
  return [...bySeq.values()].toSorted((a, b) => a.seq - b.seq).slice(-KEPT)
}

export interface Stay {
  readonly entry: JournalEntry
  readonly ms: number
  readonly mood: Mood
}

/** One stay per entry; the last goes on until `until`. */
export function stays(entries: readonly JournalEntry[], until: number): Stay[] {
  return entries.map((entry, index) => ({
    entry,
    ms: Math.max(0, (entries[index + 1]?.at ?? Math.max(until, entry.at)) - entry.at),
    mood: moodOf(entry.state),
  }))
}

export interface Change {
  readonly field: string
  /** Missing when there was none. */
  readonly before: string | undefined
  readonly after: string
}

const FIELDS = ['state', 'attempts', 'failures', 'bytes', 'generation', 'status', 'error'] as const

/** What an entry changed of the one before it. */
export function changesBetween(before: JournalEntry | undefined, entry: JournalEntry): Change[] {
  return FIELDS.flatMap((field) => {
    const [old, now] = [before?.[field], entry[field]]
    return old === now ? [] : [{field, before: shown(field, old), after: shown(field, now) ?? 'none'}]
  })
}

function shown(field: string, value: string | number | undefined): string | undefined {
  if (value === undefined) return undefined
  return field === 'bytes' && typeof value === 'number' ? formatBytes(value) : String(value)
}

/** The entry that many steps from `seq`; `undefined` is the present. Never leaves the journal at its beginning. */
export function stepFrom(entries: readonly JournalEntry[], seq: number | undefined, by: number): number | undefined {
  const last = entries.length - 1
  const found = entries.findIndex((entry) => entry.seq === seq)
  const index = (seq === undefined || found === -1 ? last : found) + by
  return index >= last && by > 0 ? undefined : entries[Math.max(0, index)]?.seq
}
