/**
 * Secrets under a key that lives in a file of the engine's directory, made when first asked for.
 *
 * A key file that others may read is closed to them (mode 0600) and used: refusing would lock the user out of their own
 * transfers and would not make the key unread. Who moves a store has to move the key file with it.
 */

import {randomBytes, randomUUID} from 'node:crypto'
import {constants, type FileHandle, link, lstat, open, rename, rm} from 'node:fs/promises'
import {join} from 'node:path'
import {TransferError} from '../../domain/errors.ts'
import type {Secrets} from '../../ports/secrets.ts'
import {errnoOf, fileError, NO_LINKS} from '../file/file-errors.ts'
import {createKeySecrets, KEY_LENGTH} from './key-secrets.ts'

const KEY_FILE = 'secrets.key'

/** Rejects with DIRECTORY_MISSING, FILE_ACCESS, DISK_FULL, DISK_FAILED, or STORE_DAMAGED when the key file holds no key. */
export async function createFileSecrets(directory: string): Promise<Secrets> {
  const path = keyPath(directory)
  try {
    const key = (await readKey(path)) ?? (await createKey(directory, path))
    return createKeySecrets(key)
  } catch (thrown) {
    throw fileError(thrown, path, 'store')
  }
}

/** The same without a change to anything; undefined where there is no key yet. Rejects like createFileSecrets. */
export async function openFileSecrets(directory: string): Promise<Secrets | undefined> {
  const path = keyPath(directory)
  try {
    const key = await readKey(path, 'asItIs')
    return key === undefined ? undefined : createKeySecrets(key)
  } catch (thrown) {
    throw fileError(thrown, path, 'store')
  }
}

export function keyPath(directory: string): string {
  return join(directory, KEY_FILE)
}

async function readKey(path: string, mode: 'private' | 'asItIs' = 'private'): Promise<Buffer | undefined> {
  let file: FileHandle
  try {
    // A pipe in its place would else be waited for, for ever.
    file = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK)
  } catch (thrown) {
    const errno = errnoOf(thrown)
    if (errno === 'ENOENT') return undefined
    // What a socket answers.
    throw errno === 'ENXIO' ? noKey(path) : thrown
  }
  try {
    const stats = await file.stat()
    if (!stats.isFile()) throw noKey(path)
    if (mode === 'private' && (stats.mode & 0o077) !== 0) await closeToOthers(file, path)
    const {bytesRead, buffer} = await file.read(Buffer.alloc(KEY_LENGTH + 1), 0, KEY_LENGTH + 1, 0)
    if (bytesRead === KEY_LENGTH) return buffer.subarray(0, KEY_LENGTH)
    throw noKey(path)
  } finally {
    await file.close()
  }
}

/** Only its owner can; of somebody else’s a plain refusal would say neither that nor what helps. */
async function closeToOthers(file: FileHandle, path: string): Promise<void> {
  try {
    await file.chmod(0o600)
  } catch (cause) {
    if (errnoOf(cause) !== 'EPERM') throw cause
    throw new TransferError('FILE_ACCESS', 'the key file belongs to somebody else, and others may read it', {
      where: path,
      cause,
      advice: 'run this as its user, give it to this one (chown), or use another store',
    })
  }
}

function noKey(path: string): TransferError {
  return new TransferError('STORE_DAMAGED', 'the key file does not hold a key', {
    where: path,
    advice: 'put the right key file back, or remove it and give the secrets again',
  })
}

/** Of several processes that do this at once, the first link wins, and all use its key. */
async function createKey(directory: string, path: string): Promise<Buffer> {
  const draft = `${path}.${randomUUID()}`
  const file = await open(draft, 'wx', 0o600)
  try {
    try {
      await file.writeFile(randomBytes(KEY_LENGTH))
      await file.sync()
    } finally {
      await file.close()
    }
    await takeName(draft, path)
  } finally {
    await rm(draft, {force: true})
  }
  await syncDirectory(directory)
  const key = await readKey(path)
  if (key === undefined) throw new TransferError('STORE_DAMAGED', 'the key file has vanished', {where: path})
  return key
}

async function takeName(draft: string, path: string): Promise<void> {
  try {
    await link(draft, path)
  } catch (thrown) {
    const errno = errnoOf(thrown)
    if (errno === 'EEXIST') return
    if (errno === undefined || !NO_LINKS.has(errno)) throw thrown
    await renameUnlessThere(draft, path)
  }
}

/** Without links two processes may both come through here; the store's lock lets only one of them go on. */
async function renameUnlessThere(draft: string, path: string): Promise<void> {
  try {
    await lstat(path)
  } catch (thrown) {
    if (errnoOf(thrown) !== 'ENOENT') throw thrown
    await rename(draft, path)
  }
}

async function syncDirectory(directory: string): Promise<void> {
  const handle = await open(directory, constants.O_RDONLY)
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}
