/**
 * A real HTTP server on 127.0.0.1 that misbehaves to order: a test gives each path a script, and reads afterwards what was
 * asked and how much was sent. It writes its answers byte by byte itself, because a proper HTTP library refuses to lie.
 */

import {once} from 'node:events'
import {type AddressInfo, createServer, type Socket} from 'node:net'
import {setTimeout as delay} from 'node:timers/promises'
import {TLSSocket} from 'node:tls'
import {
  type Answer,
  answerTo,
  type Cut,
  type ReceivedRequest,
  type Route,
  type Script,
  sliceOfContent,
} from './faulty-script.ts'
import type {TestCertificate} from './tls-certificates.ts'

export interface FaultyServer {
  /** Scheme, host and port. */
  readonly origin: string
  url(path: string): string
  /** Every request so far, in order of arrival. */
  readonly requests: readonly ReceivedRequest[]
  /** Connections accepted so far. */
  readonly connections: number
  /** Answers requests whose path (without the query) is `path` from now on. Unknown paths get a 404. */
  route(path: string, route: Route): void
  /** Breaks every connection and stops listening. Idempotent. */
  close(): Promise<void>
}

export interface FaultyServerOptions {
  /** Speaks TLS with this certificate. */
  readonly certificate?: TestCertificate
  /** A fixed port; a free one by default. */
  readonly port?: number
}

/** The stream that carries HTTP, and the TCP socket below it, which alone can be reset. */
interface Wire {
  readonly stream: Socket
  readonly tcp: Socket
}

interface LiveRequest extends ReceivedRequest {
  body: Buffer
  bytesSent: number
  closed: boolean
}

const PIECE_BYTES = 64 * 1024
const HEAD_END = '\r\n\r\n'

export async function startFaultyServer(options: FaultyServerOptions = {}): Promise<FaultyServer> {
  const {certificate} = options
  const routes = new Map<string, Route>()
  const asked = new Map<string, number>()
  const requests: LiveRequest[] = []
  const open = new Set<Socket>()
  let connections = 0

  const scriptFor = (request: ReceivedRequest): Script => {
    const path = request.path.split('?', 1)[0] ?? ''
    const route = routes.get(path)
    if (route === undefined) return {status: 404}
    if (typeof route === 'function') return route(request)
    if (!isList(route)) return route
    const turn = asked.get(path) ?? 0
    asked.set(path, turn + 1)
    return route[Math.min(turn, route.length - 1)] ?? {status: 404}
  }

  const server = createServer((tcp) => {
    connections += 1
    const connection = connections
    tcp.setNoDelay(true)
    open.add(tcp)
    tcp.on('close', () => open.delete(tcp))
    tcp.on('error', () => {})
    const stream =
      certificate === undefined
        ? tcp
        : new TLSSocket(tcp, {
            isServer: true,
            key: certificate.key,
            cert: certificate.cert,
            ALPNProtocols: ['http/1.1'],
          })
    stream.on('error', () => {})
    // One listener for each request of a connection that is kept alive.
    stream.setMaxListeners(0)
    void serve({stream, tcp}, connection, requests, scriptFor)
  })
  server.listen(options.port ?? 0, '127.0.0.1')
  await once(server, 'listening')
  const {port} = server.address() as AddressInfo
  const origin = `${certificate === undefined ? 'http' : 'https'}://127.0.0.1:${port}`

  return {
    origin,
    url: (path) => origin + path,
    requests,
    get connections() {
      return connections
    },
    route(path, route) {
      routes.set(path, route)
      asked.delete(path)
    },
    async close() {
      for (const socket of open) socket.destroy()
      if (!server.listening) return
      server.close()
      await once(server, 'close')
    },
  }
}

/** One connection's requests, one after the other. */
async function serve(
  wire: Wire,
  connection: number,
  requests: LiveRequest[],
  scriptFor: (request: ReceivedRequest) => Script,
): Promise<void> {
  const {stream} = wire
  let unread = ''
  const served: LiveRequest[] = []
  stream.once('close', () => {
    for (const request of served) request.closed = true
  })
  try {
    for await (const chunk of stream.iterator({destroyOnReturn: false})) {
      unread += (chunk as Buffer).toString('latin1')
      for (let end = unread.indexOf(HEAD_END); end >= 0; end = unread.indexOf(HEAD_END)) {
        const request = parseHead(unread.slice(0, end), connection)
        const bodyStart = end + HEAD_END.length
        const bodyEnd = bodyStart + Number(request.headers['content-length'] ?? 0)
        if (unread.length < bodyEnd) break
        request.body = Buffer.from(unread.slice(bodyStart, bodyEnd), 'latin1')
        unread = unread.slice(bodyEnd)
        requests.push(request)
        served.push(request)
        if ((await answer(wire, request, scriptFor(request))) === 'over') return
      }
    }
  } catch {
    // The client went away; what it had received is in the request's record.
  }
}

function parseHead(text: string, connection: number): LiveRequest {
  const [requestLine = '', ...lines] = text.split('\r\n')
  const [method = '', path = ''] = requestLine.split(' ')
  const headers: Record<string, string> = {}
  for (const line of lines) {
    const colon = line.indexOf(':')
    const name = line.slice(0, colon).toLowerCase()
    const value = line.slice(colon + 1).trim()
    headers[name] = headers[name] === undefined ? value : `${headers[name]}, ${value}`
  }
  return {method, path, headers, body: Buffer.alloc(0), connection, bytesSent: 0, closed: false}
}

/** Says whether the connection can take another request. */
async function answer(wire: Wire, request: LiveRequest, script: Script): Promise<'open' | 'over'> {
  if (script.beforeHead !== undefined) return cut(wire, script.beforeHead)
  if (script.raw !== undefined) {
    const raw = Buffer.isBuffer(script.raw) ? script.raw : Buffer.from(script.raw, 'latin1')
    const piece = script.pieceBytes ?? PIECE_BYTES
    for (let at = 0; at < raw.length; at += piece) {
      await write(wire.stream, raw.subarray(at, at + piece))
      if (script.pieceDelayMs !== undefined) await delay(script.pieceDelayMs)
    }
    return script.rawEnd === 'keep' ? 'open' : cut(wire, script.rawEnd ?? 'fin')
  }
  const plan = answerTo(request, script)
  await write(wire.stream, Buffer.from(plan.head, 'latin1'))
  if (plan.hasBody && (await sendBody(wire, request, script, plan)) === 'cut') return cut(wire, script.cut ?? 'reset')
  if (plan.framing !== 'close' && script.close !== true) return 'open'
  return cut(wire, 'fin')
}

async function sendBody(wire: Wire, request: LiveRequest, script: Script, plan: Answer): Promise<'whole' | 'cut'> {
  const stop = script.cutAfter === undefined ? plan.end : Math.min(plan.end, plan.start + script.cutAfter)
  const piece = script.pieceBytes ?? PIECE_BYTES
  for (let at = plan.start; at < stop; ) {
    const next = Math.min(stop, at + piece)
    const bytes = sliceOfContent(script.content, at, next)
    // Counted first: a client that has them all must find them all counted.
    request.bytesSent += bytes.length
    await write(wire.stream, plan.framing === 'chunked' ? asChunk(bytes) : bytes)
    at = next
    if (script.hold !== undefined && at >= plan.start + script.hold.after) await script.hold.until
    if (script.pieceDelayMs !== undefined) await delay(script.pieceDelayMs)
  }
  if (script.cutAfter !== undefined) return 'cut'
  if (plan.framing === 'chunked' && script.chunkedEnd !== 'missing') {
    await write(wire.stream, Buffer.from(script.chunkedEnd === 'noTrailerEnd' ? '0\r\n' : '0\r\n\r\n'))
  }
  return 'whole'
}

function asChunk(bytes: Buffer): Buffer {
  return Buffer.concat([Buffer.from(`${bytes.length.toString(16)}\r\n`), bytes, Buffer.from('\r\n')])
}

function cut(wire: Wire, how: Cut): 'over' {
  if (how === 'reset') wire.tcp.resetAndDestroy()
  if (how === 'fin') wire.stream.end()
  if (how === 'bareFin') wire.tcp.end()
  return 'over'
}

async function write(stream: Socket, bytes: Buffer): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    stream.write(bytes, (error) => (error ? reject(error) : resolve()))
  })
}

function isList(route: Route): route is readonly Script[] {
  return Array.isArray(route)
}
