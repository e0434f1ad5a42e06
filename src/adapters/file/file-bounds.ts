/** The FileBounds of a host: the directories of its applications' rules, as the file system knows them. */

import {lstat, readlink, realpath} from 'node:fs/promises'
import {basename, dirname, join, resolve, sep} from 'node:path'
import {type Applications, isWithin, outOfBounds, rulesOfAccepted} from '../../domain/applications.ts'
import type {ContentSource} from '../../ports/content-source.ts'
import type {FileBounds} from '../../ports/file-bounds.ts'
import {errnoOf, fileError} from './file-errors.ts'

/** As many links as systems follow. */
const MOST_LINKS = 40

export interface FileBoundsOptions {
  readonly applications: Applications
  /** Records and keys are in it: nobody who is kept to directories may touch it. */
  readonly storeDirectory: string
}

export function createFileBounds({applications, storeDirectory}: FileBoundsOptions): FileBounds {
  return {
    async demand(app, path, what) {
      const {directories, modules} = rulesOfAccepted(applications, app)
      const allowed = what === 'run' ? (modules ?? (directories === undefined ? undefined : [])) : directories
      if (allowed === undefined) return
      // A file takes its name in its directory, whatever had that name; what is read is what the name leads to.
      const place = what === 'write' ? dirname(resolve(path)) : resolve(path)
      const real = await realPathOf(place, MOST_LINKS)
      const [store, ...bounds] = await Promise.all([storeDirectory, ...allowed].map(knownPathOf))
      const isInStore = store !== undefined && isWithin(real, store, sep)
      const isAllowed = bounds.some((bound) => bound !== undefined && isWithin(real, bound, sep))
      if (isInStore || !isAllowed) throw outOfBounds(app, path, what)
    },
  }
}

/**
 * Looks again before files are looked at that a request will carry. What is read of them later has to be the same files: their
 * fingerprints say so.
 */
export function readWithinBounds(source: ContentSource, bounds: FileBounds): ContentSource {
  return {
    ...source,
    async inspect(content, known, app) {
      for (const piece of content.pieces) {
        if (piece.kind === 'file') await bounds.demand(app, piece.file, 'read')
      }
      return source.inspect(content, known, app)
    },
  }
}

/** Undefined for a directory that is not there: it holds nothing. */
function knownPathOf(path: string): Promise<string | undefined> {
  return realpath(resolve(path)).catch(() => undefined)
}

/** What is not there yet is judged by what is there of its path. Rejects with FILE_ACCESS. */
async function realPathOf(path: string, links: number): Promise<string> {
  try {
    return await realpath(path)
  } catch (thrown) {
    if (errnoOf(thrown) !== 'ENOENT' || links === 0) throw fileError(thrown, path, 'directory')
  }
  // A link to nowhere would lead there, once it is made.
  const leadsTo = await linkOf(path)
  if (leadsTo !== undefined) return realPathOf(resolve(dirname(path), leadsTo), links - 1)
  const parent = dirname(path)
  return parent === path ? path : join(await realPathOf(parent, links), basename(path))
}

async function linkOf(path: string): Promise<string | undefined> {
  const found = await lstat(path).catch(() => undefined)
  return found?.isSymbolicLink() === true ? readlink(path) : undefined
}
