/** The package as a user gets it: built, and installed beside its dependencies in a project of its own. */

import {execFile} from 'node:child_process'
import {cp, mkdir, mkdtemp, readdir, rm, symlink, writeFile} from 'node:fs/promises'
import {tmpdir} from 'node:os'
import {join} from 'node:path'
import {promisify} from 'node:util'
import {ROOT} from '../layers/module-graph.ts'

const run = promisify(execFile)
const COMPILER = join(ROOT, 'node_modules', 'typescript', 'bin', 'tsc')

const COMPILER_OPTIONS = {
  target: 'ES2022',
  module: 'NodeNext',
  lib: ['ES2023', 'ESNext.Disposable'],
  types: ['node'],
  strict: true,
  skipLibCheck: true,
  outDir: 'compiled',
  rootDir: '.',
}

export interface Project {
  readonly directory: string
  /**
   * Compiles programs of the project, with what else the compiler is told; resolves with its complaints, none when all is well.
   */
  compile(programs: Readonly<Record<string, string>>, options?: object): Promise<readonly string[]>
  /** Where the compiled program of this name stands. */
  compiled(name: string): string
  dispose(): Promise<void>
}

/** Types are not checked: the repository's own check does that. */
export async function createProject(): Promise<Project> {
  const directory = await mkdtemp(join(tmpdir(), 'project-'))
  const modules = join(directory, 'node_modules')
  const own = join(modules, 'background-transfer')
  await mkdir(own, {recursive: true})
  const installed = await readdir(join(ROOT, 'node_modules'))
  for (const name of installed) {
    if (!name.startsWith('.')) await symlink(join(ROOT, 'node_modules', name), join(modules, name))
  }
  await cp(join(ROOT, 'package.json'), join(own, 'package.json'))
  await run(process.execPath, [
    COMPILER,
    '-p',
    join(ROOT, 'tsconfig.build.json'),
    '--noCheck',
    '--outDir',
    join(own, 'dist'),
  ])
  await writeFile(join(directory, 'package.json'), '{"type": "module"}')
  return {
    directory,
    async compile(programs, options = {}) {
      const files = Object.keys(programs)
      for (const [name, text] of Object.entries(programs)) await writeFile(join(directory, name), text)
      const config = {compilerOptions: {...COMPILER_OPTIONS, ...options}, files}
      await writeFile(join(directory, 'tsconfig.json'), JSON.stringify(config))
      try {
        await run(process.execPath, [COMPILER, '-p', directory], {cwd: directory})
        return []
      } catch (failure) {
        return String((failure as {readonly stdout?: string}).stdout ?? failure).split('\n')
      }
    },
    compiled: (name) => join(directory, 'compiled', name.replace(/\.ts$/, '.js')),
    dispose: () => rm(directory, {recursive: true, force: true}),
  }
}
