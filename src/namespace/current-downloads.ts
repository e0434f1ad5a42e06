/** Enumeration (spec section 10): which downloads an application finds again, as the same object per guid and process. */

import {invalidArgument} from '../domain/errors.ts'
import type {OperationId} from '../domain/operation-id.ts'
import type {Engine} from '../engine/engine.ts'
import type {OperationEntry} from '../engine/operation-entry.ts'
import {BackgroundTransferGroup} from './background-transfer-group.ts'
import {DownloadOperation} from './download-operation.ts'
import {knownHandle} from './handles.ts'

/** The one handle of an operation in this process. Takes over the caller's hold of the entry. */
export function handleOf(engine: Engine, entry: OperationEntry): DownloadOperation {
  const handle = knownHandle(engine, entry.record.id)
  if (handle === undefined) return DownloadOperation.fromEntry(engine, entry)
  engine.release(entry)
  return handle
}

/** Unfinished downloads of a group ('' is none), and finished ones whose outcome reached nobody yet. */
export async function getCurrentDownloads(engine: Engine, group: string): Promise<readonly DownloadOperation[]> {
  const found: DownloadOperation[] = []
  for (let after: OperationId | undefined; ; ) {
    const page = await engine.findMany({group, ...(after === undefined ? {} : {after})})
    for (const entry of page) {
      if (entry.record.delivered === true) engine.release(entry)
      else found.push(handleOf(engine, entry))
    }
    after = page.at(-1)?.record.id
    if (after === undefined) return found
  }
}

/** The same for a transfer group. Rejects with INVALID_ARGUMENT for what is no group of this engine. */
export async function getCurrentDownloadsForTransferGroup(
  engine: Engine,
  group: BackgroundTransferGroup,
): Promise<readonly DownloadOperation[]> {
  if (!(group instanceof BackgroundTransferGroup) || !group.belongsTo(engine)) {
    throw invalidArgument('group', 'must be a transfer group of this engine')
  }
  return getCurrentDownloads(engine, group.name)
}
