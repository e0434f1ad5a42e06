/**
 * `bgt inspect`: the inspector over a store: of the process that has it open, or here. What was left unfinished stays so here until
 * somebody asks for it: another command, which uses this engine then, or, with --control, the page.
 */

import {TransferError} from '../../domain/errors.ts'
import {BackgroundTransferEngine} from '../../index.ts'
import {watchInterrupts} from '../interrupt.ts'
import {type Io, printJson, printResult, say} from '../io.ts'
import {engineOptions} from '../run-flags.ts'
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
  const options = {...engineOptions(store === undefined ? {} : {store}, io.env), directory}
  const engine = await BackgroundTransferEngine.openOrConnect({resumeOnOpen: 'nothing', prefetch: false, ...options})
  try {
    const inspector = await engine.inspect({port, control})
    const {url, origin} = inspector
    if (json === true) await printJson(io, {url, origin, control})
    else await printResult(io, url)
    const where = engine.host === null ? 'nothing goes on by itself' : `process ${engine.host.pid} transfers`
    say(io, `the inspector ${control ? 'takes commands' : 'is read-only'}; ${where}; Ctrl-C ends it`)
    const code = await interrupts.asked
    await inspector.close()
    return code
  } finally {
    await engine.close()
    interrupts.stop()
  }
}
