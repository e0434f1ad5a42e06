/**
 * What progress costs with 10,000 operations that all move: prints the share of one core, in percent, that the shared ticker and
 * whoever it tells take. The operations are real, down to the transport: that one counts bytes that never come.
 *
 *   node test/bench/progress-load.mjs batches|subscribers|readers STORE [COUNT]
 *
 * `batches`: one subscriber of the engine's events. `subscribers`: and one of each operation's `progress$`. `readers`: and that one
 * reads `progress` each time.
 */

import {join} from 'node:path'
import {fileURLToPath} from 'node:url'

const fromDist = (module) => import(fileURLToPath(new URL(`../../dist/src/${module}`, import.meta.url)))
const {createPlatform} = await fromDist('platform.js')
const {Engine} = await fromDist('engine/engine.js')
const {BackgroundDownloader} = await fromDist('namespace/background-downloader.js')
const {BackgroundTransferGroup} = await fromDist('namespace/background-transfer-group.js')

const [mode, directory, given = '10000'] = process.argv.slice(2)
const count = Number(given)
const TICKS = 50
const TICK_MS = 100
/** Room on the disk is claimed for all of them. */
const BYTES = 256 * 1024
/** As much comes of each between two ticks. */
const STEP = 64

/** Called for each exchange when more of its body has come. */
const moves = []

/** Answers each request with a long body, of which nothing but the count of its bytes ever arrives. */
const transport = {
  exchange(request, receiver, signal) {
    let received = 0
    moves.push(() => {
      received += STEP
      receiver.moved()
    })
    const finished = new Promise((_, reject) => {
      signal.addEventListener('abort', () => reject(signal.reason), {once: true})
    })
    finished.catch(() => undefined)
    queueMicrotask(() => {
      receiver.connected()
      receiver.responded({status: 200, url: request.url, headers: [['Content-Length', String(BYTES)]]})
    })
    return {
      get received() {
        return received
      },
      sent: 0,
      given: 0,
      flush: () => {},
      resume: () => {},
      finished,
    }
  },
  close: async () => {},
}

/** The engine's clock, which adds up what the ticker's callbacks take of the processor: nothing else waits 100 ms for it. */
function watchedClock(clock) {
  const ticks = {spent: 0, count: 0}
  const watched = (fn) => () => {
    // The bytes are not the ticker's: in a real transfer what tells of them is a small share of what reads them.
    for (const move of moves) move()
    const before = process.cpuUsage()
    fn()
    const {user, system} = process.cpuUsage(before)
    ticks.spent += user + system
    ticks.count += 1
    ticks.told?.()
  }
  const setTimeout = (fn, delayMs) => clock.setTimeout(delayMs === TICK_MS ? watched(fn) : fn, delayMs)
  return {clock: {...clock, setTimeout}, ticks}
}

const platform = await createPlatform({directory, durability: 'process', conditions: 'good', transport})
const {clock, ticks} = watchedClock(platform.clock)
const engine = new Engine({...platform, clock}, {maxConcurrentTransfers: count})
await engine.open()

let told = 0
engine.events$.subscribe((event) => {
  if (event.type === 'progress') told += event.changes.length
})
/** What a group does at a start grows with its members, and is not what is measured. */
const GROUP = 100
const downloader = new BackgroundDownloader(engine)
const downloads = Array.from({length: count}, (_, n) => [`http://host-${n}.example/file`, join(directory, String(n))])
let seen = 0
const subscriber = {
  subscribers: () => ({next: () => (seen += 1), error: () => undefined}),
  readers: () => ({next: ({progress}) => (seen += Math.sign(progress.bytesReceived)), error: () => undefined}),
}[mode]
for (let from = 0; from < count; from += GROUP) {
  downloader.transferGroup = BackgroundTransferGroup.of(engine, `${from / GROUP}`)
  const members = downloads.slice(from, from + GROUP)
  if (subscriber === undefined) await downloader.createDownloads(members)
  else {
    for (const [url, file] of members) {
      const running = downloader.createDownload(url, file).startAsync()
      running.catch(() => undefined)
      running.progress$.subscribe(subscriber())
    }
  }
}

/** Resolves after so many more ticks. */
function ticked(wanted) {
  const end = ticks.count + wanted
  return new Promise((resolve) => {
    ticks.told = () => {
      if (ticks.count >= end) resolve()
    }
  })
}

for (let before = -1; told - before < count; ) {
  before = told
  await ticked(1)
}
await ticked(TICKS / 5)
seen = told = ticks.spent = 0
const began = performance.now()
await ticked(TICKS)
const wall = performance.now() - began
if (told < count * (TICKS - 1) || (subscriber !== undefined && seen < told))
  throw new Error(`${told} told, ${seen} seen`)
// At the pace that a machine with time to spare keeps, whatever this one did.
console.log((ticks.spent / 1000 / (TICKS * TICK_MS)) * 100)
process.stderr.write(`${told} told, ${seen} seen in ${Math.round(wall)} ms\n`)
process.exit(0)
