/**
 * Refuses arguments that are no text. Node.js gives them with U+FFFD in the place of each byte that it could not read: another name or
 * address than was meant, and the same one for several.
 */

import {isUtf8} from 'node:buffer'
import {readFileSync} from 'node:fs'
import {shortened} from '../domain/given.ts'
import {usageError} from './parse.ts'

const REPLACEMENT = '\ufffd'

export function assertText(args: readonly string[]): void {
  const suspect = args.find((each) => each.includes(REPLACEMENT))
  // Whoever wrote that character itself may have it.
  if (suspect === undefined || isUtf8(commandLine())) return
  throw usageError(`'${shortened(suspect)}' is no text in UTF-8`, 'command line', 'give it in UTF-8, or another name')
}

/** As the system has it; empty where it does not tell. */
function commandLine(): Buffer {
  try {
    return readFileSync('/proc/self/cmdline')
  } catch {
    return Buffer.alloc(0)
  }
}
