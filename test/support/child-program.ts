/**
 * Runs a TypeScript program of the tests in a process of its own, to be killed. Node.js 20 reads no TypeScript, so the
 * program and what it imports are compiled into a temporary directory first.
 */

import {type ChildProcess, execFile, spawn} from 'node:child_process'
import {once} from 'node:events'
import {mkdtemp, rm, symlink, writeFile} from 'node:fs/promises'
import {tmpdir} from 'node:os'
import {join, relative} from 'node:path'
import {createInterface} from 'node:readline'
import {fileURLToPath} from 'node:url'
import {promisify} from 'node:util'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))

export interface ChildProgram {
  /** The compiled program. */
  readonly script: string
  dispose(): Promise<void>
}

/**
 * `source` is the program's file, `others` what it loads without importing it. Types are not checked: the
 * repository's own check does that.
 */
export async function compileProgram(source: URL, ...others: readonly URL[]): Promise<ChildProgram> {
  const out = await mkdtemp(join(tmpdir(), 'child-program-'))
  const file = fileURLToPath(source)
  const compiler = join(ROOT, 'node_modules', 'typescript', 'bin', 'tsc')
  const options = `--ignoreConfig --noCheck --outDir ${out} --rootDir ${ROOT} --target ES2022 --module NodeNext`
  const more = '--moduleResolution NodeNext --allowImportingTsExtensions --rewriteRelativeImportExtensions --types node'
  await promisify(execFile)(process.execPath, [
    compiler,
    ...options.split(' '),
    ...more.split(' '),
    file,
    ...others.map((other) => fileURLToPath(other)),
  ])
  await symlink(join(ROOT, 'node_modules'), join(out, 'node_modules'))
  await writeFile(join(out, 'package.json'), '{"type": "module"}')
  return {
    script: join(out, relative(ROOT, file)).replace(/\.ts$/, '.js'),
    dispose: () => rm(out, {recursive: true, force: true}),
  }
}

export interface RunningChild {
  readonly process: ChildProcess
  /** Lines of its standard output, as they come. */
  readonly lines: AsyncIterableIterator<string>
  /** Sends SIGKILL and waits for the end. */
  kill(): Promise<void>
}

/** `prefix` is a command that runs the rest of its arguments, such as one that sets limits. */
export function startChild(script: string, args: readonly string[], prefix: readonly string[] = []): RunningChild {
  const [command = process.execPath, ...rest] = [...prefix, process.execPath, script, ...args]
  const child = spawn(command, rest, {stdio: ['pipe', 'pipe', 'inherit']})
  const ended = once(child, 'exit')
  return {
    process: child,
    lines: createInterface({input: child.stdout})[Symbol.asyncIterator](),
    kill: async () => {
      child.kill('SIGKILL')
      await ended
    },
  }
}
