/** `bgt host status`: which process has a store open for others, and how the applications stand that have rules. */

import {printable} from '../../domain/printable.ts'
import {type ApplicationStanding, BackgroundTransferEngine, TransferError} from '../../index.ts'
import {type Io, printJson, printResult} from '../io.ts'
import {storeDirectory} from '../store-directory.ts'

export interface HostStatusFlags {
  readonly store?: string
  readonly json?: boolean
}

export async function hostStatus(io: Io, {store, json}: HostStatusFlags): Promise<number> {
  const directory = storeDirectory(store, io.env)
  const engine = await BackgroundTransferEngine.connect({directory}).catch((thrown: unknown) => {
    if (!(thrown instanceof TransferError) || thrown.code !== 'HOST_UNREACHABLE') throw thrown
    // Somebody is there, or was, and what there is to do about that is said.
    if (thrown.toSerialized().advice !== undefined) throw thrown
    // The address that nobody answers at says nothing to a person.
    throw new TransferError(thrown.code, thrown.message, {where: directory, cause: thrown})
  })
  try {
    const {pid, version, stays, idleExitMs} = engine.host ?? {}
    const applications = await engine.applicationsAsync()
    if (json === true) {
      await printJson(io, {store: directory, pid, version, stays, idleExitMs, applications})
    } else {
      const idle = idleExitMs === undefined ? '' : `, until it is idle for ${idleExitMs / 1000} s`
      const how = stays === true ? `as a host${idle}` : 'while its own work lasts'
      await printResult(io, `process ${pid} (${version}) has ${printable(directory)} open for others, ${how}`)
      for (const each of applications) await printResult(io, lineOf(each))
    }
    return 0
  } finally {
    await engine.close()
  }
}

function lineOf({app, rules, operations, bytesOfDay}: ApplicationStanding): string {
  const {maxOperations, maxBytesPerDay, maxConcurrentTransfers, maxBytesPerSecond, directories} = rules
  const parts = [
    maxOperations === undefined ? undefined : `${operations} of ${maxOperations} unfinished operations`,
    maxBytesPerDay === undefined ? undefined : `${bytesOfDay} of ${maxBytesPerDay} bytes of this day`,
    maxConcurrentTransfers === undefined ? undefined : `${maxConcurrentTransfers} at once`,
    maxBytesPerSecond === undefined ? undefined : `${maxBytesPerSecond} bytes a second`,
    directories === undefined ? undefined : `below ${directories.map(printable).join(', ') || 'no directory'}`,
  ].filter((part) => part !== undefined)
  return `${app ?? '(no name)'}: ${parts.join('; ') || 'no limits'}`
}
