/** `bgt host`: has a store open for other processes of this user, and runs their transfers. */

import {TransferError} from '../../domain/errors.ts'
import {BackgroundTransferEngine} from '../../index.ts'
import {watchInterrupts} from '../interrupt.ts'
import {type Io, printJson, printResult} from '../io.ts'
import {engineOptions, type RunFlags} from '../run-flags.ts'
import {hostArguments} from '../shared-store.ts'

export interface HostFlags extends RunFlags {
  readonly background?: boolean
  /** ms. */
  readonly idleExit?: number | 'never'
}

export async function host(io: Io, flags: HostFlags): Promise<number> {
  const options = engineOptions(flags, io.env)
  const {directory} = options
  const {idleExit = 'never'} = flags
  if (flags.background === true) {
    // A host that is started along the way ends by itself; this one was asked for.
    const staying = ['--idle-exit', idleExit === 'never' ? idleExit : String(idleExit / 1000)]
    const startHost = [...hostArguments(flags), ...staying]
    const engine = await BackgroundTransferEngine.connect({directory, startHost})
    const {host: found} = engine
    await engine.close()
    if (found !== null) await tell(io, flags, directory, found.pid, 'has')
    return 0
  }
  const interrupts = watchInterrupts()
  let leave: () => void = () => {}
  const left = new Promise<void>((resolve) => {
    leave = resolve
  })
  const control = {stays: true, ...(idleExit === 'never' ? {} : {whenIdle: {ms: idleExit, call: leave}})}
  try {
    // An engine that is only shared ends with its command: this one takes its place then.
    const engine = await BackgroundTransferEngine.openOrConnect({...options, control})
    try {
      const {host: owner} = engine
      if (owner?.stays === true) throw runsAlready(owner.pid, directory)
      if (owner === null) await tell(io, flags, directory, process.pid, 'has')
      else await tell(io, flags, directory, owner.pid, 'waits for')
      await Promise.race([left, interrupts.asked])
    } finally {
      await engine.close()
    }
    // To be ended is what it is for.
    return 0
  } finally {
    interrupts.stop()
  }
}

function tell(io: Io, {json}: HostFlags, store: string, pid: number, what: 'has' | 'waits for'): Promise<void> {
  if (json === true) return printJson(io, {store, pid, waiting: what === 'waits for'})
  const line =
    what === 'has' ? `process ${pid} has ${store} open for others` : `waits until process ${pid} gives ${store} back`
  return printResult(io, line)
}

function runsAlready(pid: number, directory: string): TransferError {
  return new TransferError('STORE_LOCKED', `a host runs already, process ${pid}`, {
    where: directory,
    advice: 'use that one, or end it first',
  })
}
