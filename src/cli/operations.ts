/** Operations by guid, or by the beginning or the end of one. */

import {TransferError} from '../domain/errors.ts'
import {isOperationId, type OperationId} from '../domain/operation-id.ts'
import {isTerminal, type LifeState} from '../domain/status.ts'
import {
  type BackgroundTransferEngine,
  DownloadOperation,
  type OperationSummary,
  type UploadOperation,
} from '../index.ts'
import {usageError} from './parse.ts'
import {plural} from './text.ts'
import type {Known} from './transfer.ts'

/**
 * A guid begins with the time, so its end is the short name that tells it from its neighbours. Rejects with OPERATION_UNKNOWN,
 * INVALID_ARGUMENT (part of several), STORE_DAMAGED.
 */
export async function operationOf(
  engine: BackgroundTransferEngine,
  text: string,
): Promise<DownloadOperation | UploadOperation> {
  const wanted = text.toLowerCase()
  if (isOperationId(wanted)) return engine.getOperationAsync(wanted)
  if (!/^[0-9a-f-]{1,35}$/.test(wanted)) throw unknownOperation(text)
  const beginning = await guidsThatBegin(engine, wanted)
  const [only, other] = beginning.length > 0 ? beginning : await guidsThatEnd(engine, wanted)
  if (only === undefined) throw unknownOperation(text)
  if (other !== undefined) {
    const what = `several operations ${beginning.length > 0 ? 'begin' : 'end'} like this`
    throw usageError(what, text, 'give more of the guid, or the end of it')
  }
  return engine.getOperationAsync(only)
}

/** At most two. No guid equals its own beginning, so "after the beginning" is where those that have it stand. */
async function guidsThatBegin(engine: BackgroundTransferEngine, text: string): Promise<readonly OperationId[]> {
  const found = await engine.queryAsync({after: text as OperationId, limit: 2})
  return found.map(({guid}) => guid).filter((guid) => guid.startsWith(text))
}

/** At most two. No order helps here: every record is looked at. */
async function guidsThatEnd(engine: BackgroundTransferEngine, text: string): Promise<readonly OperationId[]> {
  const found: OperationId[] = []
  for (let after: OperationId | undefined; found.length < 2; ) {
    const page = await engine.queryAsync(after === undefined ? {} : {after})
    after = page.at(-1)?.guid
    if (after === undefined) break
    found.push(...page.map(({guid}) => guid).filter((guid) => guid.endsWith(text)))
  }
  return found.slice(0, 2)
}

/**
 * Somebody asks for it now: a pause is over, and so is a wait between two tries, unless the server asked for the wait. Its
 * outcome is followed by the engine's events.
 */
export function goOn(operation: DownloadOperation | UploadOperation, {join}: {join(known: Known): void}): void {
  // Of what is on the wire more is here than is on record.
  join({...operation.describe(), ...operation.progress})
  if (operation instanceof DownloadOperation) endPause(operation)
  operation.attachAsync().catch(() => {})
}

/** Pauses of the machine end by themselves, and one that a change of this command ends has ended before it is told. */
const ENDED_BY_HAND: ReadonlySet<LifeState> = new Set([
  'pausedByApplication',
  'pausedRecoverableWebErrorStatus',
  'pausedForStorage',
])

function endPause(operation: DownloadOperation): void {
  const {state, error} = operation.describe()
  if (state === 'waitingToRetry' && error?.details?.retryAfterMs === undefined) {
    operation.pause()
    operation.resume()
  }
  if (ENDED_BY_HAND.has(state)) operation.resume()
}

/** The bytes that an operation is about: received, or sent. */
export function movedOf(summary: OperationSummary): {readonly bytes: number; readonly total: number} {
  const {bytesReceived, totalBytesToReceive, bytesSent, totalBytesToSend} = summary
  return {bytes: bytesSent ?? bytesReceived, total: totalBytesToSend ?? totalBytesToReceive}
}

/** What makes an operation like this. */
export function commandOf({direction}: Pick<OperationSummary, 'direction'>): string {
  return direction === 'upload' ? 'bgt put' : 'bgt get'
}

/** How the promise of a canceled operation ends; an upload that was stranded by its session says that of itself. */
export function isCanceled(thrown: unknown): boolean {
  return thrown instanceof TransferError && (thrown.code === 'CANCELED' || thrown.code === 'UPLOAD_TERMINATED')
}

export function isOver(operation: DownloadOperation | UploadOperation): boolean {
  return isTerminal(operation.describe().state)
}

/** What could be had was had; that something is missing must not be overlooked. */
export function leftOut(damaged: number, directory: string): TransferError {
  const what = `${plural(damaged, 'record')} ${damaged === 1 ? 'is' : 'are'} damaged and left out`
  return new TransferError('STORE_DAMAGED', what, {where: directory})
}

export function unknownOperation(text: string): TransferError {
  return new TransferError('OPERATION_UNKNOWN', 'there is no such operation', {where: text})
}
