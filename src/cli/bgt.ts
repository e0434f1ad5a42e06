#!/usr/bin/env node
/** The `bgt` command. Loads nothing until it knows what is asked, so that `bgt --version` costs what Node.js costs. */

import {readFileSync} from 'node:fs'
import {join} from 'node:path'
import {EXIT} from './exit-code.ts'

function packageVersion(): string {
  // dist/src/cli/bgt.cjs, three levels below the package.
  const {version} = JSON.parse(readFileSync(join(import.meta.dirname, '../../../package.json'), 'utf8'))
  return String(version)
}

async function run(args: readonly string[]): Promise<void> {
  let isOver = false
  process.once('exit', (code) => {
    if (isOver || code !== 0) return
    process.exitCode = EXIT.internal
    process.stderr.write('bgt: ended before its work was done, which is a fault of bgt\n')
  })
  const {loadBundle} = await import('./load-bundle.ts')
  const {exports, loaded, keepCompiled} = loadBundle(args)
  await exports.main(args, packageVersion(), loaded)
  isOver = true
  // A run that came to nothing needed little: what it leaves would be all that later ones have.
  if (process.exitCode === 0) keepCompiled()
  // Everything is done, and said: on Linux what is written to a pipe or a file is written at once. To take the heap apart is left to
  // the system.
  const isSaid = process.stdout.writableLength === 0 && process.stderr.writableLength === 0
  if (process.platform === 'linux' && isSaid) process.exit()
}

const args = process.argv.slice(2)
if (args.length === 1 && (args[0] === '--version' || args[0] === '-V')) {
  process.stdout.on('error', ({code}: NodeJS.ErrnoException) => {
    // Nobody reads it, or it is written nowhere.
    if (code !== 'EPIPE') process.exitCode = EXIT.local
  })
  process.stdout.write(`${packageVersion()}\n`)
} else {
  void run(args)
}
