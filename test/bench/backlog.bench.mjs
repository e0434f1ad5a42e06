/**
 * What a backlog costs, at 10 thousand, 100 thousand and a million queued downloads side by side, so that growth shows:
 * creating them, opening on them, commanding one in the middle, asking for a page. Each figure comes from a process of its
 * own that runs the built library (`npm run build` first) on a durable store with the default options.
 *
 *   node test/bench/backlog.bench.mjs [--sizes 10000,100000] [--rounds 3] [--write]
 *
 * `--write` puts the table into docs/benchmarks.md, between its markers.
 */

import {spawn} from 'node:child_process'
import {once} from 'node:events'
import {existsSync} from 'node:fs'
import {mkdir, mkdtemp, readFile, rm, writeFile} from 'node:fs/promises'
import {createServer} from 'node:net'
import {cpus, release, tmpdir, totalmem} from 'node:os'
import {join} from 'node:path'
import {createInterface} from 'node:readline'
import {setTimeout as delay} from 'node:timers/promises'
import {fileURLToPath} from 'node:url'
import {parseArgs} from 'node:util'

const SELF = fileURLToPath(import.meta.url)
const ROOT = join(SELF, '..', '..', '..')
const PAGE = join(ROOT, 'docs', 'benchmarks.md')
const GROUP = 'backlog'
const RARE = 'rare'
/** So many of the operations belong to the rare group, spread over the whole store. */
const RARE_MEMBERS = 50
const COMMANDS = 20

const fromDist = (module) => import(join(ROOT, 'dist', 'src', module))
const median = (values) => values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN

// ---------------------------------------------------------------- in the measured process

const phases = {create, start, command}

/** Creates `size` downloads and tells how long that took. */
async function create(directory, size, origin) {
  const {BackgroundTransferEngine} = await fromDist('index.js')
  const engine = await BackgroundTransferEngine.open({directory, maxConcurrentTransfers: 0})
  const downloader = engine.createDownloader()
  const every = Math.floor(size / RARE_MEMBERS)
  function* downloads(isRare) {
    for (let n = 0; n < size; n += 1) {
      if ((n % every === every >> 1) === isRare) yield [`${origin}/files/${n}.bin`, join(directory, 'out', `${n}.bin`)]
    }
  }
  const began = performance.now()
  let created = 0
  for (const isRare of [false, true]) {
    downloader.transferGroup = engine.createGroup(isRare ? RARE : GROUP)
    created += await downloader.createDownloads(downloads(isRare))
  }
  const seconds = (performance.now() - began) / 1000
  await engine.close()
  return {created, seconds}
}

/** Opens and transfers; the parent sees the first connection, and what memory it takes. */
async function start(directory) {
  const {BackgroundTransferEngine} = await fromDist('index.js')
  await BackgroundTransferEngine.open({directory})
  return {}
}

/** Commands operations in the middle of the line, one after the other, each until it is durable; then asks for pages. */
async function command(directory, size, origin) {
  const {Engine} = await fromDist('engine/engine.js')
  const {createPlatform} = await fromDist('platform.js')
  const ports = await createPlatform({directory})
  const engine = new Engine(ports, {maxConcurrentTransfers: 0})
  await engine.open()
  const {store} = ports
  const middle = {priorityClass: 1, from: Math.floor(size / 2), to: Number.MAX_SAFE_INTEGER}
  const ids = (await store.line(GROUP, middle, 4 * COMMANDS + 8)).map(({id}) => id)
  const cost = async (act) => {
    const times = []
    // The first two only warm up.
    for (const id of ids.splice(0, COMMANDS + 2)) {
      const began = performance.now()
      const entry = await engine.find(id)
      await act(entry)
      await store.flush()
      times.push(performance.now() - began)
      engine.release(entry)
    }
    return median(times.slice(2))
  }
  const page = async (query) => {
    const times = []
    let found = 0
    for (let round = 0; round < 5; round += 1) {
      const began = performance.now()
      found = (await engine.query({limit: 100, ...query})).length
      times.push(performance.now() - began)
    }
    if (found === 0) throw new Error(`nothing was found for ${JSON.stringify(query)}`)
    return median(times)
  }
  const result = {
    promote: await cost((entry) => engine.changePolicy(entry, {...entry.facts.policy, priority: 1})),
    pause: await cost((entry) => engine.pause(entry)),
    cancel: await cost((entry) => engine.cancel(entry)),
    makeCurrent: await cost((entry) => engine.makeCurrent(entry)),
    byStatus: await page({states: ['queued']}),
    byGroup: await page({group: RARE}),
    byPrefix: await page({urlPrefix: `${origin}/files/`}),
    byCreation: await page({createdFrom: 0}),
    byRarePrefix: await page({urlPrefix: `${origin}/files/${size - 1}.`}),
  }
  await engine.close()
  return result
}

// ---------------------------------------------------------------- in the measuring process

/** Runs a phase in a process of its own; `onSpawn` may watch it. */
async function run(phase, args, onSpawn = async () => {}) {
  const child = spawn(process.execPath, [SELF, '--phase', phase, ...args.map(String)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const exited = once(child, 'exit')
  await onSpawn(child)
  for await (const line of createInterface({input: child.stdout})) {
    if (phase === 'start') break
    await exited
    return JSON.parse(line)
  }
  child.kill('SIGKILL')
  await exited
  return {}
}

/** MiB of anonymous memory; 0 where the system does not tell. */
async function anonymousMiB(pid) {
  const text = await readFile(`/proc/${pid}/status`, 'utf8').catch(() => '')
  return Number(/^RssAnon:\s+(\d+) kB/m.exec(text)?.[1] ?? 0) / 1024
}

/** Seconds from the start of the process to its first connection, and what memory it takes then and at most. */
async function measureStart(directory, server) {
  let seconds = 0
  let peak = 0
  let settled = 0
  await run('start', [directory, 0, ''], async (child) => {
    const began = performance.now()
    const connected = once(server, 'connection').then(() => {
      seconds = (performance.now() - began) / 1000
    })
    let isOver = false
    const watching = (async () => {
      while (!isOver) {
        peak = Math.max(peak, await anonymousMiB(child.pid))
        await delay(10)
      }
    })()
    const exit = once(child, 'exit').then(() => Promise.reject(new Error('it ended without a connection')))
    exit.catch(() => {})
    await Promise.race([connected, exit])
    await delay(1000)
    settled = await anonymousMiB(child.pid)
    isOver = true
    await watching
  })
  return {seconds, peak, settled}
}

async function measure(size, rounds) {
  const directory = await mkdtemp(join(tmpdir(), 'backlog-'))
  await mkdir(join(directory, 'out'))
  // It takes connections and never answers: whoever is first stays first.
  const sockets = new Set()
  const server = createServer((socket) => {
    sockets.add(socket)
    socket.on('error', () => {})
    socket.on('close', () => sockets.delete(socket))
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const origin = `http://127.0.0.1:${server.address().port}`
  try {
    const {created, seconds} = await run('create', [directory, size, origin])
    const starts = []
    for (let round = 0; round < rounds; round += 1) starts.push(await measureStart(directory, server))
    const commands = await run('command', [directory, size, origin])
    return {
      size,
      rate: created / seconds,
      start: median(starts.map((each) => each.seconds)),
      settled: median(starts.map((each) => each.settled)),
      peak: Math.max(...starts.map((each) => each.peak)),
      ...commands,
    }
  } finally {
    for (const socket of sockets) socket.destroy()
    server.close()
    await rm(directory, {recursive: true, force: true})
  }
}

const ROWS = [
  ['created a second, durable', ({rate}) => Math.round(rate).toLocaleString('en')],
  ['process start to the first connection', ({start}) => `${start.toFixed(2)} s`],
  ['RssAnon, a second later', ({settled}) => `${settled.toFixed(0)} MiB`],
  ['RssAnon, at most', ({peak}) => `${peak.toFixed(0)} MiB`],
  ['raise one to high', ({promote}) => `${promote.toFixed(2)} ms`],
  ['pause one', ({pause}) => `${pause.toFixed(2)} ms`],
  ['cancel one', ({cancel}) => `${cancel.toFixed(2)} ms`],
  ['make one current', ({makeCurrent}) => `${makeCurrent.toFixed(2)} ms`],
  ['page of 100 by status', ({byStatus}) => `${byStatus.toFixed(1)} ms`],
  [`page by group (${RARE_MEMBERS} members)`, ({byGroup}) => `${byGroup.toFixed(1)} ms`],
  ['page of 100 by URL prefix', ({byPrefix}) => `${byPrefix.toFixed(1)} ms`],
  ['page of 100 by time of creation', ({byCreation}) => `${byCreation.toFixed(1)} ms`],
  ['by a URL prefix that only one has', ({byRarePrefix}) => `${byRarePrefix.toFixed(0)} ms`],
]

function tableOf(results) {
  const line = (cells) => `| ${cells.join(' | ')} |`
  return [
    line(['', ...results.map(({size}) => size.toLocaleString('en'))]),
    line(['---', ...results.map(() => '---:')]),
    ...ROWS.map(([name, show]) => line([name, ...results.map(show)])),
  ].join('\n')
}

async function machineOf() {
  const {version} = JSON.parse(await readFile(join(ROOT, 'node_modules', 'classic-level', 'package.json'), 'utf8'))
  const [{model}] = cpus()
  const memory = `${Math.round(totalmem() / 2 ** 30)} GiB`
  return `${cpus().length} × ${model.trim()}, ${memory}, ${process.platform} ${release().split('-', 1)[0]}, Node.js ${process.version}, classic-level ${version}`
}

const BEGIN = '<!-- backlog: begin -->'
const END = '<!-- backlog: end -->'

async function writePage(table, command) {
  const date = new Date().toISOString().slice(0, 10)
  const text = await readFile(PAGE, 'utf8')
  const [before, rest] = text.split(BEGIN)
  const after = rest?.split(END)[1]
  if (after === undefined) throw new Error(`${PAGE} has no markers for the backlog`)
  const section = `${BEGIN}\n\n${date}, ${await machineOf()}. Command: \`${command}\`.\n\n${table}\n\n${END}`
  await writeFile(PAGE, before + section + after)
}

async function main() {
  const {values, positionals} = parseArgs({
    allowPositionals: true,
    options: {
      phase: {type: 'string'},
      sizes: {type: 'string', default: '10000,100000,1000000'},
      rounds: {type: 'string', default: '3'},
      write: {type: 'boolean', default: false},
    },
  })
  if (values.phase !== undefined) {
    const [directory, size, origin] = positionals
    console.log(JSON.stringify(await phases[values.phase](directory, Number(size), origin)))
    return
  }
  if (!existsSync(join(ROOT, 'dist', 'src', 'index.js'))) throw new Error('dist is missing: npm run build')
  const results = []
  for (const size of values.sizes.split(',').map(Number)) {
    console.error(`${size.toLocaleString('en')} …`)
    results.push(await measure(size, Number(values.rounds)))
  }
  const table = tableOf(results)
  console.log(table)
  if (values.write) await writePage(table, 'npm run bench:backlog')
}

await main()
