/**
 * Many simulated engine runs, by the model of engine.test.ts, in rounds with a seed of their own each, side by side.
 *
 *   npm run soak -- [--runs 100000] [--seed N] [--workers N] [--minutes N]
 *
 * Ends at the first round that breaks a promise and shows it, or when the runs, or the minutes, are over. The seeds are
 * `seed`, `seed + 1` and so on, a thousand runs each: ENGINE_SEED=<seed> ENGINE_RUNS=1000 repeats one round.
 */

import {spawn} from 'node:child_process'
import {once} from 'node:events'
import {availableParallelism, cpus} from 'node:os'
import {join} from 'node:path'
import {fileURLToPath} from 'node:url'
import {parseArgs} from 'node:util'

const ROOT = join(fileURLToPath(import.meta.url), '..', '..', '..')
const ROUND = 1000

const {values} = parseArgs({
  options: {
    runs: {type: 'string', default: '100000'},
    seed: {type: 'string', default: String(Date.now() % 2 ** 31)},
    workers: {type: 'string', default: String(availableParallelism())},
    minutes: {type: 'string', default: '1440'},
  },
})
const runs = Number(values.runs)
const firstSeed = Number(values.seed)
const began = Date.now()
const isOver = () => Date.now() - began > Number(values.minutes) * 60_000

let nextRound = 0
let done = 0
let failure

/** One round in a process of its own; its output, when it failed. */
async function round(seed, count) {
  const vitest = join(ROOT, 'node_modules', 'vitest', 'vitest.mjs')
  const child = spawn(process.execPath, [vitest, 'run', 'test/property/engine.test.ts'], {
    cwd: ROOT,
    env: {...process.env, ENGINE_RUNS: String(count), ENGINE_SEED: String(seed), NO_COLOR: '1'},
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let output = ''
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => (output += chunk))
  const [code] = await once(child, 'close')
  return code === 0 ? undefined : output
}

async function work() {
  while (failure === undefined && !isOver() && nextRound * ROUND < runs) {
    const seed = firstSeed + nextRound
    const count = Math.min(ROUND, runs - nextRound * ROUND)
    nextRound += 1
    const output = await round(seed, count)
    if (output === undefined) done += count
    else failure ??= {seed, output}
  }
}

await Promise.all(Array.from({length: Number(values.workers)}, work))
const minutes = ((Date.now() - began) / 60_000).toFixed(1)
const machine = `${cpus().length} × ${cpus()[0]?.model.trim()}, Node.js ${process.version}`
console.log(`${done} runs, seeds ${firstSeed} to ${firstSeed + nextRound - 1}, ${minutes} minutes, ${machine}`)
if (failure !== undefined) {
  console.log(`seed ${failure.seed} failed:\n${failure.output}`)
  process.exitCode = 1
}
