/** What a command talks to: the three streams, the environment and whoever started it. Results go to stdout, everything else to stderr. */

import {once} from 'node:events'
import type {Readable} from 'node:stream'
import {TransferError} from '../domain/errors.ts'
import {printable, printableJson} from '../domain/printable.ts'
import {adviceOf} from './advice.ts'
import {placeText} from './text.ts'

export interface Io {
  readonly stdin: Readable
  readonly stdout: NodeJS.WriteStream
  readonly stderr: NodeJS.WriteStream
  readonly env: Readonly<Record<string, string | undefined>>
  /** To be called when everything that transfers need is loaded, and none of them has begun. */
  readonly loaded?: () => void
}

/** What is to be thrown for what reading stdin threw: that it failed is nobody's fault here. */
export function stdinError({stdin: {errored}}: Io, thrown: unknown): unknown {
  if (errored === null || thrown !== errored) return thrown
  return new TransferError('FILE_ACCESS', `standard input cannot be read: ${errored.message}`, {
    where: 'stdin',
    advice: 'give a file, or a pipe',
    cause: errored,
  })
}

/** One line of a result; resolves when the stream has room for the next. */
export async function printResult({stdout}: Io, line: string): Promise<void> {
  if (stdout.destroyed || stdout.write(`${line}\n`)) return
  const over = new AbortController()
  const {signal} = over
  await Promise.race([once(stdout, 'drain', {signal}), once(stdout, 'close', {signal})]).catch(() => {})
  // Whom the other one would have told.
  over.abort()
}

/** The `--json` form of a result: one object on one line. */
export function printJson(io: Io, fields: object): Promise<void> {
  return printResult(io, printableJson({v: 1, ...fields}))
}

/** A line for the person who watches. */
export function say({stderr}: Io, text: string): void {
  stderr.write(`${printable(text)}\n`)
}

/** `bgt: what (where): what to do`. */
export function errorLine(error: TransferError): string {
  const {message, where = 'bgt', code} = error
  const more = code === 'INTERNAL' ? ' (BGT_DEBUG=1 shows where it came from)' : ''
  return `bgt: ${printable(`${message} (${placeText(where)}): ${adviceOf(error)}${more}`)}`
}
