/**
 * bgt against curl, aria2c, plain undici and a C loop, whole processes in alternating rounds against the same servers. Prints
 * medians, spread and ratios; `--write` puts them into docs/benchmarks.md.
 *
 *   npm run bench -- [--only ID,ID…] [--rounds 7] [--write]
 *
 * The source lies in memory. Needs nginx and openssl; peers and the C compiler are left out, and said, where they are missing.
 */

import {execFileSync} from 'node:child_process'
import {createHash, randomFillSync} from 'node:crypto'
import {createReadStream, existsSync} from 'node:fs'
import {mkdir, mkdtemp, open, readFile, rm, writeFile} from 'node:fs/promises'
import {availableParallelism, cpus, release, tmpdir, totalmem} from 'node:os'
import {join} from 'node:path'
import {pipeline} from 'node:stream/promises'
import {fileURLToPath} from 'node:url'
import {parseArgs} from 'node:util'
import {ROWS} from './bench-rows.mjs'
import {buildNative, startNginx, startSink} from './bench-servers.mjs'
import {has, measuredRun, median, spread} from './measured-run.mjs'

const DOCUMENT = fileURLToPath(new URL('../../docs/benchmarks.md', import.meta.url))
const MEMORY = '/dev/shm'
const CHUNK = 8 * 1024 * 1024

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

async function sha256(path) {
  const hash = createHash('sha256')
  await pipeline(createReadStream(path), hash)
  return hash.digest('hex')
}

/** The files that the rows fetch. */
async function fill(www) {
  const wanted = (id) => rows.some((row) => row.id.startsWith(id))
  const needs1g = rows.some(({bytes}) => bytes === 1024 ** 3)
  if (needs1g) await writeFileOf(join(www, '1g'), 1024 ** 3)
  if (wanted('4g')) await writeFileOf(join(www, '4g'), 4 * 1024 ** 3)
  const files = Math.max(0, ...rows.map((row) => row.files ?? 0))
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
  const env = row.trustsCertificate ? {NODE_EXTRA_CA_CERTS: world.nginx.certificate} : {}
  return {run, result: await measuredRun(program.command(run), {env})}
}

/** Whatever is fast must also be right. */
function check(row, {run}) {
  if (row.files !== undefined) {
    for (let n = 0; n < row.files; n += 997)
      execFileSync('cmp', [join(run.www, 'small', `${n}`), join(run.out, `${n}`)])
  } else if (existsSync(join(run.out, 'file'))) {
    execFileSync('cmp', [join(run.www, row.bytes > 1024 ** 3 ? '4g' : '1g'), join(run.out, 'file')])
  }
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

const FIGURES = {
  speed: (mine, peer) => peer.wall / mine.wall,
  cpu: (mine, peer) => mine.cpu / peer.cpu,
}

function table(row, results) {
  const amount = row.bytes === undefined ? row.files : row.bytes / 1024 ** 2
  const unit = row.bytes !== undefined ? 'MiB/s' : row.files !== undefined ? 'files/s' : 'ms'
  const speed = ({wall}) => (amount === undefined ? wall * 1000 : amount / wall)
  const lines = [`| | ${unit} | CPU s | peak MiB |`, '| --- | ---: | ---: | ---: |']
  for (const [name, runs] of results) {
    const of = (pick) => (runs[0].cpu === undefined ? '–' : spread(runs.map(pick)))
    lines.push(`| ${name} | ${spread(runs.map(speed))} | ${of(({cpu}) => cpu)} | ${of(({mib}) => mib)} |`)
  }
  return lines
}

function ratios(row, results) {
  const lines = []
  for (const [mine, peer, figure, bound] of row.targets) {
    const [a, b] = [results.get(mine), results.get(peer)]
    if (a === undefined || b === undefined || a[0][figure === 'cpu' ? 'cpu' : 'wall'] === undefined) continue
    const paired = a.map((run, at) => FIGURES[figure](run, b[at]))
    const reached = figure === 'cpu' ? median(paired) <= bound : median(paired) >= bound
    const wanted = `${figure === 'cpu' ? '≤' : '≥'} ${Number(bound.toPrecision(3))}`
    lines.push(`| ${mine} | ${peer} | ${figure} | ${spread(paired)} | ${wanted} | ${reached ? 'yes' : 'no'} |`)
  }
  if (lines.length === 0) return []
  return ['', '| ours | peer | | ratio | wanted | reached |', '| --- | --- | --- | ---: | ---: | --- |', ...lines]
}

function version(program, args = ['--version']) {
  try {
    return execFileSync(program, args, {encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe']}).split('\n')[0]
  } catch {
    return `no ${program}`
  }
}

function machine() {
  const nginx = has('nginx', '-v') ? execFileSync('sh', ['-c', 'nginx -v 2>&1'], {encoding: 'utf8'}).trim() : 'no nginx'
  return (
    `${new Date().toISOString().slice(0, 10)}, ${availableParallelism()} × ${cpus()[0]?.model.trim()}, ` +
    `${Math.round(totalmem() / 1024 ** 3)} GiB, linux ${release()}, Node.js ${process.version}, ${nginx.replace('nginx version: ', '')}, ` +
    `${version('curl').split(' ').slice(0, 2).join(' ')}, ${version('aria2c')}. ${rounds} rounds.`
  )
}

async function write(sections) {
  const document = await readFile(DOCUMENT, 'utf8')
  const [begin, end] = ['<!-- transfers: begin -->', '<!-- transfers: end -->']
  const before = document.slice(0, document.indexOf(begin) + begin.length)
  const after = document.slice(document.indexOf(end))
  await writeFile(DOCUMENT, `${before}\n\n${machine()}\n\n${sections.join('\n')}\n${after}`)
}

const memory = await mkdtemp(join(existsSync(MEMORY) ? MEMORY : tmpdir(), 'bgt-bench-'))
const disk = await mkdtemp(join(tmpdir(), 'bgt-bench-'))
const stops = []
try {
  const www = join(memory, 'www')
  await mkdir(www)
  const {digests} = await fill(www)
  const native = {'receive-loop': buildNative('receive-loop', memory), sink: buildNative('sink', memory)}
  const nginx = await startNginx(join(memory, 'nginx'), www)
  stops.push(nginx.stop)
  const sink = native.sink === undefined ? undefined : await startSink(native.sink)
  if (sink !== undefined) stops.push(sink.stop)
  const world = {memory, disk, www, digests, native, nginx, sink}
  console.log(machine())
  const sections = []
  for (const row of rows) {
    if (row.needs !== undefined && native[row.needs] === undefined) {
      console.log(`\n${row.title}: left out, because there is no C compiler`)
      continue
    }
    console.log(`\n${row.title}`)
    const results = await measureRow(row, world)
    const lines = [...table(row, results), ...ratios(row, results)]
    console.log(lines.join('\n'))
    sections.push(`### ${row.title}\n\n${lines.join('\n')}\n`)
  }
  if (values.write) await write(sections)
} finally {
  for (const stop of stops) await stop()
  for (const directory of [memory, disk]) await rm(directory, {recursive: true, force: true})
}
