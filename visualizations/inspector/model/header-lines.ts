/** Header changes as a person writes them: "Name: value" sets, "Name:" takes away. */

import type {HeaderChange} from '../../../src/inspector/protocol.ts'

/** What is wrong with the text, in words, where it is no list of headers. */
export function headerChanges(text: string): readonly HeaderChange[] | string {
  const lines = text.split(/\r?\n/).filter((line) => line.trim() !== '')
  const changes: HeaderChange[] = []
  for (const [index, line] of lines.entries()) {
    const at = line.indexOf(':')
    if (at <= 0) return `Line ${index + 1} has no name and colon.`
    const value = line.slice(at + 1).trim()
    changes.push([line.slice(0, at).trim(), value === '' ? null : value])
  }
  return changes
}
