/**
 * Compiles the repository at most once a run of tests, whichever file asks first (shared-build.ts): files run in several processes,
 * and each file compiling for itself took a tenth of the whole run. The same for programs of the tests as one file each.
 */

import {execFile} from 'node:child_process'
import {once} from 'node:events'
import {copyFile, cp, mkdtemp, readdir, rm, symlink} from 'node:fs/promises'
import {createServer} from 'node:net'
import {tmpdir} from 'node:os'
import {join} from 'node:path'
import {fileURLToPath} from 'node:url'
import {promisify} from 'node:util'
import type {TestProject} from 'vitest/node'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))
const MODULES = join(ROOT, 'node_modules')

declare module 'vitest' {
  export interface ProvidedContext {
    /**
     * A socket that answers, once it is so, where the compiled repository is, or why there is none. Told the path of a program
     * in the repository, it bundles that too.
     */
    readonly sharedBuild: string
  }
}

/** How it ended: one of the two. */
export interface BuildAnswer {
  readonly directory?: string
  /** The bundle of the program that was asked for. */
  readonly program?: string
  readonly failure?: string
}

export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const directory = await mkdtemp(join(tmpdir(), 'shared-build-'))
  const answers = new Map<string, Promise<BuildAnswer>>()
  const onlyOnce = (program: string, make: () => Promise<BuildAnswer>): Promise<BuildAnswer> => {
    const answer = answers.get(program) ?? make()
    answers.set(program, answer)
    return answer
  }
  const built = () => onlyOnce('', () => build(directory))
  const answer = (program: string) =>
    program === '' ? built() : onlyOnce(program, async () => bundle(await built(), program))
  const server = createServer({allowHalfOpen: true}, (socket) => {
    let program = ''
    socket
      .setEncoding('utf8')
      .on('error', () => socket.destroy())
      .on('data', (text: string) => {
        program += text
      })
      .on('end', async () => socket.end(JSON.stringify(await answer(program))))
  })
  server.listen(join(directory, 'socket'))
  await once(server, 'listening')
  project.provide('sharedBuild', join(directory, 'socket'))
  return async () => {
    server.close()
    await Promise.all(answers.values())
    await rm(directory, {recursive: true, force: true})
  }
}

/** Types are not checked: the repository's own check does that. */
async function build(directory: string): Promise<BuildAnswer> {
  const run = promisify(execFile)
  const dist = join(directory, 'dist')
  const compiler = join(MODULES, 'typescript', 'bin', 'tsc')
  const options = '--noCheck --noEmit false --rootDir . --outDir'.split(' ')
  const bundler = join(MODULES, 'vite', 'bin', 'vite.js')
  const bundle = (config: string, out: string) =>
    run(process.execPath, [bundler, 'build', '--logLevel', 'warn', '-c', join(ROOT, config), '--outDir', out], {
      cwd: ROOT,
    })
  const pictures = join(ROOT, 'visualizations')
  try {
    await run(process.execPath, [compiler, '-p', 'tsconfig.json', ...options, dist], {cwd: ROOT})
    await bundle('vite.cli.config.ts', join(dist, 'src', 'cli', 'bundle'))
    await bundle('vite.entry.config.ts', join(dist, 'src', 'cli'))
    for (const name of await readdir(pictures)) {
      if (/\.(chart\.json|svg|mmd)$/.test(name)) await cp(join(pictures, name), join(dist, 'visualizations', name))
    }
    await symlink(MODULES, join(directory, 'node_modules'))
    await copyFile(join(ROOT, 'package.json'), join(directory, 'package.json'))
    return {directory}
  } catch (failure) {
    return failed(failure)
  }
}

/** Starting one file takes a quarter of what starting four hundred does. It lies where vite.cli.config.ts says why. */
async function bundle({directory = '', failure}: BuildAnswer, program: string): Promise<BuildAnswer> {
  if (failure !== undefined) return {failure}
  const out = join(directory, 'dist', 'src', 'bundled', program.replaceAll('/', '-'))
  const bundler = join(MODULES, 'vite', 'bin', 'vite.js')
  const config = join(ROOT, 'test', 'support', 'program.vite.config.ts')
  try {
    await promisify(execFile)(process.execPath, [bundler, 'build', '-c', config, '--outDir', out], {
      cwd: ROOT,
      env: {...process.env, BGT_PROGRAM: program},
    })
    return {directory, program: join(out, 'program.js')}
  } catch (failure) {
    return failed(failure)
  }
}

const failed = (failure: unknown): BuildAnswer => ({
  failure: String((failure as {readonly stdout?: string}).stdout ?? failure),
})
