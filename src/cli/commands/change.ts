/** `bgt pause`, `unpause`, `retry`, `cancel`, `priority` and `move`: a change of one stored operation, durable when its line is printed. */

import {filter, firstValueFrom} from 'rxjs'
import {TransferError} from '../../domain/errors.ts'
import type {LINE_MOVES} from '../../domain/line-move.ts'
import {printable} from '../../domain/printable.ts'
import {BackgroundTransferStatus, statusName} from '../../domain/status.ts'
import {
  type BackgroundTransferEngine,
  type BackgroundTransferPriority,
  DownloadOperation,
  type UploadOperation,
} from '../../index.ts'
import {type Io, printJson, printResult} from '../io.ts'
import {isCanceled, operationOf, unknownOperation} from '../operations.ts'
import {holdsStore, storeDirectory} from '../store-directory.ts'
import {withStore} from '../stored.ts'

export interface ChangeFlags {
  readonly store?: string
  readonly json?: boolean
}

export type Change =
  | {readonly kind: 'pause'}
  | {readonly kind: 'unpause'}
  | {readonly kind: 'retry'}
  | {readonly kind: 'cancel'}
  | {readonly kind: 'move'; readonly to: (typeof LINE_MOVES)[number] | 'before'; readonly other: string | undefined}
  | {readonly kind: 'priority'; readonly priority: BackgroundTransferPriority; readonly name: string}

export async function change(io: Io, guid: string, change: Change, flags: ChangeFlags): Promise<number> {
  const directory = storeDirectory(flags.store, io.env)
  if (!(await holdsStore(directory))) throw unknownOperation(guid)
  const {operation, isShared} = await withStore(directory, async (engine) => {
    const found = await operationOf(engine, guid)
    await apply(engine, found, change)
    return {operation: found, isShared: engine.host !== null}
  })
  const summary = operation.describe()
  if (flags.json === true) await printJson(io, summary)
  else
    await printResult(io, `${DONE[change.kind]} ${summary.guid} ${printable(summary.file)}${detail(change, isShared)}`)
  return 0
}

const DONE = {
  pause: 'paused',
  unpause: 'queued',
  retry: 'queued',
  cancel: 'canceled',
  priority: 'reordered',
  move: 'moved',
} as const

function detail(change: Change, isShared: boolean): string {
  if (change.kind === 'unpause' || change.kind === 'retry') return isShared ? '' : ' (bgt resume runs it)'
  if (change.kind === 'move') return change.to === 'before' ? '' : ` (${change.to})`
  return change.kind === 'priority' ? ` (priority ${change.name})` : ''
}

async function apply(
  engine: BackgroundTransferEngine,
  operation: DownloadOperation | UploadOperation,
  change: Change,
): Promise<void> {
  const {status} = operation.progress
  const state = statusName(status)
  const hasEnded = state === 'completed' || state === 'canceled' || state === 'error'
  if (hasEnded) throw illegal(operation, `it has ended: ${state}`)
  switch (change.kind) {
    case 'pause':
      if (state === 'pausedByApplication') throw illegal(operation, 'it is paused already')
      await paused(pausable(operation))
      return
    case 'unpause':
      if (!state.startsWith('paused')) throw illegal(operation, 'it is not paused')
      pausable(operation).resume()
      return
    case 'retry':
      if (retryable(operation)) operation.retryNow()
      else throw illegal(operation, 'it does not wait for a next try')
      return
    case 'cancel': {
      const running = operation.attachAsync()
      running.cancel()
      await running.then(
        () => {
          throw illegal(operation, 'it was complete before it could be canceled')
        },
        (error) => {
          if (!isCanceled(error)) throw error
        },
      )
      return
    }
    case 'priority':
      operation.priority = change.priority
      return
    case 'move':
      await operation.moveInTransferGroupAsync(
        change.to === 'before' ? {before: (await operationOf(engine, change.other ?? '')).guid} : change.to,
      )
      return
  }
}

/** A running one stops first, in the process that runs it. */
async function paused(operation: DownloadOperation): Promise<void> {
  operation.pause()
  const {pausedByApplication} = BackgroundTransferStatus
  const status = await firstValueFrom(operation.status$.pipe(filter((each) => each === pausedByApplication)), {
    defaultValue: undefined,
  })
  if (status === undefined) throw illegal(operation, 'it ended before it could be paused')
}

function retryable(operation: DownloadOperation | UploadOperation): boolean {
  const {state} = operation.describe()
  return state === 'waitingToRetry' || state === 'pausedForStorage'
}

function pausable(operation: DownloadOperation | UploadOperation): DownloadOperation {
  if (operation instanceof DownloadOperation) return operation
  throw illegal(operation, 'an upload is never paused by hand: cancel it, or let it go on')
}

function illegal(operation: DownloadOperation | UploadOperation, what: string): TransferError {
  return new TransferError('ILLEGAL_STATE', what, {
    where: operation.guid,
    advice: 'see bgt list for what is unfinished',
  })
}
