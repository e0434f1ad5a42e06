/** Starts `bgt host` in the background, for a store that has none, and waits until it takes clients. */

import {spawn} from 'node:child_process'
import {closeSync, mkdirSync, openSync, readFileSync} from 'node:fs'
import {join} from 'node:path'
import {createInterface} from 'node:readline'
import {TransferError} from '../../domain/errors.ts'

/** Whatever it has to say beside its records. */
const LOG = 'host.log'

/** Resolves when it listens. Rejects with HOST_UNREACHABLE, and what it said. */
export async function startHost(script: string, directory: string, args: readonly string[]): Promise<void> {
  mkdirSync(directory, {recursive: true, mode: 0o700})
  const log = openSync(join(directory, LOG), 'w', 0o600)
  const host = spawn(process.execPath, [script, 'host', '--store', directory, ...args], {
    detached: true,
    stdio: ['ignore', 'pipe', log],
  })
  closeSync(log)
  const {stdout} = host
  try {
    for await (const _ of stdout === null ? [] : createInterface({input: stdout})) {
      host.unref()
      return
    }
  } finally {
    stdout?.destroy()
  }
  const said = readFileSync(join(directory, LOG), 'utf8').trim().split('\n').at(-1) ?? ''
  throw new TransferError('HOST_UNREACHABLE', `the host did not start${said === '' ? '' : `: ${said}`}`, {
    where: directory,
    advice: 'run `bgt host` to see why',
  })
}
