/**
 * Whether a file may be made at its destination. All who ask before the event loop turns share one look at their directory: many
 * small files of one are admitted together. Nothing is kept longer, for anybody may take a directory away.
 */

import {TransferError} from '../../domain/errors.ts'
import type {TransferTarget} from '../../domain/record.ts'
import {NO_DIRECTORY_ADVICE} from './file-errors.ts'
import {directoryOf} from './file-names.ts'
import type {FileFacts, FileSystem} from './file-system.ts'

export function refuseToReplace(file: string, present: FileFacts | undefined): void {
  if (present?.kind !== 'other') return
  const advice = 'choose another name'
  throw new TransferError('FILE_EXISTS', 'this is no file, but a device, a pipe or a socket', {where: file, advice})
}

export class TargetCheck {
  readonly #files: FileSystem
  readonly #looks = new Map<string, Promise<void>>()

  constructor(files: FileSystem) {
    this.#files = files
  }

  /**
   * A directory is in the way under every policy: a name was meant that is a file's. A device or a pipe is not replaced: it is not what
   * the policy speaks of, and programs would miss it.
   */
  async check({file, collision}: TransferTarget): Promise<void> {
    await this.#lookOnce(directoryOf(file))
    const present = await this.#files.lstat(file)
    if (present === undefined) return
    if (present.kind === 'directory') {
      throw new TransferError('FILE_EXISTS', 'this is a directory', {where: file, advice: 'name a file in it'})
    }
    if (collision === 'failIfExists') throw new TransferError('FILE_EXISTS', 'the file already exists', {where: file})
    if (collision === 'replaceExisting') refuseToReplace(file, present)
  }

  #lookOnce(directory: string): Promise<void> {
    const shared = this.#looks.get(directory)
    if (shared !== undefined) return shared
    // Before the loop turns, so that nothing can have come from outside meanwhile.
    if (this.#looks.size === 0) process.nextTick(() => this.#looks.clear())
    const look = this.#look(directory)
    this.#looks.set(directory, look)
    return look
  }

  async #look(directory: string): Promise<void> {
    const files = this.#files
    const parent = await files.stat(directory)
    if (parent === undefined) {
      throw new TransferError('DIRECTORY_MISSING', 'the directory does not exist', {where: directory})
    }
    if (parent.kind !== 'directory') {
      const advice = NO_DIRECTORY_ADVICE
      throw new TransferError('DIRECTORY_MISSING', 'this is not a directory', {where: directory, advice})
    }
    await files.access(directory)
  }
}
