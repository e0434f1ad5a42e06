/**
 * The demo's own web server, on 127.0.0.1: throttles every answer, and treats the first requests of a file to a mishap each.
 * It honours Range and If-Range, so that what comes afterwards can go on where the mishap struck.
 */

import {createCipheriv, createHash} from 'node:crypto'
import {once} from 'node:events'
import {createServer, type IncomingMessage, type ServerResponse} from 'node:http'
import type {AddressInfo} from 'node:net'
import {setTimeout as delay} from 'node:timers/promises'

export interface ServedFile {
  readonly name: string
  readonly sizeBytes: number
  readonly bytesPerSecond: number
  /** One for each request of the file, in order; later requests are served well. */
  readonly mishaps: readonly Mishap[]
}

/** `at` is a position in the file. */
export type Mishap =
  | {readonly kind: 'cut'; readonly at: number}
  | {readonly kind: 'stall'; readonly at: number}
  | {readonly kind: 'busy'; readonly retryAfterSeconds: number}

export type ServerEvent =
  | {readonly type: 'answered'; readonly name: string; readonly status: number; readonly from: number}
  /** The server has sent the file up to here. */
  | {readonly type: 'sent'; readonly name: string; readonly position: number}
  | {readonly type: 'mishap'; readonly name: string; readonly mishap: Mishap}

export interface FlakyServer {
  url(name: string): string
  /** SHA-256 of a file's content, in hexadecimal. */
  digest(name: string): string
  /** Body bytes handed to connections so far, all files together. */
  readonly sentBytes: number
  /** Requests that were answered from the middle of a file. */
  readonly resumed: number
  close(): Promise<void>
}

const PULSE_MS = 20

export async function startFlakyServer(
  files: readonly ServedFile[],
  tell: (event: ServerEvent) => void,
): Promise<FlakyServer> {
  const shelf = new Map(files.map((file) => [`/${file.name}.bin`, {file, content: contentOf(file), requests: 0}]))
  let sentBytes = 0
  let resumed = 0

  const serve = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const item = shelf.get(request.url ?? '')
    if (item === undefined) {
      response.writeHead(404).end()
      return
    }
    const {file, content} = item
    const {name} = file
    const mishap = file.mishaps[item.requests]
    item.requests += 1
    if (mishap?.kind === 'busy') {
      tell({type: 'mishap', name, mishap})
      response.writeHead(503, {'Retry-After': mishap.retryAfterSeconds}).end()
      return
    }
    const etag = `"${name}-1"`
    const from = request.headers['if-range'] === etag ? rangeStart(request.headers.range, content.length) : 0
    const status = from === 0 ? 200 : 206
    if (from > 0) resumed += 1
    tell({type: 'answered', name, status, from})
    response.writeHead(status, {
      ETag: etag,
      'Accept-Ranges': 'bytes',
      'Content-Length': content.length - from,
      ...(from === 0 ? {} : {'Content-Range': `bytes ${from}-${content.length - 1}/${content.length}`}),
    })
    const piece = Math.round((file.bytesPerSecond * PULSE_MS) / 1000)
    for (let position = from; position < content.length && !response.destroyed; ) {
      const end = Math.min(position + piece, content.length)
      if (!(await send(response, content.subarray(position, end)))) return
      sentBytes += end - position
      position = end
      tell({type: 'sent', name, position})
      await delay(PULSE_MS)
      if (mishap !== undefined && position >= mishap.at) {
        tell({type: 'mishap', name, mishap})
        if (mishap.kind === 'cut') response.destroy()
        return
      }
    }
    response.end()
  }

  const server = createServer((request, response) => void serve(request, response))
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const {port} = server.address() as AddressInfo
  return {
    url: (name) => `http://127.0.0.1:${port}/${name}.bin`,
    digest: (name) =>
      createHash('sha256')
        .update(shelf.get(`/${name}.bin`)?.content ?? '')
        .digest('hex'),
    get sentBytes() {
      return sentBytes
    },
    get resumed() {
      return resumed
    },
    async close() {
      server.close()
      server.closeAllConnections()
      await once(server, 'close')
    },
  }
}

/** False when the connection is gone. */
function send(response: ServerResponse, piece: Buffer): Promise<boolean> {
  return new Promise((resolve) => {
    response.write(piece, (error) => resolve(error === undefined || error === null))
  })
}

/** Only the form that resuming uses: from a byte to the end. */
function rangeStart(range: string | undefined, size: number): number {
  const start = Number(/^bytes=(\d+)-$/.exec(range ?? '')?.[1] ?? 0)
  return start < size ? start : 0
}

/** Bytes that cannot be compressed or mixed up, the same at each call. */
function contentOf({name, sizeBytes}: ServedFile): Buffer {
  const key = createHash('md5').update(name).digest()
  return createCipheriv('aes-128-ctr', key, Buffer.alloc(16)).update(Buffer.alloc(sizeBytes))
}
