/** `bgt host`: has a store open for other processes of this user, and runs their transfers. */

import {concatMap, concatWith, defer, lastValueFrom, NEVER, throwError} from 'rxjs'
import {TransferError} from '../../domain/errors.ts'
import {stayOf} from '../../domain/host-stay.ts'
import {BackgroundTransferEngine, type HostInformation} from '../../index.ts'
import {watchInterrupts} from '../interrupt.ts'
import {type Io, printJson, printResult, say} from '../io.ts'
import {engineOptions, type RunFlags} from '../run-flags.ts'
import {hostArguments, hostOf, noteOnFlags} from '../shared-store.ts'

export interface HostFlags extends RunFlags {
  readonly background?: boolean
  /** ms. */
  readonly idleExit?: number | 'never'
}

export async function host(io: Io, flags: HostFlags): Promise<number> {
  return flags.background === true ? startInBackground(io, flags) : runHere(io, flags)
}

async function startInBackground(io: Io, flags: HostFlags): Promise<number> {
  const {directory} = engineOptions(flags, io.env)
  const {idleExit = 'never'} = flags
  const present = await hostOf(directory)
  if (present !== undefined && staysEnough(present, flags)) {
    const note = noteOnFlags(flags, present)
    if (note !== undefined && flags.json !== true) say(io, note)
    await tell(io, flags, directory, present.pid, 'has')
    return 0
  }
  // A host that is started along the way ends by itself; this one was asked for.
  const staying = ['--idle-exit', idleExit === 'never' ? idleExit : String(idleExit / 1000)]
  const startHost = [...hostArguments(flags), ...staying]
  const engine = await BackgroundTransferEngine.connect({directory, startHost})
  const {host: found} = engine
  await engine.close()
  if (found !== null) await tell(io, flags, directory, found.pid, staysEnough(found, flags) ? 'has' : 'is waited for')
  return 0
}

async function runHere(io: Io, flags: HostFlags): Promise<number> {
  const options = engineOptions(flags, io.env)
  const {directory} = options
  const {idleExit = 'never'} = flags
  const interrupts = watchInterrupts()
  let leave: () => void = () => {}
  const left = new Promise<void>((resolve) => {
    leave = resolve
  })
  const control = {stays: true, ...(idleExit === 'never' ? {} : {whenIdle: {ms: idleExit, call: leave}})}
  try {
    // Whoever ends by itself is waited for: this one takes its place then.
    const engine = await BackgroundTransferEngine.openOrConnect({...options, control})
    try {
      let toldOf: 'has' | 'waits for' | undefined
      const told = engine.host$.pipe(
        concatMap(async (owner) => {
          const isOwn = owner === null || owner.isOwn
          if (!isOwn && staysEnough(owner, flags)) throw runsAlready(owner.pid, directory)
          const what = isOwn ? 'has' : 'waits for'
          if (what !== toldOf) await tell(io, flags, directory, owner?.pid ?? process.pid, what)
          toldOf = what
        }),
      )
      // No other one will come, nor this one: of why, only opening it anew would tell.
      const end = defer(() => (toldOf === 'has' ? NEVER : throwError(() => notTaken(engine.host?.pid, directory))))
      await Promise.race([left, interrupts.asked, lastValueFrom(told.pipe(concatWith(end)))])
    } finally {
      await engine.close()
    }
    // To be ended is what it is for.
    return 0
  } finally {
    interrupts.stop()
  }
}

/** As long as this one was to stay. */
function staysEnough(owner: HostInformation, {idleExit = 'never'}: HostFlags): boolean {
  return owner.stays && stayOf(owner) >= (idleExit === 'never' ? Number.POSITIVE_INFINITY : idleExit)
}

function tell(
  io: Io,
  {json}: HostFlags,
  store: string,
  pid: number,
  what: 'has' | 'waits for' | 'is waited for',
): Promise<void> {
  if (json === true) return printJson(io, {store, pid, waiting: what !== 'has'})
  switch (what) {
    case 'has':
      return printResult(io, `process ${pid} has ${store} open for others`)
    case 'waits for':
      return printResult(io, `waits until process ${pid} gives ${store} back`)
    case 'is waited for':
      return printResult(io, `a host waits until process ${pid} gives ${store} back`)
  }
}

function runsAlready(pid: number, directory: string): TransferError {
  return new TransferError('STORE_LOCKED', `a host runs already, process ${pid}`, {
    where: directory,
    advice: 'use that one, or end it first',
  })
}

function notTaken(pid: number | undefined, directory: string): TransferError {
  return new TransferError('HOST_UNREACHABLE', `process ${pid} is gone, and its place could not be taken`, {
    where: directory,
    advice: 'run `bgt host` to see why',
  })
}
