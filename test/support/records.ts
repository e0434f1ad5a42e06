/** Builds operation records for tests: one short call, everything that is not asked for at its default. */

import type {JournalEntry} from '../../src/domain/journal.ts'
import type {OperationId} from '../../src/domain/operation-id.ts'
import {NO_ATTEMPTS, NO_EVIDENCE, type OperationRecord, type TransferPolicy} from '../../src/domain/record.ts'

/** The id that ends in `n`. Ids sort as their numbers do. */
export function operationId(n: number): OperationId {
  return `00000000-0000-4000-8000-${String(n).padStart(12, '0')}` as OperationId
}

export interface RecordWish extends Partial<Omit<OperationRecord, 'policy' | 'target' | 'request'>> {
  readonly policy?: Partial<TransferPolicy>
  readonly file?: string
  readonly url?: string
}

/** A queued download, the `n`-th to arrive, that differs from all others in id, sequence, address and file. */
export function queuedRecord(n: number, wish: RecordWish = {}): OperationRecord {
  const {policy, file, url, ...facts} = wish
  return {
    id: operationId(n),
    direction: 'download',
    state: 'queued',
    request: {url: url ?? `http://127.0.0.1/${n}`, method: 'GET', headers: []},
    target: {file: file ?? `/downloads/${n}`, collision: 'failIfExists'},
    policy: {priority: 0, costPolicy: 0, group: '', ...policy},
    createdAt: 1_700_000_000_000 + n,
    sequence: n,
    attempts: NO_ATTEMPTS,
    evidence: NO_EVIDENCE,
    ...facts,
  }
}

/** The `seq`-th transition of an operation. */
export function journalEntry(seq: number, wish: Partial<JournalEntry> = {}): JournalEntry {
  return {
    seq,
    at: 1_700_000_000_000 + seq,
    event: 'attempt.connected',
    from: 'running.exchanging.active.connecting',
    to: 'running.exchanging.active.awaitingResponse',
    state: 'running',
    attempts: 0,
    failures: 0,
    bytes: 0,
    generation: 1,
    ...wish,
  }
}
