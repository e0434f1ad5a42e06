/** A fresh directory, store and server for each story told with the real `bgt`. */

import {mkdtemp, readFile, rm} from 'node:fs/promises'
import {tmpdir} from 'node:os'
import {join} from 'node:path'
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

  static async run<T>(
    cli: BuiltCli,
    story: (world: CliWorld) => Promise<T>,
    options: FaultyServerOptions = {},
  ): Promise<T> {
    const directory = await mkdtemp(join(tmpdir(), 'cli-'))
    const server = await startFaultyServer(options)
    try {
      return await story(new CliWorld(directory, server, cli))
    } finally {
      await server.close()
      await rm(directory, {recursive: true, force: true})
    }
  }

  /** Runs in the directory, on the store. */
  bgt(args: readonly string[], options: CliOptions = {}): Promise<CliResult> {
    return this.#cli.run(args, this.#with(options))
  }

  start(args: readonly string[], options: CliOptions = {}): RunningCli {
    return this.#cli.start(args, this.#with(options))
  }

  path(name: string): string {
    return join(this.directory, name)
  }

  async digestOf(name: string): Promise<string> {
    return sha256(await readFile(this.path(name)))
  }

  /** What `bgt list --json` gives. */
  async operations(): Promise<readonly Readonly<Record<string, unknown>>[]> {
    const {stdout} = await this.bgt(['list', '--json'])
    return jsonLines(stdout)
  }

  #with(options: CliOptions): CliOptions {
    return {cwd: this.directory, ...options, env: {BGT_STORE: this.store, ...options.env}}
  }
}

export function jsonLines(text: string): readonly Readonly<Record<string, unknown>>[] {
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line))
}

/** The one shape of an error line: `bgt: what (where): what to do`. */
export const ERROR_LINE = /^bgt: [^\n]+ \([^\n]+\): [^\n]+$/

export {type BuiltCli, buildCli}
