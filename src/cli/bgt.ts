#!/usr/bin/env node
/** The `bgt` command. Loads nothing until it knows what is asked, so that `bgt --version` costs what Node.js costs. */

import {readFileSync} from 'node:fs'

function packageVersion(): string {
  // dist/src/cli/bgt.js, three levels below the package.
  const {version} = JSON.parse(readFileSync(new URL('../../../package.json', import.meta.url), 'utf8'))
  return String(version)
}

const args = process.argv.slice(2)
if (args.length === 1 && (args[0] === '--version' || args[0] === '-V')) {
  process.stdout.write(`${packageVersion()}\n`)
} else {
  const {loadBundle} = await import('./load-bundle.ts')
  const {exports, loaded, keepCompiled} = loadBundle(args)
  await exports.main(args, packageVersion(), loaded)
  keepCompiled()
  // Everything is done, and said: on Linux what is written to a pipe or a file is written at once. To take the heap apart is left to
  // the system.
  const isSaid = process.stdout.writableLength === 0 && process.stderr.writableLength === 0
  if (process.platform === 'linux' && isSaid) process.exit()
}
