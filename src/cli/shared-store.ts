/** A store that another process has: which flags of this command are that one's business, and what a host is to be started with. */

import {isSilentHost} from '../domain/silent-host.ts'
import {BackgroundTransferEngine, type HostInformation, TransferError} from '../index.ts'
import type {RunFlags} from './run-flags.ts'

/** Flags of the engine, by their names. */
const OF_ENGINE = {
  maxConcurrent: '--max-concurrent',
  maxConnectionsPerOrigin: '--max-connections-per-origin',
  limitRate: '--limit-rate',
  durability: '--durability',
  conditions: '--conditions',
  proxy: '--proxy',
  cacert: '--cacert',
  cert: '--cert',
  key: '--key',
} as const satisfies Partial<Record<keyof RunFlags, string>>

/** A line for the person who gave flags that hold for the engine, which is another process's. */
export function noteOnFlags(flags: RunFlags, {pid}: HostInformation): string | undefined {
  const given = givenOf(flags).map(([flag]) => flag)
  if (given.length === 0) return undefined
  return `process ${pid} has the store open and transfers with its own settings: ${given.join(', ')} ${given.length === 1 ? 'has' : 'have'} no effect`
}

/** What `bgt host` is started with, so that it transfers as this command would. */
export function hostArguments(flags: RunFlags): readonly string[] {
  return givenOf(flags).flatMap(([flag, value]) => [flag, String(value)])
}

/** Who has the directory now, and with settings of its own; undefined where nobody has it. */
export async function hostOf(directory: string): Promise<HostInformation | undefined> {
  try {
    const engine = await BackgroundTransferEngine.connect({directory})
    const {host: present} = engine
    await engine.close()
    return present ?? undefined
  } catch (thrown) {
    if (thrown instanceof TransferError && thrown.code === 'HOST_UNREACHABLE' && !isSilentHost(thrown)) return undefined
    throw thrown
  }
}

function givenOf(flags: RunFlags): readonly (readonly [flag: string, value: unknown])[] {
  return Object.entries(OF_ENGINE)
    .map(([name, flag]) => [flag, flags[name as keyof typeof OF_ENGINE]] as const)
    .filter(([, value]) => value !== undefined)
}
