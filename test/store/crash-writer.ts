/**
 * The program that is killed: opens the store, writes whole lives of operations without pause, and prints a line for each
 * write that was acknowledged: `<number> <state>`.
 */

import {writeSync} from 'node:fs'
import {createLevelStore} from '../../src/adapters/level/level-store.ts'
import type {OperationRecord} from '../../src/domain/record.ts'
import {journalEntry, queuedRecord} from '../support/records.ts'

const [directory = '', durability = '', first = '1'] = process.argv.slice(2)
const store = createLevelStore({directory, durability: durability === 'power' ? 'power' : 'process'})
await store.open()
let next = Number(first)

/** Synchronous: an acknowledgement must not wait in a buffer of this process. */
function acknowledge(n: number, state: OperationRecord['state']): void {
  writeSync(1, `${n} ${state}\n`)
}

async function live(): Promise<never> {
  for (;;) {
    const n = next
    next += 1
    const url = `http://127.0.0.1/${'x'.repeat(n % 700)}`
    await store.create([queuedRecord(n, {url})])
    acknowledge(n, 'queued')
    await store.save(queuedRecord(n, {url, state: 'running'}), [journalEntry(1), journalEntry(2)])
    acknowledge(n, 'running')
    await store.save(queuedRecord(n, {url, state: 'completed', endedAt: n}), [journalEntry(3)])
    acknowledge(n, 'completed')
  }
}

await Promise.all(Array.from({length: 8}, live))
