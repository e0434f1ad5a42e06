/** Starts `bgt host` in the background, for a store that has none, and waits until it takes clients. */

import {spawn} from 'node:child_process'
import {closeSync, openSync, readFileSync} from 'node:fs'
import {join} from 'node:path'
import {createInterface} from 'node:readline'
import {TransferError} from '../../domain/errors.ts'
import {fileError} from '../file/file-errors.ts'

/** Whatever it has to say beside its records. */
const LOG = 'host.log'

/** Resolves when it listens. Rejects with HOST_UNREACHABLE, and what it said; with what keeps its log from being written. */
export async function startHost(script: string, directory: string, args: readonly string[]): Promise<void> {
  const log = openLog(join(directory, LOG))
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

function openLog(path: string): number {
  try {
    return openSync(path, 'w', 0o600)
  } catch (thrown) {
    throw fileError(thrown, path, 'store')
  }
}
