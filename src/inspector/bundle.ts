/** Everything that is kept of one operation as one masked object: for a report, or to replay its history. */

import {TransferError} from '../domain/errors.ts'
import type {OperationId} from '../domain/operation-id.ts'
import type {EngineApi} from '../engine/engine-api.ts'
import {maskExplanation, maskRecord} from './mask.ts'
import {findPackageFiles} from './package-files.ts'
import type {ExportBundle} from './protocol.ts'

/** Rejects with OPERATION_UNKNOWN. */
export async function exportBundle(engine: EngineApi, id: OperationId): Promise<ExportBundle> {
  const {version} = await findPackageFiles()
  const entry = await engine.find(id)
  if (entry === undefined) throw new TransferError('OPERATION_UNKNOWN', 'there is no such operation', {where: id})
  try {
    const {record} = entry
    return {
      format: 'background-transfer.bundle',
      v: 1,
      exportedAt: engine.now(),
      version,
      record: maskRecord(record),
      explanation: maskExplanation(engine.explain(entry), record),
      journal: await engine.journal(id),
    }
  } finally {
    engine.release(entry)
  }
}
