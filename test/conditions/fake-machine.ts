/** A machine that a test makes up: files of /proc and /sys, and interfaces. */

import type {Interfaces} from '../../src/adapters/conditions/interfaces.ts'
import type {ListNames, ReadText} from '../../src/adapters/conditions/read-text.ts'

export function fakeFiles(files: Readonly<Record<string, string>>): {
  readonly read: ReadText
  readonly list: ListNames
} {
  return {
    read: (path) => files[path],
    list: (path) => [
      ...new Set(
        Object.keys(files)
          .filter((each) => each.startsWith(`${path}/`))
          .map((each) => each.slice(path.length + 1).split('/', 1)[0] ?? ''),
      ),
    ],
  }
}

export const LOOPBACK_ONLY: Interfaces = {lo: [{address: '127.0.0.1', internal: true}]}
export const CONNECTED: Interfaces = {...LOOPBACK_ONLY, eth0: [{address: '192.0.2.2', internal: false}]}
