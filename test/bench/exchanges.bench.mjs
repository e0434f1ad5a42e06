/**
 * What one exchange of a small file costs below the Transport port, by us and by undici alone: exchanges a second and microseconds
 * of CPU (user, system) for each, 16 at once against nginx on loopback. Each round is a process of its own; the ways alternate.
 *
 *   npm run build && node test/bench/exchanges.bench.mjs [ROUNDS] [COUNT] [BYTES] [plain|tls]
 */

import {execFileSync} from 'node:child_process'
import {mkdir, mkdtemp, readFile, rm, writeFile} from 'node:fs/promises'
import {tmpdir} from 'node:os'
import {join} from 'node:path'
import {fileURLToPath} from 'node:url'
import {startNginx} from './bench-servers.mjs'
import {median} from './measured-run.mjs'

const AT_ONCE = 16
const SELF = fileURLToPath(import.meta.url)
/** JavaScript that was not compiled yet is another thing to measure. */
const WARM_UP = 0.2

if (process.argv[2] === 'child') {
  const [way, url, count, certificate] = process.argv.slice(3)
  console.log(JSON.stringify(await measure(way, url, Number(count), certificate)))
} else {
  const [rounds = '7', count = '20000', bytes = '16384', scheme = 'plain'] = process.argv.slice(2)
  await compare(Number(rounds), count, Number(bytes), scheme)
}

async function compare(rounds, count, bytes, scheme) {
  const directory = await mkdtemp(join(tmpdir(), 'exchanges-'))
  const www = join(directory, 'www')
  await mkdir(www)
  await writeFile(join(www, 'file'), Buffer.alloc(bytes, 'a'))
  const nginx = await startNginx(join(directory, 'nginx'), www)
  const results = {ours: [], undici: []}
  try {
    for (let round = 0; round < rounds; round += 1) {
      for (const [way, all] of Object.entries(results)) {
        const args = [SELF, 'child', way, `${nginx[scheme]}/file`, count, nginx.certificate]
        all.push(JSON.parse(execFileSync(process.execPath, args, {encoding: 'utf8'})))
      }
    }
  } finally {
    await nginx.stop()
    await rm(directory, {recursive: true})
  }
  for (const [way, all] of Object.entries(results)) {
    const middle = (name) => median(all.map((each) => each[name]))
    const cpu = `${middle('user').toFixed(1)} + ${middle('system').toFixed(1)}`
    console.log(`${way}: ${Math.round(middle('rate'))} exchanges a second, ${cpu} µs of CPU for each`)
  }
}

async function measure(way, url, count, certificate) {
  const module = new URL('../../dist/src/adapters/http/http-transport.js', import.meta.url)
  const {createHttpTransport} = await import(fileURLToPath(module))
  const transport = createHttpTransport({tls: {ca: await readFile(certificate)}}, {undiciOnly: way === 'undici'})
  const request = {
    url,
    method: 'GET',
    headers: [
      ['Accept-Encoding', 'identity'],
      ['User-Agent', 'bench'],
    ],
  }
  let left = 0
  const one = async (memory) => {
    // Making one costs as much as a fourth of the exchange, and is the caller's.
    const {signal} = new AbortController()
    const receiver = {
      connected: () => {},
      responded: () => 'receive',
      lend: () => memory.pop(),
      filled: (buffer) => memory.push(buffer),
      release: (buffer) => memory.push(buffer),
    }
    while (left > 0) {
      left -= 1
      await transport.exchange(request, receiver, signal).finished
    }
  }
  const run = async (exchanges) => {
    left = exchanges
    await Promise.all(Array.from({length: AT_ONCE}, () => one([Buffer.alloc(65_536)])))
  }
  await run(count * WARM_UP)
  const [began, before] = [performance.now(), process.cpuUsage()]
  await run(count)
  const [seconds, {user, system}] = [(performance.now() - began) / 1000, process.cpuUsage(before)]
  await transport.close()
  return {rate: count / seconds, user: user / count, system: system / count}
}
