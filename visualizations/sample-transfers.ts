/** Real transfers to look at: a throttled server on 127.0.0.1, and an engine in the middle of a busy night. */

import {once} from 'node:events'
import {createServer, type IncomingMessage, type Server, type ServerResponse} from 'node:http'
import type {AddressInfo} from 'node:net'
import {basename, join} from 'node:path'
import {setTimeout as delay} from 'node:timers/promises'
import {BehaviorSubject} from 'rxjs'
import {
  BackgroundTransferBehavior,
  BackgroundTransferCostPolicy,
  BackgroundTransferEngine,
  type DownloadOperation,
  type DownloadOptions,
  GOOD_CONDITIONS,
} from '../src/index.ts'

const MIB = 1024 * 1024
const PULSE_MS = 50

interface Served {
  readonly size: number
  readonly rate: number
  /** What happens to the first requests, one each; later ones are served well. */
  readonly mishaps?: readonly ('busy' | 'gone' | {readonly cutAt: number})[]
}

const FILES: Readonly<Record<string, Served>> = {
  'database.tar.zst': {size: 96 * MIB, rate: 4.1 * MIB},
  'uploads.tar': {size: 400 * MIB, rate: 6 * MIB},
  'mail.mbox.zst': {size: 9 * MIB, rate: 6 * MIB},
  'audit-log.jsonl.gz': {size: 12 * MIB, rate: 6 * MIB},
  'ubuntu-26.04-live-server.iso': {size: 400 * MIB, rate: 1.6 * MIB},
  'chapter-07-4k.mkv': {
    size: 128 * MIB,
    rate: 5.2 * MIB,
    mishaps: ['busy', {cutAt: 9 * MIB}, {cutAt: 21 * MIB}],
  },
  'chapter-08-4k.mkv': {size: 72 * MIB, rate: 3.3 * MIB},
  'train-images.parquet': {size: 14 * MIB, rate: 12 * MIB},
  'report-2026-q3.pdf': {size: 2 * MIB, rate: 4 * MIB},
  'firmware-2.4.1.bin': {size: 256 * MIB, rate: 6 * MIB},
  'old-build.zip': {size: MIB, rate: MIB, mishaps: ['gone']},
}

export interface SampleTransfers {
  readonly engine: BackgroundTransferEngine
  readonly operations: Readonly<Record<string, DownloadOperation>>
  close(): Promise<void>
}

/** `directory`: for the store and the files; the caller's to remove. */
export async function startSampleTransfers(directory: string): Promise<SampleTransfers> {
  const server = createServer(serve())
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const {port} = server.address() as AddressInfo
  const conditions$ = new BehaviorSubject({
    ...GOOD_CONDITIONS,
    cost: {...GOOD_CONDITIONS.cost, type: 'fixed' as const},
  })
  const engine = await BackgroundTransferEngine.open({
    directory: join(directory, 'store'),
    durability: 'process',
    conditions: {conditions$},
    maxConcurrentTransfers: 6,
    retryDelayMs: 2500,
  })
  const operations: Record<string, DownloadOperation> = {}
  const begin = (
    name: string,
    group: string,
    address = `http://127.0.0.1:${port}/${name}`,
    options: DownloadOptions = {},
  ) => {
    const downloader = engine.createDownloader()
    if (group !== '') downloader.transferGroup = engine.createGroup(group)
    if (!address.includes('127.0.0.1')) downloader.costPolicy = BackgroundTransferCostPolicy.unrestrictedOnly
    const operation = downloader.createDownload(address, join(directory, name), options)
    operations[name] = operation
    operation.startAsync().catch(() => {})
  }
  engine.createGroup('nightly-backup').transferBehavior = BackgroundTransferBehavior.serialized
  for (const name of ['database.tar.zst', 'uploads.tar', 'audit-log.jsonl.gz', 'mail.mbox.zst'])
    begin(name, 'nightly-backup')
  // From two addresses over several connections; the first sends each of them on.
  const iso = 'ubuntu-26.04-live-server.iso'
  const mirrors = [`http://127.0.0.1:${port}/mirror/${iso}?token=9f3b`]
  begin(iso, 'media-sync', `http://127.0.0.1:${port}/latest/${iso}`, {connections: 4, mirrors})
  for (const name of ['chapter-07-4k.mkv', 'chapter-08-4k.mkv']) begin(name, 'media-sync')
  for (const name of ['report-2026-q3.pdf', 'train-images.parquet', 'old-build.zip']) begin(name, '')
  begin('firmware-2.4.1.bin', 'devices')
  // Never contacted: its cost policy forbids a metered network.
  begin('map-tiles-europe.mbtiles', 'devices', 'http://tiles.example.test/map-tiles-europe.mbtiles')
  return {
    engine,
    operations,
    close: async () => {
      await engine.close()
      await stop(server)
    },
  }
}

function serve(): (request: IncomingMessage, response: ServerResponse) => void {
  const asked = new Map<string, number>()
  return (request, response) => {
    const {pathname} = new URL(request.url ?? '/', 'http://127.0.0.1')
    const name = basename(pathname)
    if (pathname.startsWith('/latest/')) {
      response.writeHead(302, {Location: `/${name}`}).end()
      return
    }
    const file = FILES[name]
    const count = asked.get(name) ?? 0
    asked.set(name, count + 1)
    const mishap = file?.mishaps?.[count]
    if (file === undefined || mishap === 'gone') response.writeHead(410).end()
    else if (mishap === 'busy') response.writeHead(503, {'Retry-After': '2'}).end()
    else void send(request, response, name, file, mishap?.cutAt ?? file.size)
  }
}

async function send(
  request: IncomingMessage,
  response: ServerResponse,
  name: string,
  {size, rate}: Served,
  limit: number,
): Promise<void> {
  const etag = `"${name}-1"`
  const {range = '', 'if-range': condition} = request.headers
  const [, first = '0', last = String(size - 1)] =
    (condition === undefined || condition === etag ? /^bytes=(\d+)-(\d+)?$/.exec(range) : undefined) ?? []
  const from = Number(first)
  const isPart = from > 0 || Number(last) < size - 1
  const end = Math.min(limit, Number(last) + 1)
  response.writeHead(isPart ? 206 : 200, {
    ETag: etag,
    'Accept-Ranges': 'bytes',
    'Content-Type': 'application/octet-stream',
    'Content-Length': Number(last) + 1 - from,
    ...(isPart ? {'Content-Range': `bytes ${from}-${last}/${size}`} : {}),
  })
  const began = performance.now()
  for (let position = from; position < end && !response.destroyed; ) {
    // Drawn with a slow wave, so that the throughput has a shape.
    const wave = 1 + 0.35 * Math.sin((performance.now() - began) / 1900)
    const piece = response.writableNeedDrain ? 0 : Math.min(end - position, Math.round((rate * wave * PULSE_MS) / 1000))
    response.write(Buffer.alloc(piece))
    position += piece
    await delay(PULSE_MS)
  }
  if (end <= Number(last)) response.destroy()
  else response.end()
}

async function stop(server: Server): Promise<void> {
  server.closeAllConnections()
  server.close()
  await once(server, 'close')
}
