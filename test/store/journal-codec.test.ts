/** Journal segments: whatever was written is read, and a small file's life stays small. */

import fc from 'fast-check'
import {describe, expect, it} from 'vitest'
import {decodeSegment, encodeSegment} from '../../src/adapters/level/journal-codec.ts'
import type {JournalEntry} from '../../src/domain/journal.ts'
import {LIFE_STATES} from '../../src/domain/status.ts'
import {journalEntry} from '../support/records.ts'
import {anyText} from './any-record.ts'

const few = fc.nat(2)
const path = fc.constantFrom('queued', 'running.weighing', 'completed')

const anyEntry = fc.record(
  {
    at: fc.maxSafeNat(),
    event: anyText,
    from: path,
    to: path,
    state: fc.constantFrom(...LIFE_STATES),
    attempts: few,
    failures: few,
    bytes: few,
    generation: few,
    status: few,
    error: anyText,
    redirect: fc.record({status: few, url: anyText, to: anyText}),
  },
  {requiredKeys: ['at', 'event', 'from', 'to', 'state', 'attempts', 'failures', 'bytes', 'generation']},
)

const anySegment = fc
  .tuple(
    fc.array(anyEntry, {minLength: 1, maxLength: 8}),
    fc.array(fc.integer({min: 1, max: 3}), {minLength: 8, maxLength: 8}),
  )
  .map(([entries, steps]) => {
    let seq = 0
    return entries.map((entry, index): JournalEntry => {
      seq += steps[index] ?? 1
      return {...entry, seq}
    })
  })

describe('a journal segment', () => {
  it('is read as it was written', () => {
    fc.assert(
      fc.property(anySegment, (entries) => {
        const text = encodeSegment(entries)
        expect(decodeSegment(entries[0]?.seq ?? 0, text)).toEqual(entries)
        expect(text).toBe(JSON.stringify(JSON.parse(text)))
      }),
    )
  })

  it('of a small file takes less than 600 bytes', () => {
    const states = ['queued', 'running.exchanging.active.connecting', 'running.exchanging.active.awaitingResponse']
    const more = [
      'running.exchanging.active.transferring',
      'running.finishing.verifying',
      'running.finishing.committing',
    ]
    const all = [...states, ...more, 'running.finishing.publishing', 'completed']
    const entries = all.slice(1).map((to, index) => journalEntry(index + 1, {from: all[index] ?? '', to}))
    expect(entries).toHaveLength(7)
    expect(encodeSegment(entries).length).toBeLessThan(600)
  })
})
