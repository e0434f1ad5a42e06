/** What an errno of the file system means for a transfer: one table, and the one function that applies it. */

import type {ErrorCode, RetryVerdict} from '../../domain/error-codes.ts'
import {TransferError} from '../../domain/errors.ts'

interface Meaning {
  readonly code: ErrorCode
  readonly message: string
  readonly retry?: RetryVerdict
  readonly advice?: string
}

/** A file stands where a directory was meant. */
export const NO_DIRECTORY_ADVICE = 'choose another directory, or move what stands in its place'

const MEANINGS: Readonly<Record<string, Meaning>> = {
  ENOSPC: {code: 'DISK_FULL', message: 'no space is left on the disk'},
  EDQUOT: {code: 'DISK_FULL', message: 'the disk quota is used up'},
  EFBIG: {code: 'FILE_TOO_LARGE', message: 'the file is larger than the file system allows'},
  EIO: {code: 'DISK_FAILED', message: 'the disk failed'},
  EROFS: {code: 'FILE_ACCESS', message: 'the file system is read-only'},
  EACCES: {code: 'FILE_ACCESS', message: 'access is denied'},
  EPERM: {code: 'FILE_ACCESS', message: 'the operation is not permitted'},
  ELOOP: {
    code: 'FILE_ACCESS',
    message: 'a symbolic link stands where a file is expected',
    advice: 'name the file that it leads to, or remove the link',
  },
  // Somebody holds it open, as a rule for a moment: a scanner, a viewer.
  EBUSY: {
    code: 'FILE_ACCESS',
    message: 'the file is in use',
    retry: 'backoff',
    advice: 'close it in the program that has it open',
  },
  ENAMETOOLONG: {code: 'FILE_ACCESS', message: 'the name is too long', advice: 'choose a shorter name'},
  EMFILE: {
    code: 'FILE_ACCESS',
    message: 'too many files are open',
    retry: 'backoff',
    advice: 'raise the limit of open files (ulimit -n), or run fewer transfers at once',
  },
  ENFILE: {
    code: 'FILE_ACCESS',
    message: 'too many files are open on this machine',
    retry: 'backoff',
    advice: 'close programs that have many files open, or raise the limit of the machine',
  },
  ENOTDIR: {code: 'DIRECTORY_MISSING', message: 'a part of the path is not a directory', advice: NO_DIRECTORY_ADVICE},
  EEXIST: {code: 'FILE_EXISTS', message: 'the file already exists'},
  EISDIR: {code: 'FILE_EXISTS', message: 'this is a directory', advice: 'name a file in it'},
  // Not an errno: what Node.js says itself.
  ERR_ACCESS_DENIED: {
    code: 'FILE_ACCESS',
    message: 'the permission model of Node.js forbids it',
    advice: 'run the program without --permission: under it no file can be downloaded, since it forbids fchmod',
  },
}

/** What was worked on: what ENOENT means depends on it, and what helps where access is denied. `store`: a file of the store’s own. */
export type FileThing = 'directory' | 'part' | 'source' | 'store'

const NO_DIRECTORY: Meaning = {code: 'DIRECTORY_MISSING', message: 'the directory does not exist'}

const MISSING: Readonly<Record<FileThing, Meaning>> = {
  directory: NO_DIRECTORY,
  part: {code: 'PART_LOST', message: 'the partial file is gone'},
  source: {code: 'SOURCE_MISSING', message: 'the file to send is not there'},
  store: NO_DIRECTORY,
}

export const STORE_ADVICE = {
  FILE_ACCESS: 'check the permissions of the store’s directory, or use another one',
  DISK_FULL: 'free some space on the disk of the store, and try again; nothing is lost',
} as const satisfies Advice

type Advice = Readonly<Partial<Record<ErrorCode, string>>>

/** Of what is no destination, which is what the codes themselves advise about. */
const ADVICE: Readonly<Partial<Record<FileThing, Advice>>> = {
  source: {FILE_ACCESS: 'check the permissions of the file to send'},
  store: STORE_ADVICE,
}

/** What `link` answers where there are no hard links, or none for this file. */
export const NO_LINKS: ReadonlySet<string> = new Set(['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS', 'EXDEV', 'EMLINK'])

export function errnoOf(thrown: unknown): string | undefined {
  return thrown instanceof Error && 'code' in thrown && typeof thrown.code === 'string' ? thrown.code : undefined
}

/** Ours pass unchanged; an errno that the table does not know is a failed disk. */
export function fileError(thrown: unknown, where: string, thing: FileThing): TransferError {
  if (thrown instanceof TransferError) return thrown
  const errno = errnoOf(thrown)
  const meaning = errno === 'ENOENT' ? MISSING[thing] : MEANINGS[errno ?? '']
  if (errno === undefined || (meaning === undefined && !/^E[A-Z0-9]+$/.test(errno))) {
    const message = thrown instanceof Error ? thrown.message : String(thrown)
    return new TransferError('INTERNAL', `unexpected failure: ${message}`, {where, cause: thrown})
  }
  const code = meaning?.code ?? 'DISK_FAILED'
  const advice = meaning?.advice ?? ADVICE[thing]?.[code]
  return new TransferError(code, meaning?.message ?? `the file system failed with ${errno}`, {
    where,
    details: {errno},
    cause: thrown,
    ...(meaning?.retry === undefined ? {} : {retry: meaning.retry}),
    ...(advice === undefined ? {} : {advice}),
  })
}

/** Runs file work whose failures concern `where`. */
export async function asFileWork<T>(where: string, thing: FileThing, work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (thrown) {
    throw fileError(thrown, where, thing)
  }
}
