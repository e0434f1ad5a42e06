/** The real `bgt`: compiled and bundled like the package, into a directory of its own, and run as a process. */

import {spawn} from 'node:child_process'
import {once} from 'node:events'
import {join} from 'node:path'
import type {Writable} from 'node:stream'
import {sharedBuild} from './shared-build.ts'

export interface CliResult {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
  /** Lines of stderr. */
  readonly lines: readonly string[]
}

export interface CliOptions {
  /** The Node.js that runs it; that of the tests by default. */
  readonly node?: string
  /** What is run in its place, with the arguments alone. */
  readonly program?: string
  readonly cwd?: string
  readonly env?: Readonly<Record<string, string>>
  readonly stdin?: string
  /** What is open by this number in place of stdin. */
  readonly stdinFrom?: number
  /** Nobody ends stdin. */
  readonly stdinStaysOpen?: boolean
}

export interface RunningCli {
  /** Resolves with stdout and stderr so far, once `text` stands in them; rejects when the process ends without it. */
  shows(text: string | RegExp): Promise<string>
  kill(signal: NodeJS.Signals): void
  /** Its stdin, where that stays open. */
  readonly stdin: Writable | null
  readonly ended: Promise<CliResult>
}

export interface BuiltCli {
  /** The compiled entry file. */
  readonly script: string
  /** Where each run finds what V8 compiled in those before, unless its `env` says other. */
  readonly cacheHome: string
  run(args: readonly string[], options?: CliOptions): Promise<CliResult>
  start(args: readonly string[], options?: CliOptions): RunningCli
}

export async function buildCli(): Promise<BuiltCli> {
  const out = await sharedBuild()
  const script = join(out, 'dist', 'src', 'cli', 'bgt.cjs')
  const cacheHome = join(out, 'cache')
  const withCache = (options: CliOptions = {}) => ({...options, env: {XDG_CACHE_HOME: cacheHome, ...options.env}})
  return {
    script,
    cacheHome,
    start: (args, options) => start(script, args, withCache(options)),
    run: (args, options) => start(script, args, withCache(options)).ended,
  }
}

function start(script: string, args: readonly string[], options: CliOptions = {}): RunningCli {
  const {node = process.execPath, program, cwd, env = {}, stdin, stdinFrom, stdinStaysOpen = false} = options
  // What the machine of the test has set must not show.
  const {PATH = ''} = process.env
  const child = spawn(program ?? node, program === undefined ? [script, ...args] : args, {
    env: {PATH, HOME: '/nonexistent', ...env},
    stdio: [stdinFrom ?? (stdin === undefined ? 'ignore' : 'pipe'), 'pipe', 'pipe'],
    ...(cwd === undefined ? {} : {cwd}),
  })
  // What it does not take any more, its test sees by how it ends.
  child.stdin?.on('error', () => {})
  if (stdinStaysOpen) child.stdin?.write(stdin ?? '')
  else child.stdin?.end(stdin)
  let stdout = ''
  let stderr = ''
  child.stdout?.setEncoding('utf8').on('data', (text: string) => {
    stdout += text
  })
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    stderr += text
  })
  const closed = once(child, 'close')
  const ended = closed.then(([code]) => ({
    code: code as number | null,
    stdout,
    stderr,
    lines: stderr.split('\n').filter((line) => line !== ''),
  }))
  return {
    ended,
    stdin: child.stdin,
    kill: (signal) => {
      child.kill(signal)
    },
    shows: (text) =>
      new Promise((resolve, reject) => {
        const look = () => {
          const all = stdout + stderr
          if (typeof text === 'string' ? all.includes(text) : text.test(all)) resolve(all)
        }
        child.stdout?.on('data', look)
        child.stderr?.on('data', look)
        look()
        void closed.then(() => {
          look()
          reject(new Error(`it ended without showing ${text}:\n${stdout}${stderr}`))
        })
      }),
  }
}
