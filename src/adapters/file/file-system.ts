/**
 * FileSystem: the few calls that the file sink makes, so that a test can make any one of them fail, or lose what was not
 * synced. Names and failures (errno codes) are those of node:fs; every call is a promise, also where Node answers at once.
 */

export interface FileFacts {
  readonly kind: 'file' | 'directory' | 'link' | 'other'
  readonly device: number
  readonly inode: number
  /** Permission bits. */
  readonly mode: number
  /** How many names the file has. */
  readonly links: number
  readonly size: number
  /** Epoch ms of the last change of its bytes, as finely as the file system tells. */
  readonly modifiedMs: number
}

/** The file system that a directory is on. */
export interface Space {
  readonly totalBytes: number
  /** For this user. */
  readonly freeBytes: number
  /** The largest file that it takes; undefined where that is not known, or beyond any number. */
  readonly maxFileBytes?: number
}

/** No link is followed in the last segment, but for `source`. */
export type OpenIntent =
  /** Read a file of the caller's, wherever its name leads. */
  | 'source'
  | 'read'
  /** Read and write what is there. */
  | 'update'
  /** Read and write; EEXIST if there is one. */
  | 'createNew'

export interface FileSystem {
  /** Tells one run of the machine from another; undefined where the platform does not say. */
  bootId(): string | undefined
  /** `mode`: what is created gets of these permission bits what the umask leaves; by default 0600. */
  open(path: string, intent: OpenIntent, mode?: number): Promise<number>
  close(fd: number): Promise<void>
  /** Resolves with the count of bytes that came; returns it where the read was made at once. */
  read(fd: number, buffer: Buffer, offset: number, length: number, position: number): number | Promise<number>
  /** May write less than `length`; resolves with how much. */
  write(fd: number, buffer: Buffer, offset: number, length: number, position: number): Promise<number>
  ftruncate(fd: number, length: number): Promise<void>
  fchmod(fd: number, mode: number): Promise<void>
  fdatasync(fd: number): Promise<void>
  /** `device`: that of a file or a directory with little to write, which may be synced at once where that is quick. */
  fsync(fd: number, device?: number): Promise<void>
  fstat(fd: number): Promise<FileFacts>
  /** Of the name itself; undefined if it is free. */
  lstat(path: string): Promise<FileFacts | undefined>
  /** Of what the name leads to; undefined if there is nothing. */
  stat(path: string): Promise<FileFacts | undefined>
  /** Rejects unless names can be made and removed in the directory. */
  access(directory: string): Promise<void>
  rename(from: string, to: string): Promise<void>
  link(existing: string, name: string): Promise<void>
  /** Removes the name; false when it was free already, which is no error. `isFurther`: the file surely has another one. */
  remove(path: string, isFurther?: boolean): Promise<boolean>
  readdir(directory: string): Promise<readonly string[]>
  /** `device`: its own, where it may be synced at once. */
  fsyncDirectory(directory: string, device?: number): Promise<void>
  /** Undefined where the platform does not say. */
  space(directory: string): Promise<Space | undefined>
}
