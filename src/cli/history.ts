/** A journal as lines: when, from where to where, because of what, and how it stood then. */

import type {JournalEntry} from '../index.ts'
import {plural} from './text.ts'

export function historyLine(entry: JournalEntry): string {
  const {at, event, from, to, attempts, bytes, status, redirect, error} = entry
  const facts = [
    `try ${attempts}`,
    plural(bytes, 'byte'),
    ...(status === undefined ? [] : [`HTTP ${status}`]),
    ...(redirect === undefined ? [] : [`${redirect.status} to ${redirect.to}`]),
    ...(error === undefined ? [] : [error]),
  ]
  return `${new Date(at).toISOString()}  ${from} -> ${to}  (${event})  ${facts.join(', ')}`
}
