/** A fresh directory, store and server for each story told with `bgt`: the real one, or the same code in this process. */

import {mkdtemp, readFile, rm} from 'node:fs/promises'
import {tmpdir} from 'node:os'
import {join} from 'node:path'
import {PassThrough, Readable} from 'node:stream'
import {text} from 'node:stream/consumers'
import {afterAll, beforeAll} from 'vitest'
import type {Io} from '../../src/cli/io.ts'
import {run} from '../../src/cli/main.ts'
import {type BuiltCli, buildCli, type CliOptions, type CliResult, type RunningCli} from '../support/built-cli.ts'
import {sha256} from '../support/content.ts'
import {type FaultyServer, type FaultyServerOptions, startFaultyServer} from '../support/faulty-server.ts'

export class CliWorld {
  readonly directory: string
  readonly store: string
  readonly server: FaultyServer
  readonly #cli: BuiltCli

  private constructor(directory: string, server: FaultyServer, cli: BuiltCli) {
    this.directory = directory
    this.store = join(directory, 'store')
    this.server = server
    this.#cli = cli
  }

  static async open(cli: BuiltCli, options: FaultyServerOptions = {}): Promise<CliWorld> {
    const directory = await mkdtemp(join(tmpdir(), 'cli-'))
    return new CliWorld(directory, await startFaultyServer(options), cli)
  }

  static async run<T>(
    cli: BuiltCli,
    story: (world: CliWorld) => Promise<T>,
    options: FaultyServerOptions = {},
  ): Promise<T> {
    const world = await CliWorld.open(cli, options)
    try {
      return await story(world)
    } finally {
      await world.close()
    }
  }

  async close(): Promise<void> {
    await this.server.close()
    await rm(this.directory, {recursive: true, force: true})
  }

  /** Of whoever has the store; undefined where nobody has. */
  async hostPid(): Promise<number | undefined> {
    const [status] = jsonLines((await this.bgt(['host', 'status', '--json'])).stdout)
    return status === undefined ? undefined : Number(status.pid)
  }

  /** Runs in the directory, on the store. */
  bgt(args: readonly string[], options: CliOptions = {}): Promise<CliResult> {
    return this.#cli.run(args, this.#with(options))
  }

  start(args: readonly string[], options: CliOptions = {}): RunningCli {
    return this.#cli.start(args, this.#with(options))
  }

  /**
   * The same in this process, for a tenth of the time: for what a process of its own would show no more of. One call at a time,
   * since the working directory is the process's.
   */
  async call(args: readonly string[], {stdin = '', env}: CliOptions = {}): Promise<CliResult> {
    const [stdout, stderr] = [new PassThrough(), new PassThrough()]
    const said = Promise.all([text(stdout), text(stderr)])
    const before = process.cwd()
    process.chdir(this.directory)
    try {
      const io = {stdin: Readable.from([stdin]), stdout, stderr, env: {BGT_STORE: this.store, ...env}}
      const code = await run(args, '0.0.0', io as object as Io)
      stdout.end()
      stderr.end()
      const [out, err] = await said
      return {code, stdout: out, stderr: err, lines: linesOf(err)}
    } finally {
      process.chdir(before)
    }
  }

  path(name: string): string {
    return join(this.directory, name)
  }

  async digestOf(name: string): Promise<string> {
    return sha256(await readFile(this.path(name)))
  }

  /** What `bgt list --json` gives. */
  async operations(): Promise<readonly Readonly<Record<string, unknown>>[]> {
    const {stdout} = await this.call(['list', '--json'])
    return jsonLines(stdout)
  }

  #with(options: CliOptions): CliOptions {
    return {cwd: this.directory, ...options, env: {BGT_STORE: this.store, ...options.env}}
  }
}

/** One for all tests of the describe that calls this: for stories that leave nothing behind. */
export function sharedCliWorld(cli: () => BuiltCli): () => CliWorld {
  let world: CliWorld | undefined
  beforeAll(async () => {
    world = await CliWorld.open(cli())
  })
  afterAll(() => world?.close())
  return () => {
    if (world === undefined) throw new Error('the world is not open')
    return world
  }
}

const linesOf = (all: string): readonly string[] => all.split('\n').filter((line) => line !== '')

export function jsonLines(all: string): readonly Readonly<Record<string, unknown>>[] {
  return linesOf(all).map((line) => JSON.parse(line))
}

/** The one shape of an error line: `bgt: what (where): what to do`. */
export const ERROR_LINE = /^bgt: [^\n]+ \([^\n]+\): [^\n]+$/

export {type BuiltCli, buildCli, type CliResult}
