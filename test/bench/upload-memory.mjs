/**
 * Memory of a large upload: a form whose one file has BGT_UPLOAD_GIB (8 by default) goes to a server that takes it, by the built
 * package, and the peak of resident memory is printed. Ends with 1 when that is more than 150 MiB. Not for CI: it takes minutes.
 * `npm run build && node test/bench/upload-memory.mjs`
 */

import {spawn} from 'node:child_process'
import {once} from 'node:events'
import {mkdtemp, open, rm} from 'node:fs/promises'
import {createServer} from 'node:http'
import {tmpdir} from 'node:os'
import {join} from 'node:path'
import {fileURLToPath} from 'node:url'

const MIB = 1024 ** 2
const SIZE = Number(process.env.BGT_UPLOAD_GIB ?? 8) * 1024 ** 3
const MOST_MIB = 150

if (process.argv[2] === 'send') await send(process.argv[3], process.argv[4], process.argv[5])
else await measure()

/** The process that is measured: nothing but the engine. */
async function send(directory, file, url) {
  const {BackgroundTransferContentPart, BackgroundTransferEngine} = await import('../../dist/src/index.js')
  const engine = await BackgroundTransferEngine.open({directory, conditions: 'good'})
  const part = new BackgroundTransferContentPart('file', 'large.bin')
  part.setFile(file)
  const upload = await engine.createUploader().createUploadAsync(url, [part])
  await upload.startAsync()
  const {bytesSent} = upload.progress
  await engine.close()
  console.log(JSON.stringify({bytesSent, peakMib: process.resourceUsage().maxRSS / 1024}))
}

async function measure() {
  const directory = await mkdtemp(join(tmpdir(), 'upload-memory-'))
  let taken = 0
  const server = createServer((request, response) => {
    request.on('data', (chunk) => (taken += chunk.length))
    request.on('end', () => response.end())
  })
  try {
    const file = join(directory, 'large.bin')
    const handle = await open(file, 'w')
    await handle.truncate(SIZE)
    await handle.close()
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    const url = `http://127.0.0.1:${server.address().port}/`
    const script = fileURLToPath(import.meta.url)
    const child = spawn(process.execPath, [script, 'send', join(directory, 'store'), file, url], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    let said = ''
    child.stdout.on('data', (chunk) => (said += chunk))
    const began = performance.now()
    const [code] = await once(child, 'close')
    if (code !== 0) throw new Error(`the sender ended with ${code}`)
    const seconds = (performance.now() - began) / 1000
    const {bytesSent, peakMib} = JSON.parse(said)
    console.log(
      `${bytesSent} bytes sent, ${taken} taken, ${Math.round(SIZE / MIB / seconds)} MiB/s, peak ${Math.round(peakMib)} MiB`,
    )
    if (taken !== bytesSent || taken < SIZE || peakMib > MOST_MIB) process.exitCode = 1
  } finally {
    server.closeAllConnections()
    server.close()
    await rm(directory, {recursive: true, force: true})
  }
}
