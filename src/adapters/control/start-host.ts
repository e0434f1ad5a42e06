/** Starts `bgt host` in the background, for a store that has none, and waits until it takes clients. */

import {spawn} from 'node:child_process'
import {closeSync, fstatSync, ftruncateSync, openSync, readFileSync} from 'node:fs'
import {join} from 'node:path'
import {createInterface} from 'node:readline'
import {TransferError} from '../../domain/errors.ts'
import {fileError} from '../file/file-errors.ts'

/** Whatever it has to say beside its records; behind what hosts before it said, and one that may be running still. */
const LOG = 'host.log'
const MOST_LOG_BYTES = 1024 * 1024

/** Resolves when it listens. Rejects with HOST_UNREACHABLE, and what it said; with what keeps its log from being written. */
export async function startHost(script: string, directory: string, args: readonly string[]): Promise<void> {
  const path = join(directory, LOG)
  const log = openLog(path)
  const host = spawn(process.execPath, [script, 'host', '--store', directory, ...args], {
    detached: true,
    stdio: ['ignore', 'pipe', log.fd],
  })
  closeSync(log.fd)
  const {stdout} = host
  try {
    for await (const _ of stdout === null ? [] : createInterface({input: stdout})) {
      host.unref()
      return
    }
  } finally {
    stdout?.destroy()
  }
  const said = readFileSync(path).subarray(log.size).toString().trim().split('\n').at(-1) ?? ''
  throw new TransferError('HOST_UNREACHABLE', `the host did not start${said === '' ? '' : `: ${said}`}`, {
    where: directory,
    advice: 'run `bgt host` to see why',
  })
}

/** `size`: of what others said. */
function openLog(path: string): {readonly fd: number; readonly size: number} {
  try {
    const fd = openSync(path, 'a', 0o600)
    const {size} = fstatSync(fd)
    if (size <= MOST_LOG_BYTES) return {fd, size}
    ftruncateSync(fd)
    return {fd, size: 0}
  } catch (thrown) {
    throw fileError(thrown, path, 'store')
  }
}
