/** An origin on loopback whose answers say how long they are good for, and which counts who asked and how. */

import {createServer, type IncomingMessage, type ServerResponse} from 'node:http'
import type {AddressInfo} from 'node:net'

export interface CacheablePage {
  readonly body?: string | Buffer
  readonly status?: number
  readonly headers?: Readonly<Record<string, string>>
  /** Conditions are answered by it. */
  readonly etag?: string
  /** Sends this much of the body, and closes the connection. */
  readonly cutAfter?: number
  /** Is called when the head, and what is to come of the body, was sent. */
  readonly onSent?: () => void
  /** Never ends the body. */
  readonly isEndless?: boolean
}

export interface CacheableServer {
  readonly origin: string
  url(path: string): string
  page(path: string, page: CacheablePage): void
  /** In their order. */
  readonly requests: readonly {
    readonly path: string
    readonly method: string
    readonly headers: IncomingMessage['headers']
  }[]
  /** Paths that were asked for, in their order. */
  asked(): readonly string[]
  /** Since the last time. */
  forget(): void
  close(): Promise<void>
}

export async function startCacheableServer(): Promise<CacheableServer> {
  const pages = new Map<string, CacheablePage>()
  const requests: {path: string; method: string; headers: IncomingMessage['headers']}[] = []
  const server = createServer((request, response) => {
    const path = request.url ?? '/'
    requests.push({path, method: request.method ?? '', headers: request.headers})
    request.resume()
    answer(request, response, pages.get(path))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  return {
    origin,
    url: (path) => origin + path,
    page: (path, page) => pages.set(path, page),
    requests,
    asked: () => requests.map(({path}) => path),
    forget: () => {
      requests.length = 0
    },
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
}

function answer(request: IncomingMessage, response: ServerResponse, page: CacheablePage | undefined): void {
  if (page === undefined) {
    response.writeHead(404).end()
    return
  }
  const {status = 200, headers = {}, etag, cutAfter, onSent, isEndless = false} = page
  const body = Buffer.from(page.body ?? '')
  const all = {...headers, ...(etag === undefined ? {} : {etag})}
  if (etag !== undefined && request.headers['if-none-match'] === etag) {
    response.writeHead(304, all).end()
    return
  }
  const range = /^bytes=(\d+)-(\d*)$/.exec(request.headers.range ?? '')
  const isSame = request.headers['if-range'] === undefined || request.headers['if-range'] === etag
  if (range !== null && etag !== undefined && isSame) {
    const from = Number(range[1])
    const to = range[2] === '' ? body.length : Number(range[2]) + 1
    response.writeHead(206, {
      ...all,
      'content-length': String(to - from),
      'content-range': `bytes ${from}-${to - 1}/${body.length}`,
    })
    response.end(body.subarray(from, to))
    return
  }
  response.writeHead(status, isEndless ? all : {'content-length': String(body.length), ...all})
  if (isEndless) {
    response.write(body, () => onSent?.())
  } else if (cutAfter === undefined) {
    response.end(body, () => onSent?.())
  } else {
    response.write(body.subarray(0, cutAfter), () => {
      onSent?.()
      request.socket.destroy()
    })
  }
}
