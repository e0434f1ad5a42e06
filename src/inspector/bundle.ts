/** Everything that is kept of one operation as one masked object: for a report, or to replay its history. */

import type {Engine} from '../engine/engine.ts'
import type {OperationEntry} from '../engine/operation-entry.ts'
import {maskExplanation, maskRecord} from './mask.ts'
import type {ExportBundle} from './protocol.ts'

export async function bundleOf(engine: Engine, entry: OperationEntry, version: string): Promise<ExportBundle> {
  const {record} = entry
  return {
    format: 'background-transfer.bundle',
    v: 1,
    exportedAt: engine.now(),
    version,
    record: maskRecord(record),
    explanation: maskExplanation(engine.explain(entry), record),
    journal: await engine.journal(record.id),
  }
}
