/**
 * bgt against curl, aria2c, plain undici and a C loop, whole processes in alternating rounds against the same servers. Prints
 * medians, spread and ratios; `--write` puts each row, once it is measured, in its place in docs/benchmarks.md.
 *
 *   npm run bench -- [--only ID,ID…] [--rounds 7] [--write]
 *
 * The source lies in memory. Needs nginx and openssl; peers and the C compiler are left out, and said, where they are missing.
 */

import {execFileSync} from 'node:child_process'
import {createHash, randomFillSync} from 'node:crypto'
import {closeSync, createReadStream, existsSync, openSync, unlinkSync, writeSync} from 'node:fs'
import {link, mkdir, mkdtemp, open, readdir, rm, writeFile} from 'node:fs/promises'
import {tmpdir} from 'node:os'
import {join} from 'node:path'
import {pipeline} from 'node:stream/promises'
import {parseArgs} from 'node:util'
import {machine, sectionOf, writeSections} from './bench-report.mjs'
import {GIB, ROWS} from './bench-rows.mjs'
import {buildNative, startNginx, startSink, startTus} from './bench-servers.mjs'
import {has, measuredRun} from './measured-run.mjs'

const MEMORY = '/dev/shm'
const CHUNK = 8 * 1024 * 1024
const NATIVE = ['receive-loop', 'send-loop', 'sink']

const {values} = parseArgs({
  options: {
    only: {type: 'string'},
    rounds: {type: 'string', default: '7'},
    write: {type: 'boolean', default: false},
  },
})
const rounds = Number(values.rounds)
const only = values.only?.split(',')
const unknown = only?.filter((id) => !ROWS.some((row) => row.id === id)) ?? []
if (unknown.length > 0)
  throw new Error(`no such row: ${unknown.join(', ')}; there are ${ROWS.map(({id}) => id).join(', ')}`)
const rows = ROWS.filter(({id}) => only === undefined || only.includes(id))

async function writeFileOf(path, bytes) {
  const chunk = randomFillSync(Buffer.alloc(Math.min(CHUNK, bytes)))
  const file = await open(path, 'w')
  for (let at = 0; at < bytes; at += chunk.length) {
    chunk.writeUInt32LE(at / chunk.length, 0)
    await file.write(chunk, 0, Math.min(chunk.length, bytes - at))
  }
  await file.close()
}

/** One file under many names: what is fetched is a list, and memory is for what is made of it. */
async function writeMedium(directory, count) {
  await mkdir(directory)
  await writeFileOf(join(directory, '0'), 1024 * 1024)
  for (let n = 1; n < count; n++) await link(join(directory, '0'), join(directory, `${n}`))
}

async function sha256(path) {
  const hash = createHash('sha256')
  await pipeline(createReadStream(path), hash)
  return hash.digest('hex')
}

/** The files that the rows fetch. */
async function fill(www) {
  const wanted = (id) => rows.some((row) => row.id.startsWith(id))
  const needs1g = rows.some(({bytes}) => bytes === GIB)
  if (needs1g) await writeFileOf(join(www, '1g'), GIB)
  if (wanted('4g')) await writeFileOf(join(www, '4g'), 4 * GIB)
  if (wanted('tus')) await writeFileOf(join(www, '256m'), GIB / 4)
  if (wanted('memory') || wanted('slow')) await writeFileOf(join(www, '64m'), GIB / 16)
  if (wanted('1k-medium')) await writeMedium(join(www, 'medium'), 1000)
  const files = Math.max(0, ...rows.map((row) => (row.directory === undefined ? (row.files ?? 0) : 0)))
  await mkdir(join(www, 'small'))
  for (let n = 0; n < files; n++)
    await writeFile(join(www, 'small', String(n)), randomFillSync(Buffer.alloc(16 * 1024)))
  return {digests: needs1g ? {'1g': await sha256(join(www, '1g'))} : {}}
}

async function runOnce(program, row, world) {
  const base = row.to === 'disk' ? world.disk : world.memory
  const run = {...world, out: join(base, 'out'), store: join(base, 'store'), scratch: world.memory}
  for (const directory of [run.out, run.store]) await rm(directory, {recursive: true, force: true})
  await mkdir(run.out, {recursive: true})
  if (world.tus !== undefined) await emptyTus(world.tus)
  const fills = row.bytes ?? row.fills
  if (fills !== undefined) touchMemory(join(world.memory, 'touched'), fills)
  const env = row.trustsCertificate ? {NODE_EXTRA_CA_CERTS: world.nginx.certificate} : {}
  return {run, result: await measuredRun(program.command(run), {env})}
}

/** Whatever is fast must also be right. */
function check(row, {run}) {
  if (row.files !== undefined) {
    for (let n = 0; n < row.files; n += 997)
      execFileSync('cmp', [join(run.www, row.directory ?? 'small', `${n}`), join(run.out, `${n}`)])
  } else if (existsSync(join(run.out, 'file'))) {
    execFileSync('cmp', [join(run.www, row.source ?? (row.bytes > GIB ? '4g' : '1g')), join(run.out, 'file')])
  }
}

/**
 * The host of a virtual machine takes free memory back, and to get it again costs several times what a transfer does: whoever is
 * measured finds as much as it is going to fill.
 */
function touchMemory(path, bytes) {
  const zeros = Buffer.alloc(CHUNK)
  const fd = openSync(path, 'w')
  for (let at = 0; at < bytes + bytes / 8; at += CHUNK) writeSync(fd, zeros)
  closeSync(fd)
  unlinkSync(path)
}

/** What is sent to it takes memory, and whoever is measured next must find as much as this one did. */
async function emptyTus({directory}) {
  for (const name of await readdir(directory)) await rm(join(directory, name))
}

const isThere = (program, world) =>
  program.needs === undefined ||
  (program.needs in world.native ? world.native[program.needs] !== undefined : has(program.needs))

async function measureRow(row, world) {
  const programs = row.programs.filter((program) => isThere(program, world))
  const left = row.programs.filter((program) => !programs.includes(program)).map(({name}) => name)
  if (left.length > 0) console.log(`  left out, because not installed: ${left.join(', ')}`)
  const results = new Map(programs.map(({name}) => [name, []]))
  for (let round = 0; round < rounds; round++) {
    // Each goes first in its turn: whoever follows finds other caches.
    const turn = programs.map((_, at) => programs[(at + round) % programs.length])
    for (const program of turn) {
      const done = await runOnce(program, row, world)
      if (round === 0) check(row, done)
      results.get(program.name).push(done.result)
    }
  }
  return results
}

const memory = await mkdtemp(join(existsSync(MEMORY) ? MEMORY : tmpdir(), 'bgt-bench-'))
const disk = await mkdtemp(join(tmpdir(), 'bgt-bench-'))
const stops = []
try {
  const www = join(memory, 'www')
  await mkdir(www)
  const {digests} = await fill(www)
  const native = Object.fromEntries(NATIVE.map((name) => [name, buildNative(name, memory)]))
  const nginx = await startNginx(join(memory, 'nginx'), www)
  stops.push(nginx.stop)
  const sink = native.sink === undefined ? undefined : await startSink(native.sink)
  if (sink !== undefined) stops.push(sink.stop)
  const tus = rows.some(({id}) => id === 'tus') ? await startTus(join(memory, 'tus')) : undefined
  if (tus !== undefined) stops.push(tus.stop)
  const world = {memory, disk, www, digests, native, nginx, sink, tus}
  console.log(machine())
  for (const row of rows) {
    if (row.needs !== undefined && native[row.needs] === undefined) {
      console.log(`\n${row.title}: left out, because there is no C compiler`)
      continue
    }
    console.log(`\n${row.title} …`)
    const results = await measureRow(row, world)
    const section = sectionOf(row, results, rounds)
    console.log(section)
    if (values.write) await writeSections(new Map([[row.title, section]]), ROWS)
  }
} finally {
  for (const stop of stops) await stop()
  for (const directory of [memory, disk]) await rm(directory, {recursive: true, force: true})
}
