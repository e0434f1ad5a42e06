/**
 * The note that says who has the store open. It only informs: LevelDB's own lock decides, and the kernel gives that back
 * when its process dies, so a stale note is harmless.
 */

import {readFile, rm, writeFile} from 'node:fs/promises'
import {hostname} from 'node:os'
import {basename, join} from 'node:path'
import {TransferError} from '../../domain/errors.ts'

export interface Holder {
  readonly pid: number
  /** ISO 8601. */
  readonly startedAt: string
  /** Never arguments: they may hold secrets. */
  readonly command: string
  readonly host: string
}

function holderPath(directory: string): string {
  return join(directory, 'holder.json')
}

export async function writeHolder(directory: string, now: number, command?: string): Promise<void> {
  const holder: Holder = {
    pid: process.pid,
    startedAt: new Date(now).toISOString(),
    command: command ?? basename(process.argv[1] ?? process.argv0),
    host: hostname(),
  }
  await writeFile(holderPath(directory), `${JSON.stringify(holder)}\n`, {mode: 0o600})
}

export async function removeHolder(directory: string): Promise<void> {
  await rm(holderPath(directory), {force: true})
}

/** STORE_LOCKED with the holder's name, as far as it can be known. */
export async function lockedError(directory: string, cause: unknown): Promise<TransferError> {
  const holder = await readHolder(directory)
  const elsewhere = holder !== undefined && holder.host !== hostname() ? ` on ${holder.host}` : ''
  const message =
    holder === undefined
      ? 'the store is in use by another process'
      : `the store is in use by process ${holder.pid} (${holder.command})${elsewhere}, since ${holder.startedAt}`
  return new TransferError('STORE_LOCKED', message, {
    where: directory,
    cause,
    ...(isHeldHere(cause) ? {advice: 'this process itself has it open: use that engine, or close it first'} : {}),
    ...(holder === undefined ? {} : {details: {pid: holder.pid, command: holder.command}}),
  })
}

/** LevelDB's words. A number of a process would not do: in containers there is one that all of them have. */
function isHeldHere(thrown: unknown): boolean {
  return thrown instanceof Error && (thrown.message.includes('already held by process') || isHeldHere(thrown.cause))
}

async function readHolder(directory: string): Promise<Holder | undefined> {
  try {
    const holder: Partial<Holder> = JSON.parse(await readFile(holderPath(directory), 'utf8'))
    const {pid, startedAt, command, host} = holder
    if (typeof pid !== 'number' || typeof host !== 'string') return undefined
    if (typeof startedAt !== 'string' || typeof command !== 'string') return undefined
    return {pid, startedAt, command, host}
  } catch {
    // Missing, half-written or foreign: then the holder stays unnamed.
    return undefined
  }
}
