/**
 * What clients that look on cost the byte path of a host: 10 downloads at once, with nobody there, and with 100 clients of which
 * each follows the progress of all of them (1000 subscriptions). Prints, as medians of paired rounds: the CPU seconds of the host and the wall time, with
 * and without.
 *
 *   node test/bench/host-clients.bench.mjs [ROUNDS [MIB_EACH]]
 *
 * The clients live in one process of their own, whose share of the machine is their business and shows in the wall time alone.
 */

import {spawn} from 'node:child_process'
import {once} from 'node:events'
import {readFileSync} from 'node:fs'
import {mkdtemp, rm} from 'node:fs/promises'
import {createServer} from 'node:http'
import {tmpdir} from 'node:os'
import {join} from 'node:path'
import {createInterface} from 'node:readline'
import {Readable} from 'node:stream'
import {pipeline} from 'node:stream/promises'
import {fileURLToPath} from 'node:url'
import {median, spread} from './measured-run.mjs'

const FILES = 10
const CLIENTS = 100
const MIB = 1024 * 1024
const SELF = fileURLToPath(import.meta.url)
const BGT = fileURLToPath(new URL('../../dist/src/cli/bgt.js', import.meta.url))
const library = () => import(new URL('../../dist/src/index.js', import.meta.url).href)

const roles = {server, clients, measure}
const [role = '5', ...rest] = process.argv.slice(2)
await (roles[role] ?? measure)(...(role in roles ? rest : [role, ...rest]))

/** Sends heads at once, and bodies from the moment that /go is asked for. */
async function server(bytes) {
  const chunk = Buffer.alloc(256 * 1024, 7)
  let go = () => {}
  const gone = new Promise((resolve) => {
    go = resolve
  })
  const listening = createServer(async (request, response) => {
    if (request.url === '/go') {
      go()
      response.end()
      return
    }
    response.writeHead(200, {'content-length': bytes, etag: '"1"'})
    response.flushHeaders()
    await gone
    const body = function* () {
      for (let left = Number(bytes); left > 0; left -= chunk.length)
        yield left < chunk.length ? chunk.subarray(0, left) : chunk
    }
    await pipeline(Readable.from(body(), {objectMode: true, highWaterMark: 1}), response).catch(() => undefined)
  }).listen(0, '127.0.0.1')
  await once(listening, 'listening')
  console.log(listening.address().port)
}

/** Follows each of the operations with each of so many clients; prints a line when all do, and how much they were told at the end. */
async function clients(directory, count, ...guids) {
  const {BackgroundTransferEngine} = await library()
  let told = 0
  const ended = []
  for (let n = 0; n < Number(count); n += 1) {
    const engine = await BackgroundTransferEngine.connect({directory})
    for (const guid of guids) {
      const running = (await engine.getDownloadAsync(guid)).attachAsync()
      running.progress$.subscribe(() => (told += 1))
      ended.push(running)
    }
  }
  console.log('ready')
  await Promise.all(ended)
  console.log(told)
  process.exit(0)
}

async function measure(rounds = '5', mib = '200') {
  const pairs = []
  for (let round = 0; round < Number(rounds); round += 1) {
    const without = round % 2 === 0 ? await run(0, mib) : undefined
    const withThem = await run(CLIENTS, mib)
    pairs.push({without: without ?? (await run(0, mib)), withThem})
    process.stderr.write(`${JSON.stringify(pairs.at(-1))}\n`)
  }
  const ratio = (what) => pairs.map(({without, withThem}) => withThem[what] / without[what])
  const of = (which, what) => pairs.map((pair) => pair[which][what])
  for (const what of ['cpu', 'wall']) {
    console.log(
      `${what}: without ${spread(of('without', what))} s a GiB, with ${spread(of('withThem', what))} s a GiB, ratio ${spread(ratio(what))}`,
    )
  }
  console.log(`told: ${median(of('withThem', 'told'))} of ${FILES * CLIENTS} subscriptions a run`)
}

async function run(count, mib) {
  const directory = await mkdtemp(join(tmpdir(), 'host-clients-'))
  const store = join(directory, 'store')
  const children = []
  const start = async (...args) => {
    const child = spawn(process.execPath, args, {stdio: ['ignore', 'pipe', 'inherit']})
    children.push(child)
    const lines = createInterface({input: child.stdout})[Symbol.asyncIterator]()
    return {child, lines, first: (await lines.next()).value}
  }
  try {
    const {first: port} = await start(SELF, 'server', String(Number(mib) * MIB))
    const origin = `http://127.0.0.1:${port}`
    const limits = ['--max-concurrent', String(FILES), '--max-connections-per-origin', String(FILES)]
    const {child: host} = await start(
      BGT,
      'host',
      '--store',
      store,
      '--conditions',
      'good',
      '--durability',
      'process',
      ...limits,
    )
    const {BackgroundTransferEngine} = await library()
    const engine = await BackgroundTransferEngine.connect({directory: store})
    const downloader = engine.createDownloader()
    const operations = Array.from({length: FILES}, (_, n) =>
      downloader.createDownload(`${origin}/${n}`, join(directory, String(n))),
    )
    const running = operations.map((operation) => operation.startAsync())
    await Promise.all(running.map(({accepted}) => accepted))
    const followers =
      count === 0 ? undefined : await start(SELF, 'clients', store, String(count), ...operations.map(({guid}) => guid))
    const at = () => ({
      cpu: cpuOf(host.pid),
      wall: performance.now() / 1000,
      bytes: operations.reduce((sum, {progress}) => sum + progress.bytesReceived, 0),
    })
    await fetch(`${origin}/go`)
    // What begins and ends is not the byte path.
    const all = FILES * Number(mib) * MIB
    const [from, to] = [await until(at, all * 0.1), await until(at, all * 0.9)]
    await Promise.all(running)
    const gibibytes = (to.bytes - from.bytes) / 1024 ** 3
    const cpu = (to.cpu - from.cpu) / gibibytes
    const wall = (to.wall - from.wall) / gibibytes
    const told = followers === undefined ? 0 : Number((await followers.lines.next()).value)
    await engine.close()
    return {cpu, wall, told}
  } finally {
    for (const child of children) {
      const ended = child.exitCode === null && child.signalCode === null ? once(child, 'exit') : undefined
      child.kill('SIGKILL')
      await ended
    }
    await rm(directory, {recursive: true, force: true})
  }
}

/** Looks often enough for a percent of a run. */
async function until(at, bytes) {
  for (;;) {
    const seen = at()
    if (seen.bytes >= bytes) return seen
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
}

/** Seconds of user and system, of a process of Linux. */
function cpuOf(pid) {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1].split(' ')
  return (Number(fields[11]) + Number(fields[12])) / 100
}
