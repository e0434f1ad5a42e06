/** Enumeration (spec section 10): which transfers an application finds again, as the same object per guid and process. */

import {invalidArgument} from '../domain/errors.ts'
import type {OperationId} from '../domain/operation-id.ts'
import type {Direction} from '../domain/record.ts'
import type {EngineApi, HeldOperation} from '../engine/engine-api.ts'
import {BackgroundTransferGroup} from './background-transfer-group.ts'
import {DownloadOperation} from './download-operation.ts'
import {knownHandle} from './handles.ts'
import {refuseOtherCopy} from './other-copies.ts'
import {UploadOperation} from './upload-operation.ts'

/** Operations that are asked for at once. */
const PAGE = 1000

/** The one handle of an operation in this process. Takes over the caller's hold of the entry. */
export function handleOf(engine: EngineApi, entry: HeldOperation): DownloadOperation | UploadOperation {
  const handle = knownHandle(engine, entry.record.id) as DownloadOperation | UploadOperation | undefined
  if (handle === undefined) {
    const kind = entry.record.direction === 'upload' ? UploadOperation : DownloadOperation
    return kind.fromEntry(engine, entry)
  }
  engine.release(entry)
  return handle
}

/** The handle of a download; undefined for an upload. */
export function downloadOf(engine: EngineApi, entry: HeldOperation): DownloadOperation | undefined {
  const handle = handleOf(engine, entry)
  return handle instanceof DownloadOperation ? handle : undefined
}

/** The handle of an upload; undefined for a download. */
export function uploadOf(engine: EngineApi, entry: HeldOperation): UploadOperation | undefined {
  const handle = handleOf(engine, entry)
  return handle instanceof UploadOperation ? handle : undefined
}

/** Unfinished downloads of a group ('' is none), and finished ones whose outcome reached nobody yet. */
export async function getCurrentDownloads(engine: EngineApi, group: string): Promise<readonly DownloadOperation[]> {
  const entries = await currentEntries(engine, 'download', group)
  return entries.map((entry) => downloadOf(engine, entry)).filter((each) => each !== undefined)
}

/** The same of uploads. To be enumerated is to take part: PUT is sent again, what may not be is terminated (spec 2.8). */
export async function getCurrentUploads(engine: EngineApi, group: string): Promise<readonly UploadOperation[]> {
  const entries = await currentEntries(engine, 'upload', group)
  for (const entry of entries) engine.attach(entry)
  return entries.map((entry) => uploadOf(engine, entry)).filter((each) => each !== undefined)
}

async function currentEntries(
  engine: EngineApi,
  direction: Direction,
  group: string,
): Promise<readonly HeldOperation[]> {
  if (typeof group !== 'string') throw invalidArgument('group', 'must be text')
  const query = {group, direction, delivered: false, limit: PAGE}
  const found: HeldOperation[] = []
  for (let after: OperationId | undefined; ; ) {
    const page = await engine.findMany({...query, ...(after === undefined ? {} : {after})})
    found.push(...page)
    // Behind a page that is not full there is only what was looked through for it.
    if (page.length < PAGE) return found
    after = page.at(-1)?.record.id
  }
}

/** The same for a transfer group. Rejects with INVALID_ARGUMENT for what is no group of this engine. */
export async function getCurrentDownloadsForTransferGroup(
  engine: EngineApi,
  group: BackgroundTransferGroup,
): Promise<readonly DownloadOperation[]> {
  return getCurrentDownloads(engine, nameOf(engine, group))
}

/** The same of uploads. */
export async function getCurrentUploadsForTransferGroup(
  engine: EngineApi,
  group: BackgroundTransferGroup,
): Promise<readonly UploadOperation[]> {
  return getCurrentUploads(engine, nameOf(engine, group))
}

function nameOf(engine: EngineApi, group: BackgroundTransferGroup): string {
  if (!(group instanceof BackgroundTransferGroup)) refuseOtherCopy('group', group, 'BackgroundTransferGroup')
  else if (group.belongsTo(engine)) return group.name
  throw invalidArgument('group', 'must be a transfer group of this engine')
}
