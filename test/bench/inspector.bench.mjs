/**
 * What an attached inspector costs the byte path: the same download again and again in one process, in pairs, one of each with
 * `engine.inspect()` and a client that reads its event stream as the page does. Which of a pair goes first alternates. CPU is that
 * of the engine's process alone: server and client have their own. Needs the built library.
 *
 *   node test/bench/inspector.bench.mjs [--mib 512] [--pairs 40]
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
/** Of its own kind each: caches, compiled code and the first growth of the heap. */
const WARM_UPS = 4

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

/** Reads each stream that it is told of until that ends. */
async function watch() {
  process.on('message', async ({page}) => {
    const {origin, hash} = new URL(page)
    const answer = await fetch(`${origin}/api/v1/events`, {
      headers: {authorization: `Bearer ${hash.replace(/^#(token=)?/, '')}`},
    })
    process.send({status: answer.status})
    try {
      for await (const _ of answer.body);
    } catch {
      // The inspector closed.
    }
  })
}

async function ask(child, message) {
  const answer = once(child, 'message')
  child.send(message)
  const [said] = await answer
  return said
}

/** CPU and wall seconds of one download. */
async function measure(engine, {url, file, watcher}) {
  const inspector = watcher === undefined ? undefined : await engine.inspect()
  if (inspector !== undefined) {
    const {status} = await ask(watcher, {page: inspector.url})
    if (status !== 200) throw new Error(`the event stream answered ${status}`)
  }
  globalThis.gc?.()
  const cpu = process.cpuUsage()
  const began = performance.now()
  await engine.createDownloader().createDownload(url, file).startAsync()
  const wall = (performance.now() - began) / 1000
  const {user, system} = process.cpuUsage(cpu)
  await inspector?.close()
  await rm(file)
  return {cpu: (user + system) / 1e6, wall}
}

/** The middle, and the bounds between which the true median lies 19 times out of 20 (by the order of the values). */
function middleOf(values) {
  const sorted = values.toSorted((a, b) => a - b)
  const {length} = sorted
  const reach = 0.98 * Math.sqrt(length)
  const at = (rank) => sorted[Math.min(length - 1, Math.max(0, Math.round(rank)))]
  return {median: at((length - 1) / 2), low: at(length / 2 - reach - 1), high: at(length / 2 + reach)}
}

async function main() {
  const {values} = parseArgs({
    options: {mib: {type: 'string', default: '512'}, pairs: {type: 'string', default: '40'}},
  })
  const {BackgroundTransferEngine} = await import('../../dist/src/index.js')
  const directory = await mkdtemp(join(tmpdir(), 'inspector-bench-'))
  const engine = await BackgroundTransferEngine.open({directory: join(directory, 'store'), durability: 'process'})
  const server = fork(SELF, ['serve'])
  const {url} = await ask(server, {bytes: Number(values.mib) * 1024 * 1024})
  const watcher = fork(SELF, ['watch'])
  const [alone, inspected] = [[], []]
  try {
    for (let n = 0; n < Number(values.pairs) + WARM_UPS; n += 1) {
      const pair = [
        [alone, undefined],
        [inspected, watcher],
      ]
      for (const [results, by] of n % 2 === 0 ? pair : pair.reverse()) {
        const result = await measure(engine, {url, file: join(directory, 'file'), watcher: by})
        if (n >= WARM_UPS) results.push(result)
      }
    }
  } finally {
    server.kill()
    watcher.kill()
    await engine.close()
    await rm(directory, {recursive: true})
  }
  for (const figure of ['cpu', 'wall']) {
    const [a, b] = [alone, inspected].map((results) => results.map((each) => each[figure]))
    const {median, low, high} = middleOf(b.map((value, at) => value / a[at]))
    const seconds = [a, b].map((each) => `${middleOf(each).median.toFixed(3)} s`)
    console.log(
      `${figure}: alone ${seconds[0]}, inspected ${seconds[1]}; median of ${a.length} paired ratios ${median.toFixed(3)} (95 %: ${low.toFixed(3)} to ${high.toFixed(3)})`,
    )
  }
}

const role = {serve, watch}[process.argv[2]]
if (role === undefined) await main()
else if (role === watch) await watch()
else process.once('message', serve)
