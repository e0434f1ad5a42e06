/**
 * What an attached inspector costs the byte path: the same download with and without `engine.inspect()` and a client that
 * reads its event stream, in alternating rounds, each in a process of its own. Needs the built library.
 *
 *   node test/bench/inspector.bench.mjs [--mib 1024] [--rounds 7]
 */

import {fork} from 'node:child_process'
import {once} from 'node:events'
import {mkdtemp, rm} from 'node:fs/promises'
import {createServer} from 'node:http'
import {tmpdir} from 'node:os'
import {join} from 'node:path'
import {fileURLToPath} from 'node:url'
import {parseArgs} from 'node:util'

const SELF = fileURLToPath(import.meta.url)
const median = (values) => values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN

/** In the measured process: one download; answers CPU seconds and wall seconds. */
async function measure({url, directory, inspected}) {
  const {BackgroundTransferEngine} = await import('../../dist/src/index.js')
  const engine = await BackgroundTransferEngine.open({directory: join(directory, 'store'), durability: 'process'})
  const inspector = inspected ? await engine.inspect() : undefined
  if (inspector !== undefined) process.send({page: inspector.url})
  if (inspector !== undefined) await once(process, 'message')
  const cpu = process.cpuUsage()
  const began = performance.now()
  await engine.createDownloader().createDownload(url, join(directory, 'file')).startAsync()
  const wall = (performance.now() - began) / 1000
  const {user, system} = process.cpuUsage(cpu)
  await engine.close()
  await inspector?.close()
  process.send({cpu: (user + system) / 1e6, wall})
  process.disconnect()
}

/** In a process of its own, so that its CPU is not the engine's: reads the stream until it ends. */
async function watch({page}) {
  const {origin, hash} = new URL(page)
  const answer = await fetch(`${origin}/api/v1/events`, {
    headers: {authorization: `Bearer ${hash.replace(/^#(token=)?/, '')}`},
  })
  if (answer.status !== 200) throw new Error(`the event stream answered ${answer.status}`)
  process.send('reading')
  try {
    for await (const _ of answer.body);
  } catch {
    // The engine closed.
  }
  process.disconnect()
}

async function serve({bytes}) {
  const chunk = Buffer.alloc(1024 * 1024, 7)
  const server = createServer(async (_, response) => {
    response.writeHead(200, {'content-length': bytes, etag: '"bench"'})
    for (let sent = 0; sent < bytes; sent += chunk.length) {
      if (!response.write(chunk)) await once(response, 'drain')
    }
    response.end()
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  process.send({url: `http://127.0.0.1:${server.address().port}/file`})
}

async function round(url, inspected) {
  const directory = await mkdtemp(join(tmpdir(), 'inspector-bench-'))
  const child = fork(SELF, [])
  child.send({role: 'measure', url, directory, inspected})
  if (inspected) {
    const [{page}] = await once(child, 'message')
    const watcher = fork(SELF, [])
    watcher.send({role: 'watch', page})
    await once(watcher, 'message')
    child.send('watched')
  }
  const [result] = await once(child, 'message')
  await once(child, 'exit')
  await rm(directory, {recursive: true})
  return result
}

async function main() {
  const {values} = parseArgs({
    options: {mib: {type: 'string', default: '1024'}, rounds: {type: 'string', default: '7'}},
  })
  const server = fork(SELF, [])
  server.send({role: 'serve', bytes: Number(values.mib) * 1024 * 1024})
  const [{url}] = await once(server, 'message')
  const plain = []
  const watched = []
  for (let n = 0; n < Number(values.rounds); n += 1) {
    plain.push(await round(url, false))
    watched.push(await round(url, true))
  }
  server.kill()
  for (const figure of ['cpu', 'wall']) {
    const [a, b] = [plain, watched].map((rounds) => rounds.map((each) => each[figure]))
    const spread = (values) =>
      `${median(values).toFixed(3)} s (${Math.min(...values).toFixed(3)}–${Math.max(...values).toFixed(3)})`
    const ratio = median(b.map((value, at) => value / a[at]))
    console.log(`${figure}: alone ${spread(a)}, inspected ${spread(b)}, median of paired ratios ${ratio.toFixed(3)}`)
  }
}

if (process.send === undefined) await main()
else process.once('message', ({role, ...work}) => ({measure, watch, serve})[role](work))
