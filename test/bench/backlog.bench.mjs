/**
 * What a backlog costs, at 10 thousand, 100 thousand and a million queued downloads side by side, so that growth shows:
 * creating them, opening on them, commanding one in the middle, asking for a page. Each figure comes from a process of its
 * own that runs the built library (`npm run build` first) on a durable store with the default options; and `bgt get -i` takes
 * a list of as many lines.
 *
 * Beside it, what it costs that the queue is spread over many groups, each of two members.
 *
 *   node test/bench/backlog.bench.mjs [--sizes 10000,100000] [--groups 10,1000] [--rounds 3] [--write]
 *
 * `--write` puts the tables into docs/benchmarks.md, between their markers. An empty list leaves a table out.
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
const BGT = join(ROOT, 'dist', 'src', 'cli', 'bgt.cjs')
const PAGE = join(ROOT, 'docs', 'benchmarks.md')
const GROUP = 'backlog'
const RARE = 'rare'
/** So many of the operations belong to the rare group, spread over the whole store. */
const RARE_MEMBERS = 50
const COMMANDS = 20

const fromDist = (module) => import(join(ROOT, 'dist', 'src', module))
const median = (values) => values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN

// ---------------------------------------------------------------- in the measured process

const phases = {create, createGroups, start, command}

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

/** Creates `size` groups of two downloads each. */
async function createGroups(directory, size, origin) {
  const {BackgroundTransferEngine} = await fromDist('index.js')
  const engine = await BackgroundTransferEngine.open({directory, maxConcurrentTransfers: 0})
  const downloader = engine.createDownloader()
  const began = performance.now()
  for (const member of [0, 1]) {
    const accepted = []
    for (let n = 0; n < size; n += 1) {
      downloader.transferGroup = engine.createGroup(`group ${n}`)
      const file = join(directory, 'out', `${n}-${member}.bin`)
      accepted.push(downloader.createDownloads([[`${origin}/files/${n}/${member}.bin`, file]]))
      if (accepted.length === 1000) await Promise.all(accepted.splice(0))
    }
    await Promise.all(accepted)
  }
  const seconds = (performance.now() - began) / 1000
  await engine.close()
  return {created: 2 * size, seconds}
}

/** Opens and transfers; the parent sees the first connection, and what memory it takes. */
async function start(directory) {
  const {BackgroundTransferEngine} = await fromDist('index.js')
  const began = performance.now()
  await BackgroundTransferEngine.open({directory})
  return {open: performance.now() - began}
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
  const watched = onSpawn(child)
  let result = {}
  for await (const line of createInterface({input: child.stdout})) {
    result = JSON.parse(line)
    break
  }
  await watched
  if (phase === 'start') child.kill('SIGKILL')
  await exited
  return result
}

/**
 * `bgt get -i LIST` against a server that never answers: lines accepted a second, durable and told with --json, the start of
 * the process and the reading of the list included; and seconds until its first connection.
 */
async function takeList(directory, size, server, origin) {
  const list = join(directory, 'list')
  await writeFile(list, Array.from({length: size}, (_, n) => `${origin}/files/${n}.bin\n`).join(''))
  const [out, store] = [join(directory, 'got'), join(directory, 'list-store')]
  await mkdir(out)
  const began = performance.now()
  const connected = once(server, 'connection').then(() => (performance.now() - began) / 1000)
  const child = spawn(process.execPath, [BGT, 'get', '-i', list, '-d', out, '--store', store, '--json'], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const exited = once(child, 'exit')
  const left = await countQueued(child.stdout, size)
  const seconds = (performance.now() - began) / 1000
  const listMemory = await anonymousMiB(child.pid)
  child.kill('SIGKILL')
  await exited
  if (left > 0) throw new Error(`${left} lines of the list were not accepted`)
  return {listRate: size / seconds, listConnected: await connected, listMemory}
}

/** Resolves when so many events were told, with how many are missing at the end. Counted in whole chunks: this process must not be what it waits for. */
async function countQueued(stdout, expected) {
  const mark = '"event":"queued"'
  let left = expected
  let rest = ''
  for await (const chunk of stdout.iterator({destroyOnReturn: false})) {
    const text = rest + chunk.toString('latin1')
    let end = 0
    for (let at = text.indexOf(mark); at !== -1; at = text.indexOf(mark, end)) {
      left -= 1
      end = at + mark.length
    }
    if (left === 0) break
    rest = text.slice(Math.max(end, text.length - mark.length + 1))
  }
  return left
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
  const {open} = await run('start', [directory, 0, ''], async (child) => {
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
  return {open, seconds, peak, settled}
}

/** A directory and a server that takes connections and never answers: whoever is first stays first. */
async function withPlace(use) {
  const directory = await mkdtemp(join(tmpdir(), 'backlog-'))
  await mkdir(join(directory, 'out'))
  const sockets = new Set()
  const server = createServer((socket) => {
    sockets.add(socket)
    socket.on('error', () => {})
    socket.on('close', () => sockets.delete(socket))
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  try {
    return await use({directory, server, origin: `http://127.0.0.1:${server.address().port}`})
  } finally {
    for (const socket of sockets) socket.destroy()
    server.close()
    await rm(directory, {recursive: true, force: true})
  }
}

async function measureStarts(directory, server, rounds) {
  const starts = []
  for (let round = 0; round < rounds; round += 1) starts.push(await measureStart(directory, server))
  return {
    open: median(starts.map((each) => each.open)),
    start: median(starts.map((each) => each.seconds)),
    settled: median(starts.map((each) => each.settled)),
    peak: Math.max(...starts.map((each) => each.peak)),
  }
}

function measure(size, rounds) {
  return withPlace(async ({directory, server, origin}) => {
    const list = await takeList(directory, size, server, origin)
    const {created, seconds} = await run('create', [directory, size, origin])
    const starts = await measureStarts(directory, server, rounds)
    const commands = await run('command', [directory, size, origin])
    return {size, rate: created / seconds, ...list, ...starts, ...commands}
  })
}

function measureGroups(size, rounds) {
  return withPlace(async ({directory, server, origin}) => {
    const {created, seconds} = await run('createGroups', [directory, size, origin])
    return {size, rate: created / seconds, ...(await measureStarts(directory, server, rounds))}
  })
}

const STARTS = [
  ['open', ({open}) => `${(open / 1000).toFixed(2)} s`],
  ['process start to the first connection', ({start}) => `${start.toFixed(2)} s`],
  ['RssAnon, a second later', ({settled}) => `${settled.toFixed(0)} MiB`],
  ['RssAnon, at most', ({peak}) => `${peak.toFixed(0)} MiB`],
]

const ROWS = [
  ['created a second, durable', ({rate}) => Math.round(rate).toLocaleString('en')],
  ['lines of a list a second, by `bgt get -i`', ({listRate}) => Math.round(listRate).toLocaleString('en')],
  ['its start to the first connection', ({listConnected}) => `${listConnected.toFixed(2)} s`],
  ['its RssAnon at the end', ({listMemory}) => `${listMemory.toFixed(0)} MiB`],
  ...STARTS,
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

const GROUP_ROWS = [['created a second, one by one', ({rate}) => Math.round(rate).toLocaleString('en')], ...STARTS]

function tableOf(rows, results) {
  const line = (cells) => `| ${cells.join(' | ')} |`
  return [
    line(['', ...results.map(({size}) => size.toLocaleString('en'))]),
    line(['---', ...results.map(() => '---:')]),
    ...rows.map(([name, show]) => line([name, ...results.map(show)])),
  ].join('\n')
}

async function machineOf() {
  const {version} = JSON.parse(await readFile(join(ROOT, 'node_modules', 'classic-level', 'package.json'), 'utf8'))
  const [{model}] = cpus()
  const memory = `${Math.round(totalmem() / 2 ** 30)} GiB`
  return `${cpus().length} × ${model.trim()}, ${memory}, ${process.platform} ${release().split('-', 1)[0]}, Node.js ${process.version}, classic-level ${version}`
}

async function writePage(mark, table) {
  const [begin, end] = [`<!-- ${mark}: begin -->`, `<!-- ${mark}: end -->`]
  const date = new Date().toISOString().slice(0, 10)
  const text = await readFile(PAGE, 'utf8')
  const [before, rest] = text.split(begin)
  const after = rest?.split(end)[1]
  if (after === undefined) throw new Error(`${PAGE} has no markers for ${mark}`)
  const section = `${begin}\n\n${date}, ${await machineOf()}. Command: \`npm run bench:backlog\`.\n\n${table}\n\n${end}`
  await writeFile(PAGE, before + section + after)
}

async function main() {
  const {values, positionals} = parseArgs({
    allowPositionals: true,
    options: {
      phase: {type: 'string'},
      sizes: {type: 'string', default: '10000,100000,1000000'},
      groups: {type: 'string', default: '10,1000,10000,100000'},
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
  for (const [mark, sizes, rows, measureOne] of [
    ['backlog', values.sizes, ROWS, measure],
    ['groups', values.groups, GROUP_ROWS, measureGroups],
  ]) {
    const results = []
    for (const size of sizes.split(',').filter(Boolean).map(Number)) {
      console.error(`${mark}, ${size.toLocaleString('en')} …`)
      results.push(await measureOne(size, Number(values.rounds)))
    }
    if (results.length === 0) continue
    const table = tableOf(rows, results)
    console.log(table)
    if (values.write) await writePage(mark, table)
  }
}

await main()
