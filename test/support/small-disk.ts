/** A small file system of its own, where this user may mount one. */

import {execFileSync} from 'node:child_process'

/** Mounts one over the directory; false where that is not allowed. */
export function mountSmallDisk(directory: string, mebibytes: number): boolean {
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${mebibytes}m`, 'tmpfs', directory], {stdio: 'ignore'})
    return true
  } catch {
    return false
  }
}

/** Also while files of it are open. */
export function unmountDisk(directory: string): void {
  execFileSync('umount', ['-l', directory])
}
