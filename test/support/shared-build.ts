/** Where the repository is compiled, tests and all, as the package is laid out: one for all files of a run (global-setup.ts). */

import {once} from 'node:events'
import {connect} from 'node:net'
import {join, relative} from 'node:path'
import {text} from 'node:stream/consumers'
import {fileURLToPath} from 'node:url'
import {inject} from 'vitest'
import type {BuildAnswer} from './global-setup.ts'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))

/** Resolves with the directory that holds package.json, node_modules and dist; compiles first when no file did. */
export async function sharedBuild(): Promise<string> {
  const {directory = ''} = await ask('')
  return directory
}

/** The same as compiledProgram, as one file: for a program that is started many times. */
export async function bundledProgram(source: URL): Promise<string> {
  const {program = ''} = await ask(relative(ROOT, fileURLToPath(source)))
  return program
}

async function ask(program: string): Promise<BuildAnswer> {
  const socket = connect({path: inject('sharedBuild'), allowHalfOpen: true})
  await once(socket, 'connect')
  socket.end(program)
  const answer: BuildAnswer = JSON.parse(await text(socket))
  if (answer.failure !== undefined) throw new Error(`the repository does not compile:\n${answer.failure}`)
  return answer
}

/** The compiled form of a TypeScript program, to run in a process or thread of its own: Node.js 20 reads no TypeScript. */
export async function compiledProgram(source: URL): Promise<string> {
  const file = join(await sharedBuild(), 'dist', relative(ROOT, fileURLToPath(source)))
  return file.replace(/\.ts$/, '.js')
}
