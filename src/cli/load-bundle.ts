/**
 * Loads the command from its few scripts, each when it is first required, and where it can from what V8 made of them in an earlier
 * run: compiling anew is a third of a short run.
 */

import {readFileSync} from 'node:fs'
import {createRequire} from 'node:module'
import {join} from 'node:path'
import {Script} from 'node:vm'
import {crc32} from 'node:zlib'
import {CompiledCode} from './compiled-code.ts'
import {setV8Flags} from './v8-flags.ts'

export interface LoadedBundle {
  readonly exports: typeof import('./main.ts')
  /** Called when everything that transfers need is loaded, and none of them has begun. */
  loaded(): void
  /** Called at the end, when V8 knows what the subcommand needs. */
  keepCompiled(): void
}

type Body = (
  exports: object,
  require: (id: string) => unknown,
  module: {exports: object},
  filename: string,
  directory: string,
) => void

/** What the build makes of src/cli: each script is the expression of a CommonJS module's function, in ASCII. */
const DIRECTORY = join(import.meta.dirname, 'bundle')
/** It names the others by their contents: it stands for all of them. */
const MAIN = 'main.js'

/** Most of its runs need what an earlier one needed: undici, where the server answers so that a plain reader does not do. */
const LOADS_ALL = 'put'

export function loadBundle(args: readonly string[]): LoadedBundle {
  const isLong = mayTakeLong(args)
  if (isLong) setV8Flags('longRun')
  const main = readFileSync(join(DIRECTORY, MAIN))
  const [command = 'help'] = args.filter((arg) => /^[a-z]{1,16}$/.test(arg))
  // V8 takes nothing that was compiled under other flags.
  const compiled = CompiledCode.of(
    `${crc32(main).toString(16)}-${process.versions.v8}-${command}${isLong ? '-long' : ''}`,
  )
  const scripts = new Scripts(compiled)
  return {
    exports: scripts.run(MAIN, main) as typeof import('./main.ts'),
    loaded: () => {
      if (isLong) return
      if (command === LOADS_ALL) for (const name of compiled?.scripts ?? []) scripts.require(name)
      // Not before: under other flags V8 takes not even what Node.js keeps of its own modules. Nor by a run that keeps something.
      if (compiled?.seal() === false) return
      setV8Flags('shortRun')
    },
    keepCompiled: () => compiled?.keep(),
  }
}

/** Many files, or whatever is asked of a host: what is done ten thousand times is worth optimising. */
function mayTakeLong(args: readonly string[]): boolean {
  return args.some((arg) => arg === 'host' || arg === 'resume' || arg.startsWith('--input') || /^-[a-zA-Z]*i/.test(arg))
}

/** The scripts of this run, and what each exports. */
class Scripts {
  readonly #compiled: CompiledCode | undefined
  readonly #exports = new Map<string, object>()
  readonly #requireOther = createRequire(join(DIRECTORY, MAIN))

  constructor(compiled: CompiledCode | undefined) {
    this.#compiled = compiled
  }

  run(name: string, source: Buffer): object {
    const filename = join(DIRECTORY, name)
    const cachedData = this.#compiled?.of(name)
    const script = new Script(source.toString('latin1'), {filename, ...(cachedData === undefined ? {} : {cachedData})})
    this.#compiled?.note(name, script, cachedData !== undefined && script.cachedDataRejected !== true)
    const module = {exports: {}}
    // Before it runs: two of them may require each other.
    this.#exports.set(name, module.exports)
    const body: Body = script.runInThisContext()
    body(module.exports, this.#require, module, filename, DIRECTORY)
    return module.exports
  }

  require(name: string): object {
    return this.#exports.get(name) ?? this.run(name, readFileSync(join(DIRECTORY, name)))
  }

  readonly #require = Object.assign(
    (id: string): unknown => (id.startsWith('./') ? this.require(id.slice(2)) : this.#requireOther(id)),
    {resolve: (id: string) => this.#requireOther.resolve(id)},
  )
}
