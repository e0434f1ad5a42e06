/**
 * Where the control socket of a store is: in its directory, which only its user can enter. A path that is too long for a socket
 * stands in a file there, and the socket in a private directory for temporary files. On Windows it is a named pipe.
 */

import {createHash} from 'node:crypto'
import {accessSync, rmSync} from 'node:fs'
import {chmod, lstat, mkdir, readFile, rm, stat, writeFile} from 'node:fs/promises'
import type {Server} from 'node:http'
import {tmpdir} from 'node:os'
import {dirname, join, resolve} from 'node:path'
import {TransferError} from '../../domain/errors.ts'
import {errnoOf, STORE_ADVICE} from '../file/file-errors.ts'

const SOCKET = 'control.sock'
const POINTER = 'control.path'
/** What fits into sockaddr_un on every system, with its closing zero. */
const LONGEST_PATH_BYTES = 100

/** Where a host of this store would listen. */
export function controlAddress(directory: string, platform: NodeJS.Platform = process.platform): string {
  const absolute = resolve(directory)
  if (platform === 'win32') return String.raw`\\.\pipe\background-transfer-${digest(absolute)}`
  const plain = join(absolute, SOCKET)
  if (Buffer.byteLength(plain) <= LONGEST_PATH_BYTES) return plain
  return join(tmpdir(), `background-transfer-${ownUid()}-${digest(absolute)}`, SOCKET)
}

/**
 * Where the host of this store listens: the pointer file wins, since its writer's directory for temporary files may be another. Rejects
 * with FILE_ACCESS where somebody else could listen there: they would be told what only the host may hear.
 */
export async function findControlAddress(directory: string): Promise<string> {
  const plain = controlAddress(directory)
  if (plain.startsWith(resolve(directory)) || process.platform === 'win32') return plain
  const address = await readFile(join(directory, POINTER), 'utf8').then(
    (text) => text.trim() || plain,
    () => plain,
  )
  const owner = await stat(directory).then(
    ({uid}) => uid,
    () => undefined,
  )
  // Whose store it is may have the host of somebody who may enter it, too.
  if ((await privacyOf(dirname(address), [ownUid(), owner])) === 'open') throw notPrivate(dirname(address))
  return address
}

/** There is no such place, nor can there be. */
const NOWHERE: ReadonlySet<string> = new Set(['ENOENT', 'ENOTDIR', 'ELOOP', 'ENAMETOOLONG'])

/** Rejects with HOST_UNREACHABLE where there is no socket, so that nobody can listen; with FILE_ACCESS where nobody may look. */
export async function demandSocket(directory: string): Promise<void> {
  if (process.platform === 'win32') return
  const address = await findControlAddress(directory)
  try {
    accessSync(address)
  } catch (cause) {
    const errno = errnoOf(cause)
    // It is the way there that is shut: to look for a socket needs no right to it.
    if (errno === 'EACCES') {
      throw new TransferError('FILE_ACCESS', 'access to the directory of the store is denied', {
        where: directory,
        cause,
        advice: 'name another directory, or do this as the user that it belongs to',
      })
    }
    // Any other trouble shows when it is connected to.
    if (!NOWHERE.has(errno ?? '')) return
    throw new TransferError('HOST_UNREACHABLE', 'no host runs for this store', {where: directory, cause})
  }
}

/**
 * The server listens at the address of the store, for its user alone (directory 0700, socket 0600). Only the holder of the
 * store's lock may call this: a socket that is there already is a dead host's. Rejects with FILE_ACCESS.
 */
export async function listenAt(server: Server, directory: string): Promise<() => void> {
  const address = controlAddress(directory)
  if (process.platform === 'win32') {
    await listen(server, address)
    return () => {}
  }
  const isElsewhere = !address.startsWith(resolve(directory))
  if (isElsewhere) await makePrivate(dirname(address))
  await rm(address, {force: true})
  await listen(server, address)
  await chmod(address, 0o600)
  if (isElsewhere) await writeFile(join(directory, POINTER), `${address}\n`, {mode: 0o600})
  // At once: whoever came between this and the end of the listening would be a client of a host that is gone.
  return () => {
    rmSync(address, {force: true})
    if (isElsewhere) rmSync(join(directory, POINTER), {force: true})
  }
}

/** Not of `userInfo`, which fails where the system has no record of the user. */
function ownUid(): number | undefined {
  return process.getuid?.()
}

/** Somebody else may have made it, to see who comes. */
async function makePrivate(directory: string): Promise<void> {
  await mkdir(directory, {recursive: true, mode: 0o700})
  if ((await privacyOf(directory, [ownUid()])) !== 'private') throw notPrivate(directory)
}

/**
 * The directory itself is looked at: a link could lead elsewhere a moment later. One that cannot be looked at is not known to be private.
 */
async function privacyOf(
  directory: string,
  owners: readonly (number | undefined)[],
): Promise<'private' | 'open' | 'absent'> {
  try {
    const found = await lstat(directory)
    return found.isDirectory() && owners.includes(found.uid) && (found.mode & 0o077) === 0 ? 'private' : 'open'
  } catch (thrown) {
    return NOWHERE.has(errnoOf(thrown) ?? '') ? 'absent' : 'open'
  }
}

function notPrivate(directory: string): TransferError {
  return new TransferError('FILE_ACCESS', 'the directory of the control socket belongs to somebody else', {
    where: directory,
    advice: 'remove it, or give the store a shorter path',
  })
}

function listen(server: Server, address: string): Promise<void> {
  return new Promise((done, fail) => {
    server.once('error', (cause) => {
      const errno = errnoOf(cause) ?? cause.message
      fail(
        new TransferError('FILE_ACCESS', `the control socket cannot be opened: ${errno}`, {
          where: address,
          cause,
          advice: STORE_ADVICE.FILE_ACCESS,
        }),
      )
    })
    // Between its making and its closing to others the socket must not be open to them.
    const before = isMainThread() ? process.umask(0o177) : undefined
    try {
      server.listen(address, done)
    } finally {
      if (before !== undefined) process.umask(before)
    }
  })
}

/** Only there may the mask be changed; elsewhere the directory's own mode has to do. */
function isMainThread(): boolean {
  try {
    process.umask(process.umask())
    return true
  } catch {
    return false
  }
}

function digest(text: string): string {
  return createHash('sha256').update(text).digest('hex').slice(0, 16)
}
