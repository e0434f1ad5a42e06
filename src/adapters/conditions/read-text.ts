/** Small files of /proc and /sys: read at once, because they are memory, and missing ones are no error. */

import {readdirSync, readFileSync} from 'node:fs'

/** The text of a file; undefined when it cannot be read. */
export type ReadText = (path: string) => string | undefined

/** The names in a directory; empty when it cannot be read. */
export type ListNames = (path: string) => readonly string[]

export const readText: ReadText = (path) => {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return undefined
  }
}

export const listNames: ListNames = (path) => {
  try {
    return readdirSync(path)
  } catch {
    return []
  }
}
