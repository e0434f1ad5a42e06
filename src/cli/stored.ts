/** Work on the records of a store, without running any of them. */

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
  const engine = await BackgroundTransferEngine.open({directory, resumeOnOpen: false, maxConcurrentTransfers: slots})
  let failure: string | undefined
  const subscription = engine.events$.subscribe((event) => {
    if (event.type === 'store.failed') failure ??= event.message
  })
  let result: Result
  try {
    result = await work(engine)
  } finally {
    await engine.close()
    subscription.unsubscribe()
  }
  if (failure === undefined) return result
  throw new TransferError('DISK_FAILED', `the record could not be written: ${failure}`, {
    where: directory,
    advice: 'check the disk of the store; nothing was changed',
  })
}
