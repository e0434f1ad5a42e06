/** A failed download once more: the same wish under a new id. Its bytes are found by its file (decision 0006). */

import {TransferError} from '../domain/errors.ts'
import type {OperationId} from '../domain/operation-id.ts'
import {NO_ATTEMPTS, NO_EVIDENCE, type OperationRecord} from '../domain/record.ts'
import type {OperationDraft} from './engine-api.ts'
import type {EngineLimits} from './engine-limits.ts'
import type {OperationEntry} from './operations/operation-entry.ts'

/** Where it is started again. */
export interface Starting {
  readonly limits: Pick<EngineLimits, 'dropDraft'>
  newId(): OperationId
  now(): number
  start(drafts: readonly OperationDraft[]): Promise<readonly OperationEntry[]>
}

export async function startAgain(engine: Starting, {record}: OperationEntry): Promise<OperationEntry> {
  assertRepeatable(record)
  const draft = draftAgain(record, engine.newId(), engine.now())
  try {
    const [started] = await engine.start([draft])
    return started as OperationEntry
  } catch (error) {
    engine.limits.dropDraft(draft.id)
    throw error
  }
}

/** Throws ILLEGAL_STATE. A body that is sent along may have been a private copy, which ended with the operation. */
function assertRepeatable({id, state, direction, request}: OperationRecord): void {
  const why =
    state !== 'failed'
      ? `only a failed one can be started again, and it is ${state}`
      : direction === 'upload'
        ? 'an upload is started again by whoever has its content'
        : request.body === undefined
          ? undefined
          : 'a download with a request body is started again by whoever has that'
  if (why !== undefined) throw new TransferError('ILLEGAL_STATE', why, {where: id})
}

function draftAgain(
  {direction, request, target, policy}: OperationRecord,
  id: OperationId,
  now: number,
): OperationDraft {
  return {id, direction, request, target, policy, createdAt: now, attempts: NO_ATTEMPTS, evidence: NO_EVIDENCE}
}
