/**
 * What clients that look on cost the byte path of a host: 10 downloads at once, in rounds of three runs. In one there are no
 * clients. In the other two there are 100, of which each follows the progress of 10 downloads (1000 subscriptions): those of this
 * host, or those of another host of the same machine, which trickle. Nothing but who serves the clients differs between these two,
 * so that the CPU seconds of the host in one and in the other tell what it costs to serve them, and the first run beside them what it
 * costs that there are other processes on the same cores.
 *
 *   node test/bench/host-clients.bench.mjs [ROUNDS [MIB_EACH]]
 *
 * The clients live in one process of their own. The wall time is that of the machine: it shows what all of them together take.
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
import {spread} from './measured-run.mjs'

const FILES = 10
const CLIENTS = 100
const RUNS = ['nobody', 'elsewhere', 'here']
const MIB = 1024 * 1024
const SELF = fileURLToPath(import.meta.url)
const BGT = fileURLToPath(new URL('../../dist/src/cli/bgt.cjs', import.meta.url))
const library = () => import(new URL('../../dist/src/index.js', import.meta.url).href)

const roles = {server, clients, measure}
const [role = '6', ...rest] = process.argv.slice(2)
await (roles[role] ?? measure)(...(role in roles ? rest : [role, ...rest]))

/** Sends heads at once, and bodies from the moment that /go is asked for; below /slow bodies that trickle, and do not end. */
async function server(bytes) {
  const drop = Buffer.alloc(16 * 1024, 7)
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
    const isSlow = request.url.startsWith('/slow')
    response.writeHead(200, {'content-length': isSlow ? 256 * MIB : bytes, etag: '"1"'})
    response.flushHeaders()
    if (isSlow) {
      const trickling = setInterval(() => response.write(drop), 50)
      response.on('close', () => clearInterval(trickling))
      return
    }
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

/** Follows each of the operations with each of so many clients; prints a line when all do, and how much they were told once asked. */
async function clients(directory, count, ...guids) {
  const {BackgroundTransferEngine} = await library()
  let told = 0
  for (let n = 0; n < Number(count); n += 1) {
    const engine = await BackgroundTransferEngine.connect({directory})
    for (const guid of guids) {
      const running = (await engine.getDownloadAsync(guid)).attachAsync()
      running.progress$.subscribe(() => (told += 1))
      running.catch(() => undefined)
    }
  }
  console.log('ready')
  process.stdin.on('data', () => console.log(told))
}

async function measure(rounds = '6', mib = '200') {
  const all = []
  for (let round = 0; round < Number(rounds); round += 1) {
    const figures = {}
    // Each is first, second and last as often as the others.
    for (const n of [0, 1, 2]) {
      const which = RUNS[(round + n) % RUNS.length]
      figures[which] = await run(which, mib)
    }
    all.push(figures)
    process.stderr.write(`${JSON.stringify(figures)}\n`)
  }
  const of = (which, what) => all.map((figures) => figures[which][what])
  const ratio = (which, to, what) => spread(all.map((figures) => figures[which][what] / figures[to][what]))
  for (const which of RUNS) {
    const [cpu, wall, share] = ['cpu', 'wall', 'clientsCpu'].map((what) => spread(of(which, what)))
    console.log(
      `${which}: CPU of the host ${cpu} s a GiB, wall ${wall} s a GiB, CPU of the clients ${share} s a second`,
    )
  }
  console.log(`to serve them, CPU: ${ratio('here', 'elsewhere', 'cpu')}, wall: ${ratio('here', 'elsewhere', 'wall')}`)
  console.log(
    `that they are there, CPU: ${ratio('elsewhere', 'nobody', 'cpu')}, wall: ${ratio('elsewhere', 'nobody', 'wall')}`,
  )
  console.log(`both, CPU: ${ratio('here', 'nobody', 'cpu')}, wall: ${ratio('here', 'nobody', 'wall')}`)
  console.log(`notices a second: ${spread(of('here', 'told'))} here, ${spread(of('elsewhere', 'told'))} elsewhere`)
}

async function run(which, mib) {
  const directory = await mkdtemp(join(tmpdir(), 'host-clients-'))
  const children = []
  const engines = []
  const start = async (...args) => {
    const child = spawn(process.execPath, args, {stdio: ['pipe', 'pipe', 'inherit']})
    children.push(child)
    const lines = createInterface({input: child.stdout})[Symbol.asyncIterator]()
    return {child, lines, first: (await lines.next()).value}
  }
  const limits = ['--max-concurrent', String(FILES), '--max-connections-per-origin', String(FILES)]
  const startHost = async (name, url) => {
    const store = join(directory, name)
    const {child} = await start(
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
    engines.push(engine)
    const downloader = engine.createDownloader()
    const operations = Array.from({length: FILES}, (_, n) =>
      downloader.createDownload(`${url}/${n}`, join(directory, `${name}-${n}`)),
    )
    const running = operations.map((operation) => operation.startAsync())
    for (const each of running) each.catch(() => undefined)
    await Promise.all(running.map(({accepted}) => accepted))
    return {pid: child.pid, store, operations, running}
  }
  try {
    const {first: port} = await start(SELF, 'server', String(Number(mib) * MIB))
    const origin = `http://127.0.0.1:${port}`
    const host = await startHost('here', origin)
    const other = which === 'nobody' ? undefined : await startHost('elsewhere', `${origin}/slow`)
    const {store, operations} = which === 'elsewhere' ? other : host
    const guids = operations.map(({guid}) => guid)
    const followers = which === 'nobody' ? undefined : await start(SELF, 'clients', store, String(CLIENTS), ...guids)
    const told = async () => {
      followers?.child.stdin.write('\n')
      return followers === undefined ? 0 : Number((await followers.lines.next()).value)
    }
    const at = () => ({
      cpu: cpuOf(host.pid),
      clientsCpu: followers === undefined ? 0 : cpuOf(followers.child.pid),
      wall: performance.now() / 1000,
      bytes: host.operations.reduce((sum, {progress}) => sum + progress.bytesReceived, 0),
    })
    await fetch(`${origin}/go`)
    // What begins and ends is not the byte path.
    const all = FILES * Number(mib) * MIB
    const from = await until(at, all * 0.1)
    const toldBefore = await told()
    const to = await until(at, all * 0.9)
    const toldAfter = await told()
    await Promise.all(host.running)
    const gibibytes = (to.bytes - from.bytes) / 1024 ** 3
    const seconds = to.wall - from.wall
    return {
      cpu: (to.cpu - from.cpu) / gibibytes,
      wall: seconds / gibibytes,
      clientsCpu: (to.clientsCpu - from.clientsCpu) / seconds,
      told: (toldAfter - toldBefore) / seconds,
    }
  } finally {
    await Promise.all(engines.map((engine) => engine.close()))
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
