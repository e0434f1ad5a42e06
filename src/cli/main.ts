/** Runs one command line: every way out of it is an exit code and, where something went wrong, one line on stderr. */

import {writeSync} from 'node:fs'
import {asTransferError, TransferError} from '../domain/errors.ts'
import {EXIT, exitCodeOf, gravest} from './exit-code.ts'
import {isInterrupt} from './interrupt.ts'
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
  /** The exit code of what stdout did not take; told at once, since a command may go on for days. */
  let lost: number | undefined
  const lose = (error: Error) => {
    lost ??= lossOf(io, error)
  }
  // Nobody reads on (`bgt list | head`): what is not written was not wanted. Transfers go on.
  io.stdout.on('error', lose)
  io.stderr.on('error', () => {})
  takeShortWrites(process.stdout)
  process.on('uncaughtException', (thrown) => process.exit(fail(io, thrown)))
  const code = await run(args, version, io)
  // Of what was written last it is told in the next turn only.
  if (io.stdout.errored !== null) lose(io.stdout.errored)
  process.exitCode = isInterrupt(code) ? code : gravest([code, lost ?? EXIT.done])
}

/** A disk that is nearly full takes a part, without an error: Node.js goes on as if it had taken all of it. */
function takeShortWrites(stdout: NodeJS.WriteStream & {readonly fd: number}): void {
  if (stdout.constructor.name !== 'SyncWriteStream') return
  stdout._write = (chunk: Buffer, _, done) => {
    try {
      for (let at = 0; at < chunk.length; ) at += writeSync(stdout.fd, chunk, at)
    } catch (thrown) {
      done(thrown as Error)
      return
    }
    done()
  }
}

/** Whose reader went away: nothing of the result is missing for anybody. */
const UNREAD: ReadonlySet<unknown> = new Set(['EPIPE', 'ECONNRESET', 'ERR_STREAM_DESTROYED'])

/** What the disk below stdout did not take is missing, and whoever has the rest must not hold it for the whole. */
function lossOf(io: Io, unwritten: NodeJS.ErrnoException): number {
  const errno = unwritten.code
  if (io.stdout.isTTY || UNREAD.has(errno)) return EXIT.done
  const why = errno === 'ENOSPC' || errno === 'EDQUOT' ? 'DISK_FULL' : 'DISK_FAILED'
  return fail(
    io,
    new TransferError(why, 'not all of the result could be written', {
      where: 'stdout',
      advice: 'make room or mend the disk of what stdout leads to, and run the command again',
      cause: unwritten,
    }),
  )
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
  const error = isNowhere(thrown) ? nowhere(thrown) : asTransferError(thrown)
  stderr.write(`${errorLine(error)}\n`)
  const shown = error.cause instanceof Error ? error.cause : error
  if (env.BGT_DEBUG === '1') stderr.write(`${shown.stack}\n`)
  return exitCodeOf(error)
}

/** The working directory was asked for, and somebody removed it. */
function isNowhere(thrown: unknown): boolean {
  return thrown instanceof Error && 'syscall' in thrown && thrown.syscall === 'uv_cwd'
}

function nowhere(cause: unknown): TransferError {
  return new TransferError('DIRECTORY_MISSING', 'the working directory is not there any more', {
    where: '.',
    advice: 'change to another one',
    cause,
  })
}
