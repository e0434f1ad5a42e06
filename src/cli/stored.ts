/** Work on the records of a store: by the process that has it open, or here, where none of them runs meanwhile. */

import {TransferError} from '../domain/errors.ts'
import {BackgroundTransferEngine} from '../index.ts'

/**
 * `work` may give commands; when this resolves, what they did is durable. `slots` is how many operations could run: none by
 * default, and none runs unless it is attached.
 */
export async function withStore<Result>(
  directory: string,
  work: (engine: BackgroundTransferEngine) => Promise<Result>,
  slots = 0,
): Promise<Result> {
  const engine = await BackgroundTransferEngine.openOrConnect({
    directory,
    resumeOnOpen: 'nothing',
    prefetch: false,
    maxConcurrentTransfers: slots,
    // Nobody is to expect of this one that it transfers.
    control: false,
  })
  let fail: (error: TransferError) => void = () => {}
  // The engine tries again for as long as it is open; a command of a moment does not wait for room.
  const failed = new Promise<never>((_, reject) => {
    fail = reject
  })
  failed.catch(() => {})
  const subscription = engine.events$.subscribe((event) => {
    if (event.type === 'store.failed') fail(unwritten(event.message, directory))
  })
  try {
    const result = await Promise.race([work(engine), failed])
    await Promise.race([engine.close(), failed])
    return result
  } finally {
    await engine.close()
    subscription.unsubscribe()
  }
}

function unwritten(message: string, directory: string): TransferError {
  return new TransferError('DISK_FAILED', `the record could not be written: ${message}`, {
    where: directory,
    advice: 'check the disk of the store; nothing was changed',
  })
}
