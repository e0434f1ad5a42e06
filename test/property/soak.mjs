/**
 * Many simulated engine runs, by the model of engine.test.ts, in rounds with a seed of their own each, side by side.
 *
 *   npm run soak -- [--runs 100000] [--seed N] [--workers N] [--minutes N]
 *
 * It tells the progress after each round on stderr, and its one line of result on stdout, as docs/reliability.md has it. It runs at
 * the lowest priority of the machine; SIGSTOP and SIGCONT to its process group pause it, and time that it was stopped does not count.
 *
 * Ends when the runs, or the minutes, are over, and shows what each round met that broke a promise. The seeds are
 * `seed`, `seed + 1` and so on, a thousand runs each: ENGINE_SEED=<seed> ENGINE_RUNS=1000 repeats one round.
 */

import {spawn} from 'node:child_process'
import {once} from 'node:events'
import {availableParallelism, constants, cpus, setPriority} from 'node:os'
import {join} from 'node:path'
import {fileURLToPath} from 'node:url'
import {parseArgs} from 'node:util'

const ROOT = join(fileURLToPath(import.meta.url), '..', '..', '..')
const ROUND = 1000
const TICK_MS = 1000

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
let active = 0
let last = performance.now()
// A stopped process has no ticks: the time until it goes on is not work.
setInterval(() => {
  const now = performance.now()
  active += Math.min(now - last, 2 * TICK_MS)
  last = now
}, TICK_MS).unref()
const isOver = () => active > Number(values.minutes) * 60_000
setPriority(constants.priority.PRIORITY_LOW)

let nextRound = 0
let done = 0
const failures = []

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
  while (!isOver() && nextRound * ROUND < runs) {
    const seed = firstSeed + nextRound
    const count = Math.min(ROUND, runs - nextRound * ROUND)
    nextRound += 1
    const output = await round(seed, count)
    if (output === undefined) done += count
    else failures.push({seed, output})
    const verdict = output === undefined ? 'held' : 'FAILED'
    console.error(`seed ${seed} ${verdict}: ${done} of ${runs} runs, ${(active / 60_000).toFixed(1)} minutes`)
  }
}

await Promise.all(Array.from({length: Number(values.workers)}, work))
const minutes = (active / 60_000).toFixed(1)
const machine = `${cpus().length} × ${cpus()[0]?.model.trim()}, Node.js ${process.version}`
const seeds = `${firstSeed}–${firstSeed + nextRound - 1}`
const command = `npm run soak -- --runs ${runs} --seed ${firstSeed} --workers ${values.workers}`
const date = new Date().toISOString().slice(0, 10)
console.log(
  `| ${date} | ${done.toLocaleString('en')} | ${seeds} | ${failures.length} | ${minutes} min | ${machine} | \`${command}\` |`,
)
for (const {seed, output} of failures) console.log(`seed ${seed} failed:\n${output}`)
if (failures.length > 0) process.exitCode = 1
