/** One run of one program as a whole process: wall seconds, CPU seconds, peak memory. Needs GNU time for the last two. */

import {execFileSync, spawn} from 'node:child_process'
import {once} from 'node:events'
import {readFile, rm} from 'node:fs/promises'
import {tmpdir} from 'node:os'
import {join} from 'node:path'

export function has(program, ...args) {
  try {
    execFileSync(program, args.length === 0 ? ['--version'] : args, {stdio: 'ignore'})
    return true
  } catch {
    return false
  }
}

const HAS_TIME = has('/usr/bin/time', '--version')

/**
 * Programs find these of our environment, and nothing else: NODE_EXTRA_CA_CERTS, for one, takes each program of Node.js 50 ms at its
 * start, and who has not set it does not pay for it.
 */
const KEPT = ['PATH', 'HOME', 'TMPDIR', 'LANG']
const environment = Object.fromEntries(KEPT.flatMap((name) => (name in process.env ? [[name, process.env[name]]] : [])))

/**
 * `{wall, cpu, mib, value}`: seconds, seconds of user and system, peak resident MiB, and the number that it printed, if it printed
 * one. `cpu` and `mib` are undefined without GNU time.
 */
export async function measuredRun([program, ...args], {env = {}} = {}) {
  const report = join(tmpdir(), `bench-time-${process.pid}`)
  const command = HAS_TIME
    ? ['/usr/bin/time', '-q', '-o', report, '-f', '%U %S %M', program, ...args]
    : [program, ...args]
  const began = performance.now()
  const child = spawn(command[0], command.slice(1), {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: {...environment, ...env},
  })
  let [said, complaint] = ['', '']
  child.stdout.on('data', (chunk) => (said += chunk))
  child.stderr.on('data', (chunk) => (complaint += chunk))
  const [code] = await once(child, 'close')
  const wall = (performance.now() - began) / 1000
  if (code !== 0) throw new Error(`${program} ${args.join(' ')} ended with ${code}: ${complaint.slice(-500)}`)
  const value = said.trim() === '' ? Number.NaN : Number(said)
  if (!HAS_TIME) return {wall, value}
  const [user, system, kib] = (await readFile(report, 'utf8')).trim().split(/\s+/).map(Number)
  await rm(report)
  return {wall, cpu: user + system, mib: kib / 1024, value}
}

const sorted = (values) => values.toSorted((a, b) => a - b)

export function median(values) {
  const line = sorted(values)
  const middle = Math.floor(line.length / 2)
  return line.length % 2 === 1 ? line[middle] : (line[middle - 1] + line[middle]) / 2
}

/** `median (min–max)` in `digits` significant figures. */
export function spread(values, digits = 3) {
  const show = (value) => Number(value.toPrecision(digits)).toString()
  const line = sorted(values)
  return `${show(median(line))} (${show(line[0])}–${show(line.at(-1))})`
}
