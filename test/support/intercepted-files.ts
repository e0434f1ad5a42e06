/** A FileSystem whose calls a test sees before they happen: to count them, to make one fail, or to cut the power there. */

import type {FileSystem} from '../../src/adapters/file/file-system.ts'
import {errno} from './memory-disk.ts'

export type FileCall = Exclude<keyof FileSystem, 'bootId' | 'space'>

/** `before` throws to make the call fail; what it returns limits a write to so many bytes. */
export function intercepted(files: FileSystem, before: (call: FileCall) => number | undefined): FileSystem {
  const through = <T>(call: FileCall, work: (limit: number) => T | Promise<T>): Promise<T> =>
    new Promise((resolve) => resolve(work(before(call) ?? Number.POSITIVE_INFINITY)))
  return {
    bootId: () => files.bootId(),
    open: (path, intent, mode) => through('open', () => files.open(path, intent, mode)),
    // A close that fails has freed the descriptor all the same.
    close: async (fd) => {
      await files.close(fd)
      before('close')
    },
    read: (fd, buffer, offset, length, position) =>
      through('read', () => files.read(fd, buffer, offset, length, position)),
    write: (fd, buffer, offset, length, position) =>
      through('write', (limit) => files.write(fd, buffer, offset, Math.min(length, limit), position)),
    ftruncate: (fd, length) => through('ftruncate', () => files.ftruncate(fd, length)),
    fchmod: (fd, mode) => through('fchmod', () => files.fchmod(fd, mode)),
    fdatasync: (fd) => through('fdatasync', () => files.fdatasync(fd)),
    fsync: (fd, device) => through('fsync', () => files.fsync(fd, device)),
    fstat: (fd) => through('fstat', () => files.fstat(fd)),
    lstat: (path) => through('lstat', () => files.lstat(path)),
    stat: (path) => through('stat', () => files.stat(path)),
    access: (directory) => through('access', () => files.access(directory)),
    rename: (from, to) => through('rename', () => files.rename(from, to)),
    link: (existing, name) => through('link', () => files.link(existing, name)),
    remove: (path, isFurther) => through('remove', () => files.remove(path, isFurther)),
    readdir: (directory) => through('readdir', () => files.readdir(directory)),
    space: (directory) => files.space(directory),
    fsyncDirectory: (directory, device) => through('fsyncDirectory', () => files.fsyncDirectory(directory, device)),
  }
}

/** Fails the n-th call (of one kind, or of all) once. */
export class NthFault {
  readonly #nth: number
  readonly #code: string
  readonly #only: FileCall | undefined
  #count = 0

  constructor(nth: number, code: string, only?: FileCall) {
    this.#nth = nth
    this.#code = code
    this.#only = only
  }

  /** The call was reached: with a larger `nth` there may be more to learn. */
  get fired(): boolean {
    return this.#count >= this.#nth
  }

  readonly before = (call: FileCall): undefined => {
    if (this.#only !== undefined && this.#only !== call) return
    this.#count++
    if (this.#count === this.#nth) throw errno(this.#code)
  }
}
