/** `bgt inspect`: the inspector over a store: of the process that has it open, or here, where nothing runs meanwhile. */

import {TransferError} from '../../domain/errors.ts'
import {BackgroundTransferEngine} from '../../index.ts'
import {watchInterrupts} from '../interrupt.ts'
import {type Io, printJson, printResult, say} from '../io.ts'
import {holdsStore, storeDirectory} from '../store-directory.ts'

export interface InspectFlags {
  readonly store?: string
  readonly port?: number
  readonly control?: boolean
  readonly json?: boolean
}

export async function inspect(io: Io, {store, port = 0, control = false, json}: InspectFlags): Promise<number> {
  const directory = storeDirectory(store, io.env)
  if (!(await holdsStore(directory))) {
    throw new TransferError('INVALID_ARGUMENT', 'there is no store', {
      where: directory,
      advice: 'name another one with --store',
    })
  }
  const interrupts = watchInterrupts()
  // Resumed operations must not start to run in here; read-only, a slot to spare keeps "every slot is taken" from being the
  // answer to everything.
  const maxConcurrentTransfers = control ? 0 : 1
  const engine = await BackgroundTransferEngine.openOrConnect({
    directory,
    resumeOnOpen: 'nothing',
    prefetch: false,
    maxConcurrentTransfers,
    control: false,
  })
  try {
    const inspector = await engine.inspect({port, control})
    const {url, origin} = inspector
    if (json === true) await printJson(io, {url, origin, control})
    else await printResult(io, url)
    const where = engine.host === null ? 'nothing is transferred' : `process ${engine.host.pid} transfers`
    say(io, `the inspector ${control ? 'takes commands' : 'is read-only'}; ${where}; Ctrl-C ends it`)
    const code = await interrupts.asked
    await inspector.close()
    return code
  } finally {
    await engine.close()
    interrupts.stop()
  }
}
