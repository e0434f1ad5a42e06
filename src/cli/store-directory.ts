/** Where the records live when nobody says it: the user's data directory. */

import {access} from 'node:fs/promises'
import {join, resolve} from 'node:path'
import {TransferError} from '../domain/errors.ts'
import {homeDirectory} from './home-directory.ts'

const NAME = 'background-transfer'

/** Absolute. Throws DIRECTORY_MISSING where nobody says it and the user has no home. */
export function storeDirectory(
  given: string | undefined,
  env: Readonly<Record<string, string | undefined>>,
  platform: NodeJS.Platform = process.platform,
): string {
  if (given !== undefined && given !== '') return resolve(given)
  if (env.BGT_STORE !== undefined && env.BGT_STORE !== '') return resolve(env.BGT_STORE)
  return join(dataDirectory(env, platform), NAME)
}

function dataDirectory(env: Readonly<Record<string, string | undefined>>, platform: NodeJS.Platform): string {
  if (platform === 'win32') return env.LOCALAPPDATA || join(demandHome(), 'AppData', 'Local')
  if (platform === 'darwin') return join(demandHome(), 'Library', 'Application Support')
  // The specification says that a relative path is to be ignored.
  const {XDG_DATA_HOME: data = ''} = env
  return data.startsWith('/') ? data : join(demandHome(), '.local', 'share')
}

function demandHome(): string {
  const home = homeDirectory()
  if (home !== undefined) return home
  throw new TransferError('DIRECTORY_MISSING', 'this user has no home directory for the records', {
    where: 'HOME',
    advice: 'name a directory for them with --store or $BGT_STORE',
  })
}

/**
 * Whether an engine ever kept records here: looking must not make a store. Rejects with FILE_ACCESS where nobody may look, and with
 * DIRECTORY_MISSING where there is a file.
 */
export async function holdsStore(directory: string): Promise<boolean> {
  // A repair that was cut short left the store under its other name.
  for (const name of ['store', 'repaired']) {
    const isThere = await access(join(directory, name)).then(
      () => true,
      (error: unknown) => {
        const code = error instanceof Error && 'code' in error ? error.code : undefined
        if (code === 'ENOTDIR' || code === 'ELOOP') throw noDirectory(directory, error)
        if (code !== 'EACCES' && code !== 'EPERM') return false
        throw new TransferError('FILE_ACCESS', 'the store belongs to somebody else', {
          where: directory,
          cause: error,
          advice: 'run this as its user, or name another one with --store',
        })
      },
    )
    if (isThere) return true
  }
  return false
}

function noDirectory(directory: string, cause: unknown): TransferError {
  return new TransferError('DIRECTORY_MISSING', 'a part of the path is not a directory', {
    where: directory,
    cause,
    advice: 'name the directory of the records with --store',
  })
}
