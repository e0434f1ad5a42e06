/** Runs one command line: every way out of it is an exit code and, where something went wrong, one line on stderr. */

import {asTransferError} from '../domain/errors.ts'
import {exitCodeOf} from './exit-code.ts'
import {errorLine, type Io} from './io.ts'

export async function main(args: readonly string[], version: string, loaded: () => void): Promise<void> {
  const io: Io = {
    // Few read it, and Node.js makes it when it is asked for.
    get stdin() {
      return process.stdin
    },
    stdout: process.stdout,
    stderr: process.stderr,
    env: process.env,
    loaded,
  }
  // Nobody reads on (`bgt list | head`): what is not written was not wanted. Transfers go on.
  for (const stream of [process.stdout, process.stderr]) stream.on('error', () => {})
  process.on('uncaughtException', (thrown) => process.exit(fail(io, thrown)))
  process.exitCode = await run(args, version, io)
}

/** Resolves with the exit code, once everything is said. */
export async function run(args: readonly string[], version: string, io: Io): Promise<number> {
  try {
    const {runProgram} = await import('./program.ts')
    return await runProgram(args, version, io)
  } catch (thrown) {
    return fail(io, thrown)
  }
}

function fail({stderr, env}: Io, thrown: unknown): number {
  const error = asTransferError(thrown)
  stderr.write(`${errorLine(error)}\n`)
  const shown = error.cause instanceof Error ? error.cause : error
  if (env.BGT_DEBUG === '1') stderr.write(`${shown.stack}\n`)
  return exitCodeOf(error)
}
